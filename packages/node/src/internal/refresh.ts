/** A secret that is obtained again when it has grown old. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Redacted from "effect/Redacted"
import * as Semaphore from "effect/Semaphore"

type Obtain = Effect.Effect<Redacted.Redacted<string>, ConfigurationError>

interface Run {
  readonly startedAt: number
  readonly exit: Exit.Exit<Redacted.Redacted<string>, ConfigurationError>
}

/**
 * Obtains the secret now, and makes an effect that obtains it again once it is older than `age`.
 *
 * Who asks while a run is under way gets that run's outcome, also where it failed. A failure is not kept for the next.
 */
export const refreshing = Effect.fnUntraced(function* (
  obtain: Obtain,
  age: Duration.Duration
): Effect.fn.Return<Obtain, ConfigurationError> {
  const oneAtATime = yield* Semaphore.make(1)
  // Age counts from the start of the run: the answer may have been made at any time after.
  const startedAt = yield* Clock.currentTimeMillis
  let last: Run = { startedAt, exit: Exit.succeed(yield* obtain) }
  const isFresh = (now: number) => Exit.isSuccess(last.exit) && now - last.startedAt < Duration.toMillis(age)
  const renew = Effect.fnUntraced(function* (
    seen: Run
  ): Effect.fn.Return<Redacted.Redacted<string>, ConfigurationError> {
    if (last === seen) {
      const startedAt = yield* Clock.currentTimeMillis
      last = { startedAt, exit: yield* Effect.exit(obtain) }
    }
    return yield* last.exit
  })
  return Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const seen = last
    return isFresh(now) ? seen.exit : oneAtATime.withPermit(renew(seen))
  })
})
