/** The adapter over real sockets: both transports, the credential checked, connections that really break. */
import { assert, describe, it } from "@effect/vitest"
import type { CreateRequest } from "@keyfold/core/Driver"
import * as KeyStore from "@keyfold/core/KeyStore"
import { OperationId } from "@keyfold/core/OperationId"
import * as RetryPolicy from "@keyfold/core/RetryPolicy"
import * as Emulators from "@keyfold/emulators/WhyLabs"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { createServer, type IncomingMessage } from "node:http"
import { listed, organization, ref, type Options } from "./Songbird.ts"

const identity = JSON.stringify({ AccessKeyId: "ASIA1", SecretAccessKey: "a/b+c=", SessionToken: "to:ken" })

const request: CreateRequest = {
  operationId: OperationId.make("nightly-2026-03-14"),
  nonce: "AAAAAAAA",
  supersedes: [],
  name: "one",
  label: "one kf1-of-some-attempt",
  owner: "Ann Lee+1",
  scopes: [":user", ":write_data"],
  expiresAt: undefined,
  tags: {},
  provider: {}
}

/** An emulator on a loopback socket, with every kind of credential. */
const served = Effect.gen(function* () {
  const system = Emulators.makeCredential()
  const administrator = Emulators.makeCredential(organization)
  const emulator = Emulators.make({
    organizations: [{ id: organization, tier: "PAID" }],
    credentials: [
      { kind: "system", value: system },
      { kind: "caller", value: administrator, organization, scopes: [":account_administrator"] },
      { kind: "awsIdentity", accepts: ({ SessionToken }) => SessionToken === "to:ken" }
    ],
    lag: { visibility: 0, revocation: 0 }
  })
  const { url } = yield* FetchServer.serve({ fetch: emulator.fetch })
  return { emulator, url, system, administrator }
})

/** A bare server that answers `{"items":[]}` or a redirect, and keeps each request as it came. */
const bare = (location?: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly seen: Array<IncomingMessage>; readonly close: () => void }>(
      (resume) => {
        const seen: Array<IncomingMessage> = []
        const server = createServer((request, response) => {
          seen.push(request)
          if (location === undefined)
            response.setHeader("set-cookie", "session=1; Path=/").end('{"items":[],"keyId":"x","key":"x.y"}')
          else response.writeHead(303, { location }).end()
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
      }
    ),
    ({ close }) => Effect.sync(close)
  )

const impatient = Layer.succeed(RetryPolicy.RetryPolicy, {
  ...RetryPolicy.defaultPolicy,
  initialDelay: Duration.millis(5)
})

for (const [transport, provided] of [
  ["ky over the platform's fetch", Layer.empty],
  ["the undici pool", UndiciTransport.layer]
] as const) {
  const storeAt = (baseUrl: string, apiKey: string, options: Partial<Options> = {}) =>
    WhyLabs.layer({ baseUrl, apiKey: Redacted.make(apiKey), ...options }).pipe(
      Layer.provide(provided),
      Layer.provide(impatient),
      Layer.build,
      Effect.map(Context.get(KeyStore.KeyStore))
    )
  const v0 = { organization, defaults: { owner: "Ann Lee+1" } }

  describe(`over a socket with ${transport}`, () => {
    it.live("v0 creates, gets, lists, uses and revokes", () =>
      Effect.gen(function* () {
        const { emulator, system, url } = yield* served
        const store = yield* storeAt(url, system, v0)
        const expiresAt = DateTime.makeUnsafe(Math.trunc(Date.now() / 1000) * 1000 + 3_600_000)
        const { key, secret } = yield* store.create({ name: "größe & ☃+", scopes: [":user", ":write_data"], expiresAt })
        assert.deepInclude(key, { name: "größe & ☃+", owner: "Ann Lee+1", status: "active", expiresAt })
        assert.strictEqual(emulator.owns(Redacted.value(secret)), key.id)
        assert.deepStrictEqual(yield* store.get(key), key)
        assert.lengthOf(yield* listed(store, { owner: "Ann Lee+1" }), 1)
        assert.strictEqual((yield* store.usage(key)).precision, "lastUsedOnly")
        assert.deepStrictEqual(store.identify(secret), Option.some({ id: key.id }))
        yield* store.revoke(key)
        yield* store.revoke(key)
        const [revoked] = yield* listed(store, { owner: "Ann Lee+1", status: "revoked" })
        assert.strictEqual(revoked?.id, key.id)
        for (const { body, headers } of emulator.requests.all) {
          assert.isTrue((body ?? "") === "")
          assert.isFalse(headers.some(([name]) => name === "content-type" || name === "cookie"))
          assert.deepStrictEqual(
            headers.filter(([name]) => name === "accept"),
            [["accept", "application/json"]]
          )
        }
      })
    )

    it.live("v1 creates, lists, gets, verifies and revokes", () =>
      Effect.gen(function* () {
        const { administrator, url } = yield* served
        const store = yield* storeAt(url, administrator, { dialect: "v1" })
        const { key, secret } = yield* store.create({ name: "one" })
        assert.strictEqual((yield* store.get(key)).name, "one")
        assert.deepStrictEqual(yield* store.verify(secret), { valid: true })
        yield* store.revoke(key)
        assert.deepStrictEqual(yield* store.verify(secret), { valid: false, reason: "refused" })
        assert.lengthOf(yield* listed(store), 1, "the caller's own key")
      })
    )

    it.live("a wrong credential is refused, and nothing is done", () =>
      Effect.gen(function* () {
        const { administrator, emulator, url } = yield* served
        for (const wrong of [Emulators.makeCredential(), administrator, '{"AccessKeyId":"x"}']) {
          const store = yield* storeAt(url, wrong, v0)
          const error = yield* Effect.flip(store.create({}))
          assert.strictEqual(error.reason._tag, "PermissionDenied")
        }
        assert.isTrue(emulator.requests.all.every(({ status }) => status === 403))
        assert.isTrue(emulator.keys().every(({ origin }) => origin === "credential"))
      })
    )

    it.live("an AWS identity arrives unchanged", () =>
      Effect.gen(function* () {
        const { emulator, url } = yield* served
        const store = yield* storeAt(url, identity, v0)
        yield* store.create({})
        assert.strictEqual(emulator.requests.all[0]?.caller, "aws-identity")
      })
    )

    it.live("a create whose connection breaks after the commit is Network, and may have been sent", () =>
      Effect.gen(function* () {
        const { emulator, system, url } = yield* served
        const options = { baseUrl: url, apiKey: Redacted.make(system), organization }
        const driver = yield* WhyLabs.make(options).pipe(Effect.provide(yield* Layer.build(provided)))
        emulator.loseNextResponse()
        const error = yield* Effect.flip(driver.create(request))
        assert.strictEqual(error.reason._tag, "Network")
        assert.strictEqual(error.sent, "maybe")
        assert.strictEqual(emulator.requests.count("create"), 1)
        const made = emulator.keys().filter(({ origin }) => origin === "created")
        assert.deepStrictEqual(
          made.map(({ label }) => label),
          [request.label]
        )
      })
    )

    it.live("a read and a revoke whose connection breaks are sent again", () =>
      Effect.gen(function* () {
        const { emulator, system, url } = yield* served
        const store = yield* storeAt(url, system, v0)
        const { key } = yield* store.create({})
        emulator.loseNextResponse({ operation: "get" })
        assert.strictEqual((yield* store.get(key)).id, key.id)
        emulator.loseNextResponse({ operation: "revoke" })
        yield* store.revoke(key)
        assert.strictEqual(emulator.requests.count("get"), 2)
        assert.strictEqual(emulator.requests.count("revoke"), 2)
      })
    )

    it.live("a server that is not there provably did nothing: create is tried four times and ends as Network", () =>
      Effect.gen(function* () {
        const { url } = yield* Effect.scoped(bare())
        const store = yield* storeAt(url, "credential", v0)
        const error = yield* Effect.flip(store.create({}))
        assert.strictEqual(error.reason._tag === "Network" ? error.reason.code : error, "ECONNREFUSED")
        assert.strictEqual(error.attempts, 4)
        assert.isTrue(error.exhausted)
      })
    )

    it.live("the raw request line repeats scopes, escapes signs and carries no null", () =>
      Effect.gen(function* () {
        const { seen, url } = yield* bare()
        const options = { baseUrl: `${url}/prefix/`, apiKey: Redacted.make("credential"), organization }
        const driver = yield* WhyLabs.make(options).pipe(Effect.provide(yield* Layer.build(provided)))
        const store = yield* storeAt(`${url}/prefix/`, "credential", v0)
        yield* driver.create({ ...request, label: "a+b&c d" })
        yield* listed(store)
        yield* store.revoke(ref("aaaaaaaaaa", "x+y z"))
        const path = `/prefix/v0/organizations/${organization}/api-key`
        assert.deepStrictEqual(
          seen.map(({ method, url }) => `${method} ${url}`),
          [
            `POST ${path}?user_id=Ann+Lee%2B1&scopes=%3Auser&scopes=%3Awrite_data&alias=a%2Bb%26c+d`,
            `GET ${path}`,
            `DELETE ${path}?user_id=x%2By+z&key_id=aaaaaaaaaa`
          ]
        )
        for (const { headers } of seen) {
          assert.strictEqual(headers["x-api-key"], "credential")
          assert.strictEqual(headers.accept, "application/json")
          assert.strictEqual(headers["content-length"] ?? "0", "0")
          for (const name of ["content-type", "authorization", "cookie"]) assert.notProperty(headers, name)
        }
      })
    )

    it.live("a redirect is not followed: the credential never reaches its target", () =>
      Effect.gen(function* () {
        const target = yield* bare()
        const { seen, url } = yield* bare(`${target.url}/`)
        const store = yield* storeAt(url, "credential", v0)
        const error = yield* Effect.flip(listed(store))
        assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : error, "baseUrl")
        assert.lengthOf(seen, 1)
        assert.lengthOf(target.seen, 0)
      })
    )
  })
}
