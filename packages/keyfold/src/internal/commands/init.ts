/** `keyfold init`. */
import type { Written } from "@keyfold/config/Initialization"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { resolve } from "node:path"
import { Shell } from "../../Shell.ts"
import { usage } from "../failure.ts"
import { print, printJson } from "../print.ts"
import { root } from "../root.ts"
import { escape } from "../text.ts"

const flags = {
  folder: Argument.String("folder").pipe(
    Argument.withDescription("Where keyfold.yaml and the databases go; this folder when omitted"),
    Argument.optional
  ),
  pepperFile: Flag.String("pepper-file").pipe(
    Flag.withMetavar("PATH"),
    Flag.withDescription(
      "Where the pepper goes, outside that folder, the journal's secret beside it; in your configuration folder when omitted"
    ),
    Flag.optional
  )
}

const render = ({ configuration, journalSecret, pepper }: Written, command: string): string =>
  [
    `Wrote ${escape(configuration)}: one store and a journal, SQLite databases beside it.`,
    `Wrote ${escape(pepper)}: the pepper its keys are hashed with, readable by you only.`,
    `Wrote ${escape(journalSecret)}: the secret that keys the journal, readable by you only.`,
    "",
    "Keep a copy of both in a safe place: losing the pepper kills every key of the database.",
    "",
    `Next: ${command} create --name my-first-key`,
    `Or in a browser: ${command} gateway init && ${command} serve`,
    ""
  ].join("\n")

/** Writes a first configuration. */
export const init = Command.make(
  "init",
  flags,
  Effect.fnUntraced(function* (input) {
    const settings = yield* root
    const { command, environment, folder } = yield* Shell
    if (Option.isSome(settings.config) || Option.isSome(settings.store)) {
      return yield* usage("init writes keyfold.yaml with one store; leave --config and --store out.")
    }
    const { initialize } = yield* Effect.promise(() => import("@keyfold/config/Initialization"))
    const written = yield* initialize({
      folder: resolve(
        folder,
        Option.getOrElse(input.folder, () => ".")
      ),
      env: environment,
      ...(Option.isSome(input.pepperFile) ? { pepperFile: resolve(folder, input.pepperFile.value) } : {})
    })
    return yield* settings.json ? printJson(written) : print(render(written, command))
  })
).pipe(
  Command.withDescription(
    "Write keyfold.yaml with a store of your own and a journal, each an SQLite database in one file, the pepper that the " +
      "hashes are keyed with, and the secret that keys the journal. Nothing is overwritten."
  ),
  Command.withShortDescription("Write keyfold.yaml with a store of your own"),
  Command.withExamples([
    { command: "keyfold init" },
    { command: "keyfold init ./service --pepper-file ./secrets/pepper" }
  ])
)
