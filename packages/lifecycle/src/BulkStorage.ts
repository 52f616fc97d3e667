/**
 * Where the plans of bulk revocations are kept, with what became of each key, so that any process can go on.
 *
 * What is kept holds ids, names, owners and times, never a secret.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { BulkStorageError, Outcome, Plan } from "./BulkRevocation.ts"
import * as memoryStorage from "./internal/bulk/memoryStorage.ts"

/**
 * Holds a plan and the newest outcome of each key that was settled.
 *
 * @category models
 * @since 0.1.0
 */
export interface Saved {
  readonly plan: Plan
  readonly outcomes: ReadonlyArray<Outcome>
}

/**
 * Answers a claim: the plan is the runner's, or somebody else's `until` epoch milliseconds by the storage's clock.
 *
 * @category models
 * @since 0.1.0
 */
export type Claim = { readonly held: true } | { readonly held: false; readonly until: number }

/**
 * What an implementation supplies.
 *
 * - `save` keeps a plan under its digest. One that is there already takes the new one's place and keeps its outcomes.
 * - `load` finds a plan.
 * - `claim` makes a plan a runner's for so long, or longer where it is the runner's already. At any time it is one runner's
 *   at the most, also between processes.
 * - `record` adds outcomes; of two for one key the later one counts. It has kept them when it ends.
 * - `release` gives a claim up early.
 *
 * @category models
 * @since 0.1.0
 */
export interface BulkStorage {
  readonly save: (plan: Plan) => Effect.Effect<void, BulkStorageError>
  readonly load: (digest: string) => Effect.Effect<Saved | undefined, BulkStorageError>
  readonly claim: (digest: string, runner: string, lasting: Duration.Duration) => Effect.Effect<Claim, BulkStorageError>
  readonly record: (digest: string, outcomes: ReadonlyArray<Outcome>) => Effect.Effect<void, BulkStorageError>
  readonly release: (digest: string, runner: string) => Effect.Effect<void, BulkStorageError>
}

/**
 * Makes a storage that ends with the process.
 *
 * @category constructors
 * @since 0.1.0
 */
export const memory = (): BulkStorage => memoryStorage.make()
