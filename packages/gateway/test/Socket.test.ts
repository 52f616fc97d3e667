import { assert, describe, it } from "@effect/vitest"
import * as KeyStores from "@keyfold/core/KeyStores"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Gateway from "@keyfold/gateway/Gateway"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { connect } from "node:net"
import { asking, database } from "./World.ts"

/** A backend whose creates wait until they are let go. */
const slow = Effect.gen(function* () {
  const arrived = yield* Deferred.make<void>()
  const letGo = yield* Deferred.make<void>()
  const opened = yield* KeyStores.make({
    stores: {
      slow: {
        backend: "memory",
        capabilities: { ...MemoryDriver.capabilities, tenancy: "none" },
        driver: Effect.sync(() => {
          const { partition: _partition, partitions: _partitions, ...driver } = MemoryDriver.make()
          return {
            ...driver,
            capabilities: { ...MemoryDriver.capabilities, tenancy: "none" },
            create: (request) =>
              Deferred.succeed(arrived, undefined).pipe(
                Effect.andThen(Deferred.await(letGo)),
                Effect.andThen(driver.create(request))
              )
          }
        })
      }
    },
    tenants: { acme: "slow" }
  })
  return { arrived, letGo, opened }
})

const raw = (url: string, text: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname, () => void socket.write(text))
    let received = ""
    socket.on("data", (chunk) => void (received += chunk.toString()))
    socket.on("close", () => resume(Effect.succeed(received)))
  })

describe("a gateway on a socket", () => {
  it.live("answers, refuses what is no request, and finishes what is in flight before it closes", () =>
    Effect.gen(function* () {
      const { arrived, letGo, opened } = yield* slow
      const at = yield* database
      const key = Redacted.value((yield* Gateway.init(at)).secret)
      const scope = yield* Scope.make()
      const { url } = yield* Scope.provide(
        Gateway.serve({
          backends: Gateway.fromKeyStores(opened, false),
          database: at,
          port: 0,
          limits: { headerBytes: 4096 },
          routes: () =>
            Effect.succeed([
              { method: "GET", path: "/who", handle: (_request, { address }) => Effect.succeed(new Response(address)) }
            ]),
          trustedProxies: ["127.0.0.1"]
        }),
        scope
      )
      const ask = asking(fetch, url)
      assert.strictEqual((yield* ask("GET /ready")).status, 200)
      assert.strictEqual((yield* ask("GET /v1/tenants/acme/keys", { key })).status, 200)
      const headers = { "x-forwarded-for": "10.0.0.1, 203.0.113.9" }
      assert.strictEqual((yield* ask("GET /who", { headers })).text, "203.0.113.9")
      const large = yield* raw(url, `GET / HTTP/1.1\r\nHost: a\r\nx: ${"y".repeat(5000)}\r\n\r\n`)
      assert.match(large, /^HTTP\/1.1 431 .*application\/problem\+json/s)
      assert.match(yield* raw(url, "nonsense\r\n\r\n"), /^HTTP\/1.1 400 .*application\/problem\+json/s)
      const creating = yield* Effect.forkChild(ask("POST /v1/tenants/acme/keys", { key, body: {} }))
      yield* Deferred.await(arrived)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* Deferred.succeed(letGo, undefined)
      const created = yield* Fiber.join(creating)
      assert.deepStrictEqual([created.status, created.headers.get("connection")], [201, "close"])
      yield* Fiber.join(closing)
      const refused = yield* Effect.exit(Effect.tryPromise(() => fetch(`${url}/health`)))
      assert.isTrue(Exit.isFailure(refused))
    }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.live("cannot be opened where the port is in use or the certificate cannot be read", () =>
    Effect.gen(function* () {
      const { opened } = yield* slow
      const options = { backends: Gateway.fromKeyStores(opened, false), database: yield* database }
      const { url } = yield* Gateway.serve({ ...options, port: 0 })
      const taken = yield* Effect.flip(Gateway.serve({ ...options, port: Number(new URL(url).port) }))
      assert.match(taken.message, /gateway\.port: 127\.0\.0\.1:\d+ is in use/)
      const tls = { certificate: "nowhere.pem", key: "nowhere.key" }
      const unread = yield* Effect.flip(Gateway.serve({ ...options, port: 0, tls }))
      assert.strictEqual(unread.field, "gateway.tls.certificate")
    }).pipe(Effect.scoped)
  )
})
