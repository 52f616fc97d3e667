/** The root of the command tree, and the flags that every command has. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import type * as Effect from "effect/Effect"

/** `keyfold` without its commands; yield it in a handler for the shared flags. */
export const root = Command.make("keyfold").pipe(
  Command.withSharedFlags({
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print JSON for programs: results on stdout, errors on stderr"),
      Flag.withDefault(false),
      Flag.withoutNegation
    ),
    store: Flag.String("store").pipe(
      Flag.withAlias("s"),
      Flag.withMetavar("NAME"),
      Flag.withDescription("The store to use; the configuration's default store when omitted"),
      Flag.optional
    ),
    config: Flag.String("config").pipe(
      Flag.withAlias("c"),
      Flag.withMetavar("PATH"),
      Flag.withDescription(
        "The configuration file; when omitted the one KEYFOLD_CONFIG names, or keyfold.yaml in this folder"
      ),
      Flag.optional
    )
  }),
  Command.withDescription("Create, find, check and revoke API keys at any backend named in keyfold.yaml."),
  Command.withExamples([
    { command: "keyfold tour", description: "Watch keyfold work on four backends, without any account" },
    { command: "keyfold init", description: "Start here: write keyfold.yaml with a store of your own" },
    { command: "keyfold create --name nightly-report --expires 30d", description: "Create a key" }
  ])
)

/** The shared flags as a handler reads them. */
export type Settings = Effect.Success<typeof root>
