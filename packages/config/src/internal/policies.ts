/** How a store asks its backend: how often it tries, and how many requests a credential may send. */
import * as RequestBudget from "@keyfold/core/RequestBudget"
import type { RetryPolicy } from "@keyfold/core/RetryPolicy"
import type * as SecretReference from "@keyfold/node/SecretReference"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { formatPath, type Mistake, type Path } from "./document.ts"
import type { Needed } from "./references.ts"

const length = `a length of time such as "30 seconds"`

const Time = Schema.DurationFromString.check(
  Schema.makeFilter((time: Duration.Duration) => Duration.isFinite(time) && !Duration.isNegative(time), {
    expected: length
  })
)

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1, { expected: "a whole number of 1 or more" }))

/** What may be said about trying again; what is omitted stays as it is. */
export const Retry = Schema.Struct({
  attempts: Schema.optionalKey(
    Count.annotateKey({ description: "Requests per call at the most, the first included." })
  ),
  initialDelay: Schema.optionalKey(Time.annotateKey({ description: "The wait before the second request." })),
  maximumDelay: Schema.optionalKey(Time.annotateKey({ description: "No wait of Keyfold's own is longer." })),
  retryAfterCap: Schema.optionalKey(
    Time.annotateKey({ description: "A wait that the backend asks for is not waited out where it is longer." })
  ),
  budget: Schema.optionalKey(
    Time.annotateKey({ description: "The time that all requests and waits of one call may take together." })
  )
})

/** The retry settings of a store. */
export type Retry = Partial<RetryPolicy>

const isReservable = ({ requests, reserved }: { readonly requests: number; readonly reserved?: number }) =>
  reserved === undefined || reserved < requests
    ? undefined
    : { path: ["reserved"], issue: `expected fewer than requests (${requests}), found the number ${reserved}.` }

/** How many requests a credential may send. */
export const Budget = Schema.Struct({
  requests: Count.annotateKey({ description: "So many may be sent at once, and as many again in each `per`." }),
  per: Time.check(
    Schema.makeFilter((time: Duration.Duration) => Duration.toMillis(time) > 0, { expected: "a time above zero" })
  ).annotateKey({ description: "The time in which `requests` are earned anew." }),
  reserved: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(0, { expected: "a whole number of 0 or more" })).annotateKey({
      description: "So many are never given to background work; half of `requests` when omitted."
    })
  )
}).check(Schema.makeFilter(isReservable))

/** A budget as the file states it. */
export type Budget = typeof Budget.Type

/** One store that has a budget, and where its mistakes belong. */
export interface Spender {
  readonly store: string
  readonly adapter: string
  readonly credentials: ReadonlyArray<Needed>
  readonly budget: Budget
  readonly base: Path
}

/** Where a secret is kept, without how it is fetched. */
const placeOf = (reference: SecretReference.SecretReference): unknown => {
  if ("env" in reference) return { env: reference.env }
  return "file" in reference ? { file: reference.file } : { command: reference.command }
}

/** Says which stores spend from one purse; a store without a credential has its own. */
const purseOf = ({ adapter, credentials, store }: Spender): string =>
  JSON.stringify(
    credentials.length === 0
      ? [adapter, { store }]
      : [
          adapter,
          ...credentials.map(({ path, reference }) => JSON.stringify([formatPath(path), placeOf(reference)])).toSorted()
        ]
  )

const same = (left: Budget, right: Budget): boolean =>
  left.requests === right.requests && Duration.equals(left.per, right.per) && left.reserved === right.reserved

/** The budget of each store, and what is wrong where two that share one disagree. */
export interface Budgets {
  readonly of: ReadonlyMap<string, RequestBudget.RequestBudget>
  readonly mistakes: ReadonlyArray<Mistake>
}

/** Makes one budget for all stores of an adapter that use the same credentials. */
export const share = (spenders: ReadonlyArray<Spender>): Budgets => {
  const purses = Map.groupBy(spenders, purseOf)
  const mistakes = [...purses.values()].flatMap(([first, ...others]) =>
    others.flatMap(({ base, budget }): ReadonlyArray<Mistake> => {
      if (first === undefined || same(first.budget, budget)) return []
      const problem = `the store "${first.store}" uses the same credential with another budget, and they share one.`
      return [{ path: [...base, "budget"], at: "value", problem: `${problem} Write the same for both.` }]
    })
  )
  const of = [...purses.values()].flatMap((sharing) => {
    const [first] = sharing
    if (first === undefined) return []
    const budget = RequestBudget.make(first.budget)
    return sharing.map(({ store }) => [store, budget] as const)
  })
  return { of: new Map(of), mistakes }
}
