/**
 * Mistakes in a configuration file, each with its place.
 *
 * @since 0.1.0
 */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Schema from "effect/Schema"

/**
 * Describes one mistake: where it is, what was found, what is accepted.
 *
 * `line` and `column` count from 1. `path` leads to the member (`stores.monitoring.apiKey`) and is empty for the file as
 * a whole. `problem` says everything in one sentence or two; `found`, `accepted` and `suggestion`, the nearest right
 * spelling, repeat it for programs where they are known. `variable` names the environment variable that the value comes
 * from. No text holds the value of a secret.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Finding = Schema.Struct({
  file: Schema.String,
  line: Schema.Int,
  column: Schema.Int,
  path: Schema.String,
  problem: Schema.String,
  found: Schema.optionalKey(Schema.String),
  accepted: Schema.optionalKey(Schema.String),
  suggestion: Schema.optionalKey(Schema.String),
  variable: Schema.optionalKey(Schema.String)
})

/**
 * The type of one mistake.
 *
 * @category models
 * @since 0.1.0
 */
export interface Finding extends Schema.Schema.Type<typeof Finding> {}

/**
 * Writes a finding on two lines: its place, then the problem.
 *
 * @category combinators
 * @since 0.1.0
 */
export const format = ({ column, file, line, path, problem, variable }: Finding): string => {
  const set = variable === undefined ? "" : path === "" ? `  ${variable}` : `, set by ${variable}`
  return `${file}:${line}:${column}${path === "" ? "" : `  ${path}`}${set}\n  ${problem}`
}

/**
 * Sorts findings by line and column.
 *
 * @category combinators
 * @since 0.1.0
 */
export const inOrder = (findings: ReadonlyArray<Finding>): ReadonlyArray<Finding> =>
  findings.toSorted((left, right) => left.line - right.line || left.column - right.column)

/**
 * Puts all findings, in order, into the one error that refuses the file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const toError = (file: string, findings: ReadonlyArray<Finding>): ConfigurationError => {
  const count = findings.length === 1 ? "1 mistake" : `${findings.length} mistakes`
  return new ConfigurationError({ problem: [`${file} has ${count}.`, ...inOrder(findings).map(format)].join("\n") })
}
