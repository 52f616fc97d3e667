import { assert, describe, it } from "@effect/vitest"
import * as Emulators from "@keyfold/emulators/WhyLabs"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { advancing, callerOrganization, lines, listed, ref, songbird, start, wireOf } from "./Songbird.ts"

const path = "/v1/api-key"
const expiresAt = DateTime.makeUnsafe(start + 3_600_000)

const calling = Effect.gen(function* () {
  const made = yield* songbird()
  return { ...made, store: yield* made.v1() }
})

describe("the v1 dialect", () => {
  it.effect("creates with one POST, everything in the query and no user", () =>
    Effect.gen(function* () {
      const { administrator, emulator, store } = yield* calling
      const issued = yield* store.create({
        name: "a+b & ☃",
        scopes: [":write_data", ":user"],
        expiresAt,
        provider: { whylabs: { resourceId: "model-1" }, arthur: { whatever: 1 } }
      })
      const [request] = emulator.requests.all
      assert.isDefined(request)
      assert.deepStrictEqual(wireOf(request), {
        method: "POST",
        path,
        query: [
          ["expiration_time", String(start + 3_600_000)],
          ["scopes", ":write_data"],
          ["scopes", ":user"],
          ["alias", "a+b & ☃ <mark>"],
          ["resource_id", "model-1"]
        ]
      })
      const headers = new Map(request.headers)
      assert.strictEqual(headers.get("accept"), "application/json")
      assert.isFalse(headers.has("content-type"))
      assert.isUndefined(request.body)
      assert.deepInclude(issued.key, {
        name: "a+b & ☃",
        owner: administrator.slice(0, 10),
        expiresAt,
        createdAt: DateTime.makeUnsafe(start),
        provider: { whylabs: { organization: callerOrganization, resourceId: "model-1" } }
      })
      assert.strictEqual(emulator.owns(Redacted.value(issued.secret)), issued.key.id)
    })
  )

  it.effect("lists with one GET: items without user, creation time and revoked", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* calling
      const { key } = yield* store.create({ name: "one", expiresAt })
      emulator.requests.clear()
      const keys = yield* listed(store)
      assert.deepStrictEqual(lines(emulator), [`GET ${path}`])
      assert.deepStrictEqual(
        keys.find(({ id }) => id === key.id),
        {
          id: key.id,
          name: "one",
          scopes: [":user"],
          status: "active",
          expiresAt,
          tags: {},
          provider: { whylabs: { organization: callerOrganization } }
        }
      )
    })
  )

  it.effect("get is derived from one list, shared by lookups that wait together", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* calling
      const first = yield* store.create({ name: "one" })
      const second = yield* store.create({ name: "two" })
      emulator.requests.clear()
      const found = yield* Effect.all([store.get(first.key), store.get(second.key)], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        found.map(({ name }) => name),
        ["one", "two"]
      )
      assert.deepStrictEqual(lines(emulator), [`GET ${path}`])
      assert.strictEqual((yield* Effect.flip(store.get(ref("zzzzzzzzzz")))).reason._tag, "NotFound")
    })
  )

  it.effect("revokes with one DELETE that carries the key id alone", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* calling
      const { key } = yield* store.create({})
      emulator.requests.clear()
      yield* store.revoke(key)
      yield* store.revoke(ref(key.id))
      assert.deepStrictEqual(lines(emulator), [`DELETE ${path}?key_id=${key.id}`, `DELETE ${path}?key_id=${key.id}`])
      assert.isTrue(emulator.keys().at(-1)?.revoked)
      assert.notInclude(
        (yield* listed(store)).map(({ id }) => id),
        key.id
      )
    })
  )

  it.effect("cannot revoke what another caller made, and says so beforehand", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* calling
      emulator.seed({ organization: callerOrganization, userId: "somebody-else", keyId: "aaaaaaaaaa" })
      assert.strictEqual(store.capabilities.revokes, "ownCreationsOnly")
      const error = yield* Effect.flip(store.revoke(ref("aaaaaaaaaa")))
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.isFalse(emulator.keys().at(-1)?.revoked)
    })
  )

  it.effect("waits for a key of its own that reads do not show yet", () =>
    Effect.gen(function* () {
      const { emulator, v1 } = yield* songbird({ lag: { visibility: 3_000, revocation: 200 } })
      const store = yield* v1()
      const { key } = yield* store.create({})
      yield* advancing(store.revoke(key))
      assert.isTrue(emulator.keys().at(-1)?.revoked)
    })
  )

  it.effect("pages by slicing a fresh list", () =>
    Effect.gen(function* () {
      const { store } = yield* calling
      for (const name of ["one", "two", "three"]) yield* store.create({ name })
      const first = yield* store.listPage({ limit: 2 })
      const rest = yield* store.listPage({ limit: 10, ...(first.next === undefined ? {} : { cursor: first.next }) })
      assert.strictEqual(first.keys.length + rest.keys.length, 4, "three and the caller's own key")
    })
  )

  it.effect("refuses owners, revoked listings and usage with nothing sent", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* calling
      const errors = [
        yield* Effect.flip(store.create({ owner: "ann" })),
        yield* Effect.flip(listed(store, { owner: "ann" })),
        yield* Effect.flip(listed(store, { status: "revoked" })),
        yield* Effect.flip(store.usage(ref("aaaaaaaaaa")))
      ]
      for (const error of errors) assert.strictEqual(error.reason._tag, "Unsupported")
      const blank = yield* Effect.flip(store.create({ provider: { whylabs: { resourceId: "" } } }))
      const unknown = yield* Effect.flip(store.create({ provider: { whylabs: { resource: "x" } } }))
      assert.include(blank.reason.message, "provider.whylabs.resourceId")
      assert.include(unknown.reason.message, "accepted: resourceId")
      assert.lengthOf(emulator.requests.all, 0)
    })
  )

  it.effect("reads the refusals of a free organization, an unknown resource and an internal scope", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* calling
      const resource = yield* Effect.flip(store.create({ provider: { whylabs: { resourceId: "model-2" } } }))
      assert.strictEqual(
        resource.reason._tag === "InvalidRequest" ? resource.reason.field : resource,
        "provider.whylabs.resourceId"
      )
      const scope = yield* Effect.flip(store.create({ scopes: [":whylabs_system"] }))
      assert.strictEqual(scope.reason._tag === "InvalidRequest" ? scope.reason.field : scope, "scopes")
      emulator.setOrganization({ id: callerOrganization, tier: "FREE" })
      const unpaid = yield* Effect.flip(store.create({}))
      assert.strictEqual(unpaid.reason._tag, "PermissionDenied")
      assert.include(unpaid.reason.message, "paid")
      assert.strictEqual(emulator.requests.count("create"), 3)
    })
  )

  it.effect("a key without the administrator role is PermissionDenied and hears which role it needs", () =>
    Effect.gen(function* () {
      const value = Emulators.makeCredential(callerOrganization)
      const { v1 } = yield* songbird({
        credentials: [{ kind: "caller", value, organization: callerOrganization, scopes: [":user"] }]
      })
      const error = yield* Effect.flip(listed(yield* v1({ apiKey: Redacted.make(value) })))
      assert.strictEqual(error.reason._tag, "PermissionDenied")
      assert.include(error.reason.message, "administrator role")
    })
  )
})

describe("verify on v1", () => {
  it.effect("presents the secret itself to /validate in one GET, instead of the store's credential", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* calling
      const { key, secret } = yield* store.create({})
      emulator.requests.clear()
      assert.deepStrictEqual(yield* store.verify(secret), { valid: true })
      assert.deepStrictEqual(lines(emulator), [`GET ${path}/validate`])
      assert.strictEqual(emulator.requests.all[0]?.caller, key.id)
      assert.strictEqual(new Map(emulator.requests.all[0]?.headers).get("accept"), "application/json")
    })
  )

  it.effect("an unknown, an expired and a revoked secret are refused, indistinguishably", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* calling
      const refused = { valid: false, reason: "refused" } as const
      const unknown = Redacted.make(Emulators.makeCredential(callerOrganization))
      assert.deepStrictEqual(yield* store.verify(unknown), refused)
      const revoked = yield* store.create({})
      yield* store.revoke(revoked.key)
      assert.deepStrictEqual(yield* store.verify(revoked.secret), refused)
      const expiring = yield* store.create({ expiresAt })
      assert.deepStrictEqual(yield* store.verify(expiring.secret), { valid: true })
      emulator.clock.advance(3_600_001)
      assert.deepStrictEqual(yield* store.verify(expiring.secret), refused)
    })
  )

  it.effect("text that is no WhyLabs secret is malformed, with nothing sent", () =>
    Effect.gen(function* () {
      const { administrator, emulator, store } = yield* calling
      for (const text of ["", "secret", `Bearer ${administrator}`, `${administrator}:x`, '{"AccessKeyId":"a"}']) {
        assert.deepStrictEqual(yield* store.verify(Redacted.make(text)), { valid: false, reason: "malformed" })
      }
      assert.lengthOf(emulator.requests.all, 0)
    })
  )

  it.effect("an outage, a refusal by location, a proxy's page and a lost connection are errors, never an answer", () =>
    Effect.gen(function* () {
      const { administrator, emulator, store } = yield* calling
      const secret = Redacted.make(administrator)
      const verified = Effect.map(Effect.flip(store.verify(secret)), ({ reason }) => reason._tag)
      emulator.failNext({ status: 503, contentType: "text/html", body: "<html></html>" }, { count: 4 })
      assert.strictEqual(yield* advancing(verified), "Unavailable")
      emulator.failNext({ network: "reset" }, { count: 4 })
      assert.strictEqual(yield* advancing(verified), "Network")
      emulator.failNext({ status: 403, body: "Requests from this location are not permitted by your organization." })
      assert.strictEqual(yield* verified, "PermissionDenied")
      emulator.failNext({ status: 404 })
      assert.strictEqual(yield* verified, "InvalidRequest")
      emulator.failNext({ status: 401 })
      assert.strictEqual(yield* verified, "Unauthenticated")
      for (const body of ["<html>Log in</html>", ""]) {
        emulator.failNext({ status: 200, body })
        assert.strictEqual(yield* verified, "InvalidResponse")
      }
      assert.deepStrictEqual(yield* store.verify(secret), { valid: true })
    })
  )

  it.effect("identify works as on v0", () =>
    Effect.gen(function* () {
      const { store } = yield* calling
      const { key, secret } = yield* store.create({})
      assert.deepStrictEqual(store.identify(secret), Option.some({ id: key.id }))
    })
  )
})
