/**
 * The `keyfold` command: its tree of commands, and how a line of arguments is run.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import { builtIns } from "./internal/builtIns.ts"
import { commandsFor } from "./internal/commands.ts"
import * as ExitCode from "./internal/exitCode.ts"
import { bug, type Failure, render, report, type Report } from "./internal/failure.ts"
import * as handOver from "./internal/handOver.ts"
import { presenter } from "./internal/help.ts"
import * as log from "./internal/log.ts"
import { Outcome } from "./internal/outcome.ts"
import { root } from "./internal/root.ts"
import * as services from "./internal/services.ts"
import * as telemetry from "./internal/telemetry.ts"
import { version } from "./internal/version.ts"
import { type OutputClosed, Shell } from "./Shell.ts"

const commandFor = Effect.fnUntraced(function* (args: ReadonlyArray<string>) {
  const commands = yield* commandsFor(args)
  return root.pipe(
    Command.withSubcommands(commands),
    Command.provide((settings) => Layer.provideMerge(telemetry.layer(settings), log.layer(settings))),
    Command.provide((settings) => handOver.layer(settings))
  )
})

const surroundings = (shell: Shell["Service"], json: boolean) =>
  Layer.mergeAll(
    services.layer,
    CliConfig.layer({ builtIns: builtIns(shell) }),
    CliOutput.layerPresenter(presenter(shell, json))
  )

const settle = (
  cause: Cause.Cause<Failure | OutputClosed | CliError.CliError>,
  { stderr }: Shell["Service"],
  json: boolean
): Effect.Effect<number> => {
  const write = (about: Report) => Effect.as(Effect.ignore(stderr.write(render(about, stderr, json))), about.exitCode)
  if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  if (error === undefined) return write(bug)
  // The presenter has shown these already.
  if (CliError.isCliError(error)) return Effect.succeed(ExitCode.usage)
  // Whoever read the output has seen enough; `create` takes care of its own.
  return error._tag === "OutputClosed" ? Effect.succeed(ExitCode.ok) : write(report(error))
}

/**
 * Runs one line of arguments and returns its exit code.
 *
 * Results go to standard output; remarks and errors, one paragraph or with `--json` one object, to standard error. No
 * output but the one place that `create` hands a secret to ever holds a secret.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function* (args: ReadonlyArray<string>): Effect.fn.Return<number, never, Shell> {
  const shell = yield* Shell
  const options = args.includes("--") ? args.slice(0, args.indexOf("--")) : args
  const json = options.includes("--json")
  const outcome = yield* Ref.make<ExitCode.ExitCode>(ExitCode.ok)
  const command = yield* commandFor(args)
  const exit = yield* Command.runWith(command, { version: version() })(args).pipe(
    Effect.provideService(Outcome, outcome),
    Effect.provide(surroundings(shell, json)),
    Effect.exit
  )
  return Exit.isSuccess(exit) ? yield* Ref.get(outcome) : yield* settle(exit.cause, shell, json)
})
