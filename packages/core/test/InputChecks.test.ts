import { assert, describe, it } from "@effect/vitest"
import type { KeyRef } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import { refuse, type Driver } from "@keyfold/core/Driver"
import type { KeySpec } from "@keyfold/core/KeySpec"
import type * as KeyStore from "@keyfold/core/KeyStore"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { assertReason, capabilitiesWith, performOn, recorded, ref, storeOf } from "./RecordedDriver.ts"

const at = (milliseconds: number) => DateTime.makeUnsafe(milliseconds)

const refusedSpec = Effect.fnUntraced(function* (
  spec: KeySpec,
  parts: Partial<Driver> = {},
  options: KeyStore.StoreOptions = {}
) {
  const calls = recorded(parts)
  const store = yield* storeOf(calls, options)
  const error = yield* Effect.flip(store.create(spec))
  assert.deepInclude(error, { operation: "create", attempts: 0, exhausted: false })
  assert.isFalse(error.isRetryable)
  assert.strictEqual(calls.count(), 0, "nothing is sent")
  return error
})

const sentSpec = Effect.fnUntraced(function* (
  spec: KeySpec,
  parts: Partial<Driver> = {},
  options: KeyStore.StoreOptions = {}
) {
  const calls = recorded(parts)
  const store = yield* storeOf(calls, options)
  yield* store.create(spec)
  return calls.created()[0]
})

const flags = (changes: Partial<Omit<Capabilities, "operations">>): Partial<Driver> => ({
  capabilities: capabilitiesWith(changes)
})

describe("a reference to a key", () => {
  const operations = ["get", "revoke", "usage"] as const
  // What a caller without types, or with a cast, can hand in.
  const emptyId = { id: "" } as unknown as KeyRef
  const noId = {} as unknown as KeyRef

  it.effect.each(operations)("%s refuses an empty or missing id before anything is sent", (operation) =>
    Effect.gen(function* () {
      const calls = recorded()
      const store = yield* storeOf(calls)
      assertReason(yield* Effect.flip(performOn(store, operation, emptyId)), "InvalidRequest", { field: "id" })
      assertReason(yield* Effect.flip(performOn(store, operation, noId)), "InvalidRequest", { field: "id" })
      assert.strictEqual(calls.count(), 0)
    })
  )

  it.effect.each(operations)("%s refuses an empty owner before anything is sent", (operation) =>
    Effect.gen(function* () {
      const calls = recorded()
      const store = yield* storeOf(calls)
      const error = yield* Effect.flip(performOn(store, operation, ref("some-key", "")))
      assertReason(error, "InvalidRequest", { field: "owner" })
      assert.strictEqual(calls.count(), 0)
    })
  )

  it.effect.each(operations)("%s hands the owner on to the driver", (operation) =>
    Effect.gen(function* () {
      const calls = recorded()
      const store = yield* storeOf(calls)
      yield* performOn(store, operation, ref("some-key", "me"))
      assert.deepStrictEqual(calls.calls[0]?.input, ref("some-key", "me"))
    })
  )
})

describe("a name", () => {
  it.effect.each(["a\u0000b", "\u0000", "\ud800", "a\udc00b", "\udc00\ud800"])(
    "with U+0000 or a lone surrogate is refused: %j",
    (name) =>
      Effect.gen(function* () {
        assertReason(yield* refusedSpec({ name }), "InvalidRequest", { field: "name" })
      })
  )

  it.effect.each(["ci", "é", "\u{1f511} key", "line\nbreak", " "])(
    "with any other text is sent unchanged: %j",
    (name) =>
      Effect.gen(function* () {
        assert.deepInclude(yield* sentSpec({ name }), { name, label: name })
      })
  )

  it.effect("that is empty is refused, a missing one is not", () =>
    Effect.gen(function* () {
      assertReason(yield* refusedSpec({ name: "" }), "InvalidRequest", { field: "name" })
      assert.isUndefined((yield* sentSpec({}))?.name)
    })
  )

  it.effect("over the backend's limit is refused with the limit, never cut; at the limit it is sent whole", () =>
    Effect.gen(function* () {
      const error = yield* refusedSpec({ name: "x".repeat(11) }, { nameLimit: 10 })
      assertReason(error, "InvalidRequest", { field: "name" })
      assert.include(error.message, "10")
      assert.strictEqual((yield* sentSpec({ name: "x".repeat(10) }, { nameLimit: 10 }))?.name, "x".repeat(10))
    })
  )

  it.effect("leaves room for the mark where there is one: the label is never longer than the limit", () =>
    Effect.gen(function* () {
      const parts = { nameLimit: 41, ...flags({ createSafety: "marker" }) }
      const error = yield* refusedSpec({ name: "x".repeat(11) }, parts)
      assert.include(error.message, "expected at most 10 characters, found 11")
      assert.strictEqual((yield* sentSpec({ name: "x".repeat(10) }, parts))?.label?.length, 41)
    })
  )
})

describe("an owner", () => {
  it.effect.each(["", "a\u0000", "\ud800"])("that cannot be stored is refused: %j", (owner) =>
    Effect.gen(function* () {
      assertReason(yield* refusedSpec({ owner }), "InvalidRequest", { field: "owner" })
    })
  )

  it.effect("on a backend without owners is Unsupported", () =>
    Effect.gen(function* () {
      const error = yield* refusedSpec({ owner: "me" }, flags({ owners: "unsupported" }))
      assertReason(error, "Unsupported", { capability: "owners" })
    })
  )

  it.effect("is optional where the backend says so", () =>
    Effect.gen(function* () {
      assert.isUndefined((yield* sentSpec({}, flags({ owners: "optional" })))?.owner)
      assert.strictEqual((yield* sentSpec({ owner: "me" }, flags({ owners: "optional" })))?.owner, "me")
    })
  )
})

describe("an expiry", () => {
  it.effect("in the past, or right now, is refused", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_000_000)
      assertReason(yield* refusedSpec({ expiresAt: at(999_999) }), "InvalidRequest", { field: "expiresAt" })
      assertReason(yield* refusedSpec({ expiresAt: at(1_000_000) }), "InvalidRequest", { field: "expiresAt" })
      assert.deepStrictEqual((yield* sentSpec({ expiresAt: at(1_000_001) }))?.expiresAt, at(1_000_001))
    })
  )

  it.effect("on a backend whose keys do not expire is Unsupported, never dropped", () =>
    Effect.gen(function* () {
      const error = yield* refusedSpec({ expiresAt: at(1_000) }, flags({ expiry: false }))
      assertReason(error, "Unsupported", { capability: "expiry" })
    })
  )
})

describe("tags", () => {
  it.effect("on a backend without tags are Unsupported; no tags are no problem", () =>
    Effect.gen(function* () {
      const error = yield* refusedSpec({ tags: { team: "data" } }, flags({ tags: false }))
      assertReason(error, "Unsupported", { capability: "tags" })
      assert.deepStrictEqual((yield* sentSpec({ tags: {} }, flags({ tags: false })))?.tags, {})
      assert.deepStrictEqual((yield* sentSpec({}, flags({ tags: false })))?.tags, {})
    })
  )

  it.effect.each([{ "": "x" }, { "a\u0000": "x" }, { team: "\u0000" }, { team: "\ud800" }, { "\udc00": "x" }])(
    "with a name or value that cannot be stored are refused: %j",
    (tags) =>
      Effect.gen(function* () {
        assertReason(yield* refusedSpec({ tags }), "InvalidRequest", { field: "tags" })
      })
  )

  it.effect("reach the driver whole, an empty value included", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* sentSpec({ tags: { team: "data", note: "" } }))?.tags, { team: "data", note: "" })
    })
  )
})

describe("scopes", () => {
  it.effect("on a backend without scopes are Unsupported, and so is a key that may do nothing", () =>
    Effect.gen(function* () {
      const none = flags({ scopes: false })
      const error = yield* refusedSpec({ scopes: ["write"] }, none)
      assertReason(error, "Unsupported", { capability: "scopes" })
      assert.include(error.message, 'scopeMap: { "write": [] }')
      assertReason(yield* refusedSpec({ scopes: [] }, none), "Unsupported", { capability: "scopes" })
      assert.deepStrictEqual((yield* sentSpec({}, none))?.scopes, [])
    })
  )

  it.effect("on a backend without scopes are accepted only where the store's map gives them none", () =>
    Effect.gen(function* () {
      const none = flags({ scopes: false })
      const accepted = { scopeMap: { write: [] }, defaults: { scopes: ["write"] } }
      assert.deepStrictEqual((yield* sentSpec({ scopes: ["write"] }, none, accepted))?.scopes, [])
      assert.deepStrictEqual((yield* sentSpec({}, none, accepted))?.scopes, [])
      const other = yield* refusedSpec({ scopes: ["write", "admin"] }, none, accepted)
      assertReason(other, "Unsupported", { capability: "scopes" })
      assert.include(other.message, "admin")
    })
  )

  it.effect("with an empty name are refused", () =>
    Effect.gen(function* () {
      assertReason(yield* refusedSpec({ scopes: ["write", ""] }), "InvalidRequest", { field: "scopes" })
    })
  )

  it.effect("that the store does not map are refused with the list of what is accepted", () =>
    Effect.gen(function* () {
      const scopeMap = { write: [":write_data"], read: [":read_data"] }
      const error = yield* refusedSpec({ scopes: ["write", "admin"] }, {}, { scopeMap })
      assertReason(error, "InvalidRequest", { field: "scopes" })
      for (const part of ["admin", "write", "read"]) assert.include(error.message, part)
    })
  )

  it.effect("named like a property every object has are as unmapped as any other", () =>
    Effect.gen(function* () {
      const error = yield* refusedSpec({ scopes: ["constructor"] }, {}, { scopeMap: { write: ["w"] } })
      assertReason(error, "InvalidRequest", { field: "scopes" })
    })
  )
})

describe("provider inputs", () => {
  const parts = { providerInputs: ["team", "region"] }

  it.effect("the backend does not know are refused by name, with the list of what is accepted", () =>
    Effect.gen(function* () {
      const error = yield* refusedSpec({ provider: { fake: { team: 1, color: "red" } } }, parts)
      assertReason(error, "InvalidRequest", { field: "provider.fake.color" })
      assert.include(error.message, "team, region")
      const none = yield* refusedSpec({ provider: { fake: { color: "red" } } })
      assertReason(none, "InvalidRequest", { field: "provider.fake.color" })
    })
  )

  it.effect("of this backend reach the driver; those of other backends are left alone", () =>
    Effect.gen(function* () {
      const sent = yield* sentSpec({ provider: { fake: { team: [1] }, other: { color: "red" } } }, parts)
      assert.deepStrictEqual(sent?.provider, { team: [1] })
    })
  )
})

describe("within", () => {
  it.effect.each([0, "0 seconds", "-1 seconds"] as const)("%s is refused before anything is sent", (within) =>
    Effect.gen(function* () {
      const calls = recorded()
      const store = yield* storeOf(calls)
      const error = yield* Effect.flip(store.create({}, { within }))
      assertReason(error, "InvalidRequest", { field: "within" })
      assert.strictEqual(calls.count(), 0)
    })
  )
})

describe("a driver's own refusal", () => {
  it.effect("before sending counts no attempt and names the field", () =>
    Effect.gen(function* () {
      const store = yield* storeOf(
        recorded({ create: () => Effect.fail(refuse("expiresAt", "expected at least a minute ahead")) })
      )
      const error = yield* Effect.flip(store.create({}))
      assertReason(error, "InvalidRequest", { field: "expiresAt", problem: "expected at least a minute ahead" })
      assert.strictEqual(error.attempts, 0)
    })
  )
})
