/** Runs the command in a process of its own. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Teardown } from "effect/Runtime"
import { run } from "../Cli.ts"
import { Shell } from "../Shell.ts"
import * as ExitCode from "./exitCode.ts"
import { bug } from "./failure.ts"
import { HandOver } from "./handOver.ts"
import * as processShell from "./processShell.ts"
import { Serving } from "./serving.ts"

const signals = { SIGINT: 130, SIGTERM: 143 } as const

interface Ending {
  signal: keyof typeof signals | undefined
  isServing: boolean
}

/** Remembers which signal came first. A second one ends a command at once that was serving and takes its time. */
const listen = (ending: Ending): void => {
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (ending.signal !== undefined && ending.isServing) process.exit(signals[name])
      ending.signal ??= name
    })
  }
}

const codeOf = (exit: Exit.Exit<unknown, unknown>, { isServing, signal = "SIGINT" }: Ending): number => {
  if (Exit.isSuccess(exit)) return typeof exit.value === "number" ? exit.value : ExitCode.ok
  if (!Cause.hasInterruptsOnly(exit.cause)) return ExitCode.failed
  return isServing && signal === "SIGTERM" ? ExitCode.ok : signals[signal]
}

const end =
  (ending: Ending): Teardown =>
  (exit, onExit) => {
    const code = codeOf(exit, ending)
    // `run` reports every failure by itself; only a broken fiber comes here.
    if (code === ExitCode.failed && Exit.isFailure(exit)) process.stderr.write(`keyfold: ${bug.problem} ${bug.fix}\n`)
    onExit(code)
  }

/**
 * Runs the arguments, then ends the process with the command's exit code; Ctrl-C and SIGTERM interrupt it cleanly. With `elsewhere`
 * it carries its own adapters only, and where others are named `elsewhere` runs the arguments instead.
 */
export const main = (args: ReadonlyArray<string>, elsewhere?: () => Promise<void>): void => {
  let isHandedOver = false
  const handOver = Effect.suspend(() => {
    isHandedOver = true
    return Effect.interrupt
  })
  const ending: Ending = { signal: undefined, isServing: false }
  listen(ending)
  const serving = Effect.sync(() => void (ending.isServing = true))
  const program = run(args).pipe(
    Effect.provideServiceEffect(Shell, processShell.make),
    Effect.provideService(Serving, serving)
  )
  NodeRuntime.runMain(elsewhere === undefined ? program : Effect.provideService(program, HandOver, handOver), {
    disableErrorReporting: true,
    teardown: (exit, onExit) => {
      if (elsewhere === undefined || !isHandedOver) end(ending)(exit, onExit)
      else void elsewhere()
    }
  })
}
