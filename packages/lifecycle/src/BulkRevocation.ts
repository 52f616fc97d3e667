/**
 * Revoking many keys at once: first look, then revoke exactly what was looked at.
 *
 * `plan` finds the keys that a selector means and names the set by a digest. `run` takes that digest, looks again, refuses
 * where the set has grown, and revokes key by key. What it did is kept as it goes, so that after a crash or an interruption
 * another run, of this process or another, does the rest and no key twice.
 *
 * A run never touches a key that is not in its plan. A planned key that the selector does not mean any more, such as one
 * that was used since, is spared.
 *
 * @since 0.1.0
 */
import { KeyId, type ApiKey, type KeyRef, type Revocation } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { KeyStores } from "@keyfold/core/KeyStores"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { BulkStorage } from "./BulkStorage.ts"
import { makePlan } from "./internal/bulk/planning.ts"
import { runPlan } from "./internal/bulk/running.ts"
import * as sources from "./internal/bulk/sources.ts"
import type { Selector } from "./Selector.ts"

/**
 * Names one key wherever it is, and says as much about it as a person needs to recognise it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Target = Schema.Struct({
  store: Schema.String,
  tenant: Schema.optionalKey(Schema.String),
  id: KeyId,
  owner: Schema.optionalKey(Schema.String),
  name: Schema.optionalKey(Schema.String),
  createdAt: Schema.optionalKey(Schema.DateTimeUtcFromString),
  lastUsedAt: Schema.optionalKey(Schema.DateTimeUtcFromString)
})

/**
 * The type of a target.
 *
 * @category models
 * @since 0.1.0
 */
export interface Target extends Schema.Schema.Type<typeof Target> {}

/**
 * Says what was read for a plan: how many keys of a store and tenant were looked at, and about how many of them the
 * selector decided nothing because the store does not know enough. Those are not in the plan.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Scanned = Schema.Struct({
  store: Schema.String,
  tenant: Schema.optionalKey(Schema.String),
  keys: Schema.Int,
  undecided: Schema.Int
})

/**
 * The type of that statement.
 *
 * @category models
 * @since 0.1.0
 */
export interface Scanned extends Schema.Schema.Type<typeof Scanned> {}

/**
 * Holds what is to be revoked.
 *
 * `digest` is the SHA-256 of the selector and of every key's store, tenant and id, in hexadecimal. `selector` is written in
 * its canonical form. Every run judges by the time of `plannedAt`, so that keys do not join the set by growing older.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Plan = Schema.Struct({
  digest: Schema.String,
  selector: Schema.String,
  plannedAt: Schema.DateTimeUtcFromString,
  scanned: Schema.Array(Scanned),
  targets: Schema.Array(Target)
})

/**
 * The type of a plan.
 *
 * @category models
 * @since 0.1.0
 */
export interface Plan extends Schema.Schema.Type<typeof Plan> {}

/**
 * Says what became of one key of a plan.
 *
 * - `revoked`: by a run of this plan.
 * - `alreadyRevoked`: the backend says that it had been revoked before.
 * - `gone`: it is not listed any more, because somebody revoked it, or deleted it.
 * - `spared`: it changed since the plan, and the selector does not mean it any more.
 * - `failed`: the backend did not take the revocation; `problem` says why. The next run tries again.
 *
 * `at` is the time in epoch milliseconds.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Outcome = Schema.Struct({
  store: Schema.String,
  tenant: Schema.optionalKey(Schema.String),
  id: KeyId,
  kind: Schema.Literals(["revoked", "alreadyRevoked", "gone", "spared", "failed"]),
  at: Schema.Int,
  problem: Schema.optionalKey(Schema.String)
})

/**
 * The type of an outcome.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outcome extends Schema.Schema.Type<typeof Outcome> {}

/**
 * Sums up a plan over all its runs so far.
 *
 * `left` keys were not tried, because the run gave up or was told to stop. It is `complete` where none failed and none is
 * left.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly digest: string
  readonly selector: string
  readonly planned: number
  readonly revoked: number
  readonly alreadyRevoked: number
  readonly gone: number
  readonly spared: number
  readonly failed: ReadonlyArray<Outcome>
  readonly left: number
  readonly complete: boolean
}

/**
 * Tells how a run goes on: `Started` once it is certain what is to be done, `Settled` for each key, in no order, and
 * `Finished` at the end. `done` are keys of the plan that need nothing any more, `added` those that match since the plan and
 * are left alone.
 *
 * @category models
 * @since 0.1.0
 */
export type Event =
  | {
      readonly _tag: "Started"
      readonly digest: string
      readonly planned: number
      readonly done: number
      readonly added: number
    }
  | { readonly _tag: "Settled"; readonly outcome: Outcome }
  | { readonly _tag: "Finished"; readonly report: Report }

/**
 * More keys match than may be revoked at once. Reading stopped there.
 *
 * @category errors
 * @since 0.1.0
 */
export class TooMany extends Schema.TaggedError<TooMany>("@keyfold/lifecycle/TooMany")("TooMany", {
  limit: Schema.Int
}) {
  override get message(): string {
    return `more than ${this.limit} keys match, which is the limit`
  }
}

/**
 * No plan with this digest is kept, and what matches now is another set.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnknownPlan extends Schema.TaggedError<UnknownPlan>("@keyfold/lifecycle/UnknownPlan")("UnknownPlan", {
  digest: Schema.String
}) {
  override get message(): string {
    return "no plan with this digest is kept here, and the keys that match now are not the ones it stands for"
  }
}

/**
 * The digest belongs to another selector.
 *
 * @category errors
 * @since 0.1.0
 */
export class OtherSelector extends Schema.TaggedError<OtherSelector>("@keyfold/lifecycle/OtherSelector")(
  "OtherSelector",
  { planned: Schema.String }
) {
  override get message(): string {
    return `the digest belongs to another selector: ${this.planned}`
  }
}

/**
 * Keys match that were not in the plan: `count` of them, the first of which are `examples`. Nothing was revoked.
 *
 * @category errors
 * @since 0.1.0
 */
export class Grown extends Schema.TaggedError<Grown>("@keyfold/lifecycle/Grown")("Grown", {
  count: Schema.Int,
  examples: Schema.Array(Target)
}) {
  override get message(): string {
    const ids = this.examples.map(({ id, store }) => `${id} (${store})`).join(", ")
    const more = this.count > this.examples.length ? ", …" : ""
    return `${this.count === 1 ? "a key matches" : `${this.count} keys match`} that the plan does not have: ${ids}${more}`
  }
}

/**
 * A store of the plan was not given to the run.
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreMissing extends Schema.TaggedError<StoreMissing>("@keyfold/lifecycle/StoreMissing")("StoreMissing", {
  store: Schema.String
}) {
  override get message(): string {
    return `the plan has keys of store "${this.store}", which was not opened`
  }
}

/**
 * Another run works on this plan; unless it is heard of again, it may be taken over `until` epoch milliseconds at the
 * latest.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnderWay extends Schema.TaggedError<UnderWay>("@keyfold/lifecycle/UnderWay")("UnderWay", {
  until: Schema.Int
}) {
  override get message(): string {
    return "another run works on this plan"
  }
}

/**
 * Plans and progress could not be read or written.
 *
 * @category errors
 * @since 0.1.0
 */
export class BulkStorageError extends Schema.TaggedError<BulkStorageError>("@keyfold/lifecycle/BulkStorageError")(
  "BulkStorageError",
  { problem: Schema.String }
) {
  override get message(): string {
    return this.problem
  }
}

/**
 * The closed union of reasons.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reason = Schema.Union([
  TooMany,
  UnknownPlan,
  OtherSelector,
  Grown,
  StoreMissing,
  UnderWay,
  BulkStorageError
])

/**
 * The type of a reason.
 *
 * @category models
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

/**
 * Fails a plan or a run for a `reason` of its own. What fails in a store stays a `KeyStoreError`; that of a single
 * revocation is an `Outcome`.
 *
 * @category errors
 * @since 0.1.0
 */
export class BulkRevocationError extends Schema.TaggedError<BulkRevocationError>(
  "@keyfold/lifecycle/BulkRevocationError"
)("BulkRevocationError", { reason: Reason }) {
  override get message(): string {
    return this.reason.message
  }
}

/**
 * Everything a plan or a run fails with.
 *
 * @category errors
 * @since 0.1.0
 */
export type Failure = BulkRevocationError | KeyStoreError | ConfigurationError

/**
 * Supplies keys, and a way to revoke them. `keys` reads every key that was not revoked, once.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly store: string
  readonly backend: string
  readonly capabilities: Capabilities
  readonly keys: Stream.Stream<
    { readonly key: ApiKey; readonly tenant: string | undefined },
    KeyStoreError | ConfigurationError
  >
  readonly revoke: (
    ref: KeyRef,
    tenant: string | undefined
  ) => Effect.Effect<Revocation, KeyStoreError | ConfigurationError>
}

/**
 * Makes a source of one store.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromStore = (store: KeyStore["Service"]): Source => sources.fromStore(store)

/**
 * Makes sources of all stores of many tenants. Keys that belong to no tenant are left out: no tenant's store can revoke
 * them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromKeyStores = (stores: KeyStores["Service"]): ReadonlyArray<Source> => sources.fromKeyStores(stores)

/**
 * Says how to plan.
 *
 * - `limit`: a plan with more keys than this fails, so that a selector that means more than was thought does no harm; 1000
 *   when omitted.
 * - `storage`: where the plan is kept for its runs.
 *
 * @category options
 * @since 0.1.0
 */
export interface PlanOptions {
  readonly storage: BulkStorage
  readonly limit?: number
}

/**
 * Finds the keys that a selector means, changes none, and keeps the plan.
 *
 * Keys that were revoked are never meant. Stores are read in the background of their budgets; one that cannot be read to
 * the end fails the plan, because a part of the set must not look like the whole.
 *
 * @category constructors
 * @since 0.1.0
 */
export const plan = (
  sources: ReadonlyArray<Source>,
  selector: Selector,
  options: PlanOptions
): Effect.Effect<Plan, Failure> => makePlan(sources, selector, options)

/**
 * Says how to run a plan.
 *
 * - `digest`: the plan's.
 * - `storage`: where the plan is kept. A plan that is not kept there, because it was made elsewhere, may run where what
 *   matches now is the same set, and has no more keys than `limit`; 1000 when omitted.
 * - `concurrency`: how many keys are revoked at the same time, 1 to 64; 8 when omitted.
 * - `leaveAdded`: goes on where keys match that the plan does not have, and leaves those alone. Without it the run refuses.
 * - `giveUpAfter`: so many failures in a row end the run early, because the backend is down or the credential is not
 *   accepted; 100 when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface RunOptions {
  readonly digest: string
  readonly storage: BulkStorage
  readonly limit?: number
  readonly concurrency?: number
  readonly leaveAdded?: boolean
  readonly giveUpAfter?: number
}

/**
 * Revokes the keys of a plan, and tells of each as it is done.
 *
 * It reads the stores again first. A key that is gone, or that an earlier run revoked, needs nothing; one that an earlier
 * run revoked and that is live again, once the backend must have shown the revocation, is revoked again. One run at a time
 * works on a plan; the claim of one that died ends after 15 seconds. A stream that is interrupted finishes the revocations
 * in flight, for up to 10 seconds, and keeps what became of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (
  sources: ReadonlyArray<Source>,
  selector: Selector,
  options: RunOptions
): Stream.Stream<Event, Failure> => runPlan(sources, selector, options)
