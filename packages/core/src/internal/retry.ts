/** The retry engine: runs attempts of one call until one succeeds or the policy is used up. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import type { DriverError } from "../Driver.ts"
import type { Operation, Reason } from "../KeyStoreError.ts"
import { isRetryable, type RetryPolicy } from "../RetryPolicy.ts"

/** An attempt's error with what the engine knows about the call. */
export interface CallFailure {
  readonly error: DriverError
  readonly attempts: number
  readonly exhausted: boolean
}

const serverDelay = (reason: Reason): Duration.Duration | undefined =>
  reason._tag === "RateLimited" || reason._tag === "Unavailable" ? reason.retryAfter : undefined

const backoff = (policy: RetryPolicy, attempt: number) =>
  Effect.map(Random.next, (random) => {
    const exponential = Duration.toMillis(policy.initialDelay) * 2 ** (attempt - 1)
    return Math.min(exponential, Duration.toMillis(policy.maximumDelay)) * (0.5 + random / 2)
  })

/** The limits of one call: its policy and the instant (epoch milliseconds) its budget ends. */
interface Limits {
  readonly policy: RetryPolicy
  readonly deadline: number
}

/** Starts the budget of one call now. */
const start = (policy: RetryPolicy): Effect.Effect<Limits> =>
  Effect.map(Clock.currentTimeMillis, (now) => ({ policy, deadline: now + Duration.toMillis(policy.budget) }))

/**
 * Waits before the attempt after `number`, or fails where there must be none.
 *
 * A server-given delay is a floor, never jittered, and not waited for at all above the cap or where it leaves no budget.
 */
const waitOrFail = Effect.fnUntraced(function* (
  operation: Operation,
  limits: Limits,
  number: number,
  error: DriverError
): Effect.fn.Return<void, CallFailure> {
  if (!isRetryable(operation, error)) {
    return yield* Effect.fail({ error, attempts: number, exhausted: false })
  }
  const { deadline, policy } = limits
  const asked = Duration.toMillis(serverDelay(error.reason) ?? Duration.zero)
  const delay = Math.max(asked, yield* backoff(policy, number))
  const remaining = deadline - (yield* Clock.currentTimeMillis)
  if (asked > 0 && (asked > Duration.toMillis(policy.retryAfterCap) || asked >= remaining)) {
    // The caller is told when to come back instead of being parked, and may retry then: this is not exhaustion.
    return yield* Effect.fail({ error, attempts: number, exhausted: false })
  }
  if (number >= policy.attempts || delay >= remaining) {
    return yield* Effect.fail({ error, attempts: number, exhausted: true })
  }
  yield* Effect.sleep(Duration.millis(delay))
})

/** Runs `attempt` (told its number, from 1) until it succeeds, fails for good, or the policy ends it. */
export const retrying = Effect.fnUntraced(function* <A>(
  operation: Operation,
  policy: RetryPolicy,
  attempt: (number: number) => Effect.Effect<A, DriverError>
): Effect.fn.Return<A, CallFailure> {
  const limits = yield* start(policy)
  for (let number = 1; ; number++) {
    const result = yield* Effect.result(attempt(number))
    if (result._tag === "Success") return result.success
    yield* waitOrFail(operation, limits, number, result.failure)
  }
})

/** Runs a stream again from its start while it fails before its first element; later failures end it. */
export const retryingStream = <A>(
  operation: Operation,
  policy: RetryPolicy,
  open: () => Stream.Stream<ReadonlyArray<A>, DriverError>
): Stream.Stream<ReadonlyArray<A>, CallFailure> =>
  Stream.unwrap(
    Effect.map(start(policy), (limits) => {
      let emitted = false
      const attempt = (number: number): Stream.Stream<ReadonlyArray<A>, CallFailure> =>
        Stream.suspend(open).pipe(
          Stream.tap((batch) => Effect.sync(() => void (emitted ||= batch.length > 0))),
          Stream.catch((error) =>
            emitted
              ? Stream.fail({ error, attempts: number, exhausted: false })
              : Stream.unwrap(Effect.as(waitOrFail(operation, limits, number, error), attempt(number + 1)))
          )
        )
      return attempt(1)
    })
  )
