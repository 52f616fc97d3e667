/**
 * Asking for many keys: filters, pages, and what a listing leaves out.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ApiKey, KeyStatus } from "./ApiKey.ts"
import type { Capabilities } from "./Capabilities.ts"

/**
 * Narrows a listing.
 *
 * Without `status` a listing holds every key that was not revoked, on every backend. Asking for `revoked` keys where
 * the backend cannot list them is `Unsupported`, never a shorter list.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Filter = Schema.Struct({
  owner: Schema.optionalKey(Schema.String),
  status: Schema.optionalKey(Schema.Union([KeyStatus, Schema.Array(KeyStatus)]))
})

/**
 * The type of a listing's filter.
 *
 * @category models
 * @since 0.1.0
 */
export interface Filter extends Schema.Schema.Type<typeof Filter> {}

/**
 * Asks for one page. `limit` is 1 to 1000, 100 when omitted; `cursor` comes from the page before.
 *
 * @category schemas
 * @since 0.1.0
 */
export const PageRequest = Schema.Struct({
  ...Filter.fields,
  cursor: Schema.optionalKey(Schema.String),
  limit: Schema.optionalKey(Schema.Int)
})

/**
 * The type of a request for one page.
 *
 * @category models
 * @since 0.1.0
 */
export interface PageRequest extends Schema.Schema.Type<typeof PageRequest> {}

/**
 * Says what a listing does not show.
 *
 * `excluded` names the states left out, by the filter or because the backend hides them (`hidden`). `lag` is how old
 * the backend's answer may be.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Completeness = Schema.Struct({
  excluded: Schema.Array(KeyStatus),
  hidden: Schema.Array(KeyStatus),
  lag: Schema.Duration
})

/**
 * The type of a completeness statement.
 *
 * @category models
 * @since 0.1.0
 */
export interface Completeness extends Schema.Schema.Type<typeof Completeness> {}

/**
 * Holds one page of keys; `next` is the cursor of the page after it, absent on the last page.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Page = Schema.Struct({
  keys: Schema.Array(ApiKey),
  next: Schema.optionalKey(Schema.String),
  completeness: Completeness
})

/**
 * The type of one page of keys.
 *
 * @category models
 * @since 0.1.0
 */
export interface Page extends Schema.Schema.Type<typeof Page> {}

const all: ReadonlyArray<KeyStatus> = ["active", "expired", "revoked"]

/**
 * Returns the states a filter asks for: everything but `revoked` where it does not say.
 *
 * @category combinators
 * @since 0.1.0
 */
export const statuses = (filter: Filter): ReadonlyArray<KeyStatus> =>
  filter.status === undefined
    ? ["active", "expired"]
    : typeof filter.status === "string"
      ? [filter.status]
      : all.filter((status) => filter.status?.includes(status))

/**
 * States what a listing with this filter leaves out on a backend with these capabilities.
 *
 * @category combinators
 * @since 0.1.0
 */
export const completeness = (capabilities: Capabilities, filter: Filter): Completeness => {
  const asked = statuses(filter)
  const revokedVisible =
    capabilities.listsRevoked === "always" || (capabilities.listsRevoked === "byOwner" && filter.owner !== undefined)
  return {
    excluded: all.filter((status) => !asked.includes(status)),
    hidden: revokedVisible ? [] : ["revoked"],
    lag: capabilities.consistency.visibility.within
  }
}
