/**
 * The one error every operation fails with, and the closed set of reasons it carries.
 *
 * Match on reasons with `Effect.catchReason("KeyStoreError", "RateLimited", ...)` and keep a default branch: a major
 * version may add a reason. No error holds a URL with its query, a header, a body, a secret or a raw cause.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { KeyRef } from "./ApiKey.ts"

const TypeId = "~@keyfold/core/KeyStoreError"

/**
 * Names the six operations, in spans, errors, capabilities and commands alike.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Operation = Schema.Literals(["create", "get", "list", "revoke", "usage", "verify"])

/**
 * The type of an operation's name.
 *
 * @category models
 * @since 0.1.0
 */
export type Operation = typeof Operation.Type

const problem = Schema.optionalKey(Schema.String)

/**
 * No key with this id is visible to this store and tenant. A foreign key gives exactly the same error.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotFound extends Schema.TaggedError<NotFound>("@keyfold/core/NotFound")("NotFound", { problem }) {
  override get message(): string {
    return this.problem ?? "no such key"
  }
}

/**
 * The operation id was used before; `existing` names the key that belongs to it.
 *
 * @category errors
 * @since 0.1.0
 */
export class Conflict extends Schema.TaggedError<Conflict>("@keyfold/core/Conflict")("Conflict", {
  existing: Schema.optionalKey(KeyRef),
  problem
}) {
  override get message(): string {
    const existing = this.existing === undefined ? "" : ` (existing key ${this.existing.id})`
    return `${this.problem ?? "this operation id was used before"}${existing}`
  }
}

/**
 * The request cannot succeed as it is. `field` names the input and `problem` says what was expected.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>("@keyfold/core/InvalidRequest")(
  "InvalidRequest",
  { field: Schema.optionalKey(Schema.String), problem: Schema.String }
) {
  override get message(): string {
    return this.field === undefined ? this.problem : `${this.field}: ${this.problem}`
  }
}

/**
 * The backend did not accept the store's credential.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unauthenticated extends Schema.TaggedError<Unauthenticated>("@keyfold/core/Unauthenticated")(
  "Unauthenticated",
  { problem }
) {
  override get message(): string {
    return this.problem ?? "the backend did not accept the store's credential"
  }
}

/**
 * The store's credential may not do this.
 *
 * @category errors
 * @since 0.1.0
 */
export class PermissionDenied extends Schema.TaggedError<PermissionDenied>("@keyfold/core/PermissionDenied")(
  "PermissionDenied",
  { problem }
) {
  override get message(): string {
    return this.problem ?? "the store's credential may not do this"
  }
}

/**
 * The backend holds as many keys as it allows. `limit` is the number where it is known.
 *
 * @category errors
 * @since 0.1.0
 */
export class QuotaExceeded extends Schema.TaggedError<QuotaExceeded>("@keyfold/core/QuotaExceeded")("QuotaExceeded", {
  limit: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    return this.limit === undefined ? "the key limit is reached" : `the limit of ${this.limit} keys is reached`
  }
}

/**
 * The backend asks for fewer requests. `retryAfter` is the time it asked for, where it said one.
 *
 * @category errors
 * @since 0.1.0
 */
export class RateLimited extends Schema.TaggedError<RateLimited>("@keyfold/core/RateLimited")("RateLimited", {
  retryAfter: Schema.optionalKey(Schema.Duration)
}) {
  override get message(): string {
    return "the backend asks for fewer requests"
  }
}

/**
 * The backend failed or is down. `status` is the HTTP status where there was one.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unavailable extends Schema.TaggedError<Unavailable>("@keyfold/core/Unavailable")("Unavailable", {
  status: Schema.optionalKey(Schema.Int),
  retryAfter: Schema.optionalKey(Schema.Duration),
  problem
}) {
  override get message(): string {
    const status = this.status === undefined ? "" : ` (status ${this.status})`
    return `${this.problem ?? "the backend is unavailable"}${status}`
  }
}

/**
 * No answer came in time.
 *
 * @category errors
 * @since 0.1.0
 */
export class Timeout extends Schema.TaggedError<Timeout>("@keyfold/core/Timeout")("Timeout", {
  after: Schema.Duration
}) {
  override get message(): string {
    return `no answer within ${Duration.format(this.after)}`
  }
}

/**
 * The connection failed. `code` is the system's short error code (such as `ECONNREFUSED`) where there was one.
 *
 * @category errors
 * @since 0.1.0
 */
export class Network extends Schema.TaggedError<Network>("@keyfold/core/Network")("Network", {
  code: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return this.code === undefined ? "the connection failed" : `the connection failed (${this.code})`
  }
}

/**
 * The backend answered success with something that is not what its contract says.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidResponse extends Schema.TaggedError<InvalidResponse>("@keyfold/core/InvalidResponse")(
  "InvalidResponse",
  { problem: Schema.String }
) {
  override get message(): string {
    return this.problem
  }
}

/**
 * This backend cannot do what was asked; nothing was sent. `capability` names the gap.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unsupported extends Schema.TaggedError<Unsupported>("@keyfold/core/Unsupported")("Unsupported", {
  capability: Schema.String,
  problem
}) {
  override get message(): string {
    return this.problem ?? `this backend does not support ${this.capability}`
  }
}

/**
 * A create was sent and its outcome could not be settled: a key may exist whose secret nobody holds.
 *
 * The wrapper's `operationId` names the create. Look for the key by it before creating again.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutcomeUnknown extends Schema.TaggedError<OutcomeUnknown>("@keyfold/core/OutcomeUnknown")(
  "OutcomeUnknown",
  { problem: Schema.String }
) {
  override get message(): string {
    return `the outcome is unknown: ${this.problem}; a key may exist whose secret is lost`
  }
}

/**
 * The secret of a new key could not be put where it belongs. The key was `revoked` again, or is still live where
 * `revoked` is false; without a `key` none was made.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotDelivered extends Schema.TaggedError<NotDelivered>("@keyfold/core/NotDelivered")("NotDelivered", {
  problem: Schema.String,
  key: Schema.optionalKey(KeyRef),
  revoked: Schema.Boolean
}) {
  override get message(): string {
    const fate = this.key === undefined ? "no key was made" : this.revoked ? "was revoked again" : "is still live"
    return `the secret could not be delivered: ${this.problem} ${this.key === undefined ? fate : `Key ${this.key.id} ${fate}`}`
  }
}

/**
 * The closed union of reasons.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reason = Schema.Union([
  NotFound,
  Conflict,
  InvalidRequest,
  Unauthenticated,
  PermissionDenied,
  QuotaExceeded,
  RateLimited,
  Unavailable,
  Timeout,
  Network,
  InvalidResponse,
  Unsupported,
  OutcomeUnknown,
  NotDelivered
])

/**
 * The type of a reason.
 *
 * @category models
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

const transient: ReadonlySet<Reason["_tag"]> = new Set(["RateLimited", "Unavailable", "Timeout", "Network"])

/**
 * Fails every operation of a `KeyStore`: where it happened, and `reason` for what happened.
 *
 * `attempts` counts the attempts made (0 where a check refused the call before the first). `exhausted` is true once
 * Keyfold has retried as often as its policy allows, so that an outer policy does not multiply attempts.
 *
 * @category errors
 * @since 0.1.0
 */
export class KeyStoreError extends Schema.TaggedError<KeyStoreError>("@keyfold/core/KeyStoreError")("KeyStoreError", {
  store: Schema.String,
  backend: Schema.String,
  operation: Operation,
  reason: Reason,
  attempts: Schema.Int,
  exhausted: Schema.Boolean,
  operationId: Schema.optionalKey(Schema.String),
  requestId: Schema.optionalKey(Schema.String)
}) {
  /** Marks the error for `isKeyStoreError`, also across two copies of this package. */
  readonly [TypeId] = TypeId

  /** Says whether the same call may succeed later; false for a create whose outcome is unknown and once exhausted. */
  get isRetryable(): boolean {
    return !this.exhausted && transient.has(this.reason._tag)
  }

  /** The time the backend asked to wait, where it said one. */
  get retryAfter(): Duration.Duration | undefined {
    return this.reason._tag === "RateLimited" || this.reason._tag === "Unavailable" ? this.reason.retryAfter : undefined
  }

  override get message(): string {
    const operationId = this.operationId === undefined ? "" : ` [operation ${this.operationId}]`
    return `${this.operation} on store "${this.store}" (${this.backend}): ${this.reason._tag}: ${this.reason.message}${operationId}`
  }
}

/**
 * Tells whether a value is a `KeyStoreError`, also where two copies of this package are loaded.
 *
 * @category guards
 * @since 0.1.0
 */
export const isKeyStoreError = (value: unknown): value is KeyStoreError => Predicate.hasProperty(value, TypeId)
