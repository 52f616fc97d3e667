/** `keyfold config show`. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { print, printJson } from "../print.ts"
import { root } from "../root.ts"
import { describeConfiguration, wholeFile } from "../stores.ts"
import { escape } from "../text.ts"

/** Shows the configuration in effect. */
export const configShow = Command.make(
  "show",
  {},
  Effect.fnUntraced(function* () {
    const settings = yield* root
    yield* wholeFile(settings, "config show")
    const effective = yield* describeConfiguration(settings)
    if (settings.json) return yield* printJson(effective)
    const { format } = yield* Effect.promise(() => import("@keyfold/config/Effective"))
    return yield* print(format(effective).split("\n").map(escape).join("\n"))
  })
).pipe(
  Command.withDescription(
    "Show the configuration that commands and programs get here: the file, what environment variables override in it, " +
      "and for each store what the file says for all of them. A secret is the reference to it; no secret is read."
  ),
  Command.withShortDescription("Show the configuration in effect"),
  Command.withExamples([
    { command: "keyfold config show" },
    {
      command: "KEYFOLD_DEFAULT=guard keyfold config show",
      description: "What does this variable change?"
    }
  ])
)
