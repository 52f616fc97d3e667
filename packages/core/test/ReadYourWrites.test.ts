import { assert, describe, it } from "@effect/vitest"
import { observed, promised, type Bound } from "@keyfold/core/Capabilities"
import type { Driver } from "@keyfold/core/Driver"
import type * as KeyStore from "@keyfold/core/KeyStore"
import { Network, NotFound, PermissionDenied } from "@keyfold/core/KeyStoreError"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import {
  assertReason,
  capabilitiesWith,
  driverError,
  inTurn,
  keyWith,
  performOn,
  record,
  recorded,
  ref,
  settleFailure,
  settleSuccess,
  storeOf,
  willing,
  without,
  type Recorded
} from "./RecordedDriver.ts"

const missing = driverError(new NotFound({}))

const flagsOf = (visibility: Bound) =>
  capabilitiesWith({ consistency: { visibility, settle: promised("1 minute") }, revokeUnknown: "ambiguous" })

/** A backend whose answers lag: get, revoke and usage say "not found" as `parts` let them. */
const lagging = (parts: Partial<Driver>, visibility: Bound = observed("10 seconds")) =>
  recorded({ capabilities: flagsOf(visibility), ...parts })

const never = {
  get: () => Effect.fail(missing),
  revoke: () => Effect.fail(missing),
  usage: () => Effect.fail(missing)
}

const operations = ["get", "revoke", "usage"] as const

const visibleAfter =
  (time: Duration.Input) =>
  <A>(value: A) =>
    Effect.flatMap(DateTime.now, (now) =>
      now.epochMilliseconds < Duration.toMillis(time) ? Effect.fail(missing) : Effect.succeed(value)
    )

describe("a key that was just created", () => {
  it.effect.each(operations)("is waited for by %s with pauses from 50 ms to 1 s until it is visible", (operation) =>
    Effect.gen(function* () {
      const shown = visibleAfter("4 seconds")
      const calls = lagging({
        get: ({ id }) => shown(keyWith(id)),
        revoke: ({ id }) => shown({ id, effectiveWithin: Duration.zero }),
        usage: ({ id }) => shown({ id, precision: "exact" as const, provider: {} })
      })
      const store = yield* storeOf(calls)
      const { key } = yield* store.create({})
      const { id } = yield* settleSuccess(performOn(store, operation, ref(key.id)))
      assert.strictEqual(id, key.id)
      assert.deepStrictEqual(calls.times(operation), [0, 50, 150, 350, 750, 1550, 2550, 3550, 4550])
    })
  )

  it.effect("is not waited for once the backend has revoked it: then its absence is an answer", () =>
    Effect.gen(function* () {
      const calls = lagging({ get: () => Effect.fail(missing) })
      const store = yield* storeOf(calls)
      const { key } = yield* store.create({})
      yield* store.revoke(key)
      const error = yield* settleFailure(store.get(key))
      assertReason(error, "NotFound")
      assert.strictEqual(calls.count("get"), 1)
    })
  )

  it.effect.each(operations)("is waited for by %s until the visibility bound and not beyond", (operation) =>
    Effect.gen(function* () {
      const calls = lagging(never)
      const store = yield* storeOf(calls)
      const { key } = yield* store.create({})
      yield* TestClock.adjust("7 seconds")
      const error = yield* settleFailure(performOn(store, operation, ref(key.id)))
      assertReason(error, "NotFound")
      assert.isFalse(error.isRetryable)
      assert.strictEqual(error.operation, operation)
      // The bound runs from the creation, not from this call.
      assert.strictEqual(calls.times(operation).at(-1), 10_000)
      yield* settleFailure(performOn(store, operation, ref(key.id)), 0)
    })
  )

  it.effect("counts every request made in the error", () =>
    Effect.gen(function* () {
      const calls = lagging(never)
      const store = yield* storeOf(calls)
      const { key } = yield* store.create({})
      const error = yield* settleFailure(store.get(ref(key.id)))
      assert.strictEqual(error.attempts, calls.count("get"))
    })
  )

  it.effect("is not waited for where writes are visible at once", () =>
    Effect.gen(function* () {
      const calls = lagging(never, promised(0))
      const store = yield* storeOf(calls)
      const { key } = yield* store.create({})
      yield* settleFailure(store.get(ref(key.id)), 0)
      assert.strictEqual(calls.count("get"), 1)
    })
  )

  it.effect("is not waited for after any other failure", () =>
    Effect.gen(function* () {
      const calls = lagging({ get: () => Effect.fail(driverError(new PermissionDenied({}))) })
      const store = yield* storeOf(calls)
      const { key } = yield* store.create({})
      assertReason(yield* settleFailure(store.get(ref(key.id)), 0), "PermissionDenied")
      assert.strictEqual(calls.count("get"), 1)
    })
  )

  it.effect("is waited for through transient failures, too", () =>
    Effect.gen(function* () {
      const calls = lagging({ get: inTurn(missing, driverError(new Network({})), missing, keyWith("new")) })
      const store = yield* storeOf(calls)
      const { key } = yield* store.create({})
      assert.strictEqual((yield* settleSuccess(store.get(ref(key.id)))).id, "new")
    })
  )

  it.effect("is waited for by a derived get, which lists anew each time", () =>
    Effect.gen(function* () {
      const calls: Recorded = record(without({ ...willing, capabilities: flagsOf(observed("2 seconds")) }, "get"))
      const store = yield* storeOf(calls)
      const { key } = yield* store.create({})
      assertReason(yield* settleFailure(store.get(ref(key.id))), "NotFound")
      assert.strictEqual(calls.times("list").at(-1), 2_000)
    })
  )
})

describe("any other key", () => {
  const created = (milliseconds: number) => keyWith("elsewhere", { createdAt: DateTime.makeUnsafe(milliseconds) })

  it.effect.each(operations)("of an unknown id is NotFound for %s at once", (operation) =>
    Effect.gen(function* () {
      const calls = lagging(never)
      const store = yield* storeOf(calls)
      yield* store.create({})
      assertReason(yield* settleFailure(performOn(store, operation, ref("unknown")), 0), "NotFound")
      assert.strictEqual(calls.count(operation), 1)
    })
  )

  it.effect("made by another store over the same backend is unknown to this one", () =>
    Effect.gen(function* () {
      const calls = lagging(never)
      const { key } = yield* (yield* storeOf(calls)).create({})
      const other: KeyStore.KeyStore["Service"] = yield* storeOf(calls)
      yield* settleFailure(other.get(ref(key.id)), 0)
      assert.strictEqual(calls.count("get"), 1)
    })
  )

  it.effect.each(operations)(
    "handed to %s as an ApiKey that another process made a moment ago is waited for",
    (operation) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(100_000)
        const calls = lagging(never)
        const store = yield* storeOf(calls)
        yield* settleFailure(performOn(store, operation, created(97_000)))
        assert.isAbove(calls.count(operation), 1)
        assert.strictEqual(calls.times(operation).at(-1), 107_000)
      })
  )

  it.effect("handed over as an ApiKey older than the bound is not waited for", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(100_000)
      const calls = lagging(never)
      const store = yield* storeOf(calls)
      yield* settleFailure(store.get(created(90_000)), 0)
      yield* settleFailure(store.get(keyWith("no creation time")), 0)
      assert.strictEqual(calls.count("get"), 2)
    })
  )

  it.effect("from a process whose clock runs ahead is waited for no longer than the bound", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(100_000)
      const calls = lagging(never)
      const store = yield* storeOf(calls)
      yield* settleFailure(store.get(created(100_000 + 3_600_000)))
      assert.isAtMost(calls.times("get").at(-1) ?? 0, 110_000)
    })
  )
})
