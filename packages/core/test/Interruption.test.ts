import { assert, describe, it } from "@effect/vitest"
import { RateLimited } from "@keyfold/core/KeyStoreError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import {
  advance,
  doing,
  driverError,
  everyOperation,
  perform,
  record,
  recorded,
  storeOf,
  willing,
  without
} from "./RecordedDriver.ts"

const hanging = () => {
  const state = { interrupted: 0 }
  const run = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void state.interrupted++))
  return { state, run }
}

describe("interrupting an operation", () => {
  it.effect.each(everyOperation)("%s interrupts the driver's call in flight, once, and sends no other", (operation) =>
    Effect.gen(function* () {
      const { run, state } = hanging()
      const calls = recorded(doing(operation, () => run))
      const store = yield* storeOf(calls)
      const fiber = yield* Effect.forkChild(perform(store, operation))
      yield* advance("1 second")
      assert.strictEqual(calls.count(operation), 1)
      assert.strictEqual(state.interrupted, 0)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(state.interrupted, 1)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      yield* advance("1 hour")
      assert.strictEqual(calls.count(), 1)
    })
  )

  it.effect.each(everyOperation)("%s while it pauses sends no further attempt", (operation) =>
    Effect.gen(function* () {
      const limited = driverError(new RateLimited({ retryAfter: Duration.seconds(10) }))
      const calls = recorded(doing(operation, () => Effect.fail(limited)))
      const store = yield* storeOf(calls)
      const fiber = yield* Effect.forkChild(perform(store, operation))
      yield* advance("15 seconds")
      assert.strictEqual(calls.count(operation), 2)
      yield* Fiber.interrupt(fiber)
      yield* advance("1 hour")
      assert.strictEqual(calls.count(operation), 2)
    })
  )

  it.effect("a page interrupts the driver's call, native or derived", () =>
    Effect.gen(function* () {
      const native = hanging()
      const derived = hanging()
      const stores = [
        yield* storeOf(recorded({ list: { kind: "pages", page: () => native.run } })),
        yield* storeOf(recorded(doing("list", () => derived.run)))
      ]
      for (const store of stores) {
        const fiber = yield* Effect.forkChild(store.listPage())
        yield* advance("1 second")
        yield* Fiber.interrupt(fiber)
      }
      assert.deepStrictEqual([native.state.interrupted, derived.state.interrupted], [1, 1])
    })
  )

  it.effect("a derived get or usage stops the list it waits for", () =>
    Effect.gen(function* () {
      const { run, state } = hanging()
      const calls = record(without({ ...willing, ...doing("list", () => run) }, "get", "usage"))
      const store = yield* storeOf(calls)
      for (const operation of ["get", "usage"] as const) {
        const fiber = yield* Effect.forkChild(perform(store, operation))
        yield* advance("1 second")
        yield* Fiber.interrupt(fiber)
        yield* advance("1 second")
      }
      assert.strictEqual(state.interrupted, 2)
      assert.strictEqual(calls.count("list"), 2)
    })
  )

  it.effect("a timeout of the caller's own reaches the driver, too", () =>
    Effect.gen(function* () {
      const { run, state } = hanging()
      const store = yield* storeOf(recorded(doing("list", () => run)))
      const fiber = yield* Effect.forkChild(Effect.timeoutOption(Stream.runDrain(store.list()), "5 seconds"))
      yield* advance("5 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(state.interrupted, 1)
    })
  )
})
