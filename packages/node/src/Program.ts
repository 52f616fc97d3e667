/**
 * Programs that are asked something: a secret goes to their standard input, and their exit code is the answer.
 *
 * @since 0.1.0
 */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { spawn, type ChildProcess } from "node:child_process"
import { cannotStart, kill, runYourself } from "./internal/command.ts"

/**
 * Says how a program is asked.
 *
 * - `folder`: where it starts, the working folder of the process when omitted.
 * - `env`: its environment variables; those of the process when omitted.
 * - `input`: what it finds on its standard input, which is empty when omitted.
 * - `within`: how long it may take, 10 seconds when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly folder?: string | undefined
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly input?: Redacted.Redacted<string> | undefined
  readonly within?: Duration.Input | undefined
}

const launch = (
  [program, ...rest]: readonly [string, ...ReadonlyArray<string>],
  { env = process.env, folder, input }: Options
): ChildProcess | ConfigurationError => {
  try {
    return spawn(program, rest, {
      cwd: folder ?? process.cwd(),
      env: { ...env },
      // What it says may quote the secret, so nobody reads it.
      stdio: [input === undefined ? "ignore" : "pipe", "ignore", "ignore"],
      detached: process.platform !== "win32",
      windowsHide: true
    })
  } catch (error) {
    return cannotStart(program, error)
  }
}

const exitCode = (program: string, child: ChildProcess, { input }: Options) =>
  Effect.callback<number, ConfigurationError>((resume) => {
    child.on("error", (error) => resume(Effect.fail(cannotStart(program, error))))
    child.on("close", (code, signal) => {
      const problem = `the program ${program} was ended by ${signal ?? "a signal"}.`
      resume(code === null ? Effect.fail(new ConfigurationError({ problem, fix: runYourself })) : Effect.succeed(code))
    })
    // A program that knows its answer without reading closes its input early.
    child.stdin?.on("error", () => undefined)
    child.stdin?.end(input === undefined ? "" : Redacted.value(input))
    return Effect.sync(() => {
      if (child.exitCode === null && child.signalCode === null) kill(child)
    })
  })

const defaultWithin = Duration.seconds(10)

/**
 * Runs a program and tells its exit code.
 *
 * `command` is a program and its arguments; no shell reads it, and the secret is in neither its arguments nor its
 * environment. Nobody reads what it prints. It is killed, with what it started, when it takes longer than `within` or the
 * effect is interrupted. Errors name the program, and nothing it was given.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ask = (
  command: readonly [program: string, ...rest: ReadonlyArray<string>],
  options: Options = {}
): Effect.Effect<number, ConfigurationError> => {
  const [program] = command
  const within = Duration.fromInputUnsafe(options.within ?? defaultWithin)
  return Effect.suspend(() => {
    const child = launch(command, options)
    return child instanceof ConfigurationError ? Effect.fail(child) : exitCode(program, child, options)
  }).pipe(
    Effect.timeoutOrElse({
      duration: within,
      orElse: () =>
        Effect.fail(
          new ConfigurationError({
            problem: `the program ${program} did not finish within ${Duration.format(within)} and was killed.`,
            fix: runYourself
          })
        )
    })
  )
}
