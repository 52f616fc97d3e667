/**
 * What a caller asks for when creating a key.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Describes the key to create.
 *
 * Whatever the backend cannot honour (an expiry on a backend without expiry, tags outside SQL) is an error before
 * anything is sent, never dropped in silence.
 *
 * - `name`: at most the backend's limit; refused, never cut. No U+0000 and no lone surrogates.
 * - `owner`, `scopes`: the store's defaults apply when omitted. `scopes: []` asks for a key that may do
 *   nothing, and is refused where the backend has no scopes.
 * - `expiresAt`: must lie in the future.
 * - `provider`: extra inputs of one backend under that backend's name. Entries for other backends are not for this
 *   store and are left alone; an unknown field under this backend's own name is refused.
 *
 * @category schemas
 * @since 0.1.0
 */
export const KeySpec = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  owner: Schema.optionalKey(Schema.String),
  scopes: Schema.optionalKey(Schema.Array(Schema.String)),
  expiresAt: Schema.optionalKey(Schema.DateTimeUtcFromString),
  tags: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  provider: Schema.optionalKey(Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Json)))
})

/**
 * The type of the key to create.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeySpec extends Schema.Schema.Type<typeof KeySpec> {}
