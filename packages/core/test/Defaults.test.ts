import { assert, describe, it } from "@effect/vitest"
import type { Requirements } from "@keyfold/core/Capabilities"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import type { KeySpec } from "@keyfold/core/KeySpec"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { capabilitiesWith, keyWith, recorded, ref, storeOf, willing } from "./RecordedDriver.ts"

const scopeMap = { write: [":write_data", ":write_meta"], read: [":read_data"], nothing: [] }

const sent = Effect.fnUntraced(function* (spec: KeySpec, options: KeyStore.StoreOptions, parts: Partial<Driver> = {}) {
  const calls = recorded(parts)
  const store = yield* storeOf(calls, options)
  yield* store.create(spec)
  return calls.created()[0]
})

describe("store defaults", () => {
  it.effect("fill in the owner and scopes a spec leaves out, and only those", () =>
    Effect.gen(function* () {
      const options = { defaults: { owner: "platform-bot", scopes: ["w"] } }
      assert.deepInclude(yield* sent({}, options), { owner: "platform-bot", scopes: ["w"] })
      assert.deepInclude(yield* sent({ owner: "me", scopes: ["r"] }, options), { owner: "me", scopes: ["r"] })
    })
  )

  it.effect("do not apply to an explicit empty list of scopes: that asks for a powerless key", () =>
    Effect.gen(function* () {
      const parts = { defaultScopes: ["everything"] }
      assert.deepInclude(yield* sent({ scopes: [] }, { defaults: { scopes: ["w"] } }, parts), { scopes: [] })
      assert.deepInclude(yield* sent({}, { defaults: { scopes: [] } }, parts), { scopes: [] })
    })
  )

  it.effect("give way to the driver's default scopes where the store has none, sent as the backend names them", () =>
    Effect.gen(function* () {
      const parts = { defaultScopes: [":user"] }
      assert.deepInclude(yield* sent({}, {}, parts), { scopes: [":user"] })
      assert.deepInclude(yield* sent({}, { scopeMap }, parts), { scopes: [":user"] })
      assert.deepInclude(yield* sent({}, { defaults: { scopes: ["read"] }, scopeMap }, parts), {
        scopes: [":read_data"]
      })
    })
  )

  it.effect("satisfy a backend that needs an owner", () =>
    Effect.gen(function* () {
      const parts = { capabilities: capabilitiesWith({ owners: "required" }) }
      assert.deepInclude(yield* sent({}, { defaults: { owner: "bot" } }, parts), { owner: "bot" })
    })
  )
})

describe("a scope map", () => {
  it.effect("translates each portable name to the backend's scopes, each sent once", () =>
    Effect.gen(function* () {
      const both = yield* sent({ scopes: ["write", "read", "write"] }, { scopeMap })
      assert.deepStrictEqual(both?.scopes, [":write_data", ":write_meta", ":read_data"])
      assert.deepStrictEqual((yield* sent({ scopes: ["nothing"] }, { scopeMap }))?.scopes, [])
      assert.deepStrictEqual((yield* sent({ scopes: ["a", "b", "a"] }, {}))?.scopes, ["a", "b"])
    })
  )

  it.effect("shows scopes under portable names in every answer that holds a key", () =>
    Effect.gen(function* () {
      const key = keyWith("k", { scopes: [":read_data", ":write_meta", ":write_data"] })
      const store = yield* storeOf(
        recorded({
          get: () => Effect.succeed(key),
          list: { kind: "stream", open: () => Stream.make([key]) },
          verify: () => Effect.succeed({ valid: true, key })
        }),
        { scopeMap }
      )
      const verification = yield* store.verify(Redacted.make("secret"))
      const answers = [
        yield* store.get(ref("k")),
        ...(yield* Stream.runCollect(store.list())),
        ...(yield* store.listPage()).keys,
        verification.valid ? verification.key : undefined,
        (yield* store.create({ scopes: ["write", "read"] })).key
      ]
      assert.deepStrictEqual(
        answers.map((answer) => answer?.scopes),
        answers.map(() => ["write", "read"])
      )
    })
  )

  it.effect.each([
    { scopes: [":write_data"], shown: [":write_data"] },
    { scopes: [":read_data", ":write_data"], shown: ["read", ":write_data"] },
    { scopes: [":admin", ":read_data"], shown: ["read", ":admin"] },
    { scopes: [":admin"], shown: [":admin"] },
    { scopes: [], shown: [] }
  ])("never claims a portable name the key only partly has: %o", ({ scopes, shown }) =>
    Effect.gen(function* () {
      const store = yield* storeOf(recorded({ get: () => Effect.succeed(keyWith("k", { scopes })) }), { scopeMap })
      assert.deepStrictEqual((yield* store.get(ref("k"))).scopes, shown)
    })
  )

  it.effect("is not needed: without one the backend's own names pass both ways", () =>
    Effect.gen(function* () {
      const store = yield* storeOf(recorded({ get: () => Effect.succeed(keyWith("k", { scopes: [":any"] })) }))
      assert.deepStrictEqual((yield* store.get(ref("k"))).scopes, [":any"])
    })
  )
})

describe("booting a store", () => {
  const refused = Effect.fnUntraced(function* (parts: Partial<Driver>, options: KeyStore.StoreOptions) {
    const calls = recorded(parts)
    const error = yield* Effect.flip(KeyStore.make(calls.driver, options))
    assert.instanceOf(error, ConfigurationError)
    assert.strictEqual(calls.count(), 0)
    return error
  })

  it.effect("names itself after the backend unless told otherwise", () =>
    Effect.gen(function* () {
      const plain = yield* storeOf(recorded())
      assert.deepInclude(plain, { store: "fake", backend: "fake" })
      assert.strictEqual((yield* storeOf(recorded(), { store: "main" })).store, "main")
      assert.deepStrictEqual(plain.capabilities, willing.capabilities)
      assert.strictEqual((yield* refused({}, { store: "" })).field, "store")
    })
  )

  it.effect.each([undefined, {}, { owner: "" }, { scopes: [] }])(
    "fails where the backend needs an owner and the defaults are %o",
    (defaults) =>
      Effect.gen(function* () {
        const error = yield* refused(
          { capabilities: capabilitiesWith({ owners: "required" }) },
          { store: "main", ...(defaults === undefined ? {} : { defaults }) }
        )
        assert.deepInclude(error, { store: "main", field: "defaults.owner" })
        assert.include(error.message, "defaults.owner")
      })
  )

  it.effect("fails on an empty secret for marks: it would sign nothing", () =>
    Effect.gen(function* () {
      const error = yield* refused({}, { store: "main", labelSecret: Redacted.make("") })
      assert.deepInclude(error, { store: "main", field: "labelSecret" })
    })
  )

  it.effect("fails on an empty secret for cursors: it would sign nothing", () =>
    Effect.gen(function* () {
      const error = yield* refused({}, { store: "main", cursorSecret: Redacted.make("") })
      assert.deepInclude(error, { store: "main", field: "cursorSecret" })
    })
  )

  it.effect("fails on defaults and maps the backend cannot use", () =>
    Effect.gen(function* () {
      const noOwners = { capabilities: capabilitiesWith({ owners: "unsupported" }) }
      const noScopes = { capabilities: capabilitiesWith({ scopes: false }) }
      assert.strictEqual((yield* refused(noOwners, { defaults: { owner: "me" } })).field, "defaults.owner")
      assert.strictEqual((yield* refused(noScopes, { defaults: { scopes: ["w"] } })).field, "defaults.scopes")
      assert.strictEqual((yield* refused(noScopes, { defaults: { scopes: [] } })).field, "defaults.scopes")
      assert.strictEqual((yield* refused(noScopes, { scopeMap })).field, "scopeMap.write")
      yield* storeOf(recorded(noScopes), { scopeMap: { w: [] }, defaults: { scopes: ["w"] } })
    })
  )

  it.effect("fails on a default scope the map does not know, and lists what it knows", () =>
    Effect.gen(function* () {
      const error = yield* refused({}, { scopeMap, defaults: { scopes: ["read", "admin"] } })
      assert.strictEqual(error.field, "defaults.scopes")
      for (const part of ["admin", "write, read, nothing"]) assert.include(error.message, part)
    })
  )

  it.effect("fails on an unmet requirement and names each one, and only those", () =>
    Effect.gen(function* () {
      const capabilities = capabilitiesWith({ tags: false, usage: "lastUsedOnly" }, { usage: "derived" })
      const error = yield* refused(
        { capabilities },
        { require: { usage: true, exactUsage: true, tags: true, get: true } }
      )
      assert.strictEqual(error.field, "require")
      for (const name of ["exactUsage", "tags"]) assert.include(error.problem, name)
      assert.notInclude(error.problem, "get")
      assert.notInclude(error.problem, " usage")
    })
  )

  const lacking: ReadonlyArray<readonly [keyof Requirements, Driver["capabilities"]]> = [
    ["get", capabilitiesWith({}, { get: "unsupported" })],
    ["usage", capabilitiesWith({}, { usage: "unsupported" })],
    ["exactUsage", capabilitiesWith({ usage: "approximate" })],
    ["verify", capabilitiesWith({}, { verify: "unsupported" })],
    ["identify", capabilitiesWith({ identify: false })],
    ["listRevoked", capabilitiesWith({ listsRevoked: "byOwner" })],
    ["getRevoked", capabilitiesWith({ getsRevoked: false })],
    ["expiry", capabilitiesWith({ expiry: false })],
    ["scopes", capabilitiesWith({ scopes: false })],
    ["owners", capabilitiesWith({ owners: "unsupported" })],
    ["tags", capabilitiesWith({ tags: false })],
    ["revokeAny", capabilitiesWith({ revokes: "ownCreationsOnly" })],
    ["safeCreate", capabilitiesWith({ createSafety: "none" })],
    ["nativePagination", capabilitiesWith({ pagination: "derived" })]
  ]

  it.effect.each(lacking)("the requirement %s fails where it is lacking and passes where it is met", ([name, lack]) =>
    Effect.gen(function* () {
      const require = { [name]: true }
      assert.include((yield* refused({ capabilities: lack }, { require })).problem, name)
      const able = capabilitiesWith({ createSafety: "marker", pagination: "native" })
      yield* storeOf(recorded({ capabilities: able }), { require })
    })
  )

  it.effect("lists every mistake at once for who checks a configuration, and fails with the first", () =>
    Effect.gen(function* () {
      const capabilities = capabilitiesWith({ owners: "unsupported", scopes: false, tags: false })
      const options: KeyStore.StoreOptions = {
        store: "main",
        defaults: { owner: "me", scopes: ["w"] },
        scopeMap,
        require: { tags: true }
      }
      const mistakes = KeyStore.check({ backend: "fake", capabilities }, options)
      assert.deepStrictEqual(
        mistakes.map((mistake) => mistake.field),
        ["defaults.owner", "scopeMap.write", "defaults.scopes", "require"]
      )
      assert.deepStrictEqual([...new Set(mistakes.map((mistake) => mistake.store))], ["main"])
      assert.strictEqual((yield* refused({ capabilities }, options)).message, mistakes[0]?.message)
      assert.deepStrictEqual(KeyStore.check(willing, { store: "main", scopeMap, require: { tags: true } }), [])
    })
  )

  it.effect("the layer fails the same way", () =>
    Effect.gen(function* () {
      const layer = KeyStore.layer(willing, { store: "" })
      const error = yield* Effect.flip(Effect.provide(KeyStore.KeyStore, layer))
      assert.strictEqual(error._tag, "ConfigurationError")
    })
  )
})
