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
 * a whole. No text holds the value of a secret.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Finding = Schema.Struct({
  file: Schema.String,
  line: Schema.Int,
  column: Schema.Int,
  path: Schema.String,
  problem: Schema.String
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
export const format = ({ column, file, line, path, problem }: Finding): string =>
  `${file}:${line}:${column}${path === "" ? "" : `  ${path}`}\n  ${problem}`

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
