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

const interrupted = 130

const codeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return typeof exit.value === "number" ? exit.value : ExitCode.ok
  return Cause.hasInterruptsOnly(exit.cause) ? interrupted : ExitCode.failed
}

const end: Teardown = (exit, onExit) => {
  const code = codeOf(exit)
  // `run` reports every failure by itself; only a broken fiber comes here.
  if (code === ExitCode.failed && Exit.isFailure(exit)) process.stderr.write(`keyfold: ${bug.problem} ${bug.fix}\n`)
  onExit(code)
}

/**
 * Runs the arguments, then ends the process with the command's exit code; Ctrl-C interrupts it cleanly. With `elsewhere`
 * it carries its own adapters only, and where others are named `elsewhere` runs the arguments instead.
 */
export const main = (args: ReadonlyArray<string>, elsewhere?: () => Promise<void>): void => {
  let isHandedOver = false
  const handOver = Effect.suspend(() => {
    isHandedOver = true
    return Effect.interrupt
  })
  const program = Effect.provideServiceEffect(run(args), Shell, processShell.make)
  NodeRuntime.runMain(elsewhere === undefined ? program : Effect.provideService(program, HandOver, handOver), {
    disableErrorReporting: true,
    teardown: (exit, onExit) => {
      if (elsewhere === undefined || !isHandedOver) end(exit, onExit)
      else void elsewhere()
    }
  })
}
