/** `keyfold gateway`: the keys of the gateway's callers. */
import { BaseFolder } from "@keyfold/core/Adapter"
import type { IssuedKey } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type * as Gateway from "@keyfold/gateway/Gateway"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { type OutputClosed, Shell } from "../../Shell.ts"
import { type CommandError, usage } from "../failure.ts"
import { loadGateway, settingsOf } from "../gateway.ts"
import { placeOf } from "../handOver.ts"
import { note, print, printJson } from "../print.ts"
import { root, type Settings } from "../root.ts"
import { readConfiguration, wholeFile } from "../stores.ts"

type Making = (
  gateway: typeof Gateway,
  database: Gateway.Database
) => Effect.Effect<IssuedKey, ConfigurationError | KeyStoreError>

/** Makes a key in the gateway's own store, and shows its secret once: alone on standard output. */
const make = Effect.fnUntraced(function* (
  settings: Settings,
  making: Making,
  before: Effect.Effect<void, ConfigurationError, Shell> = Effect.void
): Effect.fn.Return<void, CommandError | ConfigurationError | KeyStoreError | OutputClosed, Shell> {
  yield* wholeFile(settings, "gateway")
  const gateway = yield* loadGateway
  yield* before
  const { folder, gateway: definition } = yield* readConfiguration(settings)
  const database = gateway.databaseOf(yield* settingsOf(definition))
  const { key, secret } = yield* Effect.provideService(making(gateway, database), BaseFolder, folder)
  const shown = Redacted.value(secret)
  if (settings.json) return yield* printJson({ key, secret: shown })
  yield* note(`Created key ${key.id}, which may do ${key.scopes.join(", ")}. This is its secret, shown this once:`)
  yield* print(`${shown}\n`)
})

const made = usage(
  "the first key was made before; its secret was shown then.",
  'Where it is lost: keyfold gateway caller --name administrator --grant "*:*"'
)

/** Adds to the configuration what it lacks for a gateway, and tells what was written. */
const complete = Effect.fnUntraced(function* (settings: Settings): Effect.fn.Return<void, ConfigurationError, Shell> {
  const { addGateway } = yield* Effect.promise(() => import("@keyfold/config/Initialization"))
  const written = yield* addGateway(yield* placeOf(settings))
  if (written === undefined || settings.json) return
  const { configuration, pepper, tenant } = written
  const served = tenant === undefined ? "" : ` and the tenant ${tenant}`
  yield* note(`Added the member gateway${served} to ${configuration}.`)
  yield* note(`Wrote ${pepper}: the pepper its callers' keys are hashed with, readable by you only. Keep a copy.`)
})

const init = Command.make(
  "init",
  {},
  Effect.fnUntraced(function* () {
    const settings = yield* root
    yield* make(settings, (gateway, database) => gateway.init(database), complete(settings)).pipe(
      Effect.catchReason("KeyStoreError", "Conflict", () => Effect.fail(made))
    )
    const { command } = yield* Shell
    if (!settings.json) yield* note(`Next: ${command} serve, and sign in with it in a browser.`)
  })
).pipe(
  Command.withDescription(
    "Create the gateway's first key, which may do everything at every tenant. It is made once; a second call names it. " +
      "A configuration without the member gateway gets one, with a pepper of its own, and a tenant where it has none."
  ),
  Command.withShortDescription("Create the first key, which may do everything")
)

const flags = {
  name: Flag.String("name").pipe(Flag.withMetavar("TEXT"), Flag.withDescription("A name for people"), Flag.optional),
  grants: Flag.String("grant").pipe(
    Flag.withMetavar("GRANT"),
    Flag.withDescription("What the caller may do, repeatable: <tenant>:<operation>, either of them * for all"),
    Flag.atLeast(0)
  )
}

const caller = Command.make(
  "caller",
  flags,
  Effect.fnUntraced(function* ({ grants, name }) {
    const settings = yield* root
    if (grants.length === 0)
      return yield* usage("a caller without --grant may do nothing.", "Example: --grant acme:list")
    const spec = { grants, ...(Option.isSome(name) ? { name: name.value } : {}) }
    yield* make(settings, (gateway, database) => gateway.createCaller(database, spec))
  })
).pipe(
  Command.withDescription("Create a key for a caller of the gateway, with what its grants say and nothing else."),
  Command.withShortDescription("Create a key for a caller"),
  Command.withExamples([{ command: 'keyfold gateway caller --name ci --grant acme:create --grant "acme-*:list"' }])
)

/** The keys of the gateway's callers. */
export const gateway = Command.make("gateway").pipe(
  Command.withDescription("Create keys for callers of keyfold serve. Needs the package @keyfold/gateway."),
  Command.withShortDescription("Create keys for callers of keyfold serve"),
  Command.withExamples([
    { command: "keyfold gateway init", description: "The first key, once" },
    { command: "keyfold gateway caller --name ci --grant acme:create" }
  ]),
  Command.withSubcommands([init, caller])
)
