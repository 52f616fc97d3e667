/** From the shared flags to an open store. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { AnyAdapter } from "@keyfold/config/AdapterLoader"
import type { Configuration, StoreDefinition } from "@keyfold/config/Configuration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { Shell } from "../Shell.ts"
import type { Settings } from "./root.ts"

/** The adapters the command carries, loaded only where a configuration names them. */
const carried: Readonly<Record<string, () => Promise<AnyAdapter>>> = {
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

/** Reads the configuration file; secrets are obtained when a store is opened, and only that store's. */
export const readConfiguration = Effect.fnUntraced(function* (
  settings: Pick<Settings, "config">
): Effect.fn.Return<Configuration, ConfigurationError, Shell> {
  const { environment, folder } = yield* Shell
  const { adapterNames, load } = yield* loadConfigurationModule
  const file = Option.getOrUndefined(settings.config)
  const options = { folder, env: environment, ...(file === undefined ? {} : { file }) }
  const names = yield* adapterNames(options)
  const builtIn = yield* Effect.promise(() => loadCarried(names))
  return yield* load({ ...options, builtIn, secrets: "later" })
})

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
  const configuration = yield* readConfiguration(settings)
  const { find, open } = yield* loadStoresModule
  const { adapter, name } = yield* find(configuration, Option.getOrUndefined(settings.store))
  const opening = open(configuration, name)
  if (adapter.name === "sql") return yield* opening
  const { layer } = yield* Effect.promise(() => import("@keyfold/undici/UndiciTransport"))
  return yield* Effect.provide(opening, layer)
})
