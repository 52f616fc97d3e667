/** The adapter over real sockets: both transports, the credential checked, connections that really break. */
import { assert, describe, it } from "@effect/vitest"
import { recorder, scan } from "@keyfold/canary/Canary"
import type { CreateRequest } from "@keyfold/core/Driver"
import * as KeyStore from "@keyfold/core/KeyStore"
import { OperationId } from "@keyfold/core/OperationId"
import * as RetryPolicy from "@keyfold/core/RetryPolicy"
import * as Emulators from "@keyfold/emulators/Occam"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Occam from "@keyfold/occam/Occam"
import * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { created, email, listed, password, ref, unknownId, type Options } from "./OccamHost.ts"

/** An emulator on a loopback socket. */
const served = Effect.gen(function* () {
  const credential = Emulators.makeCredential()
  const emulator = Emulators.make({ users: [{ email, password, keys: [credential] }] })
  const { url } = yield* FetchServer.serve({ fetch: emulator.fetch })
  return { emulator, url, credential }
})

interface Seen {
  readonly line: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

type Reply = (request: IncomingMessage, response: ServerResponse) => void

interface Bare {
  readonly url: string
  readonly seen: Array<Seen>
  readonly close: () => void
}

/** A bare server that keeps each request as it came. */
const bare = (reply: Reply) =>
  Effect.acquireRelease(
    Effect.callback<Bare>((resume) => {
      const seen: Array<Seen> = []
      const server = createServer((request, response) => {
        let body = ""
        request.on("data", (chunk: Buffer) => (body += chunk.toString()))
        request.on("end", () => {
          seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body })
          reply(request, response)
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

const request: CreateRequest = {
  operationId: OperationId.make("nightly-2026-03-14"),
  nonce: "AAAAAAAA",
  supersedes: [],
  name: "one",
  label: "one kf1-of-some-attempt",
  owner: undefined,
  scopes: [],
  expiresAt: undefined,
  tags: {},
  provider: {}
}

/** Answers as Occam would, with a cookie nobody should keep. */
const friendly: Reply = ({ method, url = "" }, response) => {
  const body = url.includes("/auth/")
    ? { access_token: "header.claims.signature", refresh_token: "refresh-1" }
    : method === "PUT"
      ? { uuid: unknownId, api_key: "sk-occam-1" }
      : url.endsWith("/usage")
        ? {}
        : []
  response.setHeader("set-cookie", "session=1; Path=/").end(JSON.stringify(body))
}

const impatient = Layer.succeed(RetryPolicy.RetryPolicy, {
  ...RetryPolicy.defaultPolicy,
  initialDelay: Duration.millis(5)
})

const canary = "sk-occam-CANARY-credential-must-never-show-anywhere-0001"

/** Ways to break the very request that carries the key in its URL. */
const breaks: ReadonlyArray<readonly [title: string, reply: Reply, tag: string]> = [
  ["is cut off before any answer", (request) => request.socket.destroy(), "Network"],
  [
    "is cut off within the answer",
    (_, response) => {
      response.writeHead(200, { "content-length": "1000" })
      response.write("{", () => response.destroy())
    },
    "Network"
  ],
  ["gets bytes that are no HTTP", (request) => request.socket.end("nonsense\r\n\r\n"), "Network"],
  [
    "is answered with its own URL",
    ({ url = "" }, response) => response.writeHead(400, { "x-request-id": url.slice(-50) }).end(url),
    "InvalidRequest"
  ],
  ["is answered 500", ({ url = "" }, response) => response.writeHead(500).end(url), "Unavailable"]
]

for (const [transport, provided] of [
  ["ky over the platform's fetch", Layer.empty],
  ["the undici pool", UndiciTransport.layer]
] as const) {
  const storeAt = (options: Options) =>
    Occam.layer(options).pipe(
      Layer.provide(provided),
      Layer.provide(impatient),
      Layer.build,
      Effect.map(Context.get(KeyStore.KeyStore))
    )
  const byKey = (baseUrl: string, key: string, options: Partial<Options> = {}) =>
    storeAt({ baseUrl, apiKey: Redacted.make(key), ...options })

  describe(`over a socket with ${transport}`, () => {
    for (const login of ["an API key", "a password"]) {
      it.live(`creates, gets, lists, uses, verifies and revokes with ${login}`, () =>
        Effect.gen(function* () {
          const { credential, emulator, url } = yield* served
          const store = yield* storeAt({
            baseUrl: url,
            verifyByTokenExchange: true,
            ...(login === "an API key"
              ? { apiKey: Redacted.make(credential) }
              : { username: email, password: Redacted.make(password) })
          })
          const { key, secret } = yield* store.create({ name: "größe & ☃+" })
          assert.strictEqual(emulator.owns(Redacted.value(secret)), key.id)
          assert.strictEqual((yield* store.get(key)).name, "größe & ☃+")
          assert.lengthOf(yield* listed(store), 2)
          assert.strictEqual((yield* store.usage(key)).completedRequests, 0)
          assert.deepStrictEqual(yield* store.verify(secret), { valid: true })
          yield* store.revoke(key)
          assert.deepStrictEqual(yield* store.verify(secret), { valid: false, reason: "refused" })
          assert.lengthOf(yield* listed(store), 1)
          assert.isTrue(created(emulator)[0]?.revoked)
        })
      )
    }

    it.live("a wrong key and a wrong password are refused, and nothing is done", () =>
      Effect.gen(function* () {
        const { emulator, url } = yield* served
        const wrong = yield* byKey(url, Emulators.makeCredential())
        const mistaken = yield* storeAt({ baseUrl: url, username: email, password: Redacted.make("wrong-password") })
        for (const store of [wrong, mistaken]) {
          const error = yield* Effect.flip(store.create({ name: "one" }))
          assert.strictEqual(error.reason._tag, "Unauthenticated")
        }
        assert.strictEqual(emulator.requests.count("create"), 0)
        assert.lengthOf(created(emulator), 0)
      })
    )

    it.live("a rotated signing key is a 401, one renewal and one repeat, for 50 callers too", () =>
      Effect.gen(function* () {
        const { credential, emulator, url } = yield* served
        const store = yield* byKey(url, credential)
        yield* listed(store)
        emulator.rotateSigningKey()
        yield* Effect.forEach(Array.from({ length: 50 }), () => listed(store), { concurrency: "unbounded" })
        assert.strictEqual(emulator.requests.count("exchange"), 2)
        assert.isAtMost(emulator.requests.count("list"), 101)
      })
    )

    it.live("a create whose connection breaks after the commit is Network, and may have been sent", () =>
      Effect.gen(function* () {
        const { credential, emulator, url } = yield* served
        const driver = yield* Occam.make({ baseUrl: url, apiKey: Redacted.make(credential) }).pipe(
          Effect.provide(yield* Layer.build(provided))
        )
        emulator.loseNextResponse({ operation: "create" })
        const error = yield* Effect.flip(driver.create(request))
        assert.strictEqual(error.reason._tag, "Network")
        assert.strictEqual(error.sent, "maybe")
        assert.strictEqual(emulator.requests.count("create"), 1)
        assert.deepStrictEqual(
          created(emulator).map(({ label }) => label),
          [request.label]
        )
      })
    )

    it.live("a read and a revoke whose connection breaks are sent again", () =>
      Effect.gen(function* () {
        const { credential, emulator, url } = yield* served
        const store = yield* byKey(url, credential)
        // Older than the ten seconds within which a missing key proves nothing.
        const [old] = emulator.seed({ email, name: "old", created: Date.now() - 3_600_000 })
        emulator.loseNextResponse({ operation: "list" })
        const key = yield* store.get(ref(old?.id ?? ""))
        assert.strictEqual(key.name, "old")
        emulator.loseNextResponse({ operation: "revoke" })
        assert.isTrue((yield* store.revoke(key)).alreadyRevoked)
        assert.strictEqual(emulator.requests.count("revoke"), 2)
      })
    )

    it.live("a server that is not there provably did nothing: create is tried four times and ends as Network", () =>
      Effect.gen(function* () {
        const { url } = yield* Effect.scoped(bare(friendly))
        const error = yield* Effect.flip((yield* byKey(url, "sk-occam-1")).create({}))
        assert.strictEqual(error.reason._tag === "Network" ? error.reason.code : error, "ECONNREFUSED")
        assert.strictEqual(error.attempts, 4)
        assert.isTrue(error.exhausted)
      })
    )

    it.live("the raw requests have exact slashes, an encoded key, JSON or form bodies, and no cookie", () =>
      Effect.gen(function* () {
        const { seen, url } = yield* bare(friendly)
        const store = yield* byKey(`${url}/prefix/`, "a key+with&signs=1")
        const driver = yield* Occam.make({
          baseUrl: `${url}/prefix/`,
          apiKey: Redacted.make("a key+with&signs=1")
        }).pipe(Effect.provide(yield* Layer.build(provided)))
        yield* driver.create({ ...request, label: "nightly-sync" })
        yield* listed(store)
        yield* store.usage(ref(unknownId))
        yield* store.revoke(ref(unknownId))
        yield* listed(yield* storeAt({ baseUrl: url, username: email, password: Redacted.make(password) }))
        assert.deepStrictEqual(
          seen.map(({ body, headers, line }) => [line, headers.authorization, headers["content-type"], body]),
          [
            ["GET /prefix/auth/access-token?key=a+key%2Bwith%26signs%3D1", undefined, undefined, ""],
            ["PUT /prefix/keys/", "Bearer header.claims.signature", "application/json", '{"name":"nightly-sync"}'],
            ["GET /prefix/auth/access-token?key=a+key%2Bwith%26signs%3D1", undefined, undefined, ""],
            ["GET /prefix/keys/", "Bearer header.claims.signature", undefined, ""],
            [`GET /prefix/keys/${unknownId}/usage`, "Bearer header.claims.signature", undefined, ""],
            [`DELETE /prefix/keys/${unknownId}`, "Bearer header.claims.signature", undefined, ""],
            [
              "POST /auth/access-token",
              undefined,
              "application/x-www-form-urlencoded",
              "grant_type=password&username=ann%40example.com&password=p%26ss+word%2B1"
            ],
            ["GET /keys/", "Bearer header.claims.signature", undefined, ""]
          ]
        )
        for (const { headers } of seen) {
          assert.strictEqual(headers.accept, "application/json")
          for (const name of ["cookie", "referer", "x-api-key"]) assert.notProperty(headers, name)
        }
      })
    )

    it.live("a redirect of the token route is not followed: the key never reaches its target", () =>
      Effect.gen(function* () {
        const target = yield* bare(friendly)
        const { seen, url } = yield* bare((request, response) =>
          response.writeHead(307, { location: `${target.url}${request.url}` }).end()
        )
        const error = yield* Effect.flip(listed(yield* byKey(url, canary)))
        assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : error, "baseUrl")
        assert.deepStrictEqual(scan([["error", error]], [canary]), [])
        assert.lengthOf(seen, 1)
        assert.lengthOf(target.seen, 0)
      })
    )

    it.live("a redirect of a key route is not followed: the token never reaches its target", () =>
      Effect.gen(function* () {
        const target = yield* bare(friendly)
        const { seen, url } = yield* bare((request, response) =>
          request.url?.startsWith("/auth/") === true
            ? friendly(request, response)
            : response.writeHead(307, { location: `${target.url}/keys/` }).end()
        )
        const error = yield* Effect.flip((yield* byKey(url, canary)).create({}))
        assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : error, "baseUrl")
        assert.lengthOf(seen, 2)
        assert.lengthOf(target.seen, 0)
      })
    )

    /** Lists with everything watched; the scan of errors, logs and spans has to stay empty. */
    const assertSilent = Effect.fnUntraced(function* (url: string, tag: string) {
      const { layer, records } = recorder()
      const exit = yield* byKey(url, canary).pipe(
        Effect.flatMap(listed),
        Effect.tapCause((cause) => Effect.logError("failed", cause)),
        Effect.scoped,
        Effect.exit,
        Effect.provide(layer)
      )
      assert.isTrue(Exit.isFailure(exit))
      if (!Exit.isFailure(exit)) return
      const error = Cause.squash(exit.cause) as Effect.Error<ReturnType<typeof listed>>
      assert.strictEqual(error.reason._tag, tag)
      assert.isTrue(records.some(([where]) => where.startsWith("span KeyStore.list")))
      assert.deepStrictEqual(scan([...records, ["exit", exit], ["error", error]], [canary]), [])
    })

    for (const [title, reply, tag] of breaks) {
      it.live(`the key in the URL stays unseen where that very request ${title}`, () =>
        Effect.gen(function* () {
          const { seen, url } = yield* bare(reply)
          yield* assertSilent(url, tag)
          assert.include(seen[0]?.line, canary, "the key was really in that URL")
        })
      )
    }

    it.live("the key in the URL stays unseen where nobody listens", () =>
      Effect.gen(function* () {
        const { url } = yield* Effect.scoped(bare(friendly))
        yield* assertSilent(url, "Network")
      })
    )
  })
}
