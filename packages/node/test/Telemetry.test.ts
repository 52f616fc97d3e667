import { assert, describe, it } from "@effect/vitest"
import * as Telemetry from "@keyfold/node/Telemetry"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import { collector, nowhere } from "./Collector.ts"

const work = Effect.gen(function* () {
  yield* Metric.update(Metric.counter("test.count"), 1)
  yield* Effect.logInfo("a line")
  return "done"
}).pipe(Effect.withSpan("test.span"))

/** Runs an effect with telemetry, and gives its answer with what was logged. */
const exporting = Effect.fnUntraced(function* <A, E, R>(options: Telemetry.Options, effect: Effect.Effect<A, E, R>) {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel}: ${String(message)}`))
  const answer = yield* effect.pipe(
    Effect.provide(Telemetry.layer(options), { local: true }),
    Effect.provideService(Metric.MetricRegistry, new Map()),
    Effect.provide(Logger.layer([logger]))
  )
  return { answer, warnings: lines.filter((line) => line.startsWith("Warn")), lines }
})

const everything = ["/v1/logs", "/v1/metrics", "/v1/traces"]

describe("telemetry", () => {
  it.live("reaches the collector with its headers before the scope ends, and leaves the program's own log alone", () =>
    Effect.gen(function* () {
      const { paths, received, url } = yield* collector()
      const headers = Redacted.make("authorization=Bearer%20abc, x-tenant = a%2Cb")
      const options = { endpoint: `${url}/base/`, headers, protocol: "json", serviceName: "billing" } as const
      const { answer, lines } = yield* exporting({ ...options, attributes: { "deployment.environment": "test" } }, work)
      assert.strictEqual(answer, "done")
      assert.deepStrictEqual(
        paths(),
        everything.map((path) => `/base${path}`)
      )
      for (const { headers } of received) {
        assert.deepInclude(headers, { authorization: "Bearer abc", "x-tenant": "a,b" })
      }
      const bodies = received.map(({ body }) => body).join("\n")
      for (const text of ["test.span", "test.count", "a line", "billing", "deployment.environment"]) {
        assert.include(bodies, text)
      }
      assert.deepStrictEqual(lines, ["Info: a line"])
    })
  )

  it.live("is written as protocol buffers unless JSON is asked for", () =>
    Effect.gen(function* () {
      const { received, url } = yield* collector()
      yield* exporting({ endpoint: url }, work)
      for (const { headers } of received) assert.strictEqual(headers["content-type"], "application/x-protobuf")
      assert.isAbove(received.length, 2)
    })
  )

  it.live("is delivered where an interruption ends the program", () =>
    Effect.gen(function* () {
      const { paths, url } = yield* collector()
      const fiber = yield* Effect.forkChild(exporting({ endpoint: url }, Effect.andThen(work, Effect.never)))
      yield* Effect.sleep("20 millis")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(paths(), everything)
    })
  )
})

describe("a collector", () => {
  const told = (problem: string) => [
    `Warn: telemetry could not be delivered (${problem}) and is dropped; everything else goes on. Check the collector's address and headers.`
  ]

  it.live("that cannot be reached is told of once, and the program ends as it would", () =>
    Effect.gen(function* () {
      const { answer, warnings } = yield* exporting({ endpoint: yield* nowhere }, work)
      assert.deepStrictEqual([answer, warnings], ["done", told("ECONNREFUSED")])
    })
  )

  it.live("that refuses what it is sent is told of once", () =>
    Effect.gen(function* () {
      const { url } = yield* collector(() => new Response("canary", { status: 401 }))
      const { answer, warnings } = yield* exporting({ endpoint: url }, work)
      assert.deepStrictEqual([answer, warnings], ["done", told("status 401")])
    })
  )

  it.live("that never answers holds the end up for no longer than it may", () =>
    Effect.gen(function* () {
      const { url } = yield* collector(() => new Promise<Response>(() => {}))
      const { answer, warnings } = yield* exporting({ endpoint: url, patience: 30 }, work)
      assert.deepStrictEqual([answer, warnings], ["done", told("no answer within 30ms")])
    })
  )

  it.live("that points elsewhere is not followed: the headers are for it alone", () =>
    Effect.gen(function* () {
      const elsewhere = yield* collector()
      const { url } = yield* collector((path) => Response.redirect(`${elsewhere.url}${path}`, 307))
      const { warnings } = yield* exporting({ endpoint: url, headers: Redacted.make("authorization=abc") }, work)
      assert.lengthOf(warnings, 1)
      assert.deepStrictEqual(elsewhere.received, [])
    })
  )
})

describe("options", () => {
  const refused: ReadonlyArray<readonly [string, Telemetry.Options, field: string]> = [
    ["an endpoint that is no URL", { endpoint: "canary" }, "endpoint"],
    ["an endpoint of another kind", { endpoint: "grpc://canary:4317" }, "endpoint"],
    ["an endpoint with a password", { endpoint: "http://ann:canary@localhost:4318" }, "endpoint"],
    ["an endpoint with a query", { endpoint: "http://localhost:4318?key=canary" }, "endpoint"],
    ["headers without names", { endpoint: "http://localhost", headers: Redacted.make("canary") }, "headers"],
    [
      "headers that cannot be decoded",
      { endpoint: "http://localhost", headers: Redacted.make("a=canary%") },
      "headers"
    ],
    ["headers that cannot be sent", { endpoint: "http://localhost", headers: Redacted.make("a=canary%00b") }, "headers"]
  ]

  it.effect.each(refused)("%s is refused, and not repeated", ([, options, field]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(exporting(options, work))
      assert.strictEqual(error.field, field)
      assert.notInclude(inspect(error) + error.message, "canary")
    })
  )
})

describe("variables", () => {
  const endpoint = "http://localhost:4318"
  const read = Telemetry.fromEnvironment

  it.effect("without an endpoint, or with the SDK disabled, nothing is exported", () =>
    Effect.gen(function* () {
      assert.isTrue(Option.isNone(yield* read({})))
      assert.isTrue(Option.isNone(yield* read({ OTEL_EXPORTER_OTLP_ENDPOINT: " " })))
      const disabled = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SDK_DISABLED: "True" }
      assert.isTrue(Option.isNone(yield* read(disabled)))
      assert.isTrue(Option.isSome(yield* read(disabled, endpoint)))
    })
  )

  it.effect("an endpoint that is given goes before the variable; everything else comes from variables", () =>
    Effect.gen(function* () {
      const found = yield* read(
        {
          OTEL_EXPORTER_OTLP_ENDPOINT: "http://elsewhere:4318",
          OTEL_EXPORTER_OTLP_HEADERS: "authorization=canary",
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
          OTEL_RESOURCE_ATTRIBUTES: "service.name=one,team=a%20b",
          OTEL_SERVICE_NAME: "two"
        },
        endpoint
      )
      assert.notInclude(inspect(found, { depth: 9 }) + JSON.stringify(found), "canary")
      const options = Option.getOrThrow(found)
      const { headers, ...rest } = options
      assert.strictEqual(headers === undefined ? undefined : Redacted.value(headers), "authorization=canary")
      assert.deepStrictEqual(rest, {
        endpoint,
        protocol: "json",
        serviceName: "two",
        attributes: { "service.name": "one", team: "a b" }
      })
    })
  )

  it.effect("what cannot be used is refused by the variable's name", () =>
    Effect.gen(function* () {
      const given = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }
      const wrong = [
        { OTEL_EXPORTER_OTLP_ENDPOINT: "canary" },
        { ...given, OTEL_EXPORTER_OTLP_HEADERS: "canary" },
        { ...given, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
        { ...given, OTEL_RESOURCE_ATTRIBUTES: "canary" }
      ]
      for (const variables of wrong) {
        const error = yield* Effect.flip(read(variables))
        assert.strictEqual(error.field, Object.keys(variables).at(-1))
        assert.notInclude(error.message, "canary")
      }
      assert.strictEqual((yield* Effect.flip(read({}, "canary"))).field, "endpoint")
    })
  )
})
