/**
 * The words every backend's API keys are described in.
 *
 * An `ApiKey` never holds a secret. The secret of a new key exists once, in the `IssuedKey` that `create` returns, as a
 * `Redacted` value.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"

/**
 * Identifies one key at one backend: the id the backend's own users see, opaque to Keyfold.
 *
 * Build one with `KeyId.make("fh4dUNV3WQ")`. An empty id is refused before any request is sent.
 *
 * @category schemas
 * @since 0.1.0
 */
export const KeyId = Schema.NonEmptyString.pipe(Schema.brand("@keyfold/core/KeyId"))

/**
 * The type of a key's id.
 *
 * @category models
 * @since 0.1.0
 */
export type KeyId = typeof KeyId.Type

/**
 * Points at one key. Every `ApiKey` is a `KeyRef`.
 *
 * `owner` saves a lookup on backends that address keys by owner (WhyLabs revokes in one request when it is known). On a
 * store that serves several tenants it is a hint, never proof.
 *
 * @category schemas
 * @since 0.1.0
 */
export const KeyRef = Schema.Struct({
  id: KeyId,
  owner: Schema.optionalKey(Schema.String)
})

/**
 * The type of a reference to one key.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyRef extends Schema.Schema.Type<typeof KeyRef> {}

/**
 * Says whether a key still opens doors: `active`, past its expiry (`expired`), or withdrawn for good (`revoked`).
 *
 * @category schemas
 * @since 0.1.0
 */
export const KeyStatus = Schema.Literals(["active", "expired", "revoked"])

/**
 * The type of a key's status.
 *
 * @category models
 * @since 0.1.0
 */
export type KeyStatus = typeof KeyStatus.Type

/**
 * Describes one key without its secret.
 *
 * - `scopes` are portable names where the store has a `scopeMap` that covers them, the backend's own names elsewhere.
 * - A time the backend cannot be trusted on is absent here and kept under `provider`. An absent `lastUsedAt` means
 *   "not known", never "not used".
 * - `hint` is a few characters for display. It is never enough to authenticate.
 * - `provider` holds the backend's own extra fields under the backend's name.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ApiKey = Schema.Struct({
  id: KeyId,
  name: Schema.optionalKey(Schema.String),
  owner: Schema.optionalKey(Schema.String),
  scopes: Schema.Array(Schema.String),
  status: KeyStatus,
  createdAt: Schema.optionalKey(Schema.DateTimeUtcFromString),
  expiresAt: Schema.optionalKey(Schema.DateTimeUtcFromString),
  lastUsedAt: Schema.optionalKey(Schema.DateTimeUtcFromString),
  revokedAt: Schema.optionalKey(Schema.DateTimeUtcFromString),
  hint: Schema.optionalKey(Schema.String),
  tags: Schema.Record(Schema.String, Schema.String),
  provider: Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Json))
})

/**
 * The type of one key without its secret.
 *
 * @category models
 * @since 0.1.0
 */
export interface ApiKey extends Schema.Schema.Type<typeof ApiKey> {}

/**
 * Holds a key that was just created together with its secret, the only place where a secret exists.
 *
 * Encoding it to JSON fails on purpose. Reveal the secret with `Redacted.value` where it is handed over.
 *
 * @category schemas
 * @since 0.1.0
 */
export const IssuedKey = Schema.Struct({
  key: ApiKey,
  secret: Schema.RedactedFromValue(Schema.NonEmptyString, { label: "secret", disallowEncode: true })
})

/**
 * The type of a key that was just created, with its secret.
 *
 * @category models
 * @since 0.1.0
 */
export interface IssuedKey extends Schema.Schema.Type<typeof IssuedKey> {}

/**
 * Reports an accepted revocation.
 *
 * `alreadyRevoked` is present and true where the backend says that nothing changed. `effectiveWithin` is the longest
 * time the secret may still be accepted, from the backend's declared revocation lag.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Revocation = Schema.Struct({
  id: KeyId,
  alreadyRevoked: Schema.optionalKey(Schema.Boolean),
  effectiveWithin: Schema.Duration
})

/**
 * The type of an accepted revocation.
 *
 * @category models
 * @since 0.1.0
 */
export interface Revocation extends Schema.Schema.Type<typeof Revocation> {}

/**
 * Returns the status a key has at `now`: an active key past its `expiresAt` is `expired`.
 *
 * Backends keep saying "active" for a key that has run out, so every store settles the status here.
 *
 * @category combinators
 * @since 0.1.0
 */
export const settleStatus = (key: ApiKey, now: DateTime.Utc): ApiKey =>
  key.status === "active" && key.expiresAt !== undefined && key.expiresAt.epochMilliseconds < now.epochMilliseconds
    ? { ...key, status: "expired" }
    : key
