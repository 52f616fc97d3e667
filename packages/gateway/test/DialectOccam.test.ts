import { assert, describe, it } from "@effect/vitest"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import type { Host } from "@keyfold/gateway/Dialect"
import * as DialectOccam from "@keyfold/gateway/DialectOccam"
import * as DialectTokens from "@keyfold/gateway/DialectTokens"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import { account, makeHost, memory, root, send, type Account } from "./DialectHost.ts"

const secret = Redacted.make("a secret for signing that is long enough for everyone")
const options: DialectOccam.Options = { tenant: "acme", secret }

interface Changes {
  readonly options?: Partial<DialectOccam.Options>
  readonly accounts?: ReadonlyArray<Account>
  readonly host?: Partial<Host>
  readonly store?: KeyStore.KeyStore["Service"]
  readonly storage?: DialectTokens.TokenStorage
}

const speaking = Effect.fnUntraced(function* (changes: Changes = {}) {
  const store = changes.store ?? (yield* memory())
  const host = makeHost({ acme: store }, changes.accounts, changes.host)
  const storage = changes.storage ?? (yield* DialectTokens.inMemory)
  const dialect = yield* DialectOccam.make({ ...options, ...changes.options }, host, storage)
  const exchange = (key: string) => send(dialect, `/auth/access-token?key=${encodeURIComponent(key)}`)
  const logIn = (fields: Record<string, string>) =>
    send(dialect, "/auth/access-token", { method: "POST", body: new URLSearchParams(fields) })
  const refresh = (token: unknown) =>
    send(dialect, "/auth/refresh-token", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ refresh_token: token })
    })
  const call = (token: string, method: string, path: string, body?: string) =>
    send(dialect, path, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body })
    })
  return { call, dialect, exchange, host, logIn, refresh, storage, store }
})

const entered = Effect.fnUntraced(function* (changes: Changes = {}) {
  const occam = yield* speaking(changes)
  const token: string = (yield* occam.exchange(root.secret)).json().access_token
  const call = (method: string, path: string, body?: string) => occam.call(token, method, path, body)
  return { ...occam, as: occam.call, call, token }
})

describe("the keys of the Occam dialect", () => {
  it.effect("shows the secret when a key is made, with nothing but the id, and never again", () =>
    Effect.gen(function* () {
      const { call, store } = yield* entered()
      yield* TestClock.setTime(Date.UTC(2026, 0, 6, 10, 15, 30, 123))
      const token = yield* entered()
      const made = yield* token.call("PUT", "/keys/", '{"name":"nightly-sync","other":1}')
      assert.strictEqual(made.status, 200)
      const { api_key: key, uuid, ...rest } = made.json()
      assert.deepStrictEqual(rest, {})
      assert.match(uuid, /^[0-9a-f-]{36}$/)
      assert.isTrue((yield* token.store.verify(Redacted.make(key))).valid)
      assert.isFalse((yield* store.verify(Redacted.make(key))).valid)
      const listed = yield* token.call("GET", "/keys/")
      assert.notInclude(listed.text, key)
      assert.deepStrictEqual(listed.json(), [
        {
          uuid,
          name: "nightly-sync",
          api_key: `****${key.slice(-4)}`,
          created: "2026-01-06T10:15:30.123000+00:00",
          last_used: "2026-01-06T10:15:30.123000+00:00"
        }
      ])
      assert.strictEqual((yield* call("GET", "/keys/")).status, 401)
    })
  )

  it.effect("gives keys the owner and the scopes that the operator chose", () =>
    Effect.gen(function* () {
      const { call, store } = yield* entered({ options: { owner: "ann", scopes: ["read"] } })
      yield* call("PUT", "/keys/", '{"name":""}')
      const [key] = (yield* store.listPage()).keys
      assert.deepStrictEqual([key?.owner, key?.scopes, key?.name], ["ann", ["read"], undefined])
      assert.strictEqual((yield* call("GET", "/keys/")).json()[0].name, "")
    })
  )

  it.effect("answers a deletion with 200 and null", () =>
    Effect.gen(function* () {
      const { call, store } = yield* entered()
      const { api_key: key, uuid } = (yield* call("PUT", "/keys/", '{"name":"x"}')).json()
      const deleted = yield* call("DELETE", `/keys/${uuid}`)
      assert.deepStrictEqual([deleted.status, deleted.text], [200, "null"])
      assert.isFalse((yield* store.verify(Redacted.make(key))).valid)
      assert.deepStrictEqual((yield* call("GET", "/keys/")).json(), [])
      for (const id of ["00000000-0000-4000-8000-000000000000", "nonsense", "%2e%2e"]) {
        assert.strictEqual((yield* call("DELETE", `/keys/${id}`)).status, 404)
      }
    })
  )

  it.effect("reports the five numbers, with an average where the store has none", () =>
    Effect.gen(function* () {
      const { call, store } = yield* entered({ options: { accessTokenLife: Duration.days(9) } })
      const { api_key: key, uuid } = (yield* call("PUT", "/keys/", '{"name":"x"}')).json()
      for (const _ of [1, 2, 3, 4]) yield* store.verify(Redacted.make(key))
      assert.strictEqual((yield* call("GET", `/keys/${uuid}/usage`)).json().requests_per_day, 4)
      yield* TestClock.adjust("8 days")
      assert.deepStrictEqual((yield* call("GET", `/keys/${uuid}/usage`)).json(), {
        completed_requests: 4,
        successful_requests: 4,
        failed_requests: 0,
        quota_usage_percentage: 0,
        requests_per_day: 0.5
      })
      assert.strictEqual((yield* call("GET", "/keys/00000000-0000-4000-8000-000000000000/usage")).status, 404)
    })
  )

  it.effect("says that usage is not available where nobody counts, and never zero", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const { capabilities } = driver
      const operations = { ...capabilities.operations, usage: "unsupported" as const }
      const { usage: _usage, ...others } = driver
      const uncounted = yield* KeyStore.make({
        ...others,
        capabilities: { ...capabilities, operations, usage: "unknown" }
      })
      const { call } = yield* entered({ store: uncounted })
      const { uuid } = (yield* call("PUT", "/keys/", '{"name":"x"}')).json()
      const answer = yield* call("GET", `/keys/${uuid}/usage`)
      assert.strictEqual(answer.status, 501)
      assert.isString(answer.json().detail)
    })
  )

  it.effect("complains about a body with 422 and a list, broken JSON before the token and the rest after it", () =>
    Effect.gen(function* () {
      const { as, call } = yield* entered()
      for (const [body, type] of [
        ["{}", "missing"],
        ['{"name":7}', "string_type"],
        ['{"name":null}', "string_type"],
        ["[]", "model_attributes_type"],
        ["{", "json_invalid"]
      ] as const) {
        const answer = yield* call("PUT", "/keys/", body)
        assert.strictEqual(answer.status, 422)
        assert.strictEqual(answer.json().detail[0].type, type)
      }
      assert.strictEqual((yield* as("wrong", "PUT", "/keys/", "{")).status, 422)
      assert.strictEqual((yield* as("wrong", "PUT", "/keys/", "{}")).status, 401)
    })
  )

  it.effect("knows exact slashes only and redirects nobody", () =>
    Effect.gen(function* () {
      const { call } = yield* entered()
      for (const [method, path, status] of [
        ["GET", "/keys", 404],
        ["PUT", "/keys", 404],
        ["POST", "/keys/", 405],
        ["GET", "/keys/x/usage/", 404],
        ["GET", "/keys/x", 405]
      ] as const) {
        assert.strictEqual((yield* call(method, path)).status, status)
      }
    })
  )
})

describe("the access tokens of the Occam dialect", () => {
  it.effect("trades a key for a token whose end is told in seconds, without a refresh token", () =>
    Effect.gen(function* () {
      const { exchange } = yield* speaking()
      yield* TestClock.setTime(1_736_244_930_400)
      const answer = yield* exchange(root.secret)
      const { access_token: token, ...rest } = answer.json()
      assert.deepStrictEqual(rest, { token_type: "Bearer", expires_at: 1_736_244_930 + 86_400 })
      assert.lengthOf(token.split("."), 3)
      assert.strictEqual(answer.headers.get("cache-control"), "no-store")
    })
  )

  it.effect("refuses a wrong key with 400 and a missing one with 422, and repeats neither", () =>
    Effect.gen(function* () {
      const { dialect, exchange } = yield* speaking()
      const wrong = yield* exchange("a-wrong-key")
      assert.strictEqual(wrong.status, 400)
      assert.isString(wrong.json().detail)
      assert.notInclude(wrong.text, "a-wrong-key")
      const missing = yield* send(dialect, "/auth/access-token")
      assert.strictEqual(missing.status, 422)
      assert.deepStrictEqual(missing.json().detail[0].loc, ["query", "key"])
      assert.strictEqual((yield* exchange("")).status, 400)
    })
  )

  it.effect("gives no token to a caller that nobody could find again by its name", () =>
    Effect.gen(function* () {
      const { exchange, logIn } = yield* speaking({ host: { recall: () => Effect.succeedNone } })
      assert.strictEqual((yield* exchange(root.secret)).status, 400)
      assert.strictEqual((yield* logIn({ username: "root", password: root.secret })).status, 400)
    })
  )

  it.effect("refuses a token that ended, in the words its clients wait for", () =>
    Effect.gen(function* () {
      const { call } = yield* entered({ options: { accessTokenLife: Duration.minutes(10) } })
      yield* TestClock.adjust("599 seconds")
      assert.strictEqual((yield* call("GET", "/keys/")).status, 200)
      yield* TestClock.adjust("1 second")
      const answer = yield* call("GET", "/keys/")
      assert.strictEqual(answer.status, 401)
      assert.include(answer.text, "Token expired")
    })
  )

  it.effect("refuses what is no token, a changed one, and one that another mount or deployment made", () =>
    Effect.gen(function* () {
      const storage = yield* DialectTokens.inMemory
      const { as, dialect, token } = yield* entered({ storage })
      const [head = "", payload = "", signature = ""] = token.split(".")
      const claims = JSON.parse(Buffer.from(payload, "base64url").toString())
      const changed = Buffer.from(JSON.stringify({ ...claims, sub: "somebody" })).toString("base64url")
      const unsigned = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString("base64url")
      const header = JSON.parse(Buffer.from(head, "base64url").toString())
      const elsewhere = Buffer.from(JSON.stringify({ ...header, kid: "another" })).toString("base64url")
      const others = yield* Effect.forEach(
        [
          { storage, options: { tenant: "other" } },
          { storage, options: { path: "/second" } },
          { storage, options: { secret: Redacted.make("another secret for signing that is long enough") } },
          {}
        ],
        (changes) => Effect.map(entered(changes), (other) => other.token)
      )
      for (const text of [
        "",
        root.secret,
        "a.b.c",
        `${head}.${changed}.${signature}`,
        `${unsigned}.${payload}.`,
        `${elsewhere}.${payload}.${signature}`,
        ...others
      ]) {
        const answer = yield* as(text, "GET", "/keys/")
        assert.strictEqual(answer.status, 401)
        assert.match(answer.json().detail, /^Token invalid/)
      }
      const absent = yield* send(dialect, "/keys/")
      assert.deepStrictEqual(
        [absent.status, absent.json(), absent.headers.get("www-authenticate")],
        [401, { detail: "Not authenticated" }, "Bearer"]
      )
    })
  )

  it.effect("lets nobody in any more whose key was revoked, whatever its token says", () =>
    Effect.gen(function* () {
      const { call, host } = yield* entered()
      host.forget("root")
      const answer = yield* call("GET", "/keys/")
      assert.deepStrictEqual([answer.status, answer.json()], [401, { detail: "User removed" }])
    })
  )

  it.effect("lets a caller do what its grants say", () =>
    Effect.gen(function* () {
      const reader = account("reader", "acme:list", "other:*")
      const { call, exchange, host } = yield* speaking({ accounts: [reader] })
      const token = (yield* exchange(reader.secret)).json().access_token
      assert.strictEqual((yield* call(token, "GET", "/keys/")).status, 200)
      for (const [method, path, body] of [
        ["PUT", "/keys/", '{"name":"x"}'],
        ["DELETE", "/keys/x", undefined],
        ["GET", "/keys/x/usage", undefined]
      ] as const) {
        assert.strictEqual((yield* call(token, method, path, body)).status, 403)
      }
      assert.lengthOf(host.calls, 1)
    })
  )

  it.effect("takes the tokens of another process with the same storage and secret", () =>
    Effect.gen(function* () {
      const storage = yield* DialectTokens.inMemory
      const [one, other] = [yield* entered({ storage }), yield* entered({ storage })]
      assert.strictEqual((yield* one.as(other.token, "GET", "/keys/")).status, 200)
      assert.lengthOf(yield* storage.signingKeys, 1)
    })
  )

  it.effect("changes its signing key after 30 days, and takes tokens of the old one to their end", () =>
    Effect.gen(function* () {
      const { as, exchange, storage } = yield* speaking({ options: { accessTokenLife: Duration.days(2) } }).pipe(
        Effect.map((occam) => ({ ...occam, as: occam.call }))
      )
      yield* exchange(root.secret)
      yield* TestClock.adjust("29 days")
      const old = (yield* exchange(root.secret)).json().access_token
      yield* TestClock.adjust("1 day")
      const young = (yield* exchange(root.secret)).json().access_token
      assert.lengthOf(yield* storage.signingKeys, 2)
      assert.strictEqual((yield* as(old, "GET", "/keys/")).status, 200)
      assert.strictEqual((yield* as(young, "GET", "/keys/")).status, 200)
      yield* TestClock.adjust("31 days")
      yield* exchange(root.secret)
      assert.lengthOf(yield* storage.signingKeys, 2)
    })
  )
})

describe("the refresh tokens of the Occam dialect", () => {
  const form = { grant_type: "password", username: "root", password: root.secret }

  it.effect("come of a user name with a key of the user", () =>
    Effect.gen(function* () {
      const { logIn } = yield* speaking({ options: { users: { "ann@example.com": "root" } } })
      const answer = yield* logIn({ ...form, username: "ann@example.com" })
      assert.strictEqual(answer.status, 200)
      assert.deepInclude(answer.json(), {
        token_type: "Bearer",
        expires_at: 86_400,
        refresh_token_expires_at: 2_419_200
      })
      for (const fields of [
        { ...form, username: "bob@example.com" },
        { ...form, password: "wrong" }
      ]) {
        assert.strictEqual((yield* logIn(fields)).status, 400)
      }
      for (const fields of [{ ...form, grant_type: "refresh" }, { username: "root" }, { password: root.secret }, {}]) {
        assert.strictEqual((yield* logIn(fields)).status, 422)
      }
    })
  )

  it.effect("are good for one use, and a second use ends what came of the first", () =>
    Effect.gen(function* () {
      const { call, logIn, refresh } = yield* speaking()
      const first = (yield* logIn(form)).json().refresh_token
      const second = (yield* refresh(first)).json()
      assert.strictEqual((yield* call(second.access_token, "GET", "/keys/")).status, 200)
      const again = yield* refresh(first)
      assert.deepStrictEqual([again.status, again.json()], [400, { detail: "Refresh token already used" }])
      assert.strictEqual((yield* refresh(second.refresh_token)).status, 400)
    })
  )

  it.effect("give one new pair to requests that come at the same time", () =>
    Effect.gen(function* () {
      const { logIn, refresh } = yield* speaking()
      const token = (yield* logIn(form)).json().refresh_token
      const answers = yield* Effect.replicateEffect(refresh(token), 5, { concurrency: "unbounded" })
      assert.lengthOf(
        answers.filter(({ status }) => status === 200),
        1
      )
    })
  )

  it.effect("end, and are not known elsewhere", () =>
    Effect.gen(function* () {
      const storage = yield* DialectTokens.inMemory
      const { logIn, refresh } = yield* speaking({ storage, options: { refreshTokenLife: Duration.days(1) } })
      const token = (yield* logIn(form)).json().refresh_token
      const elsewhere = yield* speaking({ storage, options: { tenant: "other" } })
      assert.strictEqual((yield* elsewhere.refresh(token)).status, 404)
      assert.strictEqual((yield* refresh("kfr_unknown")).status, 404)
      assert.strictEqual((yield* refresh(7)).status, 422)
      yield* TestClock.adjust("1 day")
      const ended = yield* refresh(token)
      assert.deepStrictEqual([ended.status, ended.json()], [400, { detail: "Refresh token expired" }])
    })
  )

  it.effect("give nothing to a caller that may no longer call", () =>
    Effect.gen(function* () {
      const { host, logIn, refresh } = yield* speaking()
      const token = (yield* logIn(form)).json().refresh_token
      host.forget("root")
      assert.strictEqual((yield* refresh(token)).status, 404)
    })
  )
})

describe("the options of the Occam dialect", () => {
  it.effect("refuses a short secret and a life that makes no sense", () =>
    Effect.gen(function* () {
      const storage = yield* DialectTokens.inMemory
      for (const [wrong, field] of [
        [{ secret: Redacted.make("short") }, "secret"],
        [{ secret: Effect.fail("no such file") }, "secret"],
        [{ accessTokenLife: Duration.zero }, "accessTokenLife"],
        [{ refreshTokenLife: Duration.infinity }, "refreshTokenLife"]
      ] as const) {
        const error = yield* Effect.flip(DialectOccam.make({ ...options, ...wrong }, makeHost({}), storage))
        assert.strictEqual(error.field, `dialects.occam.${field}`)
        assert.notInclude(error.message, '"short"')
      }
    })
  )
})
