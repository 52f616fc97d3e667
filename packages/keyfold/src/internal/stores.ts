/** From the shared flags to an open store. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Journal } from "@keyfold/core/Journal"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { AnyAdapter } from "@keyfold/config/AdapterLoader"
import type { Configuration, Inspection, OneStore, StoreDefinition } from "@keyfold/config/Configuration"
import type { Effective } from "@keyfold/config/Effective"
import type { Finding } from "@keyfold/config/Finding"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Shell } from "../Shell.ts"
import { carried, shortName } from "./carried.ts"
import { type CommandError, usage } from "./failure.ts"
import { adaptersIn, placeOf } from "./handOver.ts"
import { warn } from "./print.ts"
import type { Settings } from "./root.ts"

const loadCarried = async (names: ReadonlyArray<string>): Promise<Readonly<Record<string, AnyAdapter>>> => {
  const short = new Set(names.map(shortName))
  const wanted = Object.entries(carried).filter(([name]) => short.has(name))
  return Object.fromEntries(
    await Promise.all(wanted.map(async ([name, load]): Promise<readonly [string, AnyAdapter]> => [name, await load()]))
  )
}

const loadConfigurationModule = Effect.promise(() => import("@keyfold/config/Configuration"))
const loadStoresModule = Effect.promise(() => import("@keyfold/config/Stores"))

/** Says which file is read, with the adapters that the command carries for it. */
export const optionsFor = Effect.fnUntraced(function* (settings: Pick<Settings, "config">) {
  const names = yield* adaptersIn(settings)
  const builtIn = yield* Effect.promise(() => loadCarried(names))
  return { ...(yield* placeOf(settings)), builtIn, secrets: "later" } as const
})

/** Reads the configuration file and checks all of it; secrets are obtained when a store is opened. */
export const readConfiguration = Effect.fnUntraced(function* (
  settings: Pick<Settings, "config">
): Effect.fn.Return<Configuration, ConfigurationError, Shell> {
  const { load } = yield* loadConfigurationModule
  return yield* load(yield* optionsFor(settings))
})

/** Tells every mistake of the configuration file, with `secrets` those of obtaining each secret too, and what it names. */
export const checkConfiguration = Effect.fnUntraced(function* (
  settings: Pick<Settings, "config">,
  secrets: boolean
): Effect.fn.Return<Inspection, ConfigurationError, Shell> {
  const { inspect } = yield* loadConfigurationModule
  const options = yield* optionsFor(settings)
  return yield* inspect({ ...options, secrets: secrets ? "now" : "later" })
})

/** Describes what the configuration file comes to. */
export const describeConfiguration = Effect.fnUntraced(function* (
  settings: Pick<Settings, "config">
): Effect.fn.Return<Effective, ConfigurationError, Shell> {
  const { describe } = yield* Effect.promise(() => import("@keyfold/config/Effective"))
  return yield* describe(yield* optionsFor(settings))
})

/** Refuses `--store` where a command is about the whole file. */
export const wholeFile = ({ store }: Pick<Settings, "store">, command: string): Effect.Effect<void, CommandError> =>
  Option.isSome(store) ? Effect.fail(usage(`${command} is about the whole file; leave --store out.`)) : Effect.void

const remark = ({ column, file, line, path, problem }: Finding, json: boolean) =>
  json
    ? warn(json, problem, { file, line, column, path })
    : warn(json, `${file}:${line}:${column} ${path}: ${problem} This command does not need that store.`)

const withRemarks = Effect.fnUntraced(function* ({ configuration, elsewhere }: OneStore, json: boolean) {
  yield* Effect.forEach(elsewhere, (finding) => remark(finding, json), { discard: true })
  return configuration
})

/** Reads the configuration file for one store; what is wrong in the others is only remarked on. */
export const readForOne = Effect.fnUntraced(function* (
  settings: Settings
): Effect.fn.Return<Configuration, ConfigurationError, Shell> {
  const { loadOne } = yield* loadConfigurationModule
  const store = Option.getOrUndefined(settings.store)
  const options = yield* optionsFor(settings)
  return yield* withRemarks(yield* loadOne({ ...options, ...(store === undefined ? {} : { store }) }), settings.json)
})

/** Reads what is sound in the configuration file; mistakes in stores and tenants are returned with it. */
export const readSound = Effect.fnUntraced(function* (
  settings: Settings
): Effect.fn.Return<OneStore, ConfigurationError, Shell> {
  const { loadJournal } = yield* loadConfigurationModule
  const sound = yield* loadJournal(yield* optionsFor(settings))
  const name = Option.getOrUndefined(settings.store)
  const isUnknown = name !== undefined && !sound.elsewhere.some(({ path }) => path.startsWith(`stores.${name}`))
  if (isUnknown) yield* (yield* loadStoresModule).find(sound.configuration, name)
  return sound
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

/** An open journal, and the names of the configuration's stores. */
export interface OpenJournal {
  readonly journal: Journal
  readonly stores: ReadonlyArray<string>
}

/** Opens the configuration's journal, or tells how to configure one; what is wrong in stores is only remarked on. */
export const openJournal = Effect.fnUntraced(function* (
  settings: Settings
): Effect.fn.Return<OpenJournal, ConfigurationError, Shell | Scope.Scope> {
  const { loadJournal } = yield* loadConfigurationModule
  const configuration = yield* withRemarks(yield* loadJournal(yield* optionsFor(settings)), settings.json)
  const stores = yield* loadStoresModule
  return { journal: yield* stores.openJournal(configuration), stores: [...configuration.stores.keys()] }
})

const openIn = Effect.fnUntraced(function* (
  configuration: Configuration,
  settings: Pick<Settings, "store">
): Effect.fn.Return<KeyStore["Service"], ConfigurationError, Scope.Scope> {
  const { find, open } = yield* loadStoresModule
  const { adapter, name } = yield* find(configuration, Option.getOrUndefined(settings.store))
  const opening = open(configuration, name)
  if (adapter.name === "sql") return yield* opening
  const { layer } = yield* Effect.promise(() => import("@keyfold/undici/UndiciTransport"))
  return yield* Effect.provide(opening, layer)
})

/** Opens a store by its name; the scope closes it. */
export const openNamed = (
  configuration: Configuration,
  name: string
): Effect.Effect<KeyStore["Service"], ConfigurationError, Scope.Scope> =>
  openIn(configuration, { store: Option.some(name) })

/** An open store and the configuration it comes from. */
export interface Configured {
  readonly store: KeyStore["Service"]
  readonly configuration: Configuration
}

/** Opens the store named by `--store`, or the default store, over pooled connections; the scope closes it. */
export const openConfigured = Effect.fnUntraced(function* (
  settings: Settings
): Effect.fn.Return<Configured, ConfigurationError, Shell | Scope.Scope> {
  const configuration = yield* readForOne(settings)
  return { configuration, store: yield* openIn(configuration, settings) }
})

/**
 * Opens the store named by `--store`, or the default store, for a command that makes no key. It does without the journal,
 * so that a leaked key can be revoked while the journal's database is down.
 */
export const openStore = Effect.fnUntraced(function* (
  settings: Settings
): Effect.fn.Return<KeyStore["Service"], ConfigurationError, Shell | Scope.Scope> {
  const configuration = yield* readForOne(settings)
  return yield* openIn({ ...configuration, journal: undefined }, settings)
})

/** Opens a store for a command that cannot do without the journal. */
export const openJournaledStore = Effect.fnUntraced(function* (
  settings: Settings
): Effect.fn.Return<KeyStore["Service"], ConfigurationError, Shell | Scope.Scope> {
  const configuration = yield* readForOne(settings)
  const stores = yield* loadStoresModule
  yield* stores.openJournal(configuration)
  return yield* openIn(configuration, settings)
})
