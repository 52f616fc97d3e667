/**
 * When Keyfold tries again: one table of operation × reason, one set of limits, one engine on Effect's clock.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type { DriverError } from "./Driver.ts"
import type { Operation, Reason } from "./KeyStoreError.ts"

/**
 * Limits how often and how long Keyfold tries.
 *
 * - `attempts`: requests per call at the most, the first included.
 * - `initialDelay`, `maximumDelay`: exponential, doubled each time, with jitter between 50 % and 100 %.
 * - `retryAfterCap`: a server-given delay above it is not waited for: the call fails `RateLimited` at once.
 * - `budget`: the time all attempts and waits of one call may take together.
 *
 * @category models
 * @since 0.1.0
 */
export interface RetryPolicy {
  readonly attempts: number
  readonly initialDelay: Duration.Duration
  readonly maximumDelay: Duration.Duration
  readonly retryAfterCap: Duration.Duration
  readonly budget: Duration.Duration
}

/**
 * The policy of a store that says nothing else: 4 attempts, 200 ms to 5 s apart, Retry-After up to 60 s, 2 minutes in
 * all.
 *
 * @category options
 * @since 0.1.0
 */
export const defaultPolicy: RetryPolicy = {
  attempts: 4,
  initialDelay: Duration.millis(200),
  maximumDelay: Duration.seconds(5),
  retryAfterCap: Duration.seconds(60),
  budget: Duration.minutes(2)
}

/**
 * Overrides the retry policy of every store built below it.
 *
 * @category services
 * @since 0.1.0
 */
export const RetryPolicy: Context.Reference<RetryPolicy> = Context.Reference<RetryPolicy>("@keyfold/core/RetryPolicy", {
  defaultValue: () => defaultPolicy
})

type Rule = "never" | "always" | "notSent"

/** What may be tried again. `notSent` asks for proof that the backend never saw the request. */
const table: { readonly [Op in Operation]: { readonly [Tag in Reason["_tag"]]?: Rule } } = {
  create: { RateLimited: "always", Unavailable: "notSent", Timeout: "notSent", Network: "notSent" },
  get: { RateLimited: "always", Unavailable: "always", Timeout: "always", Network: "always" },
  list: { RateLimited: "always", Unavailable: "always", Timeout: "always", Network: "always" },
  revoke: { RateLimited: "always", Unavailable: "always", Timeout: "always", Network: "always" },
  usage: { RateLimited: "always", Unavailable: "always", Timeout: "always", Network: "always" },
  verify: { RateLimited: "always", Unavailable: "always", Timeout: "always", Network: "always" }
}

/**
 * Tells whether an operation that failed this way may be tried again.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRetryable = (operation: Operation, error: DriverError): boolean => {
  const rule = table[operation][error.reason._tag] ?? "never"
  return rule === "always" || (rule === "notSent" && error.sent === "no")
}

const ambiguous: ReadonlySet<Reason["_tag"]> = new Set(["Unavailable", "Timeout", "Network", "InvalidResponse"])

/**
 * Tells whether the backend may have acted although the attempt failed.
 *
 * @category guards
 * @since 0.1.0
 */
export const isAmbiguous = (error: DriverError): boolean => error.sent === "maybe" && ambiguous.has(error.reason._tag)
