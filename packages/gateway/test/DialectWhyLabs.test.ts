import { assert, describe, it } from "@effect/vitest"
import * as KeyStore from "@keyfold/core/KeyStore"
import { Limited } from "@keyfold/gateway/Dialect"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import { account, memory, renamed, root, send } from "./DialectHost.ts"
import { keys, organization, speaking } from "./DialectWhyLabsWorld.ts"

describe("the WhyLabs dialect", () => {
  it.effect("shows the secret when a key is made and never again", () =>
    Effect.gen(function* () {
      const { call, store } = yield* speaking()
      yield* TestClock.setTime(Date.UTC(2026, 2, 14, 9, 26, 53, 580))
      const made = yield* call("POST", `${keys}?user_id=ann&alias=nightly&scopes=%3Auser&expiration_time=1893456000000`)
      const { key, keyId, ...rest } = made.json()
      assert.strictEqual(made.status, 200)
      assert.deepStrictEqual(rest, {
        orgId: organization,
        userId: "ann",
        creationTime: "2026-03-14T09:26:53.58",
        expirationTime: "2030-01-01T00:00:00",
        scopes: [":user"],
        alias: "nightly",
        revoked: false
      })
      assert.isTrue((yield* store.verify(Redacted.make(key))).valid)
      for (const [method, path] of [
        ["GET", keys],
        ["GET", `${keys}?user_id=ann`],
        ["GET", `${keys}/${keyId}`],
        ["DELETE", `${keys}?user_id=ann&key_id=${keyId}`]
      ] as const) {
        const answer = yield* call(method, path)
        assert.strictEqual(answer.status, 200)
        assert.include(answer.text, keyId)
        assert.notInclude(answer.text, key)
      }
    })
  )

  it.effect("gives a key without alias and scopes an empty alias, no scopes, and no powers", () =>
    Effect.gen(function* () {
      const { call, store } = yield* speaking({ store: yield* memory({ defaults: { scopes: ["everything"] } }) })
      const made = (yield* call("POST", `${keys}?user_id=ann`)).json()
      assert.strictEqual(made.alias, "")
      assert.notProperty(made, "scopes")
      assert.notProperty(made, "expirationTime")
      const [key] = (yield* store.listPage()).keys
      assert.deepStrictEqual(key?.scopes, [])
    })
  )

  it.effect("maps scopes both ways, and refuses those that the operator did not map", () =>
    Effect.gen(function* () {
      const { call, store } = yield* speaking({
        options: { scopes: { ":user": "read", ":administrator": "admin" }, defaultScopes: [":user"] }
      })
      assert.deepStrictEqual((yield* call("POST", `${keys}?user_id=ann`)).json().scopes, [":user"])
      yield* call("POST", `${keys}?user_id=ann&scopes=%3Auser,%3Aadministrator`)
      const stored = (yield* store.listPage()).keys.map(({ scopes }) => [...scopes].toSorted())
      assert.deepStrictEqual(stored, [["read"], ["admin", "read"]])
      for (const scope of [":write_data", "read", ":USER", ""]) {
        const refused = yield* call("POST", `${keys}?user_id=ann&scopes=${encodeURIComponent(scope)}`)
        assert.strictEqual(refused.status, 400)
        assert.strictEqual(refused.json().type, "IllegalArgument")
        assert.include(refused.json().message, `Invalid scope provided: ${scope}`)
      }
      // Repeated values are not split.
      const joined = yield* call("POST", `${keys}?user_id=ann&scopes=%3Auser&scopes=%3Auser,%3Aadministrator`)
      assert.strictEqual(joined.status, 400)
    })
  )

  it.effect("takes an expiration from 60 seconds ahead on, and nothing that is no whole number", () =>
    Effect.gen(function* () {
      const { call } = yield* speaking()
      yield* TestClock.setTime(1_000_000)
      const create = (time: string) => call("POST", `${keys}?user_id=ann&expiration_time=${time}`)
      assert.strictEqual((yield* create("1060000")).status, 200)
      assert.strictEqual((yield* create("")).status, 200)
      const early = yield* create("1059999")
      assert.deepInclude(early.json(), { message: "Invalid expiration time", type: "IllegalArgument" })
      for (const text of ["soon", "1060000.5", "None"]) {
        const answer = yield* create(text)
        assert.strictEqual(answer.status, 400)
        assert.strictEqual(answer.json()._embedded.errors[0].path, "/expiration_time")
        assert.strictEqual(answer.json().message, "Bad Request")
      }
    })
  )

  it.effect("names the parameter that is missing in the framework's own body", () =>
    Effect.gen(function* () {
      const { call, dialect } = yield* speaking()
      const answer = yield* call("POST", `${keys}?alias=x`)
      assert.strictEqual(answer.status, 400)
      assert.deepStrictEqual(answer.json(), {
        _embedded: { errors: [{ message: "Required QueryValue [user_id] not specified", path: "/user_id" }] },
        _links: { self: { href: `${dialect.path}${keys}?alias=x`, templated: false } },
        message: "Bad Request"
      })
      const revocation = yield* call("DELETE", `${keys}?user_id=ann`)
      assert.strictEqual(revocation.json()._embedded.errors[0].path, "/key_id")
    })
  )

  it.effect("leaves revoked keys out of an organization's list and shows them in a user's", () =>
    Effect.gen(function* () {
      const { call } = yield* speaking()
      const [one, other] = yield* Effect.forEach(["a", "b"], (alias) =>
        call("POST", `${keys}?user_id=ann&alias=${alias}`)
      )
      const id = one?.json().keyId
      yield* call("POST", `${keys}?user_id=bob`)
      yield* call("DELETE", `${keys}?user_id=ann&key_id=${id}`)
      const all: ReadonlyArray<{ readonly keyId: string }> = (yield* call("GET", keys)).json().items
      assert.isFalse(all.some(({ keyId }) => keyId === id))
      assert.lengthOf(all, 2)
      const ofAnn: ReadonlyArray<{ readonly keyId: string }> = (yield* call("GET", `${keys}?user_id=ann`)).json().items
      assert.sameMembers(
        ofAnn.map(({ keyId }) => keyId),
        [id, other?.json().keyId]
      )
      assert.deepStrictEqual(
        ofAnn,
        ofAnn.toSorted((left, right) => (left.keyId < right.keyId ? -1 : 1))
      )
      assert.deepStrictEqual((yield* call("GET", `${keys}?user_id=cho`)).json(), { items: [] })
    })
  )

  it.effect("tells the last use in an organization's list and in a get only", () =>
    Effect.gen(function* () {
      const { call, store } = yield* speaking()
      const { key, keyId } = (yield* call("POST", `${keys}?user_id=ann`)).json()
      yield* store.verify(Redacted.make(key))
      assert.property((yield* call("GET", keys)).json().items[0], "lastUsedTime")
      assert.property((yield* call("GET", `${keys}/${keyId}`)).json().key, "lastUsedTime")
      assert.notProperty((yield* call("GET", `${keys}?user_id=ann`)).json().items[0], "lastUsedTime")
      assert.notProperty((yield* call("DELETE", `${keys}?user_id=ann&key_id=${keyId}`)).json(), "lastUsedTime")
    })
  )

  it.effect("answers a get of an unknown or revoked key with 200 and an empty object", () =>
    Effect.gen(function* () {
      const { call } = yield* speaking()
      const { keyId } = (yield* call("POST", `${keys}?user_id=ann`)).json()
      assert.strictEqual((yield* call("GET", `${keys}/${keyId}`)).json().key.keyId, keyId)
      yield* call("DELETE", `${keys}?user_id=ann&key_id=${keyId}`)
      for (const id of [keyId, "Zz00Zz00Zz", "kfx00", "%20"]) {
        const answer = yield* call("GET", `${keys}/${id}`)
        assert.strictEqual(answer.status, 200)
        assert.deepStrictEqual(answer.json(), {})
      }
      // The slash at the end is taken off: an empty id makes it a list.
      assert.deepStrictEqual((yield* call("GET", `${keys}/`)).json(), { items: [] })
    })
  )

  it.effect("revokes twice with the same answer, and never for another user", () =>
    Effect.gen(function* () {
      const { call, store } = yield* speaking()
      const { key, keyId } = (yield* call("POST", `${keys}?user_id=ann`)).json()
      const foreign = yield* call("DELETE", `${keys}?user_id=bob&key_id=${keyId}`)
      assert.strictEqual(foreign.status, 404)
      assert.deepInclude(foreign.json(), {
        message: `Resource ApiKey with ID ${keyId} not found.`,
        type: "ResourceNotFound"
      })
      assert.isTrue((yield* store.verify(Redacted.make(key))).valid)
      const [first, second] = yield* Effect.replicateEffect(call("DELETE", `${keys}?user_id=ann&key_id=${keyId}`), 2)
      assert.strictEqual(first?.json().revoked, true)
      assert.deepStrictEqual(second?.json(), first?.json())
      assert.isFalse((yield* store.verify(Redacted.make(key))).valid)
    })
  )

  it.effect("gives keys without an owner to the user that the operator named", () =>
    Effect.gen(function* () {
      const { call, store } = yield* speaking()
      yield* store.create({ name: "from elsewhere" })
      yield* call("POST", `${keys}?user_id=ann`)
      const [key, ...others] = (yield* call("GET", `${keys}?user_id=nobody`)).json().items
      assert.strictEqual(key.alias, "from elsewhere")
      assert.lengthOf(others, 0)
      const revoked = yield* call("DELETE", `${keys}?user_id=nobody&key_id=${key.keyId}`)
      assert.strictEqual(revoked.json().revoked, true)
    })
  )

  it.effect("keeps ids of any kind reversible, as letters and digits", () =>
    Effect.gen(function* () {
      const ids = ["fh4dUNV3WQ", "3f0c9a52-6d1e-4b7a-9c35-1f2e8d7a6b90", "a/b c_ü", "kfxab", "kfu0"]
      const left = [...ids]
      const store = yield* KeyStore.make(renamed(() => left.shift() ?? "none"))
      const { call } = yield* speaking({ store })
      const shown: Array<string> = []
      for (const _ of ids) shown.push((yield* call("POST", `${keys}?user_id=ann`)).json().keyId)
      assert.strictEqual(shown[0], "fh4dUNV3WQ")
      assert.strictEqual(new Set(shown).size, ids.length)
      for (const [index, keyId] of shown.entries()) {
        assert.match(keyId, /^[A-Za-z0-9]+$/)
        yield* call("DELETE", `${keys}?user_id=ann&key_id=${keyId}`)
        const revoked = (yield* store.listPage({ status: "revoked" })).keys
        assert.lengthOf(revoked, index + 1)
      }
    })
  )
})

describe("who may call the WhyLabs dialect", () => {
  it.effect("answers 401 without a credential, 403 with a wrong one, and never with a body or a redirect", () =>
    Effect.gen(function* () {
      const { dialect } = yield* speaking()
      for (const [given, status] of [
        [{}, 401],
        [{ "x-api-key": "" }, 403],
        [{ "x-api-key": "wrong" }, 403],
        [{ "x-api-key": `Bearer ${root.secret}` }, 403],
        [{ authorization: `Bearer ${root.secret}` }, 401],
        [{ "x-api-key": "wrong", accept: "text/html, */*" }, 403],
        [{ cookie: `a=b; X-API-Key=${root.secret}` }, 200],
        [{ cookie: `X-API-Key=${root.secret}`, "x-api-key": "wrong" }, 403]
      ] as const) {
        const answer = yield* send(dialect, keys, { headers: given })
        assert.strictEqual(answer.status, status)
        if (status !== 200) assert.strictEqual(answer.text, "")
      }
    })
  )

  it.effect("asks for a credential before it looks at parameters", () =>
    Effect.gen(function* () {
      const { dialect } = yield* speaking()
      assert.strictEqual((yield* send(dialect, keys, { method: "POST" })).status, 401)
    })
  )

  it.effect("lets a caller do what its grants say and see no other organization", () =>
    Effect.gen(function* () {
      const reader = account("reader", "acme:list")
      const { call, host } = yield* speaking({
        accounts: [root, reader],
        options: { organizations: { [organization]: "acme", "org-other": "other" } }
      })
      const asReader = { "x-api-key": reader.secret }
      assert.strictEqual((yield* call("GET", keys, asReader)).status, 200)
      const before = host.calls.length
      for (const [method, path] of [
        ["POST", `${keys}?user_id=ann`],
        ["GET", `${keys}/Zz00Zz00Zz`],
        ["DELETE", `${keys}?user_id=ann&key_id=x`],
        ["GET", "/v0/organizations/org-other/api-key"],
        ["GET", "/v0/organizations/org-nobody/api-key"],
        ["POST", "/v0/organizations/org-nobody/api-key"]
      ] as const) {
        const answer = yield* call(method, path, asReader)
        assert.deepStrictEqual([answer.status, answer.text], [403, ""])
      }
      assert.lengthOf(host.calls, before)
    })
  )

  it.effect("tells who may do everything that an organization is not there", () =>
    Effect.gen(function* () {
      const { call } = yield* speaking()
      const unknown = "/v0/organizations/org-nobody/api-key"
      const made = yield* call("POST", `${unknown}?user_id=ann`)
      assert.strictEqual(made.status, 404)
      assert.strictEqual(made.json().type, "ResourceNotFound")
      assert.strictEqual((yield* call("POST", `${unknown}?user_id=ann&expiration_time=1`)).status, 400)
      assert.deepStrictEqual((yield* call("GET", unknown)).json(), { items: [] })
      assert.deepStrictEqual((yield* call("GET", `${unknown}/x`)).json(), {})
      assert.strictEqual((yield* call("DELETE", `${unknown}?user_id=ann&key_id=x`)).status, 404)
    })
  )

  it.effect("does not know routes with another method, Content-Type or Accept", () =>
    Effect.gen(function* () {
      const { call, dialect } = yield* speaking()
      const form = { "content-type": "application/x-www-form-urlencoded" }
      for (const answer of [
        yield* call("PUT", keys),
        yield* call("GET", "/v0/organizations"),
        yield* call("POST", `${keys}?user_id=ann`, form),
        yield* call("DELETE", `${keys}?user_id=ann&key_id=x`, form),
        yield* call("GET", keys, { accept: "application/*" })
      ]) {
        assert.deepStrictEqual([answer.status, answer.text], [404, ""])
      }
      assert.strictEqual((yield* send(dialect, "/v0/organizations")).status, 401)
      assert.strictEqual(
        (yield* call("POST", `${keys}?user_id=ann`, { "content-type": "application/json" })).status,
        200
      )
    })
  )

  it.effect("repeats the client's request id in the header and in its own error bodies", () =>
    Effect.gen(function* () {
      const { call } = yield* speaking()
      const given = yield* call("DELETE", `${keys}?user_id=ann&key_id=x`, { "x-request-id": "abc" })
      assert.deepStrictEqual([given.headers.get("x-request-id"), given.json().requestId], ["abc", "abc"])
      const drawn = yield* call("GET", keys)
      assert.match(drawn.headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/)
    })
  )

  it.effect("answers 429 with a bare sentence where the caller has sent too much", () =>
    Effect.gen(function* () {
      const limited = new Limited({ retryAfter: Duration.seconds(3) })
      const { call } = yield* speaking({ host: { authenticate: () => Effect.fail(limited) } })
      const answer = yield* call("GET", keys)
      assert.strictEqual(answer.status, 429)
      assert.strictEqual(answer.headers.get("content-type"), "application/json")
      assert.strictEqual(answer.text, "Too many requests. Please try again later.")
      assert.isNull(answer.headers.get("retry-after"))
    })
  )

  it.effect("answers an outage of its host with 500, never as a wrong key", () =>
    Effect.gen(function* () {
      for (const host of [
        { authenticate: () => Effect.fail(new Error("secret-of-root was not stored")) },
        { store: () => Effect.die("secret-of-root") }
      ]) {
        const { call } = yield* speaking({ host })
        const answer = yield* call("GET", keys)
        assert.strictEqual(answer.status, 500)
        assert.strictEqual(answer.json().type, "Internal")
        assert.notInclude(answer.text, root.secret)
      }
    })
  )
})
