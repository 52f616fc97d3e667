/**
 * Pieces of the schemas adapters write for what servers answer.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Accepts a field that may be absent or `null`, which servers use alike for "not known".
 *
 * @category schemas
 * @since 0.1.0
 */
export const maybe = <S extends Schema.Constraint>(schema: S): Schema.optionalKey<Schema.NullOr<S>> =>
  Schema.optionalKey(Schema.NullOr(schema))

/**
 * Writes an optional field: absent where the value is, for `null` too.
 *
 * @category constructors
 * @since 0.1.0
 */
export const present = <Name extends string, A>(
  name: Name,
  value: A | null | undefined
): { readonly [K in Name]?: A } =>
  (value === null || value === undefined ? {} : { [name]: value }) as { readonly [K in Name]?: A }

/**
 * Decodes the secret of a new key: `Redacted` from the moment it is read.
 *
 * @category schemas
 * @since 0.1.0
 */
export const secret: Schema.RedactedFromValue<typeof Schema.NonEmptyString> = Schema.RedactedFromValue(
  Schema.NonEmptyString,
  { label: "secret" }
)
