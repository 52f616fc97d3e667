/** Letting calls in flight come to their end when a run is interrupted. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/** Runs a call that an interruption does not break off at once. */
export type Finishing = <A, E>(call: Effect.Effect<A, E>) => Effect.Effect<A, E>

/** As long as a store waits when it closes. */
const patience = Duration.toMillis(Duration.seconds(10))

/**
 * Makes the guard of one run. After the first interruption there are 10 seconds for all calls together: a stream ends its
 * fibers one after the other, and each of them waiting on its own would add up.
 */
export const make = (): Finishing => {
  let deadline: number | undefined
  const timeLeft = Effect.map(Clock.currentTimeMillis, (now) => {
    deadline ??= now + patience
    return Duration.millis(Math.max(0, deadline - now))
  })
  const end = <A, E>(fiber: Fiber.Fiber<A, E>) =>
    Effect.flatMap(timeLeft, (left) =>
      Effect.andThen(Effect.timeoutOption(Effect.interruptible(Fiber.await(fiber)), left), Fiber.interrupt(fiber))
    )
  return (call) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkDetach(Effect.interruptible(call)), (fiber) =>
        Effect.onInterrupt(restore(Fiber.join(fiber)), () => end(fiber))
      )
    )
}
