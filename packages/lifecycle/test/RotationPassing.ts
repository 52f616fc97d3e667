/** Virtual time that passes in steps, so that work which is really asynchronous (Web Crypto) keeps up with it. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

let digests = 0

/** Counts the Web Crypto calls under way; the methods themselves stay as they are. */
for (const name of ["digest", "importKey", "sign"] as const) {
  const original: unknown = Reflect.get(SubtleCrypto.prototype, name)
  if (typeof original !== "function") throw new Error(`Web Crypto has no ${name}`)
  Reflect.set(SubtleCrypto.prototype, name, function (this: SubtleCrypto, ...args: ReadonlyArray<unknown>) {
    digests++
    const result: Promise<unknown> = Reflect.apply(original, this, args)
    return result.finally(() => digests--)
  })
}

const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

const quietTurns = 6

/** Waits until nothing has been digested for some turns of the event loop: what is left waits for the clock. */
export const settle = Effect.gen(function* () {
  for (let quiet = 0; quiet < quietTurns;) {
    yield* turn
    quiet = digests > 0 ? 0 : quiet + 1
  }
})

/** Lets some seconds pass, in steps of that many. */
export const pass = (seconds: number, stepOf = 1): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* settle
    for (let passed = 0; passed < seconds; passed += stepOf) {
      yield* TestClock.adjust(`${stepOf} seconds`)
      yield* settle
    }
  })

/** Runs a call while time passes. */
export const passing = Effect.fnUntraced(function* <A, E, R>(call: Effect.Effect<A, E, R>, stepOf = 5) {
  const fiber = yield* Effect.forkChild(call)
  for (let steps = 0; steps < 500 && fiber.pollUnsafe() === undefined; steps++) yield* pass(stepOf, stepOf)
  return yield* Fiber.join(fiber)
})
