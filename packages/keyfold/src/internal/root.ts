/** The root of the command tree, and the flags that every command has. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import type * as Effect from "effect/Effect"

/** How much is logged, from everything to nothing. */
export const logLevels = ["all", "trace", "debug", "info", "warn", "error", "fatal", "none"] as const

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
    ),
    logLevel: Flag.Literals("log-level", logLevels).pipe(
      Flag.withMetavar("LEVEL"),
      Flag.withDescription("The lowest level that is logged on stderr; warn when omitted"),
      Flag.withDefault("warn")
    ),
    logFormat: Flag.Literals("log-format", ["text", "json"]).pipe(
      Flag.withMetavar("FORMAT"),
      Flag.withDescription("How log lines are written; json with --json when omitted, else text"),
      Flag.optional
    ),
    otlp: Flag.String("otlp").pipe(
      Flag.withMetavar("URL"),
      Flag.withDescription(
        "Send traces, metrics and logs to this OpenTelemetry collector; OTEL_EXPORTER_OTLP_ENDPOINT when omitted"
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

/** All shared flags. */
export type SharedFlags = Effect.Success<typeof root>

/** The shared flags as a handler reads them. */
export type Settings = Pick<SharedFlags, "json" | "store" | "config">
