/**
 * Where rotations are kept: everything that must be known about the keys of a rotation, so that any process can go on with
 * it, and so that nothing it made is forgotten.
 *
 * A record holds ids, names and times, never a secret.
 *
 * @since 0.1.0
 */
import { KeyRef, type KeyId } from "@keyfold/core/ApiKey"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import * as memoryStorage from "./internal/rotation/memoryStorage.ts"
import { Reason, Request, Revocation, RotationId, Status, Step, Verified } from "./Rotation.ts"

/**
 * The storage of rotations could not be read or written.
 *
 * @category errors
 * @since 0.1.0
 */
export class RotationStorageError extends Schema.TaggedError<RotationStorageError>(
  "@keyfold/lifecycle/RotationStorageError"
)("RotationStorageError", { problem: Schema.String }) {
  override get message(): string {
    return this.problem
  }
}

/**
 * Holds what the new key is made with: the old key's name, owner, scopes and tags, and an expiry in epoch milliseconds.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Plan = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  owner: Schema.optionalKey(Schema.String),
  scopes: Schema.optionalKey(Schema.Array(Schema.String)),
  tags: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  expiresAt: Schema.optionalKey(Schema.Int)
})

/**
 * The type of a plan.
 *
 * @category models
 * @since 0.1.0
 */
export interface Plan extends Schema.Schema.Type<typeof Plan> {}

/**
 * Holds a key that was made and that nobody holds: it is `revoked`, or will be. Once a key is here it is never handed
 * over, whatever a process believes that stood still for a while.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Discarded = Schema.Struct({ ...KeyRef.fields, at: Schema.Int, revoked: Schema.Boolean })

/**
 * The type of a discarded key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Discarded extends Schema.Schema.Type<typeof Discarded> {}

/**
 * Holds one rotation. Times are epoch milliseconds by the storage's own clock.
 *
 * - `old` is the key to be replaced. `custody` is the new one once it exists, made at about `custodyAt`; `handOffBegun` is
 *   set before its secret may have reached the sink, `handedOver` once the sink has confirmed.
 * - `attempt` counts the creates; each has an operation id of its own in the core's journal. `discarded` are the keys of
 *   those before.
 * - `revokeBegun` is set before the old key may have been revoked.
 * - `keep` is an operator's decision in `needsAttention`.
 * - `failure` is how the rotation ended where it did not end `done`, and why it needs attention. `problem` is what last
 *   went wrong with a step that is tried again, `retries` how often that was in a row.
 * - `overlapUntil` is when the old key is to be revoked, `overlapLimit` how far that may be put off; `holderCheckUntil`
 *   bounds the holder's check, `confirmUntil` the look after the revocation.
 * - `dueAt` is when the rotation goes on, where it waits. `pause` numbers the wait.
 * - `run` counts the workflow executions of this rotation, one after the other.
 * - `epoch` counts the processes that worked on it, one after the other; until `leaseUntil` nobody else may.
 *
 * @category schemas
 * @since 0.1.0
 */
export const RotationRecord = Schema.Struct({
  id: RotationId,
  store: Schema.String,
  tenant: Schema.optionalKey(Schema.String),
  old: KeyRef,
  request: Request,
  status: Status,
  step: Step,
  plan: Schema.optionalKey(Plan),
  oldExpiresAt: Schema.optionalKey(Schema.Int),
  attempt: Schema.Int,
  discarded: Schema.Array(Discarded),
  custody: Schema.optionalKey(KeyRef),
  custodyAt: Schema.optionalKey(Schema.Int),
  verified: Schema.optionalKey(Verified),
  handOffBegun: Schema.Boolean,
  handedOver: Schema.Boolean,
  holderCheckUntil: Schema.optionalKey(Schema.Int),
  overlapUntil: Schema.optionalKey(Schema.Int),
  overlapLimit: Schema.optionalKey(Schema.Int),
  stillUsed: Schema.Boolean,
  revokeBegun: Schema.Boolean,
  abortRequested: Schema.Boolean,
  keep: Schema.optionalKey(Schema.Literals(["old", "new"])),
  revocation: Schema.optionalKey(Revocation),
  confirmUntil: Schema.optionalKey(Schema.Int),
  failure: Schema.optionalKey(Reason),
  problem: Schema.optionalKey(Schema.String),
  retries: Schema.Int,
  dueAt: Schema.optionalKey(Schema.Int),
  pause: Schema.Int,
  run: Schema.Int,
  epoch: Schema.Int,
  leaseUntil: Schema.Int,
  createdAt: Schema.Int,
  updatedAt: Schema.Int
})

/**
 * The type of a rotation's record.
 *
 * @category models
 * @since 0.1.0
 */
export interface RotationRecord extends Schema.Schema.Type<typeof RotationRecord> {}

/**
 * Reads and writes a record as JSON text, for implementations that keep it in one column.
 *
 * @category schemas
 * @since 0.1.0
 */
export const RotationRecordFromJson = Schema.fromJsonString(Schema.toCodecJson(RotationRecord))

/**
 * Narrows a query; what is omitted does not matter.
 *
 * - `statuses`, `store`, `tenant`: of the record.
 * - `key`: the record's `old` or `custody` has this id.
 * - `dueBefore`: the record has a `dueAt`, and that is before this time in epoch milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Filter {
  readonly statuses?: ReadonlyArray<Status> | undefined
  readonly store?: string | undefined
  readonly tenant?: string | undefined
  readonly key?: KeyId | undefined
  readonly dueBefore?: number | undefined
}

/**
 * Shows a transaction what is there, and the time by the storage's own clock.
 *
 * @category models
 * @since 0.1.0
 */
export interface Snapshot {
  readonly now: number
  readonly record: RotationRecord | undefined
}

/**
 * Says what a transaction writes and what it answers. Without a `record` nothing is written.
 *
 * @category models
 * @since 0.1.0
 */
export interface Decision<A> {
  readonly record?: RotationRecord
  readonly answer: A
}

/**
 * Answers an insertion.
 *
 * - `inserted`: the record is new.
 * - `exists`: the id was used before, for this record.
 * - `busy`: this record, of another rotation that has not ended, has the key already.
 *
 * @category models
 * @since 0.1.0
 */
export interface Insertion {
  readonly kind: "inserted" | "exists" | "busy"
  readonly record: RotationRecord
}

/**
 * Keeps rotations. Many processes share one.
 *
 * - `insert` writes a new record, made by `make` from the time by the storage's clock, unless its id is taken or another
 *   record of the same store (whatever its tenant), neither `done` nor `undone`, has the record's `old` key as its `old`
 *   or its `custody`. All in one transaction that excludes other insertions into the same store. `make` does no I/O.
 * - `transact` reads the record of that id, asks `decide`, and writes what it says, all in one transaction that excludes
 *   other transactions on the same record. `decide` does no I/O; it never changes `id`, `store`, `tenant`, `old` or
 *   `createdAt`.
 * - `query` reads in order of `createdAt`, then `id`, as it is consumed; what is written meanwhile may be missing.
 *
 * @category services
 * @since 0.1.0
 */
export class RotationStorage extends Context.Service<
  RotationStorage,
  {
    readonly insert: (make: (now: number) => RotationRecord) => Effect.Effect<Insertion, RotationStorageError>
    readonly transact: <A>(
      id: RotationId,
      decide: (snapshot: Snapshot) => Decision<A>
    ) => Effect.Effect<A, RotationStorageError>
    readonly query: (filter: Filter) => Stream.Stream<RotationRecord, RotationStorageError>
  }
>()("@keyfold/lifecycle/RotationStorage") {}

/**
 * Makes a storage that lives as long as the program: for tests, and for programs that rotate nothing they could not look
 * up again by hand.
 *
 * @category constructors
 * @since 0.1.0
 */
export const memory: Effect.Effect<RotationStorage["Service"]> = memoryStorage.make

/**
 * Provides a storage that lives as long as the program.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<RotationStorage> = Layer.effect(RotationStorage, memory)
