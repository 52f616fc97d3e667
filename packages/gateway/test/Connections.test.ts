import { assert, describe, it } from "@effect/vitest"
import { BaseFolder } from "@keyfold/core/Adapter"
import * as Gateway from "@keyfold/gateway/Gateway"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import { writeFileSync } from "node:fs"
import { request as secureRequest } from "node:https"
import { connect, type Socket } from "node:net"
import { dirname, join } from "node:path"
import { selfSigned } from "./SelfSigned.ts"
import { asking, database, stores } from "./World.ts"

const served = Effect.fnUntraced(function* (more: Partial<Gateway.Options & Gateway.Listen> = {}) {
  const { opened } = yield* stores
  const at = yield* database
  const key = Redacted.value((yield* Gateway.init(at)).secret)
  const backends = Gateway.fromKeyStores(opened, false)
  const { url } = yield* Gateway.serve({ backends, database: at, port: 0, ...more })
  return { at, backends, key, url, ask: asking(fetch, url) }
})

/** What comes back on a connection until the gateway closes it, and how long that took. */
const raw = (url: string, text: string, then: (socket: Socket) => void = () => {}): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname, () => {
      socket.write(text)
      then(socket)
    })
    let received = ""
    socket.on("data", (chunk) => void (received += chunk.toString()))
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(received)))
    return Effect.sync(() => void socket.destroy())
  })

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const waiting = (line: string, key: string): string => {
  const body = line.startsWith("POST") ? "content-length: 0\r\n" : ""
  return `${line} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${key}\r\n${body}\r\n`
}

describe("a connection", () => {
  it.live("whose request does not arrive in time is told so and closed", () =>
    Effect.gen(function* () {
      const { key, url } = yield* served({ limits: { arrival: "900 millis" } })
      const headers = yield* raw(url, "GET /health HTTP/1.1\r\nHost: a\r\n")
      assert.match(headers, /^HTTP\/1\.1 408 .*application\/problem\+json/s)
      const whole = "POST /v1/tenants/acme/keys HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
      const drop = (socket: Socket) => {
        const timer = setInterval(() => void socket.write(" "), 50)
        socket.on("close", () => clearInterval(timer))
      }
      const body = yield* raw(url, `${whole}authorization: Bearer ${key}\r\ncontent-length: 5000\r\n\r\n{`, drop)
      assert.match(body, /^(?:HTTP\/1\.1 408 .*)?$/s)
    }).pipe(Effect.scoped, quiet)
  )

  it.live("whose body is too long is told so, whether it says how long it is or not", () =>
    Effect.gen(function* () {
      const { ask, key, url } = yield* served({ limits: { bodyBytes: 100 } })
      const body = { name: "x".repeat(200) }
      assert.strictEqual((yield* ask("POST /v1/tenants/acme/keys", { key, body })).status, 413)
      const chunk = `{"name":"${"x".repeat(200)}"}`
      const chunked = [
        "POST /v1/tenants/acme/keys HTTP/1.1",
        "host: a",
        `authorization: Bearer ${key}`,
        "content-type: application/json",
        "transfer-encoding: chunked",
        "connection: close",
        "",
        chunk.length.toString(16),
        chunk,
        "0",
        "",
        ""
      ].join("\r\n")
      assert.match(yield* raw(url, chunked), /^HTTP\/1\.1 413 .*payload-too-large/s)
    }).pipe(Effect.scoped, quiet)
  )

  it.live("that takes no more of an answer is cut off, and the answer is not made any further", () =>
    Effect.gen(function* () {
      const cancelled = yield* Deferred.make<void>()
      const block = new Uint8Array(64 * 1024)
      const handle = () =>
        Effect.succeed(
          new Response(
            new ReadableStream({
              pull: (controller) => controller.enqueue(block),
              cancel: () => void Deferred.doneUnsafe(cancelled, Effect.void)
            })
          )
        )
      const { url } = yield* served({
        limits: { timeout: "300 millis" },
        routes: () => Effect.succeed([{ method: "GET", path: "/endless", handle }])
      })
      yield* Effect.forkScoped(raw(url, "GET /endless HTTP/1.1\r\nhost: a\r\n\r\n", (socket) => void socket.pause()))
      yield* Deferred.await(cancelled)
    }).pipe(Effect.scoped, quiet)
  )

  it.live("that is left has its reading given up and its change carried out", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      const arrived = yield* Deferred.make<void>()
      const changing = yield* Deferred.make<void>()
      const letGo = yield* Deferred.make<void>()
      const changed = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const done = Effect.succeed(new Response())
      const routes: ReadonlyArray<Gateway.Route> = [
        {
          method: "GET",
          path: "/read",
          handle: () =>
            Deferred.succeed(arrived, undefined).pipe(
              Effect.andThen(Effect.never),
              Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
            )
        },
        {
          method: "POST",
          path: "/change",
          handle: () =>
            Deferred.succeed(changing, undefined).pipe(
              Effect.andThen(Deferred.await(letGo)),
              Effect.andThen(Deferred.succeed(changed, undefined)),
              Effect.andThen(done)
            )
        }
      ]
      yield* Effect.gen(function* () {
        const { key, url } = yield* served({ routes: () => Effect.succeed(routes) })
        const reading = raw(url, waiting("GET /read", key))
        yield* Effect.raceFirst(reading, Effect.andThen(Deferred.await(arrived), Effect.void))
        yield* Deferred.await(interrupted)
        yield* Effect.raceFirst(raw(url, waiting("POST /change", key)), Deferred.await(changing))
        yield* Deferred.succeed(letGo, undefined)
        yield* Deferred.await(changed)
      }).pipe(Effect.provide(Logger.layer([logger])))
      assert.include(lines, "GET /read was left by its client")
    }).pipe(Effect.scoped)
  )
})

const asWhom = (trustedProxies: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const handle = (_request: Request, { address }: Gateway.RouteContext) => Effect.succeed(new Response(address))
    const { ask } = yield* served({
      trustedProxies,
      routes: () => Effect.succeed([{ method: "GET", path: "/who", handle }])
    })
    const headers = { "x-forwarded-for": "10.0.0.1, 203.0.113.9" }
    return (yield* ask("GET /who", { headers })).text
  })

describe("behind a proxy", () => {
  it.live("the client's address is what trusted proxies say, and nobody else", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* asWhom([]), "127.0.0.1")
      assert.strictEqual(yield* asWhom(["192.0.2.0/24"]), "127.0.0.1")
      assert.strictEqual(yield* asWhom(["127.0.0.0/8"]), "203.0.113.9")
      assert.strictEqual(yield* asWhom(["127.0.0.0/8", "203.0.113.0/24"]), "10.0.0.1")
    }).pipe(Effect.scoped, quiet)
  )
})

const asked = (url: string, ca: string) =>
  Effect.callback<{ readonly status: number | undefined; readonly strict: unknown }>((resume) => {
    const sent = secureRequest(`${url}/health`, { ca, agent: false }, (response) => {
      response.resume()
      const strict = response.headers["strict-transport-security"]
      response.on("end", () => resume(Effect.succeed({ status: response.statusCode, strict })))
    })
    sent.on("error", () => resume(Effect.succeed({ status: undefined, strict: undefined })))
    sent.end()
  })

describe("with a certificate by file", () => {
  it.live("HTTPS is served and nothing else, and one that comes later is used once it fits its key", () =>
    Effect.gen(function* () {
      const [own, other] = [selfSigned(), selfSigned()]
      const { at, backends } = yield* served()
      const folder = dirname(at.url.replace("sqlite:", ""))
      writeFileSync(join(folder, "own.crt"), own.certificate)
      writeFileSync(join(folder, "own.key"), own.key)
      const serve = (key: string) =>
        Effect.provideService(
          Gateway.serve({ backends, database: at, port: 0, tls: { certificate: "own.crt", key } }),
          BaseFolder,
          folder
        )
      const { renew, url } = yield* serve("own.key")
      assert.match(url, /^https:\/\/127\.0\.0\.1:\d+$/)
      assert.deepStrictEqual(yield* asked(url, own.certificate), { status: 200, strict: "max-age=31536000" })
      assert.strictEqual((yield* asked(url, other.certificate)).status, undefined)
      assert.notInclude(yield* raw(url, "GET /health HTTP/1.1\r\nhost: a\r\n\r\n"), "200")
      writeFileSync(join(folder, "own.crt"), other.certificate)
      yield* renew
      assert.strictEqual((yield* asked(url, own.certificate)).status, 200)
      const unfit = yield* Effect.flip(serve("own.key"))
      assert.match(unfit.message, /^gateway\.tls: the certificate and the key do not fit each other\./)
      writeFileSync(join(folder, "own.key"), other.key)
      yield* renew
      assert.strictEqual((yield* asked(url, own.certificate)).status, undefined)
      assert.strictEqual((yield* asked(url, other.certificate)).status, 200)
    }).pipe(Effect.scoped, quiet)
  )
})
