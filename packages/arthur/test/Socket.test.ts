/** The adapter over real sockets: both transports, exact request lines, connections that really break. */
import { assert, describe, it } from "@effect/vitest"
import * as Arthur from "@keyfold/arthur/Arthur"
import type { CreateRequest } from "@keyfold/core/Driver"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as Label from "@keyfold/core/Label"
import { OperationId } from "@keyfold/core/OperationId"
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
import { deployments, keyId, keysPath, lines, listed, ref, type Options } from "./Engine.ts"

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
const bare = (answer: (response: ServerResponse, method: string | undefined) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly seen: Array<Seen>; readonly close: () => void }>((resume) => {
      const seen: Array<Seen> = []
      const server = createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          const body = Buffer.concat(chunks).toString()
          seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body })
          answer(response, request.method)
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

const operationId = OperationId.make("rotate-2026-03-14")

const request: CreateRequest = {
  operationId,
  nonce: "AAAAAAAA",
  supersedes: [],
  name: "one",
  label: "one kf1-of-some-attempt",
  owner: undefined,
  scopes: ["VALIDATION-USER"],
  expiresAt: undefined,
  tags: {},
  provider: {}
}

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
          // The store reads the mark of its first key back meanwhile: one list more, at some time.
          for (const [operation, count] of Object.entries({ create: 1, get: 2, revoke: 2 })) {
            assert.strictEqual(emulator.requests.count(operation), count, operation)
          }
          for (const { headers, method, status } of emulator.requests.all) {
            assert.strictEqual(status, method === "DELETE" ? 204 : 200)
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
        const { seen, url } = yield* bare((response, method) =>
          response
            .setHeader("set-cookie", "ACCESS_TOKEN=Bearer stale; Path=/")
            .end(method === "POST" ? JSON.stringify({ ...item, key: "EXAMPLE_random-EXAMPLE_random-EXAMPLE" }) : "[]")
        )
        const labelSecret = Redacted.make("a secret for labels")
        const store = yield* storeAt(`${url}/prefix/`, "any+key/the=operator~chose", { labelSecret })
        yield* listed(store)
        yield* Effect.flip(store.get(ref(keyId.toUpperCase())))
        yield* store.revoke(ref(keyId))
        yield* store.create({ name: 'a"b' }, { operationId })
        const codec = yield* Label.make({ secret: labelSecret, backend: "arthur", tenant: undefined })
        const text = seen.at(-1)?.body ?? ""
        const nonce = Label.read(JSON.parse(text).description).mark?.nonce ?? ""
        const description = JSON.stringify(yield* codec.write('a"b', operationId, nonce))
        assert.deepStrictEqual(
          seen.map(({ body, line }) => [line, body]),
          [
            [`GET /prefix${keysPath}`, ""],
            [`GET /prefix${keysPath}${keyId}`, ""],
            [`DELETE /prefix${keysPath}deactivate/${keyId}`, ""],
            [`POST /prefix${keysPath}`, `{"description":${description},"roles":["VALIDATION-USER"]}`]
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

    it.live("a create whose connection breaks after the commit is Network, and may have been sent", () =>
      Effect.gen(function* () {
        const { emulator, master, url } = yield* served()
        const driver = yield* Arthur.make({ baseUrl: url, apiKey: Redacted.make(master) }).pipe(
          Effect.provide(yield* Layer.build(provided))
        )
        emulator.loseNextResponse()
        const error = yield* Effect.flip(driver.create(request))
        assert.strictEqual(error.reason._tag, "Network")
        assert.strictEqual(error.sent, "maybe")
        assert.deepStrictEqual(lines(emulator), [`POST ${keysPath}`])
        assert.deepStrictEqual(
          emulator.keys().map(({ label }) => label),
          [request.label]
        )
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
