import { assert, describe, it } from "@effect/vitest"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as KeyStores from "@keyfold/core/KeyStores"
import { RateLimited } from "@keyfold/core/KeyStoreError"
import * as RequestBudget from "@keyfold/core/RequestBudget"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { settle, until } from "./Passing.ts"
import { advance, doing, driverError, record, recorded, ref, willing } from "./RecordedDriver.ts"
import * as SharedBackend from "./SharedBackend.ts"

const patience = Duration.minutes(1)

const takenAt = (budget: RequestBudget.RequestBudget, priority: RequestBudget.Priority, count: number) =>
  Effect.gen(function* () {
    const times: Array<number> = []
    const start = yield* now
    const fiber = yield* Effect.forkChild(
      Effect.forEach(
        Array.from({ length: count }),
        () =>
          Effect.andThen(
            budget.take(priority, patience),
            Effect.map(now, (time) => times.push(time - start))
          ),
        { concurrency: "unbounded", discard: true }
      )
    )
    for (let second = 0; second < 60; second++) yield* TestClock.adjust("1 second")
    yield* Fiber.interrupt(fiber)
    return times
  })

const now = Effect.map(
  Effect.clockWith((clock) => clock.currentTimeMillis),
  Number
)

describe("a request budget", () => {
  it.effect("lets as many go at once as it has, and the others in their turn", () =>
    Effect.gen(function* () {
      const budget = RequestBudget.make({ requests: 3, per: "3 seconds" })
      assert.deepStrictEqual(yield* takenAt(budget, "foreground", 6), [0, 0, 0, 1000, 2000, 3000])
    })
  )

  it.effect("keeps its reserve from background work", () =>
    Effect.gen(function* () {
      const budget = RequestBudget.make({ requests: 4, per: "4 seconds", reserved: 3 })
      assert.deepStrictEqual(yield* takenAt(budget, "background", 3), [0, 1000, 2000])
    })
  )

  it.effect("serves the foreground at once however much work waits in the background", () =>
    Effect.gen(function* () {
      const budget = RequestBudget.make({ requests: 4, per: "4 seconds" })
      const background = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 100 }), () => budget.take("background", Duration.hours(1)), {
          concurrency: "unbounded"
        })
      )
      yield* TestClock.adjust("10 seconds")
      const before = yield* now
      yield* budget.take("foreground", patience)
      yield* budget.take("foreground", patience)
      assert.strictEqual(yield* now, before)
      yield* Fiber.interrupt(background)
    })
  )

  it.effect("says at once how long it would take, where that is longer than the caller waits", () =>
    Effect.gen(function* () {
      const budget = RequestBudget.make({ requests: 1, per: "10 seconds", reserved: 0 })
      yield* budget.take("foreground", patience)
      const wait = yield* Effect.flip(budget.take("foreground", Duration.seconds(5)))
      assert.strictEqual(Duration.toMillis(wait), 10_000)
      assert.strictEqual(Duration.toMillis(yield* Effect.flip(budget.take("background", Duration.seconds(5)))), 10_000)
    })
  )

  it.effect("gets back the turn of a caller who stops waiting", () =>
    Effect.gen(function* () {
      const budget = RequestBudget.make({ requests: 1, per: "10 seconds", reserved: 0 })
      yield* budget.take("foreground", patience)
      const waiting = yield* Effect.forkChild(budget.take("foreground", patience))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(waiting)
      yield* TestClock.adjust("9 seconds")
      yield* budget.take("foreground", Duration.zero)
    })
  )

  it.effect("holds background work back while the backend asks for fewer requests", () =>
    Effect.gen(function* () {
      const budget = RequestBudget.unlimited()
      yield* budget.pause(Duration.seconds(5))
      assert.deepStrictEqual(yield* takenAt(budget, "background", 1), [5000])
      assert.deepStrictEqual(yield* takenAt(budget, "foreground", 1), [0])
    })
  )

  it.effect.each([
    [{ requests: 0, per: "1 second" }, /requests: expected/],
    [{ requests: 1.5, per: "1 second" }, /requests: expected/],
    [{ requests: 2, per: "1 second", reserved: 2 }, /reserved: expected/],
    [{ requests: 2, per: 0 }, /per: expected/]
  ] as const)("refuses %j", ([options, problem]) =>
    Effect.sync(() => assert.throws(() => RequestBudget.make(options), problem))
  )
})

describe("stores that share a budget", () => {
  it.effect("send no more together than it allows", () =>
    Effect.gen(function* () {
      const calls = record(willing)
      const budget = RequestBudget.make({ requests: 2, per: "2 seconds" })
      const first = yield* KeyStore.make(calls.driver, { budget })
      const second = yield* KeyStore.make(calls.driver, { budget })
      const fiber = yield* Effect.forkChild(
        Effect.all([first.get(ref("a")), second.get(ref("b")), Stream.runDrain(first.list()), second.get(ref("c"))], {
          concurrency: "unbounded"
        })
      )
      yield* advance("1 millis")
      assert.strictEqual(calls.count(), 2)
      yield* advance("2 seconds")
      assert.strictEqual(calls.count(), 4)
      yield* Fiber.join(fiber)
    }).pipe(Effect.scoped)
  )

  it.effect("of 1,000 tenants in parallel send what it allows, from the first second to the last", () =>
    Effect.gen(function* () {
      const { recorded } = SharedBackend.make()
      const { backend, capabilities } = recorded.driver
      const names = Array.from({ length: 1_000 }, (_, number) => `tenant-${number}`)
      const map = yield* KeyStores.make({
        stores: {
          shared: {
            backend,
            capabilities,
            driver: Effect.succeed(recorded.driver),
            options: { labelSecret: Redacted.make("a secret for marks") },
            budget: { requests: 100, per: "1 second" }
          }
        },
        tenants: Object.fromEntries(names.map((name) => [name, "shared"]))
      })
      const list = (name: string) =>
        Effect.scoped(Effect.flatMap(map.forTenant(name), (store) => Stream.runDrain(store.list())))
      const fiber = yield* Effect.forkChild(Effect.forEach(names, list, { concurrency: "unbounded", discard: true }))
      yield* until(() => recorded.count("list") >= 100)
      for (let second = 1; second <= 9; second++) {
        yield* settle
        assert.strictEqual(recorded.count("list"), 100 * second)
        yield* TestClock.adjust("1 second")
      }
      yield* Fiber.join(fiber)
    }).pipe(Effect.scoped)
  )

  it.effect("fail RateLimited, with the wait, where a call's time does not reach to its turn", () =>
    Effect.gen(function* () {
      const calls = record(willing)
      const budget = RequestBudget.make({ requests: 1, per: "1 hour", reserved: 0 })
      const store = yield* KeyStore.make(calls.driver, { budget })
      yield* store.get(ref("a"))
      const error = yield* Effect.flip(store.get(ref("b")))
      assert.strictEqual(error.reason._tag, "RateLimited")
      assert.strictEqual(Duration.toMinutes(error.retryAfter ?? Duration.zero), 60)
      assert.deepStrictEqual([error.attempts, error.isRetryable, calls.count()], [0, true, 1])
    }).pipe(Effect.scoped)
  )

  it.effect("learn from a 429 to hold background work back", () =>
    Effect.gen(function* () {
      const limited = driverError(new RateLimited({ retryAfter: Duration.minutes(10) }))
      const calls = recorded(doing("get", () => Effect.fail(limited)))
      const budget = RequestBudget.unlimited()
      const store = yield* KeyStore.make(calls.driver, { budget })
      yield* Effect.flip(store.get(ref("a")))
      const wait = yield* Effect.flip(budget.take("background", Duration.minutes(5)))
      assert.strictEqual(Duration.toMinutes(wait), 10)
    }).pipe(Effect.scoped)
  )
})
