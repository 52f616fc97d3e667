import { assert, describe, it } from "@effect/vitest"
import { DriverError } from "@keyfold/core/Driver"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as timedPull from "../src/internal/timedPull.ts"

const after = Duration.seconds(10)

/** Pulls 1, 2, 3 and so on, each of which takes as long as the list says, and tells how many were begun. */
const counting = (...taking: ReadonlyArray<Duration.Input>) => {
  let begun = 0
  const pull = Effect.suspend(() => {
    const number = ++begun
    const time = taking[number - 1]
    return time === undefined ? Effect.fail("over" as const) : Effect.as(Effect.sleep(time), number)
  })
  return { pull, begun: () => begun }
}

const assertTimeout = (error: unknown) => {
  assert.instanceOf(error, DriverError)
  assert.strictEqual(error.reason._tag, "Timeout")
  assert.strictEqual(error.sent, "maybe")
}

describe("a timed pull", () => {
  it.effect("gives what is pulled and then its end, and pulls only when it is asked to", () =>
    Effect.gen(function* () {
      const { begun, pull } = counting(0, 0)
      const next = timedPull.make(after, pull, yield* Effect.scope)
      assert.strictEqual(begun(), 0)
      for (const number of [1, 2]) {
        const fiber = yield* Effect.forkChild(next)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(yield* Fiber.join(fiber), number)
        yield* TestClock.adjust("1 minutes")
        assert.strictEqual(begun(), number)
      }
      assert.strictEqual(yield* Effect.flip(next), "over")
    })
  )

  it.effect("gives each pull all of the time, however long nobody asked before", () =>
    Effect.gen(function* () {
      const next = timedPull.make(
        after,
        counting("1 millis", "9999 millis", "9 seconds", "1 hours").pull,
        yield* Effect.scope
      )
      for (const [number, time, pause] of [
        [1, "1 millis", "0 seconds"],
        [2, "9999 millis", "3 seconds"],
        [3, "9 seconds", "1 hours"]
      ] as const) {
        const fiber = yield* Effect.forkChild(next)
        yield* TestClock.adjust(time)
        assert.strictEqual(yield* Fiber.join(fiber), number)
        yield* TestClock.adjust(pause)
      }
      const fiber = yield* Effect.forkChild(Effect.flip(next))
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assertTimeout(yield* Fiber.join(fiber))
    })
  )

  it.effect("interrupts what is being pulled when its scope closes", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      const pull = Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      const next = timedPull.make(after, pull, scope)
      const fiber = yield* Effect.forkChild(Effect.flip(next))
      yield* TestClock.adjust(after)
      assertTimeout(yield* Fiber.join(fiber))
      assert.isFalse(yield* Deferred.isDone(interrupted))
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(yield* Deferred.isDone(interrupted))
    })
  )
})
