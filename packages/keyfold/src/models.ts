/**
 * What the Promise API takes and gives: plain objects, with times as `Date` and lengths of time in milliseconds.
 *
 * @since 0.1.0
 */
import type { Operation } from "@keyfold/core/KeyStoreError"
import type { Secret } from "./secret.ts"

/**
 * A length of time: milliseconds, or a text such as `"30 seconds"`.
 *
 * @category models
 * @since 0.1.0
 */
export type TimeSpan =
  | number
  | `${number} ${"milli" | "second" | "minute" | "hour" | "day" | "week" | "millis" | "seconds" | "minutes" | "hours" | "days" | "weeks"}`

/**
 * A value that JSON can hold.
 *
 * @category models
 * @since 0.1.0
 */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [name: string]: Json }

/**
 * A backend's own fields, under that backend's name.
 *
 * @category models
 * @since 0.1.0
 */
export type ProviderFields = Readonly<Record<string, Readonly<Record<string, Json>>>>

/**
 * Says whether a key still opens doors: `active`, past its expiry (`expired`), or withdrawn for good (`revoked`).
 *
 * @category models
 * @since 0.1.0
 */
export type KeyStatus = "active" | "expired" | "revoked"

/**
 * Describes one key, without its secret.
 *
 * - `scopes` are portable names where the store has a `scopeMap` that covers them, the backend's own names elsewhere.
 * - An absent `lastUsedAt` means "not known", never "not used".
 * - `hint` is a few characters for display. It is never enough to authenticate.
 *
 * @category models
 * @since 0.1.0
 */
export interface ApiKey {
  readonly id: string
  readonly name?: string
  readonly owner?: string
  readonly scopes: ReadonlyArray<string>
  readonly status: KeyStatus
  readonly createdAt?: Date
  readonly expiresAt?: Date
  readonly lastUsedAt?: Date
  readonly revokedAt?: Date
  readonly hint?: string
  readonly tags: Readonly<Record<string, string>>
  readonly provider: ProviderFields
}

/**
 * Points at one key: its id, or an object with it, such as an `ApiKey`. `owner` saves a lookup on some backends.
 *
 * @category models
 * @since 0.1.0
 */
export type KeyReference = string | KeyRef

/**
 * Points at one key.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyRef {
  readonly id: string
  readonly owner?: string | undefined
}

/**
 * Describes the key to create. What the backend cannot honour is refused before anything is sent, never dropped.
 *
 * - `owner`, `scopes`: the store's defaults apply when omitted; `scopes: []` asks for a key that may do nothing.
 * - `expiresAt`: must lie in the future.
 * - `provider`: extra inputs of one backend under that backend's name.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeySpec {
  readonly name?: string | undefined
  readonly owner?: string | undefined
  readonly scopes?: ReadonlyArray<string> | undefined
  readonly expiresAt?: Date | undefined
  readonly tags?: Readonly<Record<string, string>> | undefined
  readonly provider?: ProviderFields | undefined
}

/**
 * A key that was just created, with its secret: the only time that it can be had.
 *
 * @category models
 * @since 0.1.0
 */
export interface IssuedKey {
  readonly key: ApiKey
  readonly secret: Secret
}

/**
 * A key whose secret was delivered. `sink` names the place, and `holds` is the id of the key it says it holds, where it
 * can tell.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeliveredKey {
  readonly key: ApiKey
  readonly sink: string
  readonly holds?: string
}

/**
 * Narrows a listing. Without `status` it holds every key that was not revoked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Filter {
  readonly owner?: string | undefined
  readonly status?: KeyStatus | ReadonlyArray<KeyStatus> | undefined
}

/**
 * Asks for one page. `limit` is 1 to 1000, 100 when omitted; `cursor` is the `next` of the page before.
 *
 * @category models
 * @since 0.1.0
 */
export interface PageRequest extends Filter {
  readonly cursor?: string | undefined
  readonly limit?: number | undefined
}

/**
 * Says what a listing does not show: states left out by the filter (`excluded`), states the backend hides (`hidden`), and
 * how old its answer may be.
 *
 * @category models
 * @since 0.1.0
 */
export interface Completeness {
  readonly excluded: ReadonlyArray<KeyStatus>
  readonly hidden: ReadonlyArray<KeyStatus>
  readonly lagMilliseconds: number
}

/**
 * One page of keys; `next` is the cursor of the page after it, absent on the last one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Page {
  readonly keys: ReadonlyArray<ApiKey>
  readonly next?: string
  readonly completeness: Completeness
}

/**
 * Reports an accepted revocation. The secret may still be accepted for `effectiveWithinMilliseconds`; `alreadyRevoked` is
 * there, and true, where the backend says that nothing changed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Revocation {
  readonly id: string
  readonly alreadyRevoked?: boolean
  readonly effectiveWithinMilliseconds: number
}

/**
 * Reports the use of one key in the numbers the backend gives. An absent number means "not known", never zero.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyUsage {
  readonly id: string
  readonly precision: "exact" | "approximate" | "lastUsedOnly"
  readonly lastUsedAt?: Date
  readonly completedRequests?: number
  readonly successfulRequests?: number
  readonly failedRequests?: number
  readonly requestsPerDay?: number
  readonly quotaUsed?: number
  readonly quotaScale?: "fraction" | "percent" | "unknown"
  readonly window?: { readonly from?: Date; readonly to?: Date }
  readonly provider: ProviderFields
}

/**
 * Says whether a presented secret is valid. An outage is an error, never `valid: false`.
 *
 * @category models
 * @since 0.1.0
 */
export type Verification =
  | { readonly valid: true; readonly key?: ApiKey }
  | { readonly valid: false; readonly reason?: "malformed" | "unknown" | "expired" | "revoked" | "refused" }

/**
 * Tells what became of one create.
 *
 * - `delivered`: somebody holds `key`. Nothing was changed.
 * - `underWay`: another sender is at work on it, until then at the latest. Nothing was changed.
 * - `cleared`: certainly no live key is left; `revoked` are those that were found and revoked.
 * - `candidates`: keys that bear the operation's mark; without a journal nobody knows which of them reached a holder.
 * - `unknown`: nothing bears its mark, and no journal knows it.
 *
 * @category models
 * @since 0.1.0
 */
export type Recovery =
  | { readonly kind: "delivered"; readonly key?: KeyRef }
  | { readonly kind: "underWay"; readonly until: Date }
  | { readonly kind: "cleared"; readonly revoked: ReadonlyArray<KeyRef> }
  | { readonly kind: "candidates"; readonly keys: ReadonlyArray<ApiKey> }
  | { readonly kind: "unknown" }

/**
 * One live key that nobody holds, and what became of it: `found` in a dry run, `revoked`, or `failed` with the reason.
 *
 * @category models
 * @since 0.1.0
 */
export interface Orphan {
  readonly key: KeyRef
  readonly operationId: string
  readonly fate: "found" | "revoked" | "failed"
  readonly problem?: string
}

/**
 * Reports a sweep: how many keys the backend listed, which of them nobody holds, which operations turned out to be
 * delivered or were left alone, and marked keys that the journal knows nothing of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sweep {
  readonly dryRun: boolean
  readonly scanned: number
  readonly orphans: ReadonlyArray<Orphan>
  readonly delivered: ReadonlyArray<string>
  readonly underWay: ReadonlyArray<string>
  readonly strangers: ReadonlyArray<KeyRef>
}

/**
 * Bounds a delay, and says whether the backend promises the bound or it was only observed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bound {
  readonly withinMilliseconds: number
  readonly basis: "promised" | "observed"
}

/**
 * What the backend of a store can do, with the store's options. `Capabilities` of `@keyfold/core` explains each member.
 *
 * @category models
 * @since 0.1.0
 */
export interface Capabilities {
  readonly operations: Readonly<Record<Operation, "native" | "derived" | "unsupported">>
  readonly identify: boolean
  readonly listsRevoked: "always" | "byOwner" | "never"
  readonly getsRevoked: boolean
  readonly expiry: boolean
  readonly scopes: boolean
  readonly owners: "required" | "optional" | "unsupported"
  readonly tags: boolean
  readonly pagination: "native" | "derived"
  readonly usage: "exact" | "approximate" | "lastUsedOnly" | "unknown"
  readonly createSafety: "idempotent" | "marker" | "none"
  readonly revokes: "any" | "ownCreationsOnly"
  readonly revokeUnknown: "notFound" | "ambiguous" | "undocumented"
  readonly repeatedRevoke: "unchanged" | "movesTime"
  readonly revocationLag: Bound
  readonly quota: { readonly source: "known" | "configured"; readonly limit: number } | { readonly source: "unknown" }
  readonly consistency: { readonly visibility: Bound; readonly settle: Bound }
  readonly tenancy: "native" | "label" | "none"
}

/**
 * Describes a store: its name in the configuration, its backend, whose keys it shows where it serves several tenants, and
 * what it can do.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoreDescription {
  readonly name: string
  readonly backend: string
  readonly tenant?: string
  readonly capabilities: Capabilities
}
