/** The time an attempt may take. */
import { DriverError } from "@keyfold/core/Driver"
import { Timeout } from "@keyfold/core/KeyStoreError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** Fails an effect with `Timeout` when its time is over; the effect starts that time anew with each `moved`. */
export const inTime = <A, E, R>(
  after: Duration.Duration,
  sent: () => DriverError["sent"],
  run: (moved: Effect.Effect<void>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | DriverError, R> =>
  Effect.suspend(() => {
    let deadline = 0
    const moved = Effect.map(Clock.currentTimeMillis, (now) => void (deadline = now + Duration.toMillis(after)))
    const watch: Effect.Effect<never, DriverError> = Effect.flatMap(Clock.currentTimeMillis, (now) =>
      now < deadline
        ? Effect.andThen(Effect.sleep(Duration.millis(deadline - now)), watch)
        : Effect.fail(new DriverError({ reason: new Timeout({ after }), sent: sent() }))
    )
    return Effect.andThen(moved, Effect.raceFirst(run(moved), watch))
  })
