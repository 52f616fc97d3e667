/** The time an attempt may take. */
import { DriverError } from "@keyfold/core/Driver"
import { Timeout } from "@keyfold/core/KeyStoreError"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

/**
 * Runs an effect beside what ends it; its own end comes first, and what would have ended it is stopped.
 *
 * It is a race of two, without what a race of any number takes: every call goes through here.
 */
const endedBy = <A, E, R>(effect: Effect.Effect<A, E, R>, end: Effect.Effect<never, E>): Effect.Effect<A, E, R> =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.callback<A, E>((resume) => {
      const fork = Effect.runForkWith(context)
      let over: Exit.Exit<never, E> | undefined
      const running = fork(effect)
      const ending = running.pollUnsafe() === undefined ? fork(end) : undefined
      ending?.addObserver((exit) => {
        over = exit
        running.interruptUnsafe()
      })
      running.addObserver((exit) => {
        resume(over ?? exit)
        ending?.interruptUnsafe()
      })
      return Effect.suspend(() => Fiber.interruptAll(ending === undefined ? [running] : [running, ending]))
    })
  )

/** Fails an effect with `Timeout` when its time is over; the effect starts that time anew with each `moved`. */
export const inTime = <A, E, R>(
  after: Duration.Duration,
  sent: () => DriverError["sent"],
  run: (moved: Effect.Effect<void>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | DriverError, R> =>
  Effect.suspend(() => {
    let deadline = 0
    const moved = Clock.clockWith((clock) => {
      deadline = clock.currentTimeMillisUnsafe() + Duration.toMillis(after)
      return Effect.void
    })
    const watch: Effect.Effect<never, DriverError> = Clock.clockWith((clock) => {
      const left = deadline - clock.currentTimeMillisUnsafe()
      return left > 0
        ? Effect.andThen(clock.sleep(Duration.millis(left)), watch)
        : Effect.fail(new DriverError({ reason: new Timeout({ after }), sent: sent() }))
    })
    return Effect.andThen(moved, endedBy<A, E | DriverError, R>(run(moved), watch))
  })
