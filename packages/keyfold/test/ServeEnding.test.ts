/** A gateway as a process of its own that is told to end while a call is in flight. */
import { assert, describe, it } from "@effect/vitest"
import * as Arthur from "@keyfold/emulators/Arthur"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { connect } from "node:net"
import { collector } from "./CanaryCollector.ts"
import { ask, firstKey, gatewayFolder, serve, until } from "./Served.ts"

/** An Arthur whose answers to requests of one method wait until they are let go. */
const gated = Effect.fnUntraced(function* (method: string) {
  const credential = Arthur.makeCredential()
  const emulator = Arthur.make({ credentials: [{ kind: "master", value: credential }] })
  const gate = Promise.withResolvers<void>()
  let arrived = 0
  const { url } = yield* FetchServer.serve({
    port: 0,
    fetch: async (request) => {
      if (request.method !== method) return emulator.fetch(request)
      arrived += 1
      await gate.promise
      return emulator.fetch(request)
    }
  })
  return { env: { ARTHUR_API_KEY: credential }, url, letGo: () => gate.resolve(), arrived: () => arrived }
})

const storesAt = (url: string): ReadonlyArray<string> => [
  "stores:",
  `  guard: { adapter: arthur, baseUrl: '${url}', apiKey: { env: ARTHUR_API_KEY },`,
  "    defaults: { scopes: [write] }, scopeMap: { write: [VALIDATION-USER] } }",
  "tenants: { acme: guard }"
]

/** A gateway, and a call of it that waits at the backend. */
const busy = Effect.fnUntraced(function* (
  method: "GET" | "POST",
  gateway: ReadonlyArray<string>,
  more: Readonly<Record<string, string>> = {}
) {
  const backend = yield* gated(method)
  const folder = yield* gatewayFolder(storesAt(backend.url), gateway)
  const key = yield* firstKey(folder)
  const served = yield* serve(folder, { ...backend.env, ...more })
  const body = method === "POST" ? { body: { name: "slow" } } : {}
  const calling = yield* Effect.forkScoped(
    Effect.promise(() => ask(`${served.url}/v1/tenants/acme/keys`, { key, ...body }))
  )
  yield* until("the call is at the backend", () => backend.arrived() > 0)
  return { ...served, backend, calling, key }
})

describe("a gateway that is told to end", () => {
  it.live("says so, lets nobody in, finishes the call in flight, sends its telemetry, and ends with exit code 0", () =>
    Effect.gen(function* () {
      const sink = yield* collector
      const otlp = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" }
      const { backend, calling, ended, key, signal, url } = yield* busy("POST", ["drain: 3 seconds"], otlp)
      assert.strictEqual((yield* Effect.promise(() => ask(`${url}/ready`)))?.status, 200)
      signal("SIGTERM")
      yield* until("it is not ready any more", async () => (await ask(`${url}/ready`))?.status === 503)
      const meanwhile = yield* Effect.promise(() => ask(`${url}/v1/tenants`, { key }))
      assert.deepStrictEqual([meanwhile?.status, meanwhile?.headers.get("connection")], [200, "close"])
      yield* until("nobody is let in any more", async () => (await ask(`${url}/health`)) === undefined)
      backend.letGo()
      const created = yield* Fiber.join(calling)
      assert.deepStrictEqual([created?.status, created?.headers.get("connection")], [201, "close"])
      const { code, stderr } = yield* ended
      assert.strictEqual(code, 0)
      assert.notMatch(stderr, /"level":"(?:error|fatal)"|keys 5/)
      const sent = sink.received.map(([, body]) => Buffer.from(body).toString("utf8")).join("\n")
      for (const name of ["keyfold.gateway.requests", '"KeyStore.create"', '"Gateway.request"']) {
        assert.include(sent, name)
      }
    }).pipe(Effect.scoped)
  )

  it.live("does not wait for longer than it may: who is still there is cut off, and the log says so", () =>
    Effect.gen(function* () {
      const { calling, ended, signal, url } = yield* busy("GET", ["shutdown: 300 millis"])
      const { hostname, port } = new URL(url)
      const slow = connect(Number(port), hostname, () => void slow.write("GET /health HTTP/1.1\r\nHost: a\r\n"))
      slow.on("error", () => {})
      yield* Effect.callback<void>((resume) => void slow.once("connect", () => resume(Effect.void)))
      const began = Date.now()
      signal("SIGTERM")
      const { code, stderr } = yield* ended
      assert.isBelow(Date.now() - began, 15_000)
      assert.strictEqual(code, 0)
      assert.include(stderr, "GET /v1/tenants/:tenant/keys 503")
      const cut = yield* Fiber.join(calling)
      assert.deepStrictEqual(
        [cut?.status, JSON.parse(cut?.text ?? "{}").type],
        [503, "urn:keyfold:problem:unavailable"]
      )
    }).pipe(Effect.scoped)
  )

  it.live("by Ctrl-C ends with exit code 130, and at once where it is told a second time", () =>
    Effect.gen(function* () {
      const { ended, signal, url } = yield* busy("POST", [])
      signal("SIGINT")
      yield* until("nobody is let in any more", async () => (await ask(`${url}/health`)) === undefined)
      signal("SIGINT")
      const { code } = yield* ended
      assert.strictEqual(code, 130)
    }).pipe(Effect.scoped)
  )
})
