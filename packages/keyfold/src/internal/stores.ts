/** From the shared flags to an open store. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { AnyAdapter } from "@keyfold/config/AdapterLoader"
import type { Configuration, StoreDefinition } from "@keyfold/config/Configuration"
import type { Finding } from "@keyfold/config/Finding"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { Shell } from "../Shell.ts"
import { stringify } from "./json.ts"
import { note } from "./print.ts"
import type { Settings } from "./root.ts"

/** The adapters the command carries, loaded only where a configuration names them. */
const carried: Readonly<Record<string, () => Promise<AnyAdapter>>> = {
  arthur: async () => (await import("@keyfold/arthur/Arthur")).adapter,
  occam: async () => (await import("@keyfold/occam/Occam")).adapter,
  sql: async () => (await import("@keyfold/sql/Sql")).adapter,
  whylabs: async () => (await import("@keyfold/whylabs/WhyLabs")).adapter
}

const loadCarried = async (names: ReadonlyArray<string>): Promise<Readonly<Record<string, AnyAdapter>>> => {
  const short = new Set(names.map((name) => name.replace(/^@keyfold\//, "")))
  const wanted = Object.entries(carried).filter(([name]) => short.has(name))
  return Object.fromEntries(
    await Promise.all(wanted.map(async ([name, load]): Promise<readonly [string, AnyAdapter]> => [name, await load()]))
  )
}

const loadConfigurationModule = Effect.promise(() => import("@keyfold/config/Configuration"))
const loadStoresModule = Effect.promise(() => import("@keyfold/config/Stores"))

const optionsFor = Effect.fnUntraced(function* (settings: Pick<Settings, "config">) {
  const { environment, folder } = yield* Shell
  const { adapterNames } = yield* loadConfigurationModule
  const file = Option.getOrUndefined(settings.config)
  const options = { folder, env: environment, ...(file === undefined ? {} : { file }) }
  const names = yield* adapterNames(options)
  const builtIn = yield* Effect.promise(() => loadCarried(names))
  return { ...options, builtIn, secrets: "later" } as const
})

/** Reads the configuration file and checks all of it; secrets are obtained when a store is opened. */
export const readConfiguration = Effect.fnUntraced(function* (
  settings: Pick<Settings, "config">
): Effect.fn.Return<Configuration, ConfigurationError, Shell> {
  const { load } = yield* loadConfigurationModule
  return yield* load(yield* optionsFor(settings))
})

const warn = ({ column, file, line, path, problem }: Finding, json: boolean) =>
  json
    ? Effect.flatMap(Shell, ({ stderr }) =>
        Effect.ignore(stderr.write(`${stringify({ warning: { file, line, column, path, message: problem } })}\n`))
      )
    : note(`keyfold: warning: ${file}:${line}:${column} ${path}: ${problem} This command does not need that store.`)

/** Reads the configuration file for one store; what is wrong in the others is only remarked on. */
const readForOne = Effect.fnUntraced(function* (
  settings: Settings
): Effect.fn.Return<Configuration, ConfigurationError, Shell> {
  const { loadOne } = yield* loadConfigurationModule
  const store = Option.getOrUndefined(settings.store)
  const options = yield* optionsFor(settings)
  const { configuration, elsewhere } = yield* loadOne({ ...options, ...(store === undefined ? {} : { store }) })
  yield* Effect.forEach(elsewhere, (finding) => warn(finding, settings.json), { discard: true })
  return configuration
})

/** Reads the configuration file for the store that `--store` names, or checks all of it where none is named. */
export const readNamed = (settings: Settings): Effect.Effect<Configuration, ConfigurationError, Shell> =>
  Option.isNone(settings.store) ? readConfiguration(settings) : readForOne(settings)

/** Finds the stores that a command is about: the named one, or all. */
export const definitions = Effect.fnUntraced(function* (
  configuration: Configuration,
  settings: Pick<Settings, "store">
): Effect.fn.Return<ReadonlyArray<StoreDefinition>, ConfigurationError> {
  const { find } = yield* loadStoresModule
  return Option.isSome(settings.store)
    ? [yield* find(configuration, settings.store.value)]
    : [...configuration.stores.values()]
})

/** Opens the store named by `--store`, or the default store, over pooled connections; the scope closes it. */
export const openStore = Effect.fnUntraced(function* (
  settings: Settings
): Effect.fn.Return<KeyStore["Service"], ConfigurationError, Shell | Scope.Scope> {
  const configuration = yield* readForOne(settings)
  const { find, open } = yield* loadStoresModule
  const { adapter, name } = yield* find(configuration, Option.getOrUndefined(settings.store))
  const opening = open(configuration, name)
  if (adapter.name === "sql") return yield* opening
  const { layer } = yield* Effect.promise(() => import("@keyfold/undici/UndiciTransport"))
  return yield* Effect.provide(opening, layer)
})
