/**
 * One allowance of requests for everybody who uses the same credential.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/**
 * Says whether somebody waits for a request (`foreground`), or Keyfold tidies up behind the scenes (`background`).
 *
 * @category models
 * @since 0.1.0
 */
export type Priority = "foreground" | "background"

/**
 * The priority of the requests below it: `foreground` unless said otherwise.
 *
 * @category services
 * @since 0.1.0
 */
export const CurrentPriority: Context.Reference<Priority> = Context.Reference<Priority>(
  "@keyfold/core/CurrentPriority",
  { defaultValue: () => "foreground" }
)

/**
 * Hands out the requests that one credential may send. Share one between all stores that use the credential.
 *
 * - `take` waits for a request's turn, at most `patience`; where it would take longer it fails at once with the wait.
 * - `pause` keeps background requests back for a while, because the backend has asked for fewer requests.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestBudget {
  readonly take: (priority: Priority, patience: Duration.Duration) => Effect.Effect<void, Duration.Duration>
  readonly pause: (time: Duration.Duration) => Effect.Effect<void>
}

/**
 * Says how many requests a credential may send.
 *
 * - `requests` may be sent at once, and as many again in each `per`.
 * - `reserved` of them are never given to background work; half of them, rounded up, when omitted, but never the only one.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly requests: number
  readonly per: Duration.Input
  readonly reserved?: number
}

/** A request costs the time in which it is earned, so that whole milliseconds stay whole. */
interface Limits {
  readonly capacity: number
  readonly reserved: number
  readonly cost: number
}

/** What has been earned and not spent, as of the last look. */
interface Purse {
  readonly fill: (now: number) => void
  readonly pay: (amount: number) => void
  /** Milliseconds until so much is there. */
  readonly waitFor: (wanted: number) => number
}

const makePurse = (capacity: number): Purse => {
  let credit = capacity
  let filledAt = Number.NEGATIVE_INFINITY
  return {
    fill: (now) => {
      if (now > filledAt) credit = Math.min(capacity, credit + (now - filledAt))
      filledAt = Math.max(filledAt, now)
    },
    pay: (amount) => {
      credit -= amount
    },
    waitFor: (wanted) => (credit >= wanted ? 0 : Math.ceil(wanted - credit))
  }
}

const makeFrom = ({ capacity, cost, reserved }: Limits): RequestBudget => {
  const { fill, pay, waitFor } = makePurse(capacity)
  let pausedUntil = Number.NEGATIVE_INFINITY
  // Who waits has paid already, so that turns are kept and nobody overtakes.
  const reserve = (patience: number): Effect.Effect<void, Duration.Duration> =>
    Clock.clockWith((clock) => {
      fill(clock.currentTimeMillisUnsafe())
      const wait = waitFor(cost)
      if (wait > patience) return Effect.fail(Duration.millis(wait))
      pay(cost)
      if (wait === 0) return Effect.void
      return Effect.onInterrupt(clock.sleep(Duration.millis(wait)), () => Effect.sync(() => pay(-cost)))
    })
  const takeSpare = Effect.fnUntraced(function* (patience: number): Effect.fn.Return<void, Duration.Duration> {
    const deadline = (yield* Clock.currentTimeMillis) + patience
    for (;;) {
      const now = yield* Clock.currentTimeMillis
      fill(now)
      const wait = Math.max(pausedUntil - now, waitFor(reserved + cost))
      if (wait <= 0) return pay(cost)
      if (now + wait > deadline) return yield* Effect.fail(Duration.millis(wait))
      yield* Effect.sleep(Duration.millis(wait))
    }
  })
  return {
    take: (priority, patience) =>
      priority === "foreground" ? reserve(Duration.toMillis(patience)) : takeSpare(Duration.toMillis(patience)),
    pause: (time) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        pausedUntil = Math.max(pausedUntil, now + Duration.toMillis(time))
      })
  }
}

/**
 * Makes a budget: a token bucket whose reserve only foreground requests may touch.
 *
 * Throws a `RangeError` where a number cannot work.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): RequestBudget => {
  const { requests } = options
  const { reserved = Math.min(Math.ceil(requests / 2), Math.max(0, requests - 1)) } = options
  const per = Duration.toMillis(Duration.fromInputUnsafe(options.per))
  if (!Number.isSafeInteger(requests) || requests < 1) {
    throw new RangeError(`requests: expected a whole number of 1 or more, found ${requests}`)
  }
  if (!Number.isSafeInteger(reserved) || reserved < 0 || reserved >= requests) {
    throw new RangeError(`reserved: expected a whole number from 0 to ${requests - 1}, found ${reserved}`)
  }
  if (!(per > 0) || !Number.isFinite(per)) {
    throw new RangeError("per: expected a time above zero")
  }
  const cost = per / requests
  return makeFrom({ capacity: per, reserved: reserved * cost, cost })
}

/**
 * Makes a budget without a limit of its own; only what the backend asks for keeps background requests back.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unlimited = (): RequestBudget => makeFrom({ capacity: 0, reserved: 0, cost: 0 })
