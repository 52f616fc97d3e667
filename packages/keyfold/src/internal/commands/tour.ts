/** `keyfold tour`. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Shell } from "../../Shell.ts"
import * as ExitCode from "../exitCode.ts"
import { CommandError, usage } from "../failure.ts"
import { print, printJson } from "../print.ts"
import { root } from "../root.ts"

const check = (config: Option.Option<string>, store: string | undefined, known: ReadonlyArray<string>) => {
  if (Option.isSome(config)) return usage("tour writes a configuration of its own; leave --config out.")
  return store !== undefined && !known.includes(store)
    ? usage(`the tour has no store "${store}"; it has ${known.join(", ")}.`)
    : undefined
}

/** Shows one program on every backend. */
export const tour = Command.make(
  "tour",
  {},
  Effect.fnUntraced(function* () {
    const settings = yield* root
    const shell = yield* Shell
    const { takeTour } = yield* Effect.promise(() => import("../tour/tour.ts"))
    const { tourStores } = yield* Effect.promise(() => import("../tour/stores.ts"))
    const names = Object.keys(tourStores)
    const store = Option.getOrUndefined(settings.store)
    const mistake = check(settings.config, store, names)
    if (mistake !== undefined) return yield* mistake
    const report = yield* takeTour(store === undefined ? names : [store])
    if (settings.json) {
      yield* printJson(report)
    } else {
      const { renderTour } = yield* Effect.promise(() => import("../tour/render.ts"))
      yield* print(renderTour(report, shell))
    }
    const surprises = report.steps.filter(({ expected }) => !expected)
    if (surprises.length === 0) return
    return yield* new CommandError({
      exitCode: ExitCode.failed,
      problem: `the tour met something unexpected: ${surprises
        .map(({ operation, result, store }) => `${operation} on ${store}: ${result}`)
        .join("; ")}`
    })
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Run one program on every backend that keyfold knows, here and now: an embedded database and emulated services in a " +
      "temporary folder. It needs no account, sends nothing to the internet and leaves nothing behind."
  ),
  Command.withShortDescription("Watch one program run on four backends"),
  Command.withExamples([{ command: "keyfold tour" }])
)
