/** The retry engine: runs attempts of one call until one succeeds or the policy is used up. */
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
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

/** Runs one call, whose time starts now. */
const started = <A, E>(
  { budget, meter, policy }: Engine,
  run: (limits: Limits) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Clock.clockWith((clock) =>
    run({ budget, meter, policy, deadline: clock.currentTimeMillisUnsafe() + Duration.toMillis(policy.budget) })
  )

/** Shorter times, in milliseconds, are no waits: the process was doing something else. */
const shortestWait = 5

/** Waits for the request's turn, or fails where that would take longer than the call may last. */
const takeTurn = ({ budget, deadline, meter }: Limits, number: number): Effect.Effect<void, CallFailure> =>
  Effect.contextWith((context: Context.Context<never>) => {
    const clock = Context.get(context, Clock.Clock)
    const priority = Context.get(context, CurrentPriority)
    const asked = clock.currentTimeMillisUnsafe()
    return Effect.matchEffect(budget.take(priority, Duration.millis(Math.max(0, deadline - asked))), {
      onFailure: (retryAfter) =>
        Effect.fail({
          error: new DriverError({ reason: new RateLimited({ retryAfter }), sent: "no" }),
          attempts: number - 1,
          exhausted: false
        }),
      onSuccess: () => {
        const wait = clock.currentTimeMillisUnsafe() - asked
        return wait < shortestWait ? Effect.void : waited(meter, priority, wait)
      }
    })
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
export const retrying = <A>(
  operation: Operation,
  engine: Engine,
  attempt: (number: number) => Effect.Effect<A, DriverError>
): Effect.Effect<A, CallFailure> =>
  started(engine, (limits) => {
    const from = (number: number): Effect.Effect<A, CallFailure> =>
      Effect.flatMap(takeTurn(limits, number), () =>
        Effect.matchEffect(attempt(number), {
          onFailure: (error) => Effect.flatMap(waitOrFail(operation, limits, number, error), () => from(number + 1)),
          onSuccess: (value) => Effect.as(engine.meter.attempted(operation, undefined), value)
        })
      )
    return from(1)
  })

/** Batches of a list, one chunk of them a pull. */
export type Batches<A, E> = Pull.Pull<Arr.NonEmptyReadonlyArray<A>, E>

type Open<A> = () => Stream.Stream<ReadonlyArray<A>, DriverError>

/** Opens one attempt at a list; where it ends, by itself or with the scope, it is closed. */
const openedOnce = <A>(
  operation: Operation,
  { meter }: Engine,
  open: Open<A>,
  scope: Scope.Scope
): Effect.Effect<Batches<ReadonlyArray<A>, DriverError>> =>
  Effect.suspend(() => {
    const own = Scope.forkUnsafe(scope)
    const attempted = (exit: Exit.Exit<unknown, unknown>) =>
      Exit.isSuccess(exit) ? meter.attempted(operation, undefined) : Effect.void
    return Scope.addFinalizerExit(own, attempted).pipe(
      Effect.flatMap(() => Channel.toPullScoped(Stream.toChannel(open()), own)),
      Effect.map(Effect.onError((cause) => Scope.close(own, Pull.doneExitFromCause(cause))))
    )
  })

/**
 * Pulls a stream, and pulls it again from its start while it fails before its first element; later failures end it. An
 * attempt that failed is closed before the next one.
 */
export const retryingPull = <A>(
  operation: Operation,
  engine: Engine,
  open: Open<A>,
  scope: Scope.Scope
): Batches<ReadonlyArray<A>, CallFailure> => {
  type Attempt = Batches<ReadonlyArray<A>, CallFailure>
  let emitted = false
  const failed = (limits: Limits, number: number, error: DriverError): Attempt =>
    emitted
      ? Effect.andThen(
          engine.meter.attempted(operation, error.reason._tag),
          Effect.fail({ error, attempts: number, exhausted: false })
        )
      : Effect.andThen(waitOrFail(operation, limits, number, error), begin(limits, number + 1))
  const begin = (limits: Limits, number: number): Attempt =>
    Effect.andThen(takeTurn(limits, number), openedOnce(operation, engine, open, scope)).pipe(
      Effect.flatMap((batches) => {
        current = Effect.matchEffect(batches, {
          onFailure: (error) => (Cause.isDone(error) ? Effect.fail(error) : failed(limits, number, error)),
          onSuccess: (chunk) => {
            emitted ||= chunk.some((batch) => batch.length > 0)
            return Effect.succeed(chunk)
          }
        })
        return current
      })
    )
  let current: Attempt = started(engine, (limits) => begin(limits, 1))
  return Effect.suspend(() => current)
}
