/**
 * What one backend supplies. People call `KeyStore`; a backend implements the smaller `Driver`.
 *
 * A driver holds wire calls and nothing derived: guards, retries, defaults, scope maps, spans, paging and redaction are
 * written once, in `KeyStore.make`.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { ApiKey, IssuedKey, KeyRef, KeyStatus, Revocation } from "./ApiKey.ts"
import type { Capabilities } from "./Capabilities.ts"
import { InvalidRequest, Reason } from "./KeyStoreError.ts"
import type { KeyUsage } from "./KeyUsage.ts"
import type { OperationId } from "./OperationId.ts"
import type { Verification } from "./Verification.ts"

/**
 * Fails one attempt of a driver.
 *
 * `sent` says whether the backend can have acted: `no` only where it provably has not seen the request. With `maybe`, an
 * answered refusal (a status that says nothing was done) is told from an ambiguous outcome by its reason:
 * `Unavailable`, `Timeout`, `Network` and `InvalidResponse` are ambiguous, every other reason is a refusal.
 *
 * @category errors
 * @since 0.1.0
 */
export class DriverError extends Schema.TaggedError<DriverError>("@keyfold/core/DriverError")("DriverError", {
  reason: Reason,
  sent: Schema.Literals(["no", "maybe"]),
  requestId: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `${this.reason._tag}: ${this.reason.message}`
  }
}

/**
 * Refuses an input before anything is sent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const refuse = (field: string, problem: string): DriverError =>
  new DriverError({ reason: new InvalidRequest({ field, problem }), sent: "no" })

/**
 * Asks a driver for one new key: the spec with the store's defaults and scope map already applied.
 *
 * - `label` is what to write into the backend's one free-text field. It carries the human name and, on backends whose
 *   `createSafety` is `marker`, always a mark (see `Label`); what comes back as `name` is handed up unread.
 * - `operationId` names the intended create; drivers with `createSafety: "idempotent"` send it to the backend.
 * - `nonce` is new for each attempt.
 * - `supersedes` are the nonces of earlier attempts at this operation whose keys nobody holds or ever will. A backend
 *   that knows operation ids replaces such a key by the new one; any other key of the operation is a `Conflict`.
 * - `scopes` are the backend's own names, always explicit; an empty list asks for a powerless key.
 * - `provider` holds only this backend's own extra inputs, checked against `Driver.providerInputs`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CreateRequest {
  readonly operationId: OperationId
  readonly nonce: string
  readonly supersedes: ReadonlyArray<string>
  readonly name: string | undefined
  readonly label: string | undefined
  readonly owner: string | undefined
  readonly scopes: ReadonlyArray<string>
  readonly expiresAt: DateTime.Utc | undefined
  readonly tags: Readonly<Record<string, string>>
  readonly provider: Readonly<Record<string, Schema.Json>>
}

/**
 * Holds the key a backend keeps under an operation id, and the nonce of the attempt that made it.
 *
 * @category models
 * @since 0.1.0
 */
export interface FoundOperation {
  readonly key: ApiKey
  readonly nonce: string
}

/**
 * Asks a driver for keys. `statuses` is what the caller wants to see; a driver may return more, never less.
 *
 * @category models
 * @since 0.1.0
 */
export interface ListRequest {
  readonly owner: string | undefined
  readonly statuses: ReadonlyArray<KeyStatus>
}

/**
 * Asks a natively paged driver for one page after `position`, a text only the driver reads.
 *
 * @category models
 * @since 0.1.0
 */
export interface PageRequest extends ListRequest {
  readonly limit: number
  readonly position: string | undefined
}

/**
 * Holds one native page; `next` is the position of the page after it. Its keys already match the request's filter.
 *
 * @category models
 * @since 0.1.0
 */
export interface DriverPage {
  readonly keys: ReadonlyArray<ApiKey>
  readonly next?: string
}

/**
 * Lists keys as the backend gives them: one unpaged answer as a stream of batches, or native pages.
 *
 * @category models
 * @since 0.1.0
 */
export type Listing =
  | {
      readonly kind: "stream"
      readonly open: (request: ListRequest) => Stream.Stream<ReadonlyArray<ApiKey>, DriverError>
    }
  | {
      readonly kind: "pages"
      readonly page: (request: PageRequest) => Effect.Effect<DriverPage, DriverError>
    }

/**
 * Supplies one backend to `KeyStore.make`.
 *
 * An optional function is present exactly where `capabilities.operations` says `native`. Statuses need not be settled
 * (an expired key may be reported as active) and scopes are the backend's own names.
 *
 * - `defaultScopes` are what the backend's published clients would have used; sent where neither spec nor store says.
 * - `nameLimit` is the longest name the backend takes, in UTF-16 code units, where it has one.
 * - `providerInputs` names the fields accepted under `KeySpec.provider[backend]`.
 * - `findOperation` looks a key up by the operation that made it, revoked keys included; present exactly where
 *   `capabilities.createSafety` is `idempotent`.
 * - `partition` returns a view of one tenant's keys, present exactly where `capabilities.tenancy` is `native`.
 * - `partitions` names the tenants who have keys, those that no configuration knows included. A driver with `partition`
 *   should have it: without it nobody can show every key of the backend.
 *
 * @category models
 * @since 0.1.0
 */
export interface Driver {
  readonly backend: string
  readonly capabilities: Capabilities
  readonly defaultScopes: ReadonlyArray<string>
  readonly nameLimit?: number
  readonly providerInputs?: ReadonlyArray<string>
  readonly create: (request: CreateRequest) => Effect.Effect<IssuedKey, DriverError>
  readonly findOperation?: (operationId: OperationId) => Effect.Effect<FoundOperation | undefined, DriverError>
  readonly get?: (ref: KeyRef) => Effect.Effect<ApiKey, DriverError>
  readonly list: Listing
  readonly revoke: (ref: KeyRef) => Effect.Effect<Revocation, DriverError>
  readonly usage?: (ref: KeyRef) => Effect.Effect<KeyUsage, DriverError>
  readonly verify?: (secret: Redacted.Redacted<string>) => Effect.Effect<Verification, DriverError>
  readonly identify?: (secret: Redacted.Redacted<string>) => Option.Option<KeyRef>
  readonly partition?: (tenant: string) => Driver
  readonly partitions?: Effect.Effect<ReadonlyArray<string>, DriverError>
}
