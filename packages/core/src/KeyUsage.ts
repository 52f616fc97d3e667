/**
 * What a backend reports about the use of a key.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { KeyId } from "./ApiKey.ts"

/**
 * Says how far usage numbers can be trusted.
 *
 * `exact` counts everything, `approximate` may lag or sample, `lastUsedOnly` knows no counts at all.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Precision = Schema.Literals(["exact", "approximate", "lastUsedOnly"])

/**
 * The type of a usage precision.
 *
 * @category models
 * @since 0.1.0
 */
export type Precision = typeof Precision.Type

/**
 * Reports the use of one key in the numbers the backend gives.
 *
 * An absent number means "not known": a missing count is never turned into zero. `requestsPerDay` and `quotaUsed` are
 * passed on as the backend states them; `quotaScale` says whether the share runs to 1, to 100, or is not documented.
 * `window` is the counting period, absent where the backend does not state one.
 *
 * @category schemas
 * @since 0.1.0
 */
export const KeyUsage = Schema.Struct({
  id: KeyId,
  precision: Precision,
  lastUsedAt: Schema.optionalKey(Schema.DateTimeUtcFromString),
  completedRequests: Schema.optionalKey(Schema.Finite),
  successfulRequests: Schema.optionalKey(Schema.Finite),
  failedRequests: Schema.optionalKey(Schema.Finite),
  requestsPerDay: Schema.optionalKey(Schema.Finite),
  quotaUsed: Schema.optionalKey(Schema.Finite),
  quotaScale: Schema.optionalKey(Schema.Literals(["fraction", "percent", "unknown"])),
  window: Schema.optionalKey(
    Schema.Struct({
      from: Schema.optionalKey(Schema.DateTimeUtcFromString),
      to: Schema.optionalKey(Schema.DateTimeUtcFromString)
    })
  ),
  provider: Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Json))
})

/**
 * The type of a usage report.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyUsage extends Schema.Schema.Type<typeof KeyUsage> {}
