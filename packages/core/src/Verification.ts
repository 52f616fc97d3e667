/**
 * The answer to "does this secret open the door?".
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ApiKey } from "./ApiKey.ts"

/**
 * Reports a recognised answer about a presented secret.
 *
 * Anything but a recognised refusal is an error, never `valid: false`: an outage must not read as "bad key".
 *
 * @category schemas
 * @since 0.1.0
 */
export const Verification = Schema.Union([
  Schema.Struct({
    valid: Schema.Literal(true),
    key: Schema.optionalKey(ApiKey)
  }),
  Schema.Struct({
    valid: Schema.Literal(false),
    reason: Schema.optionalKey(Schema.Literals(["malformed", "unknown", "expired", "revoked", "refused"]))
  })
])

/**
 * The type of a verification.
 *
 * @category models
 * @since 0.1.0
 */
export type Verification = typeof Verification.Type
