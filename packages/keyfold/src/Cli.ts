/**
 * The `keyfold` command: its tree of commands, and how a line of arguments is run.
 *
 * @since 0.1.0
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
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
import { capabilities } from "./internal/commands/capabilities.ts"
import { config } from "./internal/commands/config.ts"
import { create } from "./internal/commands/create.ts"
import { doctor } from "./internal/commands/doctor.ts"
import { emulate } from "./internal/commands/emulate.ts"
import { get } from "./internal/commands/get.ts"
import { init } from "./internal/commands/init.ts"
import { inventory } from "./internal/commands/inventory.ts"
import { journal } from "./internal/commands/journal.ts"
import { list } from "./internal/commands/list.ts"
import { recover } from "./internal/commands/recover.ts"
import { revoke } from "./internal/commands/revoke.ts"
import { rotate } from "./internal/commands/rotate.ts"
import { rotations } from "./internal/commands/rotations.ts"
import { stores } from "./internal/commands/stores.ts"
import { sweep } from "./internal/commands/sweep.ts"
import { tour } from "./internal/commands/tour.ts"
import { usage } from "./internal/commands/usage.ts"
import { verify } from "./internal/commands/verify.ts"
import * as ExitCode from "./internal/exitCode.ts"
import { bug, type Failure, render, report, type Report } from "./internal/failure.ts"
import { presenter } from "./internal/help.ts"
import * as log from "./internal/log.ts"
import { Outcome } from "./internal/outcome.ts"
import { root } from "./internal/root.ts"
import * as telemetry from "./internal/telemetry.ts"
import { version } from "./internal/version.ts"
import { type OutputClosed, Shell } from "./Shell.ts"

const command = root.pipe(
  Command.withSubcommands([
    init,
    config,
    stores,
    capabilities,
    create,
    list,
    get,
    revoke,
    rotate,
    rotations,
    usage,
    verify,
    inventory,
    doctor,
    journal,
    recover,
    sweep,
    emulate,
    tour
  ]),
  Command.provide((settings) => Layer.provideMerge(telemetry.layer(settings), log.layer(settings)))
)

const surroundings = (shell: Shell["Service"], json: boolean) =>
  Layer.mergeAll(
    NodeServices.layer,
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
  const exit = yield* Command.runWith(command, { version: version() })(args).pipe(
    Effect.provideService(Outcome, outcome),
    Effect.provide(surroundings(shell, json)),
    Effect.exit
  )
  return Exit.isSuccess(exit) ? yield* Ref.get(outcome) : yield* settle(exit.cause, shell, json)
})
