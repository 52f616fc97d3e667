/**
 * Where a secret is kept: what a configuration file says in place of the secret itself.
 *
 * @since 0.1.0
 */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Secret } from "@keyfold/core/Secret"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as commands from "./internal/command.ts"
import * as files from "./internal/file.ts"
import { findMistakes, type Mistake as Found } from "./internal/mistakes.ts"
import { refreshing } from "./internal/refresh.ts"

const howToWrite = "a reference to a secret: { env: NAME }, { file: path } or { command: [program, argument] }"

/**
 * Describes where a secret is kept: an environment variable, a file, or what a command prints.
 *
 * `command` is a program and its arguments; no shell reads it. `timeout` (10 seconds when omitted) and `refresh` are
 * texts such as `"30 seconds"`. Use `parse` to read one that a person wrote: it refuses unknown members and explains.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SecretReference = Schema.Union([
  Schema.Struct({ env: Schema.NonEmptyString }),
  Schema.Struct({ file: Schema.NonEmptyString }),
  Schema.Struct({
    command: Schema.NonEmptyArray(Schema.String),
    timeout: Schema.optionalKey(Schema.DurationFromString),
    refresh: Schema.optionalKey(Schema.DurationFromString)
  })
]).annotate({ identifier: "@keyfold/node/SecretReference", expected: howToWrite, message: `Expected ${howToWrite}` })

/**
 * The type of a reference to a secret.
 *
 * @category models
 * @since 0.1.0
 */
export type SecretReference = typeof SecretReference.Type

/**
 * Says what is wrong with a reference, and at which of its members. It never repeats what was written, which may be the
 * secret itself.
 *
 * @category models
 * @since 0.1.0
 */
export type Mistake = Found

/**
 * Says where references are resolved.
 *
 * - `folder`: where relative paths start and commands run.
 * - `env`: the environment variables; those of the process when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly folder: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/**
 * Reads a reference strictly: exactly one of `env`, `file` and `command`, and no member it does not know.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (value: unknown): Result.Result<SecretReference, ReadonlyArray<Mistake>> => {
  const mistakes = findMistakes(value)
  return mistakes.length > 0
    ? Result.fail(mistakes)
    : Result.mapError(Schema.decodeUnknownResult(SecretReference)(value), () => [
        { path: [], problem: `expected ${howToWrite}` }
      ])
}

const redact = (text: string) => Redacted.make(text, { label: "secret" })

const fromEnvironment = (name: string, { env = process.env }: Options) => {
  const value = env[name]
  const state = value === undefined ? "is not set" : value === "" ? "is empty" : undefined
  return value === undefined || state !== undefined
    ? Effect.fail(
        new ConfigurationError({
          problem: `the environment variable ${name} ${state}.`,
          fix: "Set it, or refer to another place."
        })
      )
    : Effect.succeed(redact(value))
}

/**
 * Obtains the secret a reference names.
 *
 * A file loses one trailing newline, the output of a command all surrounding white space; empty is refused. A file that
 * others can read is accepted with a warning in the log. A command is killed, with what it started, when it takes longer
 * than its timeout or the effect is interrupted. Errors name the variable, path or program, and never hold a value, an
 * argument or anything a command printed.
 *
 * @category combinators
 * @since 0.1.0
 */
export const resolve = Effect.fnUntraced(function* (
  reference: SecretReference,
  options: Options
): Effect.fn.Return<Redacted.Redacted<string>, ConfigurationError> {
  if ("env" in reference) return yield* fromEnvironment(reference.env, options)
  if ("file" in reference) return redact(yield* files.read(reference.file, options.folder))
  const { command, timeout = Duration.seconds(10) } = reference
  return redact(yield* commands.run(command, { folder: options.folder, env: options.env ?? process.env, timeout }))
})

/**
 * Obtains the secret once, so that mistakes show at boot, and keeps it for the program's life.
 *
 * A command with `refresh` becomes an effect that runs it again when its answer is older than that. Callers who ask at
 * the same time share one run, and an answer that could not be renewed is not used any more.
 *
 * @category constructors
 * @since 0.1.0
 */
export const toSecret = Effect.fnUntraced(function* (
  reference: SecretReference,
  options: Options
): Effect.fn.Return<Secret, ConfigurationError> {
  const obtain = resolve(reference, options)
  return "command" in reference && reference.refresh !== undefined
    ? yield* refreshing(obtain, reference.refresh)
    : yield* obtain
})
