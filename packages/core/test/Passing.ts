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

const step = Effect.gen(function* () {
  yield* settle
  yield* TestClock.adjust("1 second")
  yield* settle
})

/** Waits, in no virtual time, until something has happened. */
export const until = (happened: () => boolean): Effect.Effect<void> =>
  Effect.asVoid(Effect.repeat(turn, { until: happened }))

/** Lets that many seconds pass. */
export const pass = (seconds: number): Effect.Effect<void> => Effect.asVoid(Effect.repeat(step, { times: seconds - 1 }))

/** Runs a call while time passes. */
export const passing = Effect.fnUntraced(function* <A, E, R>(call: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(call)
  for (let second = 0; second < 300 && fiber.pollUnsafe() === undefined; second++) yield* step
  return yield* Fiber.join(fiber)
})
