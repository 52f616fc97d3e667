import { assert, describe, it } from "@effect/vitest"
import type { Capabilities } from "@keyfold/core/Capabilities"
import { observed, promised } from "@keyfold/core/Capabilities"
import type { Driver } from "@keyfold/core/Driver"
import { InvalidResponse, Network, NotFound, RateLimited, Unavailable } from "@keyfold/core/KeyStoreError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import {
  assertReason,
  capabilitiesWith,
  driverError,
  inTurn,
  keyWith,
  record,
  recorded,
  ref,
  settleFailure,
  settleSuccess,
  storeOf,
  willing,
  without
} from "./RecordedDriver.ts"

const lost = driverError(new Network({ code: "ECONNRESET" }))
const unsent = driverError(new Network({ code: "ECONNREFUSED" }), "no")
const missing = driverError(new NotFound({}))
const accepted = { id: ref("k").id, effectiveWithin: Duration.seconds(10) }
const active = keyWith("k")
const revoked = keyWith("k", { status: "revoked" })

const backend = (flags: Partial<Omit<Capabilities, "operations">>, parts: Partial<Driver>) =>
  recorded({ capabilities: capabilitiesWith({ revocationLag: observed("1 minute"), ...flags }), ...parts })

const namesOf = ({ calls }: { readonly calls: ReadonlyArray<{ readonly operation: string }> }) =>
  calls.map((call) => call.operation)

describe("revoke", () => {
  it.effect("passes on what the driver says, in one request", () =>
    Effect.gen(function* () {
      const calls = backend({}, { revoke: () => Effect.succeed({ ...accepted, alreadyRevoked: true }) })
      const store = yield* storeOf(calls)
      assert.deepStrictEqual(yield* store.revoke(ref("k")), { ...accepted, alreadyRevoked: true })
      assert.deepStrictEqual(namesOf(calls), ["revoke"])
    })
  )

  it.effect.each([ref("k"), active, revoked])(
    "of a key that is not there is NotFound, whatever is known of it: %o",
    (key) =>
      Effect.gen(function* () {
        const calls = backend({}, { revoke: () => Effect.fail(missing) })
        const store = yield* storeOf(calls)
        assertReason(yield* settleFailure(store.revoke(key)), "NotFound")
        assert.deepStrictEqual(namesOf(calls), ["revoke"])
      })
  )

  it.effect.each([unsent, driverError(new RateLimited({}))])(
    "that provably did nothing before, then answers NotFound, is NotFound: %o",
    (error) =>
      Effect.gen(function* () {
        const calls = backend({}, { revoke: inTurn(error, missing) })
        const store = yield* storeOf(calls)
        assertReason(yield* settleFailure(store.revoke(active)), "NotFound")
        assert.deepStrictEqual(namesOf(calls), ["revoke", "revoke"])
      })
  )

  it.effect("repeats a lost attempt where repeating changes nothing", () =>
    Effect.gen(function* () {
      const calls = backend({ repeatedRevoke: "unchanged" }, { revoke: inTurn(lost, accepted) })
      const store = yield* storeOf(calls)
      assert.deepStrictEqual(yield* settleSuccess(store.revoke(ref("k"))), accepted)
      assert.deepStrictEqual(namesOf(calls), ["revoke", "revoke"])
    })
  )

  it.effect("does not repeat what was answered with nonsense: that is InvalidResponse", () =>
    Effect.gen(function* () {
      const calls = backend({}, { revoke: () => Effect.fail(driverError(new InvalidResponse({ problem: "HTML" }))) })
      const store = yield* storeOf(calls)
      assertReason(yield* settleFailure(store.revoke(active)), "InvalidResponse")
      assert.strictEqual(calls.count(), 1)
    })
  )
})

describe("NotFound after an ambiguous revoke", () => {
  const revoke = () => inTurn(lost, missing)

  it.effect("is success where the backend's NotFound is exact and the call knew the key", () =>
    Effect.gen(function* () {
      const calls = backend({ revokeUnknown: "notFound" }, { revoke: revoke() })
      const store = yield* storeOf(calls)
      assert.deepStrictEqual(yield* settleSuccess(store.revoke(active)), {
        id: active.id,
        alreadyRevoked: true,
        effectiveWithin: Duration.minutes(1)
      })
      assert.deepStrictEqual(namesOf(calls), ["revoke", "revoke"])
    })
  )

  it.effect("is success where this store made the key itself", () =>
    Effect.gen(function* () {
      const calls = backend({ revokeUnknown: "notFound" }, { revoke: revoke() })
      const store = yield* storeOf(calls)
      const { key } = yield* store.create({})
      assert.isTrue((yield* settleSuccess(store.revoke(ref(key.id)))).alreadyRevoked)
      assert.deepStrictEqual(namesOf(calls), ["create", "revoke", "revoke"])
    })
  )

  it.effect.each(["notFound", "ambiguous", "undocumented"] as const)(
    "stays NotFound where nobody knew the key and a read does not find it either: %s",
    (revokeUnknown) =>
      Effect.gen(function* () {
        const calls = backend({ revokeUnknown }, { revoke: revoke(), get: () => Effect.fail(missing) })
        const store = yield* storeOf(calls)
        assertReason(yield* settleFailure(store.revoke(ref("k"))), "NotFound")
      })
  )

  it.effect.each(["ambiguous", "undocumented"] as const)(
    "is confirmed by a read that shows the key revoked: %s",
    (revokeUnknown) =>
      Effect.gen(function* () {
        const calls = backend({ revokeUnknown }, { revoke: revoke(), get: () => Effect.succeed(revoked) })
        const store = yield* storeOf(calls)
        assert.isTrue((yield* settleSuccess(store.revoke(ref("k")))).alreadyRevoked)
        assert.deepStrictEqual(namesOf(calls), ["revoke", "revoke", "get"])
      })
  )

  it.effect.each(["ambiguous", "undocumented"] as const)(
    "is confirmed by a read that no longer finds a key the call knew: %s",
    (revokeUnknown) =>
      Effect.gen(function* () {
        const calls = backend({ revokeUnknown }, { revoke: revoke(), get: () => Effect.fail(missing) })
        const store = yield* storeOf(calls)
        assert.isTrue((yield* settleSuccess(store.revoke(active))).alreadyRevoked)
      })
  )

  it.effect.each(["ambiguous", "undocumented"] as const)(
    "stays NotFound where a read shows the key still active: %s",
    (revokeUnknown) =>
      Effect.gen(function* () {
        const calls = backend({ revokeUnknown }, { revoke: revoke(), get: () => Effect.succeed(active) })
        const store = yield* storeOf(calls)
        assertReason(yield* settleFailure(store.revoke(active)), "NotFound")
      })
  )

  it.effect("is not success where the read fails", () =>
    Effect.gen(function* () {
      const down = driverError(new Unavailable({ status: 503 }))
      const calls = backend({ revokeUnknown: "ambiguous" }, { revoke: revoke(), get: () => Effect.fail(down) })
      const store = yield* storeOf(calls)
      assertReason(yield* settleFailure(store.revoke(active)), "Unavailable")
    })
  )

  it.effect("proves nothing while a key just created may not be visible yet: the revoke is sent until it is", () =>
    Effect.gen(function* () {
      const visible = Effect.map(
        Effect.clockWith((clock) => clock.currentTimeMillis),
        (now) => now >= 3_000
      )
      const live = { revoked: false }
      const answers = { first: true }
      const calls = backend(
        {
          revokeUnknown: "ambiguous",
          consistency: { visibility: observed("10 seconds"), settle: promised("1 minute") }
        },
        {
          get: () =>
            Effect.flatMap(visible, (yes) =>
              yes ? Effect.succeed(live.revoked ? revoked : active) : Effect.fail(missing)
            ),
          revoke: () =>
            Effect.flatMap(visible, (yes) => {
              if (answers.first) {
                answers.first = false
                return Effect.fail(lost)
              }
              if (!yes) return Effect.fail(missing)
              live.revoked = true
              return Effect.succeed(accepted)
            })
        }
      )
      const store = yield* storeOf(calls)
      const { key } = yield* store.create({})
      yield* settleSuccess(store.revoke(key))
      assert.isTrue(live.revoked, "the key is still live")
    })
  )
})

describe("a repeated revoke that would move the recorded time", () => {
  const moving = { repeatedRevoke: "movesTime" } as const

  it.effect("is sent only after a read shows the key still active", () =>
    Effect.gen(function* () {
      const calls = backend(moving, { revoke: inTurn(lost, accepted), get: () => Effect.succeed(active) })
      const store = yield* storeOf(calls)
      assert.deepStrictEqual(yield* settleSuccess(store.revoke(active)), accepted)
      assert.deepStrictEqual(namesOf(calls), ["revoke", "get", "revoke"])
    })
  )

  it.effect("is not sent where the read shows that the lost attempt worked", () =>
    Effect.gen(function* () {
      const calls = backend(moving, { revoke: inTurn(lost, accepted), get: () => Effect.succeed(revoked) })
      const store = yield* storeOf(calls)
      assert.deepStrictEqual(yield* settleSuccess(store.revoke(ref("k"))), {
        id: active.id,
        alreadyRevoked: true,
        effectiveWithin: Duration.minutes(1)
      })
      assert.deepStrictEqual(namesOf(calls), ["revoke", "get"])
    })
  )

  it.effect.each([unsent, driverError(new RateLimited({}))])(
    "needs no read after an attempt that did nothing: %o",
    (error) =>
      Effect.gen(function* () {
        const calls = backend(moving, { revoke: inTurn(error, accepted) })
        const store = yield* storeOf(calls)
        yield* settleSuccess(store.revoke(active))
        assert.deepStrictEqual(namesOf(calls), ["revoke", "revoke"])
      })
  )

  it.effect("is not sent blindly where the read fails", () =>
    Effect.gen(function* () {
      const down = driverError(new Unavailable({ status: 503 }))
      const calls = backend(moving, { revoke: inTurn(lost, accepted), get: () => Effect.fail(down) })
      const store = yield* storeOf(calls)
      assertReason(yield* settleFailure(store.revoke(active)), "Unavailable")
      assert.strictEqual(calls.count("revoke"), 1)
    })
  )

  it.effect("is read first also after a NotFound of a key just created", () =>
    Effect.gen(function* () {
      const calls = backend(
        { ...moving, consistency: { visibility: observed("10 seconds"), settle: promised(0) } },
        { revoke: inTurn(lost, missing, accepted), get: inTurn(active, active, revoked) }
      )
      const store = yield* storeOf(calls)
      const { key } = yield* store.create({})
      yield* settleSuccess(store.revoke(ref(key.id)))
      assert.strictEqual(calls.count("revoke"), 2)
    })
  )

  it.effect("succeeds where the read no longer finds a key the call knew, on a backend that hides revoked keys", () =>
    Effect.gen(function* () {
      const calls = backend(
        { ...moving, getsRevoked: false },
        { revoke: inTurn(lost, accepted), get: () => Effect.fail(missing) }
      )
      const store = yield* storeOf(calls)
      assert.isTrue((yield* settleSuccess(store.revoke(active))).alreadyRevoked)
      assert.strictEqual(calls.count("revoke"), 1)
    })
  )

  it.effect("confirms through a derived get as well", () =>
    Effect.gen(function* () {
      const base = backend(moving, { revoke: inTurn(lost, accepted) })
      const calls = record(without({ ...willing, ...base.driver, list: willing.list }, "get"))
      const store = yield* storeOf(calls)
      yield* settleSuccess(store.revoke(keyWith("first")))
      assert.deepStrictEqual(namesOf(calls), ["revoke", "list", "revoke"])
      yield* TestClock.adjust(0)
    })
  )
})
