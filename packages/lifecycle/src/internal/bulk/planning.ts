/** Finding what is to be revoked. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import {
  BulkRevocationError,
  TooMany,
  type BulkStorageError,
  type Failure,
  type Plan,
  type PlanOptions,
  type Reason,
  type Source,
  type Target
} from "../../BulkRevocation.ts"
import { print, type Selector } from "../../Selector.ts"
import { digestOf, inOrder } from "./address.ts"
import { makeCounter, readKeys } from "./reading.ts"

/** How many keys may be revoked at once where nobody says. */
export const usualLimit = 1000

/** Fails for a reason of this module. */
export const refuse = (reason: Reason): Effect.Effect<never, BulkRevocationError> =>
  Effect.fail(new BulkRevocationError({ reason }))

/** Lifts what a storage fails with. */
export const stored = <A>(effect: Effect.Effect<A, BulkStorageError>): Effect.Effect<A, BulkRevocationError> =>
  Effect.mapError(effect, (reason) => new BulkRevocationError({ reason }))

/** Finds the keys that a selector means at one time; more than `limit` fail. */
export const find = Effect.fnUntraced(function* (
  sources: ReadonlyArray<Source>,
  selector: Selector,
  plannedAt: DateTime.Utc,
  limit: number
): Effect.fn.Return<Plan, Failure> {
  const counter = makeCounter()
  const targets: Array<Target> = []
  yield* Stream.runForEach(readKeys(sources, selector, plannedAt), (seen) => {
    counter.count(seen)
    if (seen.verdict !== true) return Effect.void
    targets.push(seen.target)
    return targets.length > limit ? refuse(new TooMany({ limit })) : Effect.void
  })
  const text = print(selector)
  const digest = yield* digestOf(text, targets)
  return {
    digest,
    selector: text,
    plannedAt,
    scanned: counter.scanned(sources),
    targets: targets.toSorted(inOrder)
  }
})

/** Finds the keys that a selector means now, and keeps the plan. */
export const makePlan = Effect.fnUntraced(function* (
  sources: ReadonlyArray<Source>,
  selector: Selector,
  { limit = usualLimit, storage }: PlanOptions
): Effect.fn.Return<Plan, Failure> {
  const plan = yield* find(sources, selector, yield* DateTime.now, limit)
  yield* stored(storage.save(plan))
  return plan
})
