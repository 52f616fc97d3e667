/** Secrets that a program prints. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { spawn, type ChildProcess } from "node:child_process"
import { codeOf } from "./systemError.ts"
import * as texts from "./text.ts"

/** How a command is run. */
export interface Options {
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly timeout: Duration.Duration
}

/** What somebody can do about a program that fails. */
export const runYourself = "Run it yourself to see why."

/** Says why a program could not be started. */
export const cannotStart = (program: string, error: unknown): ConfigurationError => {
  const code = codeOf(error)
  return code === "ENOENT"
    ? new ConfigurationError({ problem: `the program ${program} was not found.`, fix: "Install it, or name its path." })
    : new ConfigurationError({
        problem: `the program ${program} could not be started (${code ?? "unknown error"}).`,
        fix: "Check that it is a program this user may run."
      })
}

/** Kills the whole process group: what a wrapper script started dies with it. */
export const kill = (child: ChildProcess): void => {
  try {
    if (process.platform !== "win32" && child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
    else child.kill("SIGKILL")
  } catch {
    // It ended on its own.
  }
}

/** Fails unless a program ended with exit code 0. */
export const judge = (
  program: string,
  code: number | null,
  signal: string | null,
  output: Uint8Array
): Effect.Effect<Uint8Array, ConfigurationError> => {
  if (code === 0) return Effect.succeed(output)
  const end = code === null ? `was ended by ${signal ?? "a signal"}` : `exited with code ${code}`
  return Effect.fail(new ConfigurationError({ problem: `the program ${program} ${end}.`, fix: runYourself }))
}

const output = (
  program: string,
  rest: ReadonlyArray<string>,
  options: Options
): Effect.Effect<Uint8Array, ConfigurationError> =>
  Effect.callback((resume) => {
    const chunks: Array<Uint8Array> = []
    let length = 0
    let child: ChildProcess
    try {
      child = spawn(program, rest, {
        cwd: options.folder,
        env: { ...options.env },
        // What it says on stderr may quote the secret, so nobody reads it.
        stdio: ["ignore", "pipe", "ignore"],
        detached: process.platform !== "win32",
        windowsHide: true
      })
    } catch (error) {
      resume(Effect.fail(cannotStart(program, error)))
      return
    }
    let ended = false
    child.stdout?.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk)
      length += chunk.length
      if (length <= texts.limit) return
      kill(child)
      resume(Effect.fail(texts.tooLong(`the output of ${program}`)))
    })
    child.on("error", (error) => resume(Effect.fail(cannotStart(program, error))))
    child.on("close", (code, signal) => {
      ended = true
      resume(judge(program, code, signal, Buffer.concat(chunks)))
    })
    return Effect.sync(() => {
      if (!ended) kill(child)
    })
  })

/** Runs a program without a shell and returns what it prints, without surrounding white space. */
export const run = Effect.fnUntraced(function* (
  command: readonly [program: string, ...rest: ReadonlyArray<string>],
  options: Options
): Effect.fn.Return<string, ConfigurationError> {
  const [program, ...rest] = command
  const bytes = yield* Effect.timeoutOrElse(output(program, rest, options), {
    duration: options.timeout,
    orElse: () =>
      Effect.fail(
        new ConfigurationError({
          problem: `the program ${program} did not finish within ${Duration.format(options.timeout)} and was killed.`,
          fix: `${runYourself} A longer "timeout" may be set beside the command.`
        })
      )
  })
  const source = `the output of ${program}`
  const text = yield* texts.decode(bytes, source)
  return yield* texts.refuseEmpty(text.trim(), source)
})
