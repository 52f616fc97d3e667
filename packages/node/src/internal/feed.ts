/** Programs that read a secret from their standard input. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { spawn, type ChildProcess, type StdioOptions } from "node:child_process"
import type { Readable, Writable } from "node:stream"
import { cannotStart, judge, kill, runYourself } from "./command.ts"
import type { Surroundings } from "./program.ts"
import * as socketPair from "./socketPair.ts"
import * as texts from "./text.ts"

/** How a program is fed. What it prints is kept only where somebody wants to read it. */
export interface Options extends Surroundings {
  readonly keepOutput: boolean
}

/** A running program, and the stream into its standard input. */
interface Running {
  readonly child: ChildProcess
  readonly input: Writable & Partial<Pick<Readable, "resume">>
}

const start = (
  [program, ...rest]: readonly [string, ...ReadonlyArray<string>],
  { env, folder, keepOutput }: Options,
  pair: socketPair.SocketPair | undefined
): Running | ConfigurationError => {
  // What it says on stderr may quote the secret, so nobody reads it.
  const stdio: StdioOptions = [pair?.far ?? "pipe", keepOutput ? "pipe" : "ignore", "ignore"]
  const isGroup = process.platform !== "win32"
  try {
    const child = spawn(program, rest, { cwd: folder, env: { ...env }, stdio, detached: isGroup, windowsHide: true })
    // The program alone holds the far end now; only then does its closing show.
    pair?.far.destroy()
    const input = pair?.near ?? child.stdin
    return input === null ? cannotStart(program, undefined) : { child, input }
  } catch (error) {
    return cannotStart(program, error)
  }
}

const closedEarly = (program: string) =>
  new ConfigurationError({
    problem: `the program ${program} ended well but did not read all of its standard input.`,
    fix: runYourself
  })

const collect = (output: Readable | null, isTooLong: () => void): { readonly bytes: () => Uint8Array } => {
  const chunks: Array<Uint8Array> = []
  let length = 0
  output?.on("data", (chunk: Uint8Array) => {
    chunks.push(chunk)
    length += chunk.length
    if (length > texts.limit) isTooLong()
  })
  return { bytes: () => Buffer.concat(chunks) }
}

/** Hands the text over and waits for both ends: of the program, and of its input. */
const finish = (program: string, { child, input }: Running, secret: Redacted.Redacted<string>) =>
  Effect.callback<Uint8Array, ConfigurationError>((resume) => {
    let result: Effect.Effect<Uint8Array, ConfigurationError> | undefined
    let hasEndedWell = false
    let reading: "open" | "all" | "early" = "open"
    const output = collect(child.stdout, () => {
      kill(child)
      resume(Effect.fail(texts.tooLong(`the output of ${program}`)))
    })
    const settle = () => {
      if (result === undefined) return
      if (!hasEndedWell || reading === "all") resume(result)
      else if (reading === "early") resume(Effect.fail(closedEarly(program)))
    }
    input.on("error", () => (reading = "early"))
    input.on("close", () => {
      if (reading === "open") reading = "all"
      settle()
    })
    child.on("error", (error) => resume(Effect.fail(cannotStart(program, error))))
    child.on("close", (code, signal) => {
      hasEndedWell = code === 0
      result = judge(program, code, signal, output.bytes())
      settle()
    })
    input.resume?.()
    input.end(Redacted.value(secret))
    return Effect.sync(() => {
      if (child.exitCode === null && child.signalCode === null) kill(child)
    })
  })

/**
 * Runs a program without a shell, writes a text to its standard input and returns what it prints.
 *
 * It fails unless the program ends with exit code 0 and has read everything; where the platform has no pair of sockets,
 * the exit code alone counts. The program is killed, with what it started, when the effect is interrupted.
 */
export const run = Effect.fnUntraced(function* (
  command: readonly [program: string, ...rest: ReadonlyArray<string>],
  options: Options,
  secret: Redacted.Redacted<string>
): Effect.fn.Return<Uint8Array, ConfigurationError, Scope.Scope> {
  const isWindows = process.platform === "win32"
  const pair = isWindows ? undefined : yield* Effect.orElseSucceed(socketPair.make, () => undefined)
  return yield* Effect.suspend(() => {
    const running = start(command, options, pair)
    return running instanceof ConfigurationError ? Effect.fail(running) : finish(command[0], running, secret)
  })
}, Effect.scoped)
