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

type Optional<A> = { [K in keyof A]: null extends A[K] ? K : undefined extends A[K] ? K : never }[keyof A]

/**
 * Describes fields of which those that may have no value are optional.
 *
 * @category models
 * @since 0.1.0
 */
export type Present<A> = Omit<A, Optional<A>> & { readonly [K in Optional<A>]?: NonNullable<A[K]> }

const isMissing = (value: unknown): boolean => value === undefined || value === null

/**
 * Leaves out the fields without a value: those that are `undefined` or `null`. Where there are none, the object is returned
 * as it is.
 *
 * @category constructors
 * @since 0.1.0
 */
export const present = <const A extends object>(fields: A): Present<A> => {
  let missing = 0
  for (const name in fields) if (isMissing(fields[name])) missing++
  if (missing === 0) return fields
  const kept: Partial<A> = {}
  for (const name in fields) if (!isMissing(fields[name])) kept[name] = fields[name]
  return kept as Present<A>
}

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
