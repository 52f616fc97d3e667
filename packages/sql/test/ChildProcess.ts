/** Runs the programs of this folder as processes of their own. */
import * as Effect from "effect/Effect"
import { execFile, spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import * as Path from "node:path"

const command = (program: string, args: ReadonlyArray<string>) => [
  "--conditions=@keyfold/source",
  Path.join(import.meta.dirname, program),
  ...args
]

/** Runs a program to its end and returns what it prints. */
export const run = (program: string, ...args: ReadonlyArray<string>) =>
  Effect.callback<string>((resume) => {
    execFile(process.execPath, command(program, args), (error, stdout, stderr) =>
      resume(error === null ? Effect.succeed(stdout.trim()) : Effect.die(stderr))
    )
  })

/**
 * Runs a program that never ends until it has printed some lines and a little longer, then kills it like `kill -9`.
 *
 * Each whole line is an acknowledgement; one cut off by the kill is none.
 */
export const runAndKill = (program: string, args: ReadonlyArray<string>, onLine: (line: string) => void) =>
  Effect.callback<string | null>((resume) => {
    const child = spawn(process.execPath, command(program, args), { stdio: ["ignore", "pipe", "inherit"] })
    const enough = randomInt(1, 120)
    let text = ""
    let lines = 0
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
      const complete = text.split("\n")
      text = complete.pop() ?? ""
      for (const line of complete) onLine(line)
      const before = lines
      lines += complete.length
      if (before < enough && lines >= enough) setTimeout(() => child.kill("SIGKILL"), randomInt(0, 25))
    })
    child.on("close", (_code, signal) => resume(Effect.succeed(signal)))
    return Effect.sync(() => void child.kill("SIGKILL"))
  })

/** A program that runs until it is told to stop. */
export interface Running {
  /** Writes a line to its standard input. */
  readonly tell: (line: string) => void
  /** Ends it like `kill -9`. */
  readonly kill: Effect.Effect<void>
  /** Closes its standard input and waits for its end; the exit code. */
  readonly stop: Effect.Effect<number | null>
}

/** Starts a program that ends with its standard input; `onLine` is called for each line. It is killed with the scope. */
export const start = (program: string, args: ReadonlyArray<string>, onLine: (line: string) => void) =>
  Effect.acquireRelease(
    Effect.sync((): Running => {
      const child = spawn(process.execPath, command(program, args), { stdio: ["pipe", "pipe", "inherit"] })
      let text = ""
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        const complete = (text + chunk).split("\n")
        text = complete.pop() ?? ""
        complete.forEach(onLine)
      })
      const ended = new Promise<number | null>((resolve) => void child.on("close", resolve))
      return {
        tell: (line) => void child.stdin.write(`${line}\n`),
        kill: Effect.promise(() => {
          child.kill("SIGKILL")
          return ended
        }),
        stop: Effect.promise(() => {
          child.stdin.end()
          return ended
        })
      }
    }),
    ({ kill }) => kill
  )
