import { assert, describe, it } from "@effect/vitest"
import * as KeyStore from "@keyfold/core/KeyStore"
import { Limited, type Host } from "@keyfold/gateway/Dialect"
import * as DialectArthur from "@keyfold/gateway/DialectArthur"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import { account, makeHost, memory, renamed, root, send, type Account } from "./DialectHost.ts"

const collection = "/auth/api_keys/"
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const unknownId = "00000000-0000-4000-8000-000000000000"
const options: DialectArthur.Options = { tenant: "acme" }

const speaking = Effect.fnUntraced(function* (
  changes: {
    readonly options?: Partial<DialectArthur.Options>
    readonly accounts?: ReadonlyArray<Account>
    readonly host?: Partial<Host>
    readonly store?: KeyStore.KeyStore["Service"]
  } = {}
) {
  const store = changes.store ?? (yield* memory())
  const host = makeHost({ acme: store }, changes.accounts, changes.host)
  const dialect = yield* DialectArthur.make({ ...options, ...changes.options }, host)
  const call = (method: string, path: string, body?: unknown, secret = root.secret) =>
    send(dialect, path, {
      method,
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
    })
  return { call, dialect, host, store }
})

describe("the Arthur dialect", () => {
  it.effect("shows the secret when a key is made and never again", () =>
    Effect.gen(function* () {
      const { call, store } = yield* speaking()
      yield* TestClock.setTime(Date.UTC(2026, 2, 14, 9, 26, 53, 589))
      const made = yield* call("POST", collection, { description: "billing worker", roles: ["TASK-ADMIN"], extra: 1 })
      assert.strictEqual(made.status, 200)
      const { id, key, message, ...rest } = made.json()
      assert.match(id, uuid)
      assert.isAbove(message.length, 20)
      assert.deepStrictEqual(rest, {
        description: "billing worker",
        is_active: true,
        created_at: "2026-03-14T09:26:53.589000",
        roles: ["TASK-ADMIN"]
      })
      assert.isTrue((yield* store.verify(Redacted.make(key))).valid)
      const shown = { id, ...rest, message: "" }
      assert.deepStrictEqual((yield* call("GET", collection)).json(), [shown])
      assert.deepStrictEqual((yield* call("GET", `${collection}${id}`)).json(), shown)
    })
  )

  it.effect("gives the default role where none are named, and none for null and an empty list", () =>
    Effect.gen(function* () {
      const { call, store } = yield* speaking({ store: yield* memory({ defaults: { scopes: ["everything"] } }) })
      const roles: Array<unknown> = []
      for (const body of [{}, { roles: null }, { roles: [] }, { description: null }]) {
        roles.push((yield* call("POST", collection, body)).json().roles)
      }
      assert.deepStrictEqual(roles, [["VALIDATION-USER"], [], [], ["VALIDATION-USER"]])
      const stored = (yield* store.listPage()).keys.map(({ scopes }) => scopes)
      assert.deepStrictEqual(stored, [["VALIDATION-USER"], [], [], ["VALIDATION-USER"]])
    })
  )

  it.effect("leaves out what is absent and never sends null", () =>
    Effect.gen(function* () {
      const { call } = yield* speaking()
      const made = yield* call("POST", collection, { description: "" })
      assert.notInclude(made.text, "null")
      assert.notProperty(made.json(), "description")
      assert.notProperty(made.json(), "deactivated_at")
    })
  )

  it.effect("maps roles both ways and keeps the owner that the operator chose", () =>
    Effect.gen(function* () {
      const { call, store } = yield* speaking({
        options: { roles: { "VALIDATION-USER": "read", "ORG-ADMIN": "admin" }, owner: "platform" }
      })
      assert.deepStrictEqual((yield* call("POST", collection, {})).json().roles, ["VALIDATION-USER"])
      const [key] = (yield* store.listPage()).keys
      assert.deepStrictEqual([key?.scopes, key?.owner], [["read"], "platform"])
      assert.strictEqual((yield* call("POST", collection, { roles: ["TASK-ADMIN"] })).status, 400)
    })
  )

  it.effect("answers a deactivation with 204 and nothing, as often as it is asked for", () =>
    Effect.gen(function* () {
      const { call, store } = yield* speaking()
      const { id, key } = (yield* call("POST", collection, {})).json()
      for (const _ of [1, 2]) {
        const answer = yield* call("DELETE", `${collection}deactivate/${id}`)
        assert.deepStrictEqual([answer.status, answer.text, answer.headers.get("content-type")], [204, "", null])
      }
      assert.isFalse((yield* store.verify(Redacted.make(key))).valid)
      assert.deepStrictEqual((yield* call("GET", collection)).json(), [])
      const shown = (yield* call("GET", `${collection}${id}`)).json()
      assert.deepInclude(shown, { is_active: false, deactivated_at: "1970-01-01T00:00:00" })
    })
  )

  it.effect("answers 404 for a key that is not there", () =>
    Effect.gen(function* () {
      const { call } = yield* speaking()
      for (const answer of [
        yield* call("GET", `${collection}${unknownId}`),
        yield* call("DELETE", `${collection}deactivate/${unknownId}`)
      ]) {
        assert.strictEqual(answer.status, 404)
        assert.deepStrictEqual(answer.json(), { detail: "API Key not found" })
      }
    })
  )

  it.effect("takes an id in every spelling of a UUID, and answers 400 to anything else", () =>
    Effect.gen(function* () {
      const { call } = yield* speaking()
      const { id } = (yield* call("POST", collection, {})).json()
      for (const spelled of [id.toUpperCase(), id.replaceAll("-", ""), `urn:uuid:${id}`, `%7B${id}%7D`]) {
        assert.strictEqual((yield* call("GET", `${collection}${spelled}`)).json().id, id)
      }
      const wrong = yield* call("GET", `${collection}nonsense-of-mine`)
      assert.strictEqual(wrong.status, 400)
      assert.isString(wrong.json().detail)
      assert.notInclude(wrong.text, "nonsense-of-mine")
    })
  )

  it.effect("makes a UUID of an id of any kind and finds the key by it again", () =>
    Effect.gen(function* () {
      const ids = [
        "fh4dUNV3WQ",
        "0123456789ABCDEF",
        "3f0c9a52-6d1e-4b7a-9c35-1f2e8d7a6b90",
        "an id that is much too long to be packed into a UUID",
        "ключ/1"
      ]
      const left = [...ids]
      const { call, store } = yield* speaking({ store: yield* KeyStore.make(renamed(() => left.shift() ?? "none")) })
      const shown: Array<string> = []
      for (const _ of ids) shown.push((yield* call("POST", collection, {})).json().id)
      assert.strictEqual(shown[2], ids[2])
      assert.strictEqual(new Set(shown).size, ids.length)
      for (const [index, id] of shown.entries()) {
        assert.match(id, uuid)
        assert.strictEqual((yield* call("GET", `${collection}${id}`)).json().id, id)
        assert.strictEqual((yield* call("DELETE", `${collection}deactivate/${id}`)).status, 204)
        const revoked = (yield* store.listPage({ status: "revoked" })).keys
        assert.sameMembers(
          revoked.map((key): string => key.id),
          ids.slice(0, index + 1)
        )
      }
    })
  )

  it.effect("does not take a UUID that looks like one of its own for the id in it", () =>
    Effect.gen(function* () {
      let next = "fh4dUNV3WQ"
      const { call } = yield* speaking({ store: yield* KeyStore.make(renamed(() => next)) })
      const packed = (yield* call("POST", collection, {})).json().id
      next = packed
      const other = (yield* call("POST", collection, { description: "the other" })).json().id
      assert.notStrictEqual(other, packed)
      assert.strictEqual((yield* call("GET", `${collection}${other}`)).json().description, "the other")
      assert.notProperty((yield* call("GET", `${collection}${packed}`)).json(), "description")
    })
  )

  it.effect("answers every fault of a body with 400 and one text that repeats nothing", () =>
    Effect.gen(function* () {
      const { call, store } = yield* speaking()
      for (const body of [
        undefined,
        "null",
        "[]",
        "{",
        { roles: ["CHAT-USER-of-mine"] },
        { roles: "VALIDATION-USER" },
        { roles: [1] },
        { roles: ["validation-user"] },
        { description: 7 },
        { description: "nul-of-mine\u0000" },
        { roles: ["TENANT-USER"] }
      ]) {
        const answer = yield* call("POST", collection, body)
        assert.strictEqual(answer.status, 400)
        assert.isString(answer.json().detail)
        assert.notInclude(answer.text, "of-mine")
      }
      assert.lengthOf((yield* store.listPage()).keys, 0)
    })
  )

  it.effect("does not parse a body that is not labelled as JSON", () =>
    Effect.gen(function* () {
      const { dialect } = yield* speaking()
      for (const given of [{}, { "content-type": "text/plain" }]) {
        const headers = { authorization: `Bearer ${root.secret}`, ...given }
        assert.strictEqual((yield* send(dialect, collection, { method: "POST", headers, body: "{}" })).status, 400)
      }
    })
  )

  it.effect("knows no path with the wrong slash and redirects nobody", () =>
    Effect.gen(function* () {
      const { call } = yield* speaking()
      for (const [method, path, status] of [
        ["GET", "/auth/api_keys", 404],
        ["POST", "/auth/api_keys", 405],
        ["DELETE", `${collection}deactivate/${unknownId}/`, 405],
        ["DELETE", `${collection}${unknownId}`, 405],
        ["HEAD", collection, 405],
        ["GET", "/elsewhere", 404]
      ] as const) {
        assert.strictEqual((yield* call(method, path)).status, status)
      }
      const wrongMethod = yield* call("PATCH", collection)
      assert.strictEqual(wrongMethod.headers.get("allow"), "POST, GET")
    })
  )

  it.effect("says that the limit of keys is reached as the engine does", () =>
    Effect.gen(function* () {
      const { KeyStoreError, QuotaExceeded } = yield* Effect.promise(() => import("@keyfold/core/KeyStoreError"))
      const store = yield* memory()
      const error = new KeyStoreError({
        store: "memory",
        backend: "memory",
        operation: "create",
        reason: new QuotaExceeded({ limit: 3 }),
        attempts: 1,
        exhausted: false
      })
      const { call } = yield* speaking({ store: { ...store, create: () => Effect.fail(error) } })
      const answer = yield* call("POST", collection, {})
      assert.strictEqual(answer.status, 400)
      assert.deepStrictEqual(answer.json(), { detail: "Maximum number of active keys reached" })
    })
  )
})

describe("who may call the Arthur dialect", () => {
  it.effect("tells missing, malformed and wrong credentials apart, and lets a cookie hide the header", () =>
    Effect.gen(function* () {
      const { dialect } = yield* speaking()
      const good = `Bearer ${root.secret}`
      for (const [headers, status, detail] of [
        [{}, 401, "Requires authentication"],
        [{ authorization: "" }, 401, "Requires authentication"],
        [{ authorization: root.secret }, 401, "Bad credentials"],
        [{ authorization: `Basic ${root.secret}` }, 401, "Bad credentials"],
        [{ authorization: `${good} more` }, 401, "Bad credentials"],
        [{ authorization: "Bearer wrong" }, 401, "Bad credentials"],
        [{ "x-api-key": root.secret }, 401, "Requires authentication"],
        [{ authorization: good, cookie: "ACCESS_TOKEN=Bearer stale" }, 401, "Bad credentials"],
        [{ cookie: `a=b; ACCESS_TOKEN="${good}"` }, 200, undefined],
        [{ authorization: `bearer ${root.secret}` }, 200, undefined]
      ] as const) {
        const answer = yield* send(dialect, collection, { headers })
        assert.strictEqual(answer.status, status)
        if (detail !== undefined) assert.deepStrictEqual(answer.json(), { detail })
        assert.isNull(answer.headers.get("www-authenticate"))
      }
    })
  )

  it.effect("refuses broken JSON before the credential, the credential before the body, the body before grants", () =>
    Effect.gen(function* () {
      const reader = account("reader", "acme:list")
      const { call, host } = yield* speaking({ accounts: [root, reader] })
      assert.strictEqual((yield* call("POST", collection, "{", "wrong")).status, 400)
      assert.strictEqual((yield* call("POST", collection, { roles: 1 }, "wrong")).status, 401)
      assert.strictEqual((yield* call("GET", `${collection}x`, undefined, "wrong")).status, 401)
      assert.strictEqual((yield* call("POST", collection, { roles: 1 }, reader.secret)).status, 400)
      const forbidden = yield* call("POST", collection, {}, reader.secret)
      assert.strictEqual(forbidden.status, 403)
      assert.deepStrictEqual(forbidden.json(), { detail: "Forbidden" })
      assert.strictEqual((yield* call("GET", `${collection}${unknownId}`, undefined, reader.secret)).status, 403)
      assert.lengthOf(host.calls, 0)
      assert.strictEqual((yield* call("GET", collection, undefined, reader.secret)).status, 200)
      assert.deepStrictEqual(
        host.calls.map(({ caller, operation, tenant }) => [caller?.actor, operation, tenant]),
        [["reader", "list", "acme"]]
      )
    })
  )

  it.effect("does not take keys that were made through it for credentials of its own", () =>
    Effect.gen(function* () {
      const { call } = yield* speaking()
      const { key } = (yield* call("POST", collection, { roles: ["ORG-ADMIN"] })).json()
      assert.strictEqual((yield* call("GET", collection, undefined, key)).status, 401)
    })
  )

  it.effect("answers an outage with 500 and a limit with 429", () =>
    Effect.gen(function* () {
      const broken = yield* speaking({ host: { authenticate: () => Effect.fail(new Error("a secret")) } })
      const answer = yield* broken.call("GET", collection)
      assert.deepStrictEqual([answer.status, answer.json()], [500, { detail: "Something went wrong." }])
      const limited = new Limited({ retryAfter: Duration.millis(1_200) })
      const busy = yield* speaking({ host: { store: () => Effect.fail(limited) } })
      const wait = yield* busy.call("GET", collection)
      assert.deepStrictEqual([wait.status, wait.headers.get("retry-after")], [429, "2"])
    })
  )
})

describe("the options of the Arthur dialect", () => {
  it.effect("refuses roles that Arthur does not know and scopes that two roles stand for", () =>
    Effect.gen(function* () {
      for (const roles of [{ "TENANT-USER": "read" }, { "ORG-ADMIN": "a", "ORG-AUDITOR": "a" }]) {
        const error = yield* Effect.flip(DialectArthur.make({ ...options, roles }, makeHost({})))
        assert.match(error.field ?? "", /^dialects\.arthur\.roles\./)
      }
    })
  )
})
