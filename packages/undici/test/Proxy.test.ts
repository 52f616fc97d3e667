import { assert, describe } from "@effect/vitest"
import * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { selfSigned } from "./Certificates.ts"
import { closedPort, serve } from "./LoopbackServer.ts"
import { serveProxy } from "./ProxyServer.ts"
import { assertSilent, backendAt, call, checkWith, credential, failureAt, Key, ok } from "./TransportCalls.ts"

const check = checkWith(UndiciTransport.layer)
const password = "canary-p@ss:word"
const through = (host: string, login = "") => Redacted.make(`http://${login}${host}`)
const loginInUrl = `robot:${encodeURIComponent(password)}@`
const login = `robot:${password}`

/** What of a proxy's login an error could show: the password plain, encoded for a URL, and as the header carries it. */
const loginForms = [password, encodeURIComponent(password), Buffer.from(login).toString("base64")]

describe("a proxy", () => {
  check("carries plain http by forwarding", () =>
    Effect.gen(function* () {
      const server = yield* serve(ok)
      const proxy = yield* serveProxy()
      const backend = yield* backendAt(server.url, { proxy: through(proxy.host) })
      assert.deepStrictEqual(yield* backend.decode(Key, call), { id: "k1" })
      assert.strictEqual(proxy.lines.length, 1)
      assert.match(proxy.lines[0] ?? "", new RegExp(`^GET ${server.url}/keys`))
      assert.strictEqual(server.requests[0]?.headers["x-api-key"], credential)
    })
  )

  check("carries https by a tunnel into which it cannot look", () =>
    Effect.gen(function* () {
      const authority = selfSigned("authority")
      const { certificate, key } = authority.issue("server")
      const server = yield* serve(ok, { cert: certificate, key })
      const proxy = yield* serveProxy()
      const options = { proxy: through(proxy.host), ca: Redacted.make(authority.certificate) }
      const backend = yield* backendAt(server.url, options)
      assert.deepStrictEqual(yield* backend.decode(Key, call), { id: "k1" })
      assert.deepStrictEqual(proxy.lines, [`CONNECT 127.0.0.1:${server.port}`])
    })
  )

  check("gets the login of its URL, decoded, and the server does not", () =>
    Effect.gen(function* () {
      const server = yield* serve(ok)
      const proxy = yield* serveProxy({ login })
      const backend = yield* backendAt(server.url, { proxy: through(proxy.host, loginInUrl) })
      assert.deepStrictEqual(yield* backend.decode(Key, call), { id: "k1" })
      assert.deepStrictEqual(proxy.authorizations, [`Basic ${Buffer.from(login).toString("base64")}`])
      assert.isUndefined(server.requests[0]?.headers["proxy-authorization"])
    })
  )

  for (const secure of [false, true]) {
    check(`that refuses the login fails the call without showing it (${secure ? "https" : "http"})`, () =>
      Effect.gen(function* () {
        const { certificate, key } = selfSigned("server")
        const server = yield* serve(ok, secure ? { cert: certificate, key } : undefined)
        const proxy = yield* serveProxy({ login: "robot:other" })
        const error = yield* failureAt(server.url, { proxy: through(proxy.host, loginInUrl) })
        assert.strictEqual(error.reason._tag, "Network")
        assertSilent(error, loginForms)
        assert.strictEqual(server.requests.length, 0)
      })
    )

    check(
      `that cannot be reached proves that nothing was sent, without showing its login (${secure ? "https" : "http"})`,
      () =>
        Effect.gen(function* () {
          const proxy = through(`127.0.0.1:${yield* closedPort}`, loginInUrl)
          const error = yield* failureAt(`${secure ? "https" : "http"}://127.0.0.1:${yield* closedPort}`, { proxy })
          assert.strictEqual(error.reason._tag, "Network")
          assert.strictEqual(error.sent, "no")
          assertSilent(error, loginForms)
        })
    )
  }

  check("does not make the server's certificate good", () =>
    Effect.gen(function* () {
      const { certificate, key } = selfSigned("server")
      const server = yield* serve(ok, { cert: certificate, key })
      const proxy = yield* serveProxy()
      const error = yield* failureAt(server.url, { proxy: through(proxy.host) })
      assert.strictEqual(error.sent, "no")
      assert.strictEqual(proxy.lines.length, 1)
      assert.strictEqual(server.requests.length, 0)
    })
  )
})
