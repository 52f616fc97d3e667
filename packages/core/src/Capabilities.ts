/**
 * What a backend can do, as data: checked before any request is sent and proved by tests in both directions.
 *
 * A flag exists only where two backends differ on it.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import type { Operation } from "./KeyStoreError.ts"
import { Precision } from "./KeyUsage.ts"

/**
 * Says how an operation is served: by the backend itself, by Keyfold from other operations, or not at all.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Support = Schema.Literals(["native", "derived", "unsupported"])

/**
 * The type of an operation's support.
 *
 * @category models
 * @since 0.1.0
 */
export type Support = typeof Support.Type

/**
 * Bounds a delay, and says whether the backend promises the bound or it was only observed.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Bound = Schema.Struct({
  within: Schema.Duration,
  basis: Schema.Literals(["promised", "observed"])
})

/**
 * The type of a bounded delay.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bound extends Schema.Schema.Type<typeof Bound> {}

/**
 * States a bound the backend's contract gives.
 *
 * @category constructors
 * @since 0.1.0
 */
export const promised = (within: Duration.Input): Bound => ({
  within: Duration.fromInputUnsafe(within),
  basis: "promised"
})

/**
 * States a bound that was measured and that nobody promises.
 *
 * @category constructors
 * @since 0.1.0
 */
export const observed = (within: Duration.Input): Bound => ({
  within: Duration.fromInputUnsafe(within),
  basis: "observed"
})

/**
 * Declares what one backend, with its options, can do.
 *
 * - `listsRevoked`: whether `list` can show revoked keys: `always`, only for one owner (`byOwner`), or `never`.
 * - `getsRevoked`: whether `get` finds a revoked key.
 * - `owners`: whether a key has an owner; `required` needs one in the spec or in the store's defaults.
 * - `pagination`: `native` pages come from the backend, `derived` pages are slices of a fresh list in id order.
 * - `usage`: the precision of usage numbers, or `unknown` where usage is unsupported.
 * - `createSafety`: `idempotent` (the backend knows the operation id), `marker` (a label that can be listed), `none`.
 * - `revokes`: whether the store's credential can revoke any key or only those it created.
 * - `revokeUnknown`: how revoking an id that does not exist answers: exactly `notFound`, `ambiguous` (a 404 that also
 *   means wrong owner or not yet visible), or `undocumented`.
 * - `repeatedRevoke`: whether revoking twice leaves the record alone (`unchanged`) or moves its time (`movesTime`).
 * - `revocationLag`: how long a revoked secret may still be accepted.
 * - `quota`: how many live keys the backend allows: a number the backend states, one the options state, or unknown.
 * - `consistency`: how long until a change is visible in reads, and how long an abandoned request may still commit.
 * - `tenancy`: how the backend keeps tenants apart: `native` partitions, a keyed `label`, or not at all.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Capabilities = Schema.Struct({
  operations: Schema.Struct({
    create: Support,
    get: Support,
    list: Support,
    revoke: Support,
    usage: Support,
    verify: Support
  }),
  identify: Schema.Boolean,
  listsRevoked: Schema.Literals(["always", "byOwner", "never"]),
  getsRevoked: Schema.Boolean,
  expiry: Schema.Boolean,
  scopes: Schema.Boolean,
  owners: Schema.Literals(["required", "optional", "unsupported"]),
  tags: Schema.Boolean,
  pagination: Schema.Literals(["native", "derived"]),
  usage: Schema.Union([Precision, Schema.Literal("unknown")]),
  createSafety: Schema.Literals(["idempotent", "marker", "none"]),
  revokes: Schema.Literals(["any", "ownCreationsOnly"]),
  revokeUnknown: Schema.Literals(["notFound", "ambiguous", "undocumented"]),
  repeatedRevoke: Schema.Literals(["unchanged", "movesTime"]),
  revocationLag: Bound,
  quota: Schema.Union([
    Schema.Struct({ source: Schema.Literals(["known", "configured"]), limit: Schema.Int }),
    Schema.Struct({ source: Schema.Literal("unknown") })
  ]),
  consistency: Schema.Struct({ visibility: Bound, settle: Bound }),
  tenancy: Schema.Literals(["native", "label", "none"])
})

/**
 * The type of a backend's declaration.
 *
 * @category models
 * @since 0.1.0
 */
export interface Capabilities extends Schema.Schema.Type<typeof Capabilities> {}

const flag = Schema.optionalKey(Schema.Literal(true))

/**
 * States what a program needs of a store; the store refuses to boot where the backend cannot meet it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Requirements = Schema.Struct({
  get: flag,
  usage: flag,
  exactUsage: flag,
  verify: flag,
  identify: flag,
  listRevoked: flag,
  getRevoked: flag,
  expiry: flag,
  scopes: flag,
  owners: flag,
  tags: flag,
  revokeAny: flag,
  safeCreate: flag,
  nativePagination: flag
})

/**
 * The type of a program's requirements.
 *
 * @category models
 * @since 0.1.0
 */
export interface Requirements extends Schema.Schema.Type<typeof Requirements> {}

const meets: { readonly [Name in keyof Required<Requirements>]: (capabilities: Capabilities) => boolean } = {
  get: (capabilities) => supports(capabilities, "get"),
  usage: (capabilities) => supports(capabilities, "usage"),
  exactUsage: (capabilities) => capabilities.usage === "exact",
  verify: (capabilities) => supports(capabilities, "verify"),
  identify: (capabilities) => capabilities.identify,
  listRevoked: (capabilities) => capabilities.listsRevoked === "always",
  getRevoked: (capabilities) => capabilities.getsRevoked,
  expiry: (capabilities) => capabilities.expiry,
  scopes: (capabilities) => capabilities.scopes,
  owners: (capabilities) => capabilities.owners !== "unsupported",
  tags: (capabilities) => capabilities.tags,
  revokeAny: (capabilities) => capabilities.revokes === "any",
  safeCreate: (capabilities) => capabilities.createSafety !== "none",
  nativePagination: (capabilities) => capabilities.pagination === "native"
}

/**
 * Adds the number of live keys the backend allows, as the store's options state it; none changes nothing.
 *
 * @category combinators
 * @since 0.1.0
 */
export const withKeyLimit = (capabilities: Capabilities, limit: number | undefined): Capabilities =>
  limit === undefined ? capabilities : { ...capabilities, quota: { source: "configured", limit } }

/**
 * Tells whether an operation is served, natively or derived.
 *
 * @category guards
 * @since 0.1.0
 */
export const supports = (capabilities: Capabilities, operation: Operation): boolean =>
  capabilities.operations[operation] !== "unsupported"

/**
 * Lists the requirements a backend does not meet, by name; an empty list means that all are met.
 *
 * @category combinators
 * @since 0.1.0
 */
export const unmet = (capabilities: Capabilities, requirements: Requirements): ReadonlyArray<keyof Requirements> =>
  (Object.keys(meets) as Array<keyof Requirements>).filter(
    (name) => requirements[name] === true && !meets[name](capabilities)
  )
