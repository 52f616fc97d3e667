/**
 * Who changed what through the gateway, and with what outcome: entries that are only ever added, in one chain.
 *
 * Each mutation has two entries: one before it is begun, without which it is refused, and one with its outcome. Where the
 * second is missing, the process died in between. What is changed or taken out later shows in `verify`; what is cut off at
 * the end shows to who kept the head.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"

/**
 * The audit could not be read or written.
 *
 * @category errors
 * @since 0.1.0
 */
export class AuditError extends Schema.TaggedError<AuditError>("@keyfold/gateway/AuditError")("AuditError", {
  problem: Schema.String
}) {
  override get message(): string {
    return this.problem
  }
}

/**
 * Tells of one mutation, or of its outcome.
 *
 * - `actor` is the caller: `key:` and the id of a key of the gateway's, or `jwt:`, the issuer and the subject.
 * - `outcome` is `begun`, `done`, or the name of the problem that was answered.
 * - `reason` is what the caller said in `x-keyfold-reason`; `operationId` names a create at the store.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Fact = Schema.Struct({
  actor: Schema.String,
  tenant: Schema.String,
  operation: Schema.String,
  requestId: Schema.String,
  outcome: Schema.String,
  key: Schema.optionalKey(Schema.String),
  operationId: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(Schema.String)
})

/**
 * The type of what an entry tells.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fact extends Schema.Schema.Type<typeof Fact> {}

/**
 * Holds one link of the chain. `sequence` counts from 1, `at` is epoch milliseconds. `digest` is keyed, over this entry
 * and the `digest` before it (`previous`, empty for the first); `keyed` names the pepper that keys it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Entry = Schema.Struct({
  ...Fact.fields,
  sequence: Schema.Int,
  at: Schema.Int,
  keyed: Schema.String,
  previous: Schema.String,
  digest: Schema.String
})

/**
 * The type of one link of the chain.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry extends Schema.Schema.Type<typeof Entry> {}

/**
 * Narrows a reading.
 *
 * - `since` is the earliest time, in epoch milliseconds; `after` is the sequence that the reading begins behind.
 * - `unfinished` leaves only mutations that were begun and whose outcome is missing: those under way, and those whose
 *   process died or could not write.
 *
 * @category models
 * @since 0.1.0
 */
export interface Filter {
  readonly actor?: string
  readonly tenant?: string
  readonly operation?: string
  readonly outcome?: string
  readonly key?: string
  readonly requestId?: string
  readonly since?: number
  readonly after?: number
  readonly unfinished?: boolean
}

/**
 * Says whether the chain is as it was written: how long it is and its head, or where it is broken and why.
 *
 * @category models
 * @since 0.1.0
 */
export type Verified =
  | { readonly intact: true; readonly entries: number; readonly head: string }
  | { readonly intact: false; readonly sequence: number; readonly problem: string }

/**
 * Keeps the audit. `verify` reads the whole chain; `head` is a digest that was kept elsewhere and must be among its entries.
 *
 * @category models
 * @since 0.1.0
 */
export interface Audit {
  readonly append: (fact: Fact) => Effect.Effect<Entry, AuditError>
  readonly entries: (filter?: Filter) => Stream.Stream<Entry, AuditError>
  readonly verify: (head?: string) => Effect.Effect<Verified, AuditError>
}
