/**
 * The words of a rotation: what is asked for, how far it got, and how it can end.
 *
 * A rotation makes a key like the old one, puts it where its holder reads it, waits while both work, and revokes the old
 * one. At no moment is the holder without a working key.
 *
 * @since 0.1.0
 */
import { KeyRef } from "@keyfold/core/ApiKey"
import * as KeyStoreError from "@keyfold/core/KeyStoreError"
import * as OperationId from "@keyfold/core/OperationId"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/**
 * Names one rotation: 1 to 100 printable ASCII characters, chosen by the caller or generated.
 *
 * The same id with the same request is the same rotation, whoever asks and however often.
 *
 * @category schemas
 * @since 0.1.0
 */
export const RotationId = Schema.String.check(
  Schema.isPattern(/^[\x21-\x7e]{1,100}$/u, { expected: "1 to 100 printable ASCII characters without spaces" })
).pipe(Schema.brand("@keyfold/lifecycle/RotationId"))

/**
 * The type of a rotation's id.
 *
 * @category models
 * @since 0.1.0
 */
export type RotationId = typeof RotationId.Type

/**
 * Generates a rotation id of 128 random bits.
 *
 * @category constructors
 * @since 0.1.0
 */
export const generateId: Effect.Effect<RotationId> = Effect.map(OperationId.generate, (id) =>
  RotationId.make(id.replace(/^op_/, "rot_"))
)

/**
 * Says what a rotation does next.
 *
 * - `plan`: reads the old key and checks that it can be rotated. Nothing is changed.
 * - `mint`: makes the new key, waits until it works, and hands it to the sink.
 * - `holderCheck`: asks the holder whether it works with the new key.
 * - `overlap`: both keys work.
 * - `revoke`: revokes the old key, or the one an operator decided against.
 * - `confirm`: looks whether the revoked key is refused.
 * - `undo`: revokes what `mint` may have left.
 * - `end`: nothing any more.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Step = Schema.Literals(["plan", "mint", "holderCheck", "overlap", "revoke", "confirm", "undo", "end"])

/**
 * The type of a step.
 *
 * @category models
 * @since 0.1.0
 */
export type Step = typeof Step.Type

/**
 * Says how a rotation stands.
 *
 * - `running`: it goes on by itself.
 * - `revocationPending`: it goes on by itself, and a key it has to revoke could not be revoked so far.
 * - `needsAttention`: it stands still, and both keys are live. `resume` or `resolve` it.
 * - `done`: the holder has the new key, and the old one was revoked.
 * - `undone`: the old key is as it was, and no new one is left.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Status = Schema.Literals(["running", "revocationPending", "needsAttention", "done", "undone"])

/**
 * The type of a rotation's status.
 *
 * @category models
 * @since 0.1.0
 */
export type Status = typeof Status.Type

/**
 * Tells whether a rotation goes on by itself.
 *
 * @category guards
 * @since 0.1.0
 */
export const isUnderWay = (status: Status): boolean => status === "running" || status === "revocationPending"

/**
 * Says when the new key expires.
 *
 * - `keep`: when the old one does.
 * - `sameLifetime`: as long after its making as the old one did after its own.
 * - `at`: then.
 *
 * @category models
 * @since 0.1.0
 */
export type Expiry = "keep" | "sameLifetime" | { readonly at: DateTime.Utc }

/**
 * Says how to rotate a key. What is named here is found by name in `RotationResources`, because another process may take
 * the next step.
 *
 * - `store`, `tenant`: where the key is.
 * - `overlap`: how long both keys work once the holder has the new one.
 * - `sink`: where the secret goes.
 * - `probe`: what tells whether a secret works. Without one the backend's `verify` is asked; where there is none either,
 *   the rotation says that it is `unverified`.
 * - `holderCheck`: what tells whether the holder works with the new key; tried again for `holderCheckWithin`, 5 minutes
 *   when omitted.
 * - `expiry`: `keep` when omitted.
 * - `force`: rotates a store's own credential although keys are stranded by it.
 * - `rotationId`: generated when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly store: string
  readonly tenant?: string
  readonly overlap: Duration.Input
  readonly sink: string
  readonly probe?: string
  readonly holderCheck?: string
  readonly holderCheckWithin?: Duration.Input
  readonly expiry?: Expiry
  readonly force?: boolean
  readonly rotationId?: RotationId
}

/**
 * Holds what was asked for, as it is kept: durations in milliseconds, times in epoch milliseconds, names and no secret.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Request = Schema.Struct({
  overlap: Schema.Int,
  sink: Schema.String,
  probe: Schema.optionalKey(Schema.String),
  holderCheck: Schema.optionalKey(Schema.String),
  holderCheckWithin: Schema.Int,
  expiry: Schema.Union([Schema.Literals(["keep", "sameLifetime"]), Schema.Struct({ at: Schema.Int })]),
  force: Schema.Boolean
})

/**
 * The type of a kept request.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request extends Schema.Schema.Type<typeof Request> {}

/**
 * Reports what was seen of a revoked key.
 *
 * - `confirmed`: the probe saw its secret refused.
 * - `notConfirmed`: nobody saw that. `bound` is how long, in milliseconds, the backend may still accept it, and `seen` what
 *   the backend says about the key: that it is `revoked`, that it is `gone`, or nothing.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Revocation = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("confirmed") }),
  Schema.Struct({
    kind: Schema.Literal("notConfirmed"),
    bound: Schema.Int,
    seen: Schema.Literals(["revoked", "gone", "nothing"])
  })
])

/**
 * The type of a revocation's report.
 *
 * @category models
 * @since 0.1.0
 */
export type Revocation = typeof Revocation.Type

/**
 * Says whether the new key was seen to work before it was handed over.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Verified = Schema.Literals(["verified", "unverified"])

/**
 * The type of that statement.
 *
 * @category models
 * @since 0.1.0
 */
export type Verified = typeof Verified.Type

/**
 * Reports a rotation that is done.
 *
 * `stillUsed` is true where the backend counts exactly and had seen the old key in use shortly before it was revoked,
 * although the overlap had been lengthened as far as it may be.
 *
 * @category models
 * @since 0.1.0
 */
export interface Result {
  readonly rotationId: RotationId
  readonly old: KeyRef
  readonly new: KeyRef
  readonly verified: Verified
  readonly revocation: Revocation
  readonly stillUsed: boolean
}

/**
 * Nothing can be rotated before this is set up. `what` is missing, under this `name` where it has one.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unconfigured extends Schema.TaggedError<Unconfigured>("@keyfold/lifecycle/Unconfigured")("Unconfigured", {
  what: Schema.Literals(["journal", "store", "sink", "probe", "holderCheck"]),
  name: Schema.optionalKey(Schema.String),
  problem: Schema.String,
  fix: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const subject = this.name === undefined ? this.what : `${this.what} "${this.name}"`
    return `${subject}: ${this.problem}${this.fix === undefined ? "" : ` ${this.fix}`}`
  }
}

/**
 * The key is one of the store's own credentials, and the backend lets only the credential that made a key revoke it:
 * `stranded` are the keys nobody could revoke any more.
 *
 * @category errors
 * @since 0.1.0
 */
export class StrandsKeys extends Schema.TaggedError<StrandsKeys>("@keyfold/lifecycle/StrandsKeys")("StrandsKeys", {
  stranded: Schema.Array(KeyRef)
}) {
  override get message(): string {
    const ids = this.stranded.map(({ id }) => id).join(", ")
    return `this is a credential of the store itself, and only it can revoke the keys it made: ${ids}. Revoke those first, or force the rotation`
  }
}

/**
 * The rotation came to nothing: the old key is as it was, and no new one is left. `reason` is the backend's where it was
 * the backend that failed.
 *
 * @category errors
 * @since 0.1.0
 */
export class Undone extends Schema.TaggedError<Undone>("@keyfold/lifecycle/Undone")("Undone", {
  problem: Schema.String,
  reason: Schema.optionalKey(KeyStoreError.Reason)
}) {
  override get message(): string {
    return `the old key is as it was, and no new one is left: ${this.problem}`
  }
}

/**
 * The rotation stands still with both keys live, until somebody resumes or resolves it. `new` is absent where the new key
 * is not known, or may not exist.
 *
 * @category errors
 * @since 0.1.0
 */
export class NeedsAttention extends Schema.TaggedError<NeedsAttention>("@keyfold/lifecycle/NeedsAttention")(
  "NeedsAttention",
  { problem: Schema.String, old: KeyRef, new: Schema.optionalKey(KeyRef) }
) {
  override get message(): string {
    const fresh = this.new === undefined ? "" : ` and key ${this.new.id}`
    return `key ${this.old.id}${fresh} stay live until you decide: ${this.problem}`
  }
}

/**
 * The closed union of reasons: those of this package, and those of the core that mean the same here.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reason = Schema.Union([
  KeyStoreError.InvalidRequest,
  KeyStoreError.NotFound,
  KeyStoreError.Conflict,
  KeyStoreError.QuotaExceeded,
  KeyStoreError.Unsupported,
  KeyStoreError.Unavailable,
  Unconfigured,
  StrandsKeys,
  Undone,
  NeedsAttention
])

/**
 * The type of a reason.
 *
 * @category models
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

/**
 * Fails everything a `Rotations` does: which rotation, and `reason` for what happened.
 *
 * - `InvalidRequest`, `NotFound`, `QuotaExceeded`, `Unsupported`, `StrandsKeys`: refused before anything was changed.
 * - `Unconfigured`: refused before anything was written.
 * - `Conflict`: the id belongs to another request, another rotation has the key, or what was asked for comes too late.
 * - `Unavailable`: the storage of rotations could not be read or written.
 * - `Undone`, `NeedsAttention`: how it ended.
 *
 * @category errors
 * @since 0.1.0
 */
export class RotationError extends Schema.TaggedError<RotationError>("@keyfold/lifecycle/RotationError")(
  "RotationError",
  { rotationId: Schema.optionalKey(Schema.String), reason: Reason }
) {
  override get message(): string {
    const subject = this.rotationId === undefined ? "rotations" : `rotation ${this.rotationId}`
    return `${subject}: ${this.reason._tag}: ${this.reason.message}`
  }
}
