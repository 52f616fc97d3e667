/** `keyfold config`. */
import * as Command from "effect/cli/Command"
import { configCheck } from "./configCheck.ts"
import { configShow } from "./configShow.ts"

/** The commands that are about the configuration itself. */
export const config = Command.make("config").pipe(
  Command.withDescription(
    "Check the configuration file, or show what it comes to with the environment variables that override it."
  ),
  Command.withShortDescription("Check and show the configuration"),
  Command.withExamples([{ command: "keyfold config check" }, { command: "keyfold config show" }]),
  Command.withSubcommands([configCheck, configShow])
)
