/** How a store asks its backend: how often it tries, and how many requests a credential may send. */
import * as RequestBudget from "@keyfold/core/RequestBudget"
import type { RetryPolicy } from "@keyfold/core/RetryPolicy"
import type * as SecretReference from "@keyfold/node/SecretReference"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { formatPath, type Mistake, type Path } from "./document.ts"
import type { Needed } from "./references.ts"

const length = `a length of time such as "30 seconds"`

const units: Readonly<Record<string, string>> = { s: "seconds", m: "minutes", h: "hours", d: "days", w: "weeks" }

/** Spells out what selectors and the command line write, such as `90d`. */
const spelledOut = SchemaTransformation.transform({
  decode: (text: string) =>
    text.replace(/^(\d+)([smhdw])$/, (_, amount: string, unit: string) => `${amount} ${units[unit]}`),
  encode: (text: string) => text
})

/** A length of time that is finite and not negative. */
export const Time = Schema.String.annotate({ expected: length })
  .pipe(Schema.decodeTo(Schema.DurationFromString, spelledOut))
  .check(
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

/** One store, or one tenant with a credential of its own, that has a budget; `base` is where it is written. */
export interface Spender {
  readonly adapter: string
  readonly credentials: ReadonlyArray<Needed>
  readonly budget: Budget
  readonly base: Path
}

/** Where a secret is kept, without how it is fetched. */
export const placeOf = (reference: SecretReference.SecretReference): unknown => {
  if ("env" in reference) return { env: reference.env }
  return "file" in reference ? { file: reference.file } : { command: reference.command }
}

/** Names a credential by the places that its secrets are kept at. */
export const credentialOf = (credentials: ReadonlyArray<Needed>): ReadonlyArray<string> =>
  credentials.map(({ path, reference }) => JSON.stringify([formatPath(path), placeOf(reference)])).toSorted()

/** Says who spends from one purse; who has no credential has a purse of its own. */
const purseOf = ({ adapter, base, credentials }: Spender): string =>
  JSON.stringify(credentials.length === 0 ? [adapter, { of: base }] : [adapter, ...credentialOf(credentials)])

const same = (left: Budget, right: Budget): boolean =>
  left.requests === right.requests && Duration.equals(left.per, right.per) && left.reserved === right.reserved

/** The budgets there are, by credential and terms. What is read again goes on with those that are the same. */
export type Purses = ReadonlyMap<string, RequestBudget.RequestBudget>

/** The budget of each spender, by where it is written, and what is wrong where two that share one disagree. */
export interface Budgets {
  readonly of: ReadonlyMap<string, RequestBudget.RequestBudget>
  readonly mistakes: ReadonlyArray<Mistake>
  readonly purses: Purses
}

const whoIs = ({ base: [section, name] }: Spender): string =>
  `the ${section === "tenants" ? "tenant" : "store"} "${String(name)}"`

const termsOf = ({ per, requests, reserved }: Budget): string =>
  JSON.stringify([requests, Duration.toMillis(per), reserved ?? null])

/** Makes one budget for all who use the same credentials of an adapter. */
export const share = (spenders: ReadonlyArray<Spender>, before: Purses): Budgets => {
  const purses = Map.groupBy(spenders, purseOf)
  const mistakes = [...purses.values()].flatMap(([first, ...others]) =>
    others.flatMap(({ base, budget }): ReadonlyArray<Mistake> => {
      if (first === undefined || same(first.budget, budget)) return []
      const problem = `${whoIs(first)} uses the same credential with another budget, and they share one.`
      return [{ path: [...base, "budget"], at: "value", problem: `${problem} Write the same for both.` }]
    })
  )
  const kept = [...purses.values()].flatMap((sharing) => {
    const [first] = sharing
    if (first === undefined) return []
    const id = `${purseOf(first)} ${termsOf(first.budget)}`
    return [{ id, sharing, budget: before.get(id) ?? RequestBudget.make(first.budget) }]
  })
  return {
    of: new Map(kept.flatMap(({ budget, sharing }) => sharing.map(({ base }) => [formatPath(base), budget] as const))),
    mistakes,
    purses: new Map(kept.map(({ budget, id }) => [id, budget]))
  }
}
