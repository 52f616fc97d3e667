import { assert, describe, it } from "@effect/vitest"
import * as Gateway from "@keyfold/gateway/Gateway"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import { connect } from "node:net"
import * as FuzzRandom from "./FuzzRandom.ts"
import { asking, database, stores } from "./World.ts"

const isThorough = process.env["KEYFOLD_THOROUGH"] !== undefined
const seed = Number(process.env["KEYFOLD_FUZZ_SEED"] ?? 20261128)

/** Sends bytes as they are, and tells what came back until the connection ended or nothing more came. */
const exchange = (url: string, bytes: Buffer): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname, () => void socket.write(bytes))
    let received = ""
    const end = () => {
      socket.destroy()
      resume(Effect.succeed(received))
    }
    socket.setTimeout(300, end)
    socket.on("data", (chunk) => void (received += chunk.toString("latin1")))
    socket.on("close", end)
    socket.on("error", end)
  })

const request = (line: string, headers: ReadonlyArray<string>, body = ""): string =>
  `${line}\r\n${headers.join("\r\n")}\r\n\r\n${body}`

const usualOf = (key: string) => ["host: gateway.test", `authorization: Bearer ${key}`, "connection: close"]

/** Requests without a body that no client library sends. */
const readings = (key: string): ReadonlyArray<string> => {
  const usual = usualOf(key)
  const lines = [
    "GET /v1/tenants/acme/../globex/keys HTTP/1.1",
    "GET /v1/tenants/acme/keys/..%2f..%2fglobex HTTP/1.1",
    "GET http://elsewhere.example/v1/tenants HTTP/1.1",
    "GET //v1//tenants HTTP/1.1",
    "GET /v1/tenants\0 HTTP/1.1",
    "GET /v1/tenants/\xff\xfe/keys HTTP/1.1",
    "GET * HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "CONNECT gateway.test:443 HTTP/1.1",
    "TRACE /v1/tenants HTTP/1.1",
    "GET /v1/tenants HTTP/1.0",
    "GET /v1/tenants HTTP/9.9"
  ]
  const headers = [
    ["host: other.test"],
    ["authorization: Bearer other"],
    ["upgrade: websocket", "connection: upgrade"],
    ["expect: 100-continue"],
    ["content-length: 3"],
    Array.from({ length: 150 }, (_, index) => `x-${index}: y`),
    [`x: ${"y".repeat(20_000)}`],
    ["x-keyfold-reason: a\x01b"]
  ]
  return [
    ...lines.map((line) => request(line, usual)),
    ...headers.map((more) => request("GET /v1/tenants HTTP/1.1", [...usual, ...more], "abc")),
    request("GET /v1/tenants HTTP/1.1", [`authorization: Bearer ${key}`]),
    `${request("GET /health HTTP/1.1", ["host: a"])}${request("GET /v1/tenants HTTP/1.1", usual)}`,
    "\r\n\r\n",
    "GET /v1/tenants\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc"
  ]
}

/** Requests with a body that no client library sends. */
const changes = (key: string): ReadonlyArray<string> => {
  const post = (headers: ReadonlyArray<string>, body = "{}") =>
    request(
      "POST /v1/tenants/acme/keys HTTP/1.1",
      [...usualOf(key), "content-type: application/json", ...headers],
      body
    )
  return [
    post(["content-length: 2", "content-length: 3"]),
    post(["content-length: 2", "transfer-encoding: chunked"]),
    post(["transfer-encoding: chunked"], "2\r\n{}\r\n0\r\n\r\n"),
    post(["transfer-encoding: chunked"], "zz\r\n{}\r\n"),
    post(["content-length: -1"]),
    post(["content-length: 99999999999"]),
    post(["content-encoding: gzip", "content-length: 2"]),
    post(["expect: something-else", "content-length: 2"])
  ]
}

const drawn = (random: FuzzRandom.Random, texts: ReadonlyArray<string>): Buffer => {
  const bytes = Buffer.from(random.pickFrom(texts) ?? "", "latin1")
  // A byte that is another one, anywhere.
  if (random.chance(0.2)) bytes[random.below(bytes.length)] = random.below(256)
  return bytes
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0)

describe("a gateway on a socket", () => {
  it.live("answers what hardly is a request with less than a failure, and goes on answering others", () =>
    Effect.gen(function* () {
      const { opened } = yield* stores
      const at = yield* database
      const key = Redacted.value((yield* Gateway.init(at)).secret)
      const { url } = yield* Gateway.serve({
        backends: Gateway.fromKeyStores(opened, false),
        database: at,
        port: 0,
        limits: { refusals: { requests: 1e9, within: "1 minute" } }
      })
      const ask = asking(fetch, url)
      const { secret } = (yield* ask("POST /v1/tenants/globex/keys", { key, body: { name: "canary" } })).json
      const random = FuzzRandom.make(seed)
      const seen = new Set<number>()
      const texts = [...readings(key), ...changes(key)]
      const all = Array.from({ length: isThorough ? 2000 : 150 }, () => drawn(random, texts))
      yield* Effect.forEach(
        all,
        (bytes) =>
          Effect.map(exchange(url, bytes), (answer) => {
            const status = statusOf(answer)
            seen.add(status)
            assert.isBelow(status, 500, `${bytes.toString("latin1").slice(0, 300)}\n-> ${answer.slice(0, 400)}`)
            assert.isFalse(answer.includes(String(secret)) || answer.includes(key), "it tells a secret")
          }),
        { concurrency: 8, discard: true }
      )
      assert.includeMembers([...seen], [200, 400, 404])
      assert.strictEqual((yield* ask("GET /ready")).status, 200)
    }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )
})
