import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { leaks, observe } from "./Canary.ts"
import { backendOver, credential, json, recordedFetch, type SentRequest } from "./RecordedFetch.ts"

const inQuery = "canary-query-77aa"
const inBody = "canary-body-c0de"
const inAnswer = "canary-answer-9b9b"
const canaries = [credential, inQuery, inBody, inAnswer]

const echo = ({ headers, url }: SentRequest): string => `${headers["x-api-key"]} ${url} ${inAnswer}`

/** What a client could throw: messages with the URL, the request with its headers, in every position. */
const thrown = (request: SentRequest): Error =>
  Object.assign(new TypeError(`fetch of ${request.url} failed`, { cause: new Error(echo(request)) }), {
    code: "ECONNRESET",
    request,
    response: echo(request)
  })

const servers: ReadonlyArray<readonly [name: string, respond: (request: SentRequest) => Response | Promise<Response>]> =
  [
    ...[301, 307].map(
      (status) =>
        [
          `a ${status} to an address with the credential`,
          ({ headers }: SentRequest) =>
            new Response(null, {
              status,
              headers: { location: `https://elsewhere.example.com/?key=${headers["x-api-key"]}` }
            })
        ] as const
    ),
    ...[400, 401, 402, 403, 404, 409, 422, 429, 500, 503].flatMap(
      (status) =>
        [
          [
            `a ${status} that echoes the request as JSON`,
            (request: SentRequest) => json({ detail: echo(request) }, { status })
          ],
          [
            `a ${status} that echoes the request in an array`,
            (request: SentRequest) => json({ detail: [{ msg: echo(request), input: request.body }] }, { status })
          ],
          [
            `a ${status} that echoes the request as HTML`,
            (request: SentRequest) => new Response(`<p>${echo(request)}`, { status })
          ],
          [
            `a ${status} that echoes the request as text`,
            (request: SentRequest) => new Response(echo(request), { status })
          ],
          [
            `a ${status} that echoes the request in headers`,
            (request: SentRequest) =>
              new Response(null, {
                status,
                headers: { "retry-after": inAnswer, "x-request-id": echo(request), "set-cookie": `a=${inAnswer}` }
              })
          ]
        ] as const
    ),
    ["a 200 that is no JSON", (request) => new Response(echo(request))],
    ["a 200 with another shape", (request) => json({ id: [echo(request)], [inAnswer]: echo(request) })],
    ["a 200 with unexpected keys", () => json({ id: "k1", tags: { [inAnswer]: "x" } })],
    ["a connection that fails with the request in its error", (request) => Promise.reject(thrown(request))],
    ["a connection that fails with something that is no error", (request) => Promise.reject(echo(request))],
    [
      "a body that breaks off with the request in its error",
      (request) => new Response(new ReadableStream({ pull: (controller) => controller.error(thrown(request)) }))
    ],
    ["an answer that never comes", () => new Promise<Response>(() => {})]
  ]

const Answer = Schema.Struct({ id: Schema.String, tags: Schema.Record(Schema.String, Schema.Int) })

const call = {
  method: "POST",
  segments: ["keys"],
  query: [["key", inQuery]],
  json: { name: inBody }
} as const

describe("no secret leaves with", () => {
  for (const [name, respond] of servers) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const server = recordedFetch(respond)
        const backend = yield* backendOver(server, { requestIdHeader: "X-Request-Id" })
        const fiber = yield* Effect.forkChild(observe(backend.decode(Answer, call)))
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        yield* TestClock.adjust("10 seconds")
        const { exit, sights } = yield* Fiber.join(fiber)
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(server.requests.length, 1)
        const [sent] = server.requests
        assert.include(sent === undefined ? "" : echo(sent), credential)
        assert.isAbove(sights.length, 10)
        assert.deepStrictEqual(leaks(sights, canaries), [])
      })
    )
  }

  it.effect("a success, except in the value that was asked for", () =>
    Effect.gen(function* () {
      const backend = yield* backendOver(recordedFetch(() => json({ id: "k1", tags: {}, extra: inAnswer })))
      const { exit, sights } = yield* observe(backend.decode(Answer, call))
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(leaks(sights, canaries), [])
    })
  )

  it.effect("a refused credential or a refused base URL", () =>
    Effect.gen(function* () {
      const server = recordedFetch(() => json({}))
      const authorize = Effect.succeed({ "X-API-Key": Redacted.make(`${credential}\n`) })
      const backend = yield* backendOver(server, { authorize })
      const refused = yield* observe(backend.decode(Answer, call))
      const wrong = yield* observe(
        backendOver(server, { baseUrl: `https://${credential}:${credential}@keys.example.com/?key=${inQuery}` })
      )
      assert.isTrue(Exit.isFailure(refused.exit) && Exit.isFailure(wrong.exit))
      assert.deepStrictEqual(leaks([...refused.sights, ...wrong.sights], canaries), [])
      assert.strictEqual(server.requests.length, 0)
    })
  )
})

describe("the scan finds a canary planted in", () => {
  const canary = "canary-planted-1234"
  const hidden = (name: PropertyKey) =>
    Object.defineProperty(new Error("x"), name, { value: { deep: [{ deeper: canary }] }, enumerable: false })
  const chain = [1, 2, 3].reduce((cause) => new Error("outer", { cause }), new Error(canary))

  const planted: ReadonlyArray<readonly [name: string, place: string, effect: Effect.Effect<unknown, unknown>]> = [
    ["an error's message", "error: message", Effect.fail(new Error(canary))],
    ["an error's stack", "error: stack", Effect.fail(Object.assign(new Error("x"), { stack: `at ${canary}` }))],
    ["a field", "error: JSON", Effect.fail({ _tag: "Failed", url: `https://keys.example.com/?key=${canary}` })],
    ["a hidden field", "error: inspect", Effect.fail(hidden("request"))],
    ["a field named by a symbol", "error: inspect", Effect.fail(hidden(Symbol("request")))],
    ["a map", "error: inspect", Effect.fail({ headers: new Map([["x-api-key", canary]]) })],
    ["headers", "error: inspect", Effect.fail({ headers: new Headers({ "x-api-key": canary }) })],
    [
      "a field the error hides from inspection",
      "error: inspect without its own say",
      Effect.fail({
        secret: canary,
        [Symbol.for("nodejs.util.inspect.custom")]: () => "nothing",
        toJSON: () => "nothing"
      })
    ],
    ["what an error prints as", "error: String", Effect.fail({ toString: () => canary })],
    ["what an error's JSON is", "error: JSON", Effect.fail({ toJSON: () => ({ key: canary }) })],
    ["an error without prototype", "error: inspect", Effect.fail(Object.assign(Object.create(null), { canary }))],
    ["a chain of causes", "error: cause: cause: cause: message", Effect.fail(chain)],
    ["one of several errors", "error: cause: message", Effect.fail(new AggregateError([new Error(canary)]))],
    ["a defect", "error: message", Effect.die(new Error(canary))],
    ["a plain text", "error: String", Effect.fail(canary)],
    ["a value", "exit: JSON", Effect.succeed({ key: canary })],
    ["a log message", "log: String", Effect.logInfo(`key ${canary}`)],
    ["a logged object", "log: inspect", Effect.logWarning("x", { key: canary })],
    ["a debug line", "log: String", Effect.provideService(Effect.logDebug(canary), References.MinimumLogLevel, "All")],
    ["a log annotation", "log: annotations: JSON", Effect.annotateLogs(Effect.logInfo("x"), { key: canary })],
    ["a log span", "log: spans: inspect", Effect.withLogSpan(Effect.logInfo("x"), canary)],
    [
      "a logged cause",
      "log: cause",
      Effect.catchCause(Effect.fail(new Error(canary)), (cause) => Effect.logInfo(cause))
    ],
    ["a span's name", "span: name", Effect.withSpan(Effect.void, `GET ${canary}`)],
    [
      "a span's attribute",
      "span: attributes: JSON",
      Effect.withSpan(Effect.void, "x", { attributes: { url: canary } })
    ],
    [
      "an attribute set later",
      "span: attributes: JSON",
      Effect.withSpan(Effect.annotateCurrentSpan("url", canary), "x")
    ],
    [
      "a span's event",
      "span: events: inspect",
      Effect.withSpan(
        Effect.flatMap(Effect.currentSpan, (span) => Effect.sync(() => span.event("sent", 0n, { url: canary }))),
        "x"
      )
    ],
    [
      "a failed span whose error was handled",
      "span: status: inspect",
      Effect.ignore(Effect.withSpan(Effect.fail(new Error(canary)), "x"))
    ]
  ]

  for (const [name, place, effect] of planted) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const { sights } = yield* observe(effect)
        assert.include(leaks(sights, [canary]), place)
      })
    )
  }

  it.effect("nothing, where nothing is planted", () =>
    Effect.gen(function* () {
      const { sights } = yield* observe(Effect.fail(new Error("x", { cause: Redacted.make(canary) })))
      assert.deepStrictEqual(leaks(sights, [canary]), [])
    })
  )
})
