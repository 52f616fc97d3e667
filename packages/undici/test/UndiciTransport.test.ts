import { assert, describe, it } from "@effect/vitest"
import type { ConnectionOptions } from "@keyfold/http/Transport"
import * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { selfSigned, type Certificate } from "./Certificates.ts"
import { serve } from "./LoopbackServer.ts"
import { assertReason, assertSilent, backendAt, call, checkWith, failureAt, Key, ok } from "./TransportCalls.ts"

const check = checkWith(UndiciTransport.layer)

const serving = ({ certificate, key }: Certificate) => ({ cert: certificate, key })

const secret = (text: string) => Redacted.make(text)

const clientCertificate = ({ certificate, key }: Certificate): ConnectionOptions => ({
  clientCertificate: { certificate: secret(certificate), key: secret(key) }
})

describe("a private certificate authority", () => {
  check("is trusted where ca names it", () =>
    Effect.gen(function* () {
      const authority = selfSigned("authority")
      const server = yield* serve(ok, serving(authority.issue("server")))
      const backend = yield* backendAt(server.url, { ca: secret(authority.certificate) })
      assert.deepStrictEqual(yield* backend.decode(Key, call), { id: "k1" })
    })
  )

  check("may be the server's own self-signed certificate", () =>
    Effect.gen(function* () {
      const server = selfSigned("server")
      const { url } = yield* serve(ok, serving(server))
      const backend = yield* backendAt(url, { ca: secret(server.certificate) })
      assert.deepStrictEqual(yield* backend.decode(Key, call), { id: "k1" })
    })
  )

  check("may come from an effect", () =>
    Effect.gen(function* () {
      const server = selfSigned("server")
      const { url } = yield* serve(ok, serving(server))
      const backend = yield* backendAt(url, { ca: Effect.succeed(secret(server.certificate)) })
      assert.deepStrictEqual(yield* backend.decode(Key, call), { id: "k1" })
    })
  )

  const day = 86_400_000
  for (const [name, code, issue] of [
    ["a certificate for another host", "ERR_TLS_CERT_ALTNAME_INVALID", { hosts: ["keys.example.com"] }],
    [
      "an expired certificate",
      "CERT_HAS_EXPIRED",
      { from: new Date(Date.now() - 2 * day), to: new Date(Date.now() - day) }
    ],
    [
      "a certificate of tomorrow",
      "CERT_NOT_YET_VALID",
      { from: new Date(Date.now() + day), to: new Date(Date.now() + 2 * day) }
    ]
  ] as const) {
    check(`does not make ${name} good, and nothing is sent`, () =>
      Effect.gen(function* () {
        const authority = selfSigned("authority")
        const server = yield* serve(ok, serving(authority.issue("server", issue)))
        const error = yield* failureAt(server.url, { ca: secret(authority.certificate) })
        assertReason(error.reason, "Network")
        assert.strictEqual(error.reason.code, code)
        assert.strictEqual(error.sent, "no")
        assert.strictEqual(server.requests.length, 0)
      })
    )
  }

  check("does not make another authority's certificate good", () =>
    Effect.gen(function* () {
      const server = yield* serve(ok, serving(selfSigned("other").issue("server")))
      const error = yield* failureAt(server.url, { ca: secret(selfSigned("authority").certificate) })
      assert.strictEqual(error.sent, "no")
      assert.strictEqual(server.requests.length, 0)
    })
  )
})

describe("a client certificate", () => {
  const authority = selfSigned("authority")
  const demanding = { ...serving(authority.issue("server")), ca: authority.certificate, requestCert: true }
  const ca = secret(authority.certificate)

  check("is shown to a server that demands one", () =>
    Effect.gen(function* () {
      const server = yield* serve(ok, demanding)
      const backend = yield* backendAt(server.url, { ca, ...clientCertificate(authority.issue("client")) })
      assert.deepStrictEqual(yield* backend.decode(Key, call), { id: "k1" })
    })
  )

  check("is missed by a server that demands one", () =>
    Effect.gen(function* () {
      const server = yield* serve(ok, demanding)
      const error = yield* failureAt(server.url, { ca })
      assert.strictEqual(error.reason._tag, "Network")
      assert.strictEqual(server.requests.length, 0)
    })
  )
})

describe("connection options that cannot work", () => {
  const pair = selfSigned("client")
  const canary = "canary-option-31ef"
  const garbage = secret(`not PEM ${canary}`)
  const cases: ReadonlyArray<readonly [name: string, options: ConnectionOptions, message: RegExp]> = [
    [
      "a ca that is no certificate",
      { ca: garbage },
      /^ca: no certificate can be read from it\. Give .* as PEM text\.$/
    ],
    [
      "a client certificate that is none",
      { clientCertificate: { certificate: garbage, key: secret(pair.key) } },
      /^clientCertificate: certificate and key do not work\. /
    ],
    [
      "a client key that is none",
      { clientCertificate: { certificate: secret(pair.certificate), key: garbage } },
      /^clientCertificate: certificate and key do not work\. /
    ],
    [
      "the key of another certificate",
      { clientCertificate: { certificate: secret(pair.certificate), key: secret(selfSigned("other").key) } },
      /^clientCertificate: certificate and key do not work\. /
    ],
    ...[canary, `socks5://user:${canary}@127.0.0.1:1080`, `http://user:%zz${canary}@127.0.0.1:3128`, ""].map(
      (proxy) =>
        [
          `the proxy "${proxy.replace(canary, "...")}"`,
          { proxy: secret(proxy) },
          /^proxy: expected the http or https URL of a proxy\. Write it like /
        ] as const
    ),
    [
      "a secret that cannot be obtained",
      { ca: Effect.fail(new Error(canary)) },
      /^ca: its value could not be obtained\.$/
    ]
  ]

  for (const [name, options, message] of cases) {
    check(`fail to boot: ${name}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(backendAt("https://keys.example.com", options))
        assert.strictEqual(error._tag, "ConfigurationError")
        assert.match(error.message, message)
        assertSilent(error, [canary, pair.key.slice(40, 80)])
      })
    )
  }
})

describe("the pool", () => {
  check("keeps its connections for the next request", () =>
    Effect.gen(function* () {
      const server = yield* serve(ok)
      const backend = yield* backendAt(server.url)
      for (let index = 0; index < 20; index++) yield* backend.decode(Key, call)
      assert.strictEqual(server.requests.length, 20)
      assert.isAtMost(server.connections(), 2)
    })
  )

  it.effect("closes its connections with its scope", () =>
    Effect.gen(function* () {
      const server = yield* serve(ok)
      const use = Effect.gen(function* () {
        const backend = yield* backendAt(server.url)
        yield* backend.decode(Key, call)
        yield* Effect.all(
          Array.from({ length: 8 }, () => backend.decode(Key, call)),
          { concurrency: 8 }
        )
        assert.isAbove(server.sockets.size, 0)
      })
      yield* Effect.scoped(Effect.provide(use, UndiciTransport.layer))
      yield* server.quiet
      assert.strictEqual(server.sockets.size, 0)
    })
  )

  it.effect("closes a connection in use with its scope, and the call fails", () =>
    Effect.gen(function* () {
      const server = yield* serve(() => {})
      const fiber = yield* Effect.scoped(
        Effect.gen(function* () {
          const backend = yield* Effect.provide(backendAt(server.url), UndiciTransport.layer)
          const fiber = yield* Effect.forkDetach(Effect.flip(backend.decode(Key, call)))
          yield* server.first
          return fiber
        })
      )
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "Network")
      assert.strictEqual(error.sent, "maybe")
      yield* server.quiet
    })
  )

  it.effect("ends the calls of a store that closes, while others go on", () =>
    Effect.gen(function* () {
      const server = yield* serve(() => {})
      const other = yield* Effect.provide(backendAt(server.url), UndiciTransport.layer)
      const goingOn = yield* Effect.forkChild(other.discard(call))
      yield* server.first
      const fiber = yield* Effect.scoped(
        Effect.gen(function* () {
          const backend = yield* Effect.provide(backendAt(server.url), UndiciTransport.layer)
          const fiber = yield* Effect.forkDetach(Effect.flip(backend.decode(Key, call)))
          while (server.requests.length < 2)
            yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          return fiber
        })
      )
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Network")
      assert.isUndefined(goingOn.pollUnsafe())
    })
  )

  it.effect("belongs to one store: another store's scope does not close it", () =>
    Effect.gen(function* () {
      const server = yield* serve(ok)
      const kept = yield* Effect.provide(backendAt(server.url), UndiciTransport.layer)
      yield* Effect.scoped(
        Effect.provide(
          Effect.flatMap(backendAt(server.url), (backend) => backend.discard(call)),
          UndiciTransport.layer
        )
      )
      assert.deepStrictEqual(yield* kept.decode(Key, call), { id: "k1" })
    })
  )

  it.effect("has connections in common with other stores", () =>
    Effect.gen(function* () {
      const server = yield* serve(ok)
      for (let index = 0; index < 20; index++) {
        const backend = yield* Effect.provide(backendAt(server.url), UndiciTransport.layer)
        yield* backend.decode(Key, call)
      }
      assert.strictEqual(server.requests.length, 20)
      assert.isAtMost(server.connections(), 2)
    })
  )

  it.effect("is built by make as by the layer", () =>
    Effect.gen(function* () {
      const server = yield* serve(ok)
      const transport = yield* UndiciTransport.make({})
      const request = { method: "GET", url: new URL(server.url), headers: {} }
      assert.strictEqual((yield* transport.execute(request)).status, 200)
    })
  )
})
