/**
 * What a configuration file comes to once the environment has had its say.
 *
 * @since 0.1.0
 */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import { stringify } from "yaml"
import type { Options } from "./Configuration.ts"
import { formatPath } from "./internal/document.ts"
import { effectiveOf } from "./internal/effective.ts"
import { accept, judge } from "./internal/judge.ts"

/**
 * Describes the configuration that programs get from a file.
 *
 * - `configuration`: the file's members, with the overrides of the environment, each store with what the file says for all
 *   of them. A secret is the reference to it. Arguments of commands, passwords and queries in URLs are not shown.
 * - `overrides`: the members that environment variables set, by path.
 *
 * @category models
 * @since 0.1.0
 */
export interface Effective {
  readonly file: string
  readonly configuration: Readonly<Record<string, unknown>>
  readonly overrides: ReadonlyArray<{ readonly path: string; readonly variable: string }>
}

/**
 * Reads a configuration file and describes what it comes to, without obtaining any secret.
 *
 * Fails as `Configuration.load` does where there is a mistake in it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const describe = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<Effective, ConfigurationError> {
  const outcome = yield* judge({ ...options, secrets: "later" })
  const { defaultStore, file } = yield* accept(outcome)
  return {
    file,
    configuration: effectiveOf(outcome.value, defaultStore),
    overrides: outcome.overrides.map(({ path, variable }) => ({ path: formatPath(path), variable }))
  }
})

/**
 * Writes an effective configuration as YAML, and what was overridden as comments.
 *
 * @category combinators
 * @since 0.1.0
 */
export const format = ({ configuration, overrides }: Effective): string =>
  [
    ...overrides.map(({ path, variable }) => `# ${path} is set by ${variable}\n`),
    stringify(configuration, { aliasDuplicateObjects: false, lineWidth: 0 })
  ].join("")
