import { assert, describe, it } from "@effect/vitest"
import { DriverError } from "@keyfold/core/Driver"
import { Network, RateLimited, Unavailable, type Operation } from "@keyfold/core/KeyStoreError"
import { RetryPolicy, defaultPolicy } from "@keyfold/core/RetryPolicy"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"
import {
  assertReason,
  doing,
  driverError,
  everyOperation,
  inTurn,
  keyWith,
  perform,
  recorded,
  ref,
  settle,
  settleFailure,
  settleSuccess,
  storeOf
} from "./RecordedDriver.ts"

const down = driverError(new Unavailable({ status: 503 }), "no")

const limited = (retryAfter: Duration.Input) =>
  driverError(new RateLimited({ retryAfter: Duration.fromInputUnsafe(retryAfter) }))

const pauses = (times: ReadonlyArray<number>) => times.slice(1).map((time, index) => time - (times[index] ?? 0))

/** Makes the jitter the least or the most there is. */
const withJitter = (value: number) =>
  Effect.provideService(Random.Random, { nextDoubleUnsafe: () => value, nextIntUnsafe: () => 0 })

const withPolicy = (policy: Partial<RetryPolicy>) => Effect.provideService(RetryPolicy, { ...defaultPolicy, ...policy })

describe("the pauses between attempts", () => {
  const measure = Effect.fnUntraced(function* (policy: Partial<RetryPolicy>) {
    const calls = recorded({ get: () => Effect.fail(down) })
    const store = yield* withPolicy(policy)(storeOf(calls))
    const error = yield* settleFailure(store.get(ref("k")))
    assert.isTrue(error.exhausted)
    return pauses(calls.times("get"))
  })

  it.effect("double from 200 ms, jittered down to the half at most", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* withJitter(0)(measure({})), [100, 200, 400])
      assert.deepStrictEqual(yield* withJitter(1)(measure({})), [200, 400, 800])
      const [first = 0, second = 0, third = 0] = yield* measure({})
      assert.isTrue(first >= 100 && first <= 200 && second >= 200 && second <= 400 && third >= 400 && third <= 800)
    })
  )

  it.effect("are jittered: two calls do not pause alike", () =>
    Effect.gen(function* () {
      assert.notDeepEqual(yield* measure({}), yield* measure({}))
    })
  )

  it.effect("stop growing at the policy's maximum", () =>
    Effect.gen(function* () {
      const policy = { attempts: 8, initialDelay: Duration.seconds(1), maximumDelay: Duration.seconds(5) }
      assert.deepStrictEqual(yield* withJitter(1)(measure(policy)), [1000, 2000, 4000, 5000, 5000, 5000, 5000])
    })
  )

  it.effect("are none where the policy allows one attempt", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* measure({ attempts: 1 }), [])
    })
  )

  it.effect("end with the budget: what cannot be waited for fails at once, exhausted", () =>
    Effect.gen(function* () {
      const calls = recorded({ get: () => Effect.fail(down) })
      const store = yield* withPolicy({ attempts: 100, budget: Duration.seconds(10) })(storeOf(calls))
      const error = yield* withJitter(1)(settleFailure(store.get(ref("k"))))
      assert.isTrue(error.exhausted)
      // 200 + 400 + 800 + 1600 + 3200 = 6200 ms; another 5000 ms would pass the budget.
      assert.strictEqual(calls.count("get"), 6)
      assert.strictEqual(calls.times("get").at(-1), 6_200)
      assert.strictEqual(error.attempts, 6)
    })
  )

  it.effect("leave the caller's time alone where the first attempt succeeds", () =>
    Effect.gen(function* () {
      const calls = recorded()
      const store = yield* storeOf(calls)
      yield* store.get(ref("k"))
      assert.deepStrictEqual(calls.times("get"), [0])
    })
  )
})

describe("a Retry-After", () => {
  it.effect.each(everyOperation)("of %s's rate limit is waited for exactly, never jittered", (operation: Operation) =>
    Effect.gen(function* () {
      const calls = recorded(doing(operation, () => Effect.fail(limited("7 seconds"))))
      const store = yield* storeOf(calls)
      yield* settleFailure(perform(store, operation))
      assert.deepStrictEqual(calls.times(operation), [0, 7_000, 14_000, 21_000])
    })
  )

  it.effect("of an outage counts as well", () =>
    Effect.gen(function* () {
      const reason = new Unavailable({ status: 503, retryAfter: Duration.seconds(30) })
      const calls = recorded({ get: inTurn(driverError(reason), keyWith("k")) })
      const store = yield* storeOf(calls)
      yield* settleSuccess(store.get(ref("k")))
      assert.deepStrictEqual(calls.times("get"), [0, 30_000])
    })
  )

  it.effect("is a floor: one shorter than the pause does not shorten it", () =>
    Effect.gen(function* () {
      const calls = recorded({ get: () => Effect.fail(limited(0)) })
      const store = yield* storeOf(calls)
      yield* withJitter(1)(settleFailure(store.get(ref("k"))))
      assert.deepStrictEqual(pauses(calls.times("get")), [200, 400, 800])
    })
  )

  it.effect("of 60 seconds is waited for", () =>
    Effect.gen(function* () {
      const calls = recorded({ get: inTurn(limited("60 seconds"), keyWith("k")) })
      const store = yield* storeOf(calls)
      yield* settleSuccess(store.get(ref("k")))
      assert.deepStrictEqual(calls.times("get"), [0, 60_000])
    })
  )

  it.effect.each(everyOperation)("above the cap makes %s fail at once, to be retried when it says", (operation) =>
    Effect.gen(function* () {
      const calls = recorded(doing(operation, () => Effect.fail(limited("60001 millis"))))
      const store = yield* storeOf(calls)
      const error = yield* settleFailure(perform(store, operation), 0)
      assertReason(error, "RateLimited")
      assert.deepStrictEqual(error.retryAfter, Duration.millis(60_001))
      assert.isTrue(error.isRetryable)
      assert.isFalse(error.exhausted)
      assert.strictEqual(error.attempts, 1)
      assert.strictEqual(calls.count(operation), 1)
    })
  )

  it.effect("is measured against the cap of the policy", () =>
    Effect.gen(function* () {
      const calls = recorded({ get: () => Effect.fail(limited("2 seconds")) })
      const store = yield* withPolicy({ retryAfterCap: Duration.seconds(1) })(storeOf(calls))
      assert.isTrue((yield* settleFailure(store.get(ref("k")), 0)).isRetryable)
      assert.strictEqual(calls.count("get"), 1)
    })
  )

  it.effect("above what is left of the budget is not waited for either", () =>
    Effect.gen(function* () {
      const calls = recorded({ get: () => Effect.fail(limited("50 seconds")) })
      const store = yield* storeOf(calls)
      const error = yield* settleFailure(store.get(ref("k")))
      assert.deepStrictEqual(calls.times("get"), [0, 50_000, 100_000])
      assertReason(error, "RateLimited", { retryAfter: Duration.seconds(50) })
      assert.isTrue(error.isRetryable)
      assert.strictEqual(error.attempts, 3)
    })
  )

  it.effect("does not make a fifth attempt: after the last the error is exhausted", () =>
    Effect.gen(function* () {
      const calls = recorded({ get: () => Effect.fail(limited("1 second")) })
      const store = yield* storeOf(calls)
      const error = yield* settleFailure(store.get(ref("k")))
      assert.isTrue(error.exhausted)
      assert.isFalse(error.isRetryable)
      assert.deepStrictEqual(error.retryAfter, Duration.seconds(1))
    })
  )

  it.effect("is absent from the wrapper where the reason has none", () =>
    Effect.gen(function* () {
      const store = yield* storeOf(recorded({ get: () => Effect.fail(driverError(new Network({}))) }))
      assert.isUndefined((yield* settleFailure(store.get(ref("k")))).retryAfter)
    })
  )
})

describe("the retry policy", () => {
  it("is the documented one", () => {
    assert.deepStrictEqual(defaultPolicy, {
      attempts: 4,
      initialDelay: Duration.millis(200),
      maximumDelay: Duration.seconds(5),
      retryAfterCap: Duration.seconds(60),
      budget: Duration.minutes(2)
    })
  })

  it.effect("gives each call a budget of its own", () =>
    Effect.gen(function* () {
      const calls = recorded({ get: () => Effect.fail(limited("50 seconds")) })
      const store = yield* storeOf(calls)
      yield* settle(store.get(ref("k")))
      yield* TestClock.adjust("1 hour")
      const before = calls.count("get")
      yield* settle(store.get(ref("k")))
      assert.strictEqual(calls.count("get") - before, 3)
    })
  )

  it.effect("passes the backend's request id on to the error", () =>
    Effect.gen(function* () {
      const failure = new DriverError({ reason: new Network({}), sent: "maybe", requestId: "request-7" })
      const store = yield* storeOf(recorded({ get: () => Effect.fail(failure), create: () => Effect.fail(failure) }))
      assert.strictEqual((yield* settleFailure(store.get(ref("k")))).requestId, "request-7")
      assert.strictEqual((yield* settleFailure(store.create({}))).requestId, "request-7")
    })
  )
})
