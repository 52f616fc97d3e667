import { assert, describe, it } from "@effect/vitest"
import type { Driver } from "@keyfold/core/Driver"
import type { Operation } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import {
  assertReason,
  capabilitiesWith,
  everyOperation,
  keyWith,
  perform,
  record,
  recorded,
  ref,
  storeOf,
  willing,
  without
} from "./RecordedDriver.ts"

const lacking = (operation: Operation): Partial<Driver> => ({
  capabilities: capabilitiesWith({}, { [operation]: "unsupported" })
})

describe("an operation the backend does not have", () => {
  it.effect.each(everyOperation)("%s fails Unsupported and sends nothing", (operation) =>
    Effect.gen(function* () {
      const calls = recorded(lacking(operation))
      const store = yield* storeOf(calls, { store: "main" })
      const error = yield* Effect.flip(perform(store, operation))
      assertReason(error, "Unsupported", { capability: operation })
      assert.deepInclude(error, { store: "main", backend: "fake", operation, attempts: 0, exhausted: false })
      assert.isFalse(error.isRetryable)
      assert.strictEqual(calls.count(), 0)
    })
  )

  it.effect.each(everyOperation)("without %s every other operation works", (operation) =>
    Effect.gen(function* () {
      const calls = recorded(lacking(operation))
      const store = yield* storeOf(calls)
      const others = everyOperation.filter((other) => other !== operation)
      yield* Effect.forEach(others, (other) => perform(store, other))
      assert.strictEqual(calls.count(), others.length)
    })
  )

  it.effect("listPage is as unsupported as list", () =>
    Effect.gen(function* () {
      const calls = recorded(lacking("list"))
      const store = yield* storeOf(calls)
      const error = yield* Effect.flip(store.listPage())
      assertReason(error, "Unsupported", { capability: "list" })
      assert.strictEqual(error.operation, "list")
      assert.strictEqual(calls.count(), 0)
    })
  )

  it.effect("identify is none, not an error, where secrets carry no id", () =>
    Effect.gen(function* () {
      const calls = record(without(willing, "identify"))
      const store = yield* storeOf(calls)
      assert.deepStrictEqual(store.identify(Redacted.make("some secret")), Option.none())
      assert.strictEqual(calls.count(), 0)
    })
  )

  it.effect("identify asks the driver for the format and sends nothing", () =>
    Effect.gen(function* () {
      const calls = recorded()
      const store = yield* storeOf(calls)
      assert.deepStrictEqual(store.identify(Redacted.make("some secret")), Option.some(ref("identified")))
      assert.deepStrictEqual(
        calls.calls.map((call) => call.operation),
        ["identify"]
      )
    })
  )
})

describe("a listing the backend cannot give", () => {
  const idsOf = <E, R>(keys: Stream.Stream<{ readonly id: string }, E, R>) =>
    Effect.map(Stream.runCollect(keys), (all) => all.map((key) => key.id))

  it.effect.each([{ status: "revoked" as const }, { status: ["active", "revoked"] as const }])(
    "revoked keys of a backend that never lists them are Unsupported, never a shorter list: %o",
    (filter) =>
      Effect.gen(function* () {
        const calls = recorded({ capabilities: capabilitiesWith({ listsRevoked: "never" }) })
        const store = yield* storeOf(calls)
        assertReason(yield* Effect.flip(Stream.runCollect(store.list(filter))), "Unsupported", {
          capability: "listsRevoked"
        })
        assertReason(yield* Effect.flip(store.listPage(filter)), "Unsupported", { capability: "listsRevoked" })
        assert.strictEqual(calls.count(), 0)
        assert.deepStrictEqual(yield* idsOf(store.list()), ["first", "second"])
      })
  )

  it.effect("revoked keys of a by-owner backend need an owner", () =>
    Effect.gen(function* () {
      const calls = recorded({
        capabilities: capabilitiesWith({ listsRevoked: "byOwner" }),
        list: { kind: "stream", open: () => Stream.make([keyWith("gone", { status: "revoked", owner: "me" })]) }
      })
      const store = yield* storeOf(calls)
      const error = yield* Effect.flip(Stream.runCollect(store.list({ status: "revoked" })))
      assertReason(error, "Unsupported", { capability: "listsRevoked" })
      assert.strictEqual(calls.count(), 0)
      assert.deepStrictEqual(yield* idsOf(store.list({ status: "revoked", owner: "me" })), ["gone"])
    })
  )

  it.effect("keys of one owner are Unsupported on a backend without owners", () =>
    Effect.gen(function* () {
      const calls = recorded({ capabilities: capabilitiesWith({ owners: "unsupported" }) })
      const store = yield* storeOf(calls)
      const error = yield* Effect.flip(Stream.runCollect(store.list({ owner: "me" })))
      assertReason(error, "Unsupported", { capability: "owners" })
      assertReason(yield* Effect.flip(store.listPage({ owner: "me" })), "Unsupported", { capability: "owners" })
      assert.strictEqual(calls.count(), 0)
    })
  )

  it.effect("an owner of no letters and an empty set of states are InvalidRequest", () =>
    Effect.gen(function* () {
      const calls = recorded()
      const store = yield* storeOf(calls)
      const owner = yield* Effect.flip(Stream.runCollect(store.list({ owner: "" })))
      assertReason(owner, "InvalidRequest", { field: "owner" })
      const status = yield* Effect.flip(store.listPage({ status: [] }))
      assertReason(status, "InvalidRequest", { field: "status" })
      assert.strictEqual(calls.count(), 0)
    })
  )
})
