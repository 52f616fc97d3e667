import { assert, describe, it } from "@effect/vitest"
import { scan, watch } from "@keyfold/canary/Canary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
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

/** Runs an effect inside a span, logs how it fails, and returns its exit with everything that could be seen. */
const observe = <A, E, R>(effect: Effect.Effect<A, E, R>) => watch("call", Effect.withSpan(effect, "observed"))

describe("no secret leaves with", () => {
  for (const [name, respond] of servers) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const server = recordedFetch(respond)
        const backend = yield* backendOver(server, { requestIdHeader: "X-Request-Id" })
        const fiber = yield* Effect.forkChild(observe(backend.decode(Answer, call)))
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        yield* TestClock.adjust("10 seconds")
        const { exit, records } = yield* Fiber.join(fiber)
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(server.requests.length, 1)
        const [sent] = server.requests
        assert.include(sent === undefined ? "" : echo(sent), credential)
        assert.isAbove(records.length, 10)
        assert.deepStrictEqual(scan(records, canaries), [])
      })
    )
  }

  it.effect("a success, except in the value that was asked for", () =>
    Effect.gen(function* () {
      const backend = yield* backendOver(recordedFetch(() => json({ id: "k1", tags: {}, extra: inAnswer })))
      const { exit, records } = yield* observe(backend.decode(Answer, call))
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(scan(records, canaries), [])
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
      assert.deepStrictEqual(scan([...refused.records, ...wrong.records], canaries), [])
      assert.strictEqual(server.requests.length, 0)
    })
  )
})

it.effect("the watch over an effect sees a canary that gets out", () =>
  Effect.gen(function* () {
    const { records } = yield* observe(Effect.fail(new Error(inAnswer)))
    const places = scan(records, canaries).map(({ where }) => where)
    for (const place of ["log cause", "exit of span observed", "exit of call"]) {
      assert.include(places, `${place} by util.inspect`)
    }
  })
)
