/** The adapter over real sockets: both transports, exact request lines, connections that really break. */
import { assert, describe, it } from "@effect/vitest"
import * as Arthur from "@keyfold/arthur/Arthur"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as RetryPolicy from "@keyfold/core/RetryPolicy"
import * as Emulators from "@keyfold/emulators/Arthur"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { Buffer } from "node:buffer"
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import { deployments, keyId, keysPath, lines, listed, ref, statuses, type Options } from "./Engine.ts"

/** An emulator on a loopback socket. */
const served = Effect.fnUntraced(function* (switches: Partial<Emulators.Switches> = {}) {
  const master = Emulators.makeCredential()
  const emulator = Emulators.make({ credentials: [{ kind: "master", value: master }], switches })
  const { url } = yield* FetchServer.serve({ fetch: emulator.fetch })
  return { emulator, url, master }
})

interface Seen {
  readonly line: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A bare server that answers each request as the test says, and keeps it as it came. */
const bare = (answer: (response: ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly seen: Array<Seen>; readonly close: () => void }>((resume) => {
      const seen: Array<Seen> = []
      const server = createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          const body = Buffer.concat(chunks).toString()
          seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body })
          answer(response)
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const close = () => {
          server.close()
          server.closeAllConnections()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, seen, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const impatient = Layer.succeed(RetryPolicy.RetryPolicy, {
  ...RetryPolicy.defaultPolicy,
  initialDelay: Duration.millis(5)
})

const item = { id: keyId, description: "größe ☃", is_active: true, roles: [] }

for (const [transport, provided] of [
  ["ky over the platform's fetch", Layer.empty],
  ["the undici pool", UndiciTransport.layer]
] as const) {
  const storeAt = (baseUrl: string, apiKey: string, options: Partial<Options> = {}) =>
    Arthur.layer({ baseUrl, apiKey: Redacted.make(apiKey), ...options }).pipe(
      Layer.provide(provided),
      Layer.provide(impatient),
      Layer.build,
      Effect.map(Context.get(KeyStore.KeyStore))
    )

  describe(`over a socket with ${transport}`, () => {
    for (const [deployment, bundledUi] of deployments) {
      it.live(`creates, gets, lists and revokes on a deployment ${deployment}`, () =>
        Effect.gen(function* () {
          const { emulator, master, url } = yield* served({ bundledUi })
          const store = yield* storeAt(url, master)
          const { key, secret } = yield* store.create({ name: "größe & ☃+", scopes: ["TASK-ADMIN"] })
          assert.deepInclude(key, { name: "größe & ☃+", scopes: ["TASK-ADMIN"], status: "active" })
          assert.strictEqual(emulator.owns(Redacted.value(secret)), key.id)
          assert.deepStrictEqual(yield* store.get(key), key)
          assert.deepStrictEqual(yield* listed(store), [key])
          assert.deepStrictEqual(store.identify(secret), Option.some({ id: key.id }))
          yield* store.revoke(key)
          assert.lengthOf(yield* listed(store), 0)
          assert.strictEqual((yield* store.get(ref(key.id))).status, "revoked")
          yield* store.revoke(key)
          assert.deepStrictEqual(statuses(emulator), [200, 200, 200, 204, 200, 200, 204])
          for (const { headers, method } of emulator.requests.all) {
            const types = headers.filter(([name]) => name === "content-type").map(([, value]) => value)
            assert.deepStrictEqual(types, method === "POST" ? ["application/json"] : [])
            assert.isFalse(headers.some(([name]) => name === "cookie"))
            assert.deepStrictEqual(
              headers.filter(([name]) => name === "accept"),
              [["accept", "application/json"]]
            )
          }
        })
      )
    }

    it.live("reads a 200 with the key, and an empty 200, as a revocation", () =>
      Effect.gen(function* () {
        const { emulator, master, url } = yield* served({ deactivateAnswer: "object" })
        emulator.seed({ id: keyId })
        yield* (yield* storeAt(url, master)).revoke(ref(keyId))
        assert.isTrue(emulator.keys()[0]?.revoked)
        const { seen, url: bareUrl } = yield* bare((response) => response.end())
        yield* (yield* storeAt(bareUrl, "credential")).revoke(ref(keyId))
        assert.lengthOf(seen, 1)
      })
    )

    it.live("reads answers in chunks of any size that state no length", () =>
      Effect.gen(function* () {
        const text = JSON.stringify(Array.from({ length: 200 }, () => item))
        const bytes = Buffer.from(text)
        const { url } = yield* bare((response) => {
          response.setHeader("content-type", "application/json")
          // Odd pieces, so that characters are cut in two.
          for (let at = 0; at < bytes.length; at += 97) response.write(bytes.subarray(at, at + 97))
          response.end()
        })
        const keys = yield* listed(yield* storeAt(url, "credential"))
        assert.lengthOf(keys, 200)
        assert.isTrue(keys.every(({ name }) => name === item.description))
      })
    )

    it.live("writes exact request lines below the address's prefix, and a body to create alone", () =>
      Effect.gen(function* () {
        const { seen, url } = yield* bare((response) =>
          response.setHeader("set-cookie", "ACCESS_TOKEN=Bearer stale; Path=/").end("[]")
        )
        const store = yield* storeAt(`${url}/prefix/`, "any+key/the=operator~chose")
        yield* Effect.flip(store.create({ name: 'a"b' }))
        yield* listed(store)
        yield* Effect.flip(store.get(ref(keyId.toUpperCase())))
        yield* store.revoke(ref(keyId))
        assert.deepStrictEqual(
          seen.map(({ body, line }) => [line, body]),
          [
            [`POST /prefix${keysPath}`, '{"description":"a\\"b","roles":["VALIDATION-USER"]}'],
            [`GET /prefix${keysPath}`, ""],
            [`GET /prefix${keysPath}${keyId}`, ""],
            [`DELETE /prefix${keysPath}deactivate/${keyId}`, ""]
          ]
        )
        for (const { headers } of seen) {
          assert.strictEqual(headers.authorization, "Bearer any+key/the=operator~chose")
          assert.strictEqual(headers.accept, "application/json")
          for (const name of ["cookie", "x-api-key"]) assert.notProperty(headers, name)
        }
      })
    )

    it.live("a redirect is not followed: neither credential nor body reaches its target", () =>
      Effect.gen(function* () {
        const target = yield* bare((response) => response.end("[]"))
        const { seen, url } = yield* bare((response) => response.writeHead(307, { location: `${target.url}/` }).end())
        const store = yield* storeAt(url, "credential")
        const errors = [
          yield* Effect.flip(store.create({ name: "one" })),
          yield* Effect.flip(listed(store)),
          yield* Effect.flip(store.revoke(ref(keyId)))
        ]
        for (const { reason } of errors) {
          assert.strictEqual(reason._tag === "InvalidRequest" ? reason.field : reason, "baseUrl")
        }
        assert.lengthOf(seen, 3)
        assert.lengthOf(target.seen, 0)
      })
    )

    it.live("a create whose connection breaks after the commit is OutcomeUnknown after one POST", () =>
      Effect.gen(function* () {
        const { emulator, master, url } = yield* served()
        const store = yield* storeAt(url, master)
        emulator.loseNextResponse()
        const error = yield* Effect.flip(store.create({ name: "one" }))
        assert.strictEqual(error.reason._tag, "OutcomeUnknown")
        assert.match(error.operationId ?? "", /^op_/)
        assert.deepStrictEqual(lines(emulator), [`POST ${keysPath}`])
        assert.lengthOf(emulator.keys(), 1)
      })
    )

    it.live(
      "a revoke whose connection breaks after the commit is settled by a get, and a broken read is repeated",
      () =>
        Effect.gen(function* () {
          const { emulator, master, url } = yield* served()
          emulator.seed({ id: keyId })
          const store = yield* storeAt(url, master)
          emulator.loseNextResponse({ operation: "get" })
          yield* store.get(ref(keyId))
          emulator.requests.clear()
          emulator.loseNextResponse({ operation: "revoke" })
          assert.isTrue((yield* store.revoke(ref(keyId))).alreadyRevoked)
          assert.deepStrictEqual(lines(emulator), [`DELETE ${keysPath}deactivate/${keyId}`, `GET ${keysPath}${keyId}`])
        })
    )

    it.live("a server that is not there provably did nothing: create is tried four times and ends as Network", () =>
      Effect.gen(function* () {
        const { url } = yield* Effect.scoped(bare((response) => response.end()))
        const store = yield* storeAt(url, "credential")
        const error = yield* Effect.flip(store.create({}))
        assert.strictEqual(error.reason._tag === "Network" ? error.reason.code : error, "ECONNREFUSED")
        assert.strictEqual(error.attempts, 4)
        assert.isTrue(error.exhausted)
      })
    )
  })
}
