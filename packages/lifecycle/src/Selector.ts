/**
 * A small language that says which keys are meant: `owner == "ci" and age > 90d`.
 *
 * A selector is made of comparisons, joined by `and`, `or`, `not` and parentheses; `not` binds closest, then `and`, then
 * `or`.
 *
 * - Text: `id`, `name`, `owner`, `status` (active, expired or revoked), `store`, `backend`, `tenant` and `tag.NAME` (a name
 *   with other characters in quotes: `tag."cost centre"`), with `==`, `!=`, `in ["a", "b"]`, and `~` for a pattern in which
 *   `*` stands for any text and `?` for one character. Texts are compared exactly, and written in double or single quotes.
 * - Scopes: `scopes contains "write"`, and `scopes ~ "admin*"` where some scope fits the pattern.
 * - Lengths of time: `age` since creation, `expiresIn` until the expiry (negative once it has passed) and `unusedFor` since
 *   the last use the store knows of, with `<`, `<=`, `>`, `>=`, `==` and `!=`; written `90s`, `30m`, `12h`, `90d` or `2w`.
 * - Times: `createdAt`, `expiresAt` and `lastUsedAt`, with the same operators; written `2027-01-31` (its first moment in
 *   UTC) or `2027-01-31T12:00:00Z`.
 * - `owner is missing` and `owner is present`, for every field, tell whether the store gives a value.
 *
 * Three-valued logic keeps a gap in what a store knows from selecting anything. A comparison with a value that the store
 * does not give is neither true nor false but unknown, `not` of unknown is unknown, and an unknown key is not selected: a key
 * of unknown age is chosen by `age > 90d` as little as by `not age > 90d`. Only `is missing` chooses it.
 *
 * @since 0.1.0
 */
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type * as DateTime from "effect/DateTime"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { evaluate } from "./internal/selector/evaluate.ts"
import * as excerpt from "./internal/selector/excerpt.ts"
import { parseSelector } from "./internal/selector/parser.ts"
import { write } from "./internal/selector/write.ts"

/**
 * Names a field that holds text. `tag.NAME` is the tag of that name.
 *
 * @category models
 * @since 0.1.0
 */
export type TextField = "id" | "name" | "owner" | "status" | "store" | "backend" | "tenant" | `tag.${string}`

/**
 * Names a field that holds a length of time.
 *
 * @category models
 * @since 0.1.0
 */
export type SpanField = "age" | "expiresIn" | "unusedFor"

/**
 * Names a field that holds a time.
 *
 * @category models
 * @since 0.1.0
 */
export type TimeField = "createdAt" | "expiresAt" | "lastUsedAt"

/**
 * Names a field.
 *
 * @category models
 * @since 0.1.0
 */
export type Field = TextField | SpanField | TimeField | "scopes"

/**
 * Compares what has an order.
 *
 * @category models
 * @since 0.1.0
 */
export type Order = "==" | "!=" | "<" | "<=" | ">" | ">="

/**
 * Says which keys are meant.
 *
 * Build one with `parse`. A `span` is compared with milliseconds, a `time` with epoch milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export type Selector =
  | { readonly kind: "and" | "or"; readonly left: Selector; readonly right: Selector }
  | { readonly kind: "not"; readonly operand: Selector }
  | {
      readonly kind: "text"
      readonly field: TextField
      readonly operator: "==" | "!=" | "~"
      readonly value: string
    }
  | { readonly kind: "oneOf"; readonly field: TextField; readonly values: ReadonlyArray<string> }
  | { readonly kind: "scope"; readonly operator: "contains" | "~"; readonly value: string }
  | {
      readonly kind: "span"
      readonly field: SpanField
      readonly operator: Order
      readonly milliseconds: number
    }
  | {
      readonly kind: "time"
      readonly field: TimeField
      readonly operator: Order
      readonly epochMilliseconds: number
    }
  | { readonly kind: "presence"; readonly field: Field; readonly present: boolean }

/**
 * Holds one key and where it is.
 *
 * With `capabilities`, an empty list of scopes on a backend without scopes is a gap in what the store knows, not a key
 * without scopes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subject {
  readonly key: ApiKey
  readonly store?: string
  readonly backend?: string
  readonly tenant?: string
  readonly capabilities?: Pick<Capabilities, "scopes">
}

/**
 * Says what is wrong with the text of a selector, and where.
 *
 * `position` counts UTF-16 code units from 0; `length` of them are to blame, none at the end of the text.
 *
 * @category errors
 * @since 0.1.0
 */
export class SelectorError extends Schema.TaggedError<SelectorError>("@keyfold/lifecycle/SelectorError")(
  "SelectorError",
  {
    text: Schema.String,
    position: Schema.Int,
    length: Schema.Int,
    problem: Schema.String,
    expected: Schema.String,
    suggestion: Schema.optionalKey(Schema.String)
  }
) {
  override get message(): string {
    return `the selector, at character ${this.position + 1}: ${excerpt.sentences(this)}`
  }

  /** Shows the place with a caret: the problem, the text, the mark below it, and what was expected. */
  get lines(): ReadonlyArray<string> {
    return excerpt.lines(this)
  }
}

/**
 * Reads a selector. Never throws: whatever the text, the answer is a selector or an error that shows the place.
 *
 * A text longer than 4,000 characters, and parentheses more than 100 deep, are refused.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<Selector, SelectorError> =>
  Result.mapError(parseSelector(text), (mistake) => new SelectorError({ text, ...mistake }))

/**
 * Writes a selector in its canonical form, which `parse` reads back as the same selector.
 *
 * @category combinators
 * @since 0.1.0
 */
export const print = (selector: Selector): string => write(selector)

/**
 * Decides about one key at one time: `undefined` where what the store knows does not settle it.
 *
 * @category combinators
 * @since 0.1.0
 */
export const decide = (selector: Selector, subject: Subject, now: DateTime.Utc): boolean | undefined =>
  evaluate(selector, subject, now.epochMilliseconds)

/**
 * Tells whether a selector certainly means a key.
 *
 * @category guards
 * @since 0.1.0
 */
export const matches = (selector: Selector, subject: Subject, now: DateTime.Utc): boolean =>
  decide(selector, subject, now) === true

/**
 * Lists the fields a selector asks about, each once.
 *
 * @category combinators
 * @since 0.1.0
 */
export const fieldsOf = (selector: Selector): ReadonlyArray<Field> => [...new Set(collect(selector))]

const collect = (selector: Selector): ReadonlyArray<Field> => {
  switch (selector.kind) {
    case "and":
    case "or":
      return [...collect(selector.left), ...collect(selector.right)]
    case "not":
      return collect(selector.operand)
    case "scope":
      return ["scopes"]
    default:
      return [selector.field]
  }
}
