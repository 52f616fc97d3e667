/** The retry engine: runs attempts of one call until one succeeds or the policy is used up. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { DriverError } from "../Driver.ts"
import type { Operation, Reason } from "../KeyStoreError.ts"
import { RateLimited } from "../KeyStoreError.ts"
import { CurrentPriority, type RequestBudget } from "../RequestBudget.ts"
import { isRetryable, type RetryPolicy } from "../RetryPolicy.ts"
import { retried, waited, type Meter } from "./telemetry.ts"

/** What every call of a store goes through: the limits of one call, and the requests its credential may send. */
export interface Engine {
  readonly policy: RetryPolicy
  readonly budget: RequestBudget
  readonly meter: Meter
}

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
    // Without the bound an initial delay of zero would give no number after a thousand attempts.
    const exponential = Duration.toMillis(policy.initialDelay) * 2 ** Math.min(attempt - 1, 52)
    return Math.min(exponential, Duration.toMillis(policy.maximumDelay)) * (0.5 + random / 2)
  })

/** The limits of one call: its engine and the instant (epoch milliseconds) its time ends. */
interface Limits extends Engine {
  readonly deadline: number
}

/** Starts the time of one call now. */
const start = (engine: Engine): Effect.Effect<Limits> =>
  Effect.map(Clock.currentTimeMillis, (now) => ({
    ...engine,
    deadline: now + Duration.toMillis(engine.policy.budget)
  }))

/** Shorter times, in milliseconds, are no waits: the process was doing something else. */
const shortestWait = 5

/** Waits for the request's turn, or fails where that would take longer than the call may last. */
const takeTurn = Effect.fnUntraced(function* (limits: Limits, number: number): Effect.fn.Return<void, CallFailure> {
  const asked = yield* Clock.currentTimeMillis
  const remaining = Duration.millis(Math.max(0, limits.deadline - asked))
  const priority = yield* CurrentPriority
  yield* Effect.mapError(limits.budget.take(priority, remaining), (retryAfter) => ({
    error: new DriverError({ reason: new RateLimited({ retryAfter }), sent: "no" }),
    attempts: number - 1,
    exhausted: false
  }))
  const wait = (yield* Clock.currentTimeMillis) - asked
  if (wait >= shortestWait) yield* waited(limits.meter, priority, wait)
})

/** Lets who shares the credential know that the backend has had enough. */
const noteLimit = ({ budget, policy }: Limits, { reason }: DriverError): Effect.Effect<void> =>
  reason._tag === "RateLimited" ? budget.pause(reason.retryAfter ?? policy.maximumDelay) : Effect.void

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
  yield* limits.meter.attempted(operation, error.reason._tag)
  yield* noteLimit(limits, error)
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
  yield* retried(limits.meter, operation, number, error.reason, delay)
  yield* Effect.sleep(Duration.millis(delay))
})

/** Runs `attempt` (told its number, from 1) until it succeeds, fails for good, or the policy ends it. */
export const retrying = Effect.fnUntraced(function* <A>(
  operation: Operation,
  engine: Engine,
  attempt: (number: number) => Effect.Effect<A, DriverError>
): Effect.fn.Return<A, CallFailure> {
  const limits = yield* start(engine)
  for (let number = 1; ; number++) {
    yield* takeTurn(limits, number)
    const result = yield* Effect.result(attempt(number))
    if (result._tag === "Success") {
      yield* limits.meter.attempted(operation, undefined)
      return result.success
    }
    yield* waitOrFail(operation, limits, number, result.failure)
  }
})

/** Runs a stream again from its start while it fails before its first element; later failures end it. */
export const retryingStream = <A>(
  operation: Operation,
  engine: Engine,
  open: () => Stream.Stream<ReadonlyArray<A>, DriverError>
): Stream.Stream<ReadonlyArray<A>, CallFailure> =>
  Stream.unwrap(
    Effect.map(start(engine), (limits) => {
      let emitted = false
      const once = (number: number): Stream.Stream<ReadonlyArray<A>, CallFailure> =>
        Stream.suspend(open).pipe(
          Stream.tap((batch) => Effect.sync(() => void (emitted ||= batch.length > 0))),
          Stream.onExit((exit) => (Exit.isSuccess(exit) ? engine.meter.attempted(operation, undefined) : Effect.void)),
          Stream.catch((error) =>
            emitted
              ? Stream.fromEffect(
                  Effect.andThen(
                    engine.meter.attempted(operation, error.reason._tag),
                    Effect.fail({ error, attempts: number, exhausted: false })
                  )
                )
              : Stream.unwrap(Effect.as(waitOrFail(operation, limits, number, error), attempt(number + 1)))
          )
        )
      const attempt = (number: number): Stream.Stream<ReadonlyArray<A>, CallFailure> =>
        Stream.unwrap(Effect.as(takeTurn(limits, number), once(number)))
      return attempt(1)
    })
  )
