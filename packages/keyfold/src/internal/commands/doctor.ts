/** `keyfold doctor`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Shell } from "../../Shell.ts"
import type { Examined } from "../doctor/finding.ts"
import { objects, render, summary } from "../doctor/report.ts"
import * as ExitCode from "../exitCode.ts"
import { outcome } from "../outcome.ts"
import { note, print, printJson } from "../print.ts"
import { root } from "../root.ts"
import { readSound } from "../stores.ts"
import { readDuration } from "../values.ts"

const flags = {
  write: Flag.Boolean("write").pipe(
    Flag.withDescription("Also create one key in each store, read it back, and revoke it"),
    Flag.withDefault(false),
    Flag.withoutNegation
  ),
  timeout: Flag.String("timeout").pipe(
    Flag.withMetavar("DURATION"),
    Flag.withDescription("How long one store may take, 30s when omitted"),
    Flag.optional
  )
}

const defaultPatience = Duration.seconds(30)

const begin = Effect.fnUntraced(function* (write: boolean, timeout: Option.Option<string>) {
  const settings = yield* root
  const patience = Option.isSome(timeout) ? yield* readDuration("--timeout", timeout.value) : defaultPatience
  const sound = yield* readSound(settings)
  const { round } = yield* Effect.promise(() => import("../doctor/round.ts"))
  const { make } = yield* Effect.promise(() => import("@keyfold/undici/UndiciTransport"))
  const store = Option.getOrUndefined(settings.store)
  return round({ sound, store, transport: make, manner: { write, patience } })
})

/** Examines every store. */
export const doctor = Command.make(
  "doctor",
  flags,
  Effect.fnUntraced(function* ({ timeout, write }) {
    const { json } = yield* root
    const { stdout } = yield* Shell
    const all: Array<Examined> = []
    yield* Stream.runForEach(yield* begin(write, timeout), (examined) => {
      all.push(examined)
      return json ? Effect.forEach(objects(examined), printJson, { discard: true }) : print(render(examined, stdout))
    })
    if (!json) yield* note(summary(all))
    const isWell = all.every(({ findings }) => findings.every(({ severity }) => severity !== "failure"))
    yield* outcome(isWell ? ExitCode.ok : ExitCode.failed)
  })
).pipe(
  Command.withDescription(
    "Examine every store of the configuration, or the one that --store names, and say what to do about what is wrong: " +
      "whether it can be reached, answers itself, accepts the credential and lets it do what it must; clocks, the number " +
      "of keys, what the configuration requires; and the journal. Nothing is written to a backend without --write. A " +
      "failure is exit code 1; warnings are not. With --json each finding is an object on a line of its own."
  ),
  Command.withShortDescription("Find out what is wrong with a store"),
  Command.withExamples([
    { command: "keyfold doctor" },
    { command: "keyfold doctor --store monitoring --write", description: "Also try a create and a revoke" }
  ])
)
