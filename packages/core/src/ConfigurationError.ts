/**
 * The failure to boot.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Fails the building of a store: a configuration that cannot work, a missing adapter, an unmet requirement.
 *
 * It names the field, says what is wrong and how to mend it, and never holds the value of a secret.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConfigurationError extends Schema.TaggedError<ConfigurationError>("@keyfold/core/ConfigurationError")(
  "ConfigurationError",
  {
    store: Schema.optionalKey(Schema.String),
    field: Schema.optionalKey(Schema.String),
    problem: Schema.String,
    fix: Schema.optionalKey(Schema.String)
  }
) {
  override get message(): string {
    const where = [this.store === undefined ? undefined : `store "${this.store}"`, this.field].filter(
      (part) => part !== undefined
    )
    const prefix = where.length === 0 ? "" : `${where.join(", ")}: `
    return `${prefix}${this.problem}${this.fix === undefined ? "" : ` ${this.fix}`}`
  }
}
