/**
 * The configuration file: from text to stores that can be opened.
 *
 * @since 0.1.0
 */
import type { Adapter } from "@keyfold/core/Adapter"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Journal } from "@keyfold/core/Journal"
import type { StoreOptions } from "@keyfold/core/KeyStore"
import type { RetryPolicy } from "@keyfold/core/RetryPolicy"
import type { Secret } from "@keyfold/core/Secret"
import type { Sink } from "@keyfold/core/Sink"
import type { HolderCheck, Probe } from "@keyfold/lifecycle/RotationResources"
import type { Schedule } from "@keyfold/lifecycle/RotationSchedule"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as AdapterLoader from "./AdapterLoader.ts"
import type * as Finding from "./Finding.ts"
import type { GatewaySettings } from "./GatewaySettings.ts"
import type { Mistake } from "./internal/document.ts"
import { adapterNamesIn } from "./internal/file.ts"
import { accept, findingsOf, judge, open, type Outcome } from "./internal/judge.ts"

/**
 * Says which file is read and what it may use.
 *
 * - `file`: the file. Omitted, it is the one `KEYFOLD_CONFIG` names, else `keyfold.yaml`, `keyfold.yml` or `keyfold.json`
 *   in `folder`.
 * - `folder`: the working folder; that of the process when omitted.
 * - `env`: the environment variables; those of the process when omitted. Some override members of the file, each named
 *   after the member's path: `KEYFOLD_STORES_MONITORING_BASE_URL`.
 * - `builtIn`: adapters the program carries, by short name. They are not looked for as packages.
 * - `secrets`: `now` (when omitted) obtains every secret, so that what is missing shows at once; `later` leaves that to
 *   the opening of each store, for programs that need one store or none.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly file?: string
  readonly folder?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly builtIn?: Readonly<Record<string, AdapterLoader.AnyAdapter>>
  readonly secrets?: "now" | "later"
}

/**
 * Holds what the layer of a store takes: the adapter's own options with their secrets, and the store's; and what the file
 * says about trying again, which goes before the `RetryPolicy` that the program runs with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Complete {
  readonly options: unknown
  readonly store: StoreOptions
  readonly retry: Partial<RetryPolicy>
}

/**
 * Describes one store of the file, checked and not yet open. `complete` obtains its secrets; `options` obtains those among
 * the adapter's options only, and `settings` the others.
 *
 * `shared` and `separateCredentials` say how it serves several tenants: see `KeyStores.StoreDefinition`.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoreDefinition {
  readonly name: string
  readonly adapterName: string
  readonly adapter: Adapter<unknown>
  readonly capabilities: Capabilities
  readonly shared: boolean
  readonly separateCredentials: boolean
  readonly complete: Effect.Effect<Complete, ConfigurationError>
  readonly settings: Effect.Effect<Settings, ConfigurationError>
  readonly options: Effect.Effect<unknown, ConfigurationError>
}

/**
 * Holds what a store or a tenant is opened with beside the adapter's own options. Its secrets have been obtained.
 *
 * @category models
 * @since 0.1.0
 */
export type Settings = Omit<Complete, "options">

/**
 * Holds an adapter's options of a tenant's own, secrets included.
 *
 * @category models
 * @since 0.1.0
 */
export interface Credential {
  readonly name: string
  readonly options: Effect.Effect<unknown, ConfigurationError>
}

/**
 * Describes one tenant of the file, or the tenants of one pattern: the store that serves it and what it overrides.
 *
 * - `settings` holds the options it overrides, and the budget of its own credential.
 * - `credential` is there where it overrides the adapter's options: these in whole, and a name, the same for tenants who say
 *   the same.
 *
 * @category models
 * @since 0.1.0
 */
export interface TenantDefinition {
  readonly name: string
  readonly store: string
  readonly settings: Effect.Effect<Settings, ConfigurationError>
  readonly credential: Credential | undefined
}

/**
 * Describes the journal of the file, checked and not yet open.
 *
 * `open` opens it, or joins those who have it open already: there is one for the whole configuration, and the end of the
 * last scope closes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface JournalDefinition {
  readonly adapterName: string
  readonly open: Effect.Effect<Journal, ConfigurationError, Scope.Scope>
}

/**
 * Says where rotations are kept, and how the engine that runs them works: the options of `SqlRotations` and `SqlWorkflow`
 * of `@keyfold/sql`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RotationDatabase {
  readonly url: string
  readonly password?: Secret
  readonly busyTimeout?: Duration.Duration
  readonly pollInterval?: Duration.Duration
  readonly takeOverAfter?: Duration.Duration
  readonly concurrency?: number
}

/**
 * Describes one sink of the file.
 *
 * `perKey` says that its place has a key's name in it, so that it is a sink for each key. `make` makes the sink, or fails
 * where its place cannot be named; `identifies` is whether the secrets tell which key they belong to.
 *
 * @category models
 * @since 0.1.0
 */
export interface SinkDefinition {
  readonly name: string
  readonly perKey: boolean
  readonly make: (
    names: {
      readonly name: string | undefined
      readonly tenant: string | undefined
      readonly store: string
    },
    identifies: boolean
  ) => Effect.Effect<Sink, ConfigurationError>
}

/**
 * Describes the rotations of the file: where they are kept, what they may name, and the schedules of its stores and
 * tenants. `RotationSetup` makes of it what rotations need.
 *
 * @category models
 * @since 0.1.0
 */
export interface RotationsDefinition {
  readonly database: Effect.Effect<RotationDatabase, ConfigurationError>
  readonly sinks: ReadonlyMap<string, SinkDefinition>
  readonly probes: ReadonlyMap<string, Probe>
  readonly holderChecks: ReadonlyMap<string, HolderCheck>
  readonly schedules: ReadonlyArray<Schedule>
}

/**
 * Describes the gateway of the file. `settings` obtains its secrets.
 *
 * @category models
 * @since 0.1.0
 */
export interface GatewayDefinition {
  readonly settings: Effect.Effect<GatewaySettings, ConfigurationError>
}

/**
 * Holds a configuration without mistakes.
 *
 * Relative paths in it start at `folder`, the file's own. `defaultStore` is the store named by `default`, or the only
 * store. Every store opened from it uses its `journal`, where it has one. `idle` is how long a tenant's store that nobody
 * uses stays open. `rotations` and `gateway` are there where the file has these members.
 *
 * @category models
 * @since 0.1.0
 */
export interface Configuration {
  readonly file: string
  readonly folder: string
  readonly stores: ReadonlyMap<string, StoreDefinition>
  readonly defaultStore: string | undefined
  readonly journal: JournalDefinition | undefined
  readonly tenants: ReadonlyMap<string, TenantDefinition>
  readonly idle: Duration.Duration | undefined
  readonly rotations: RotationsDefinition | undefined
  readonly gateway: GatewayDefinition | undefined
}

/**
 * Tells what a configuration file names, and every mistake in it, in the order of its lines.
 *
 * @category models
 * @since 0.1.0
 */
export interface Inspection {
  readonly findings: ReadonlyArray<Finding.Finding>
  readonly stores: ReadonlyArray<string>
  readonly tenants: ReadonlyArray<string>
}

/**
 * Checks a configuration file and tells what it names too; without findings it can be loaded.
 *
 * Fails only where there is no file to read.
 *
 * @category combinators
 * @since 0.1.0
 */
export const inspect = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<Inspection, ConfigurationError> {
  const outcome = yield* judge(options)
  return { findings: findingsOf(outcome), stores: outcome.names, tenants: outcome.tenantNames }
})

/**
 * Lists every mistake of a configuration file, in the order of its lines; an empty list means that it can be loaded.
 *
 * Fails only where there is no file to read.
 *
 * @category combinators
 * @since 0.1.0
 */
export const check = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<ReadonlyArray<Finding.Finding>, ConfigurationError> {
  return (yield* inspect(options)).findings
})

/**
 * Lists the names of the adapters a file uses, the journal's included, each once, without loading any of them.
 *
 * A program that carries some adapters asks this first, to learn whether it needs others. A broken file names none.
 *
 * @category combinators
 * @since 0.1.0
 */
export const adapterNames = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<ReadonlyArray<string>, ConfigurationError> {
  const { document } = yield* open(options)
  return [...adapterNamesIn(document.value)]
})

/**
 * Reads a configuration file, loads the adapters it names and checks all of it.
 *
 * Every mistake is reported at once, in one error that names file, line, column and member of each, what was found and
 * what is accepted. Values of secrets are never shown, and a secret written in the file is refused.
 *
 * @category constructors
 * @since 0.1.0
 */
export const load = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<Configuration, ConfigurationError> {
  return yield* accept(yield* judge(options))
})

/**
 * Holds the part of a configuration that a program can use, and what is wrong in the stores that were left out.
 *
 * @category models
 * @since 0.1.0
 */
export interface OneStore {
  readonly configuration: Configuration
  readonly elsewhere: ReadonlyArray<Finding.Finding>
}

const leaveOut = Effect.fnUntraced(function* (
  outcome: Outcome,
  isElsewhere: (mistake: Mistake) => boolean
): Effect.fn.Return<OneStore, ConfigurationError> {
  const { locate, mistakes } = outcome
  const elsewhere = findingsOf({ syntax: [], locate, mistakes: mistakes.filter(isElsewhere) })
  const configuration = yield* accept({ ...outcome, mistakes: mistakes.filter((mistake) => !isElsewhere(mistake)) })
  // Whether tenants are told apart depends on all of them, so with one left out none is served.
  return { configuration: elsewhere.length === 0 ? configuration : { ...configuration, tenants: new Map() }, elsewhere }
})

const isInStore = ({ path }: Mistake): boolean => path[0] === "stores" && path.length > 1
const isInTenant = ({ path }: Mistake): boolean => path[0] === "tenants"

/**
 * Reads a configuration file for a program that needs one store: the one named by `store`, else the default store.
 *
 * Fails as `load` does for mistakes in that store, in the journal or in the file as a whole. Mistakes in other stores and
 * in tenants only leave these stores and all tenants out of the configuration, and are returned. Every mistake counts where no store is chosen, or where
 * the file has none of that name and no sound one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const loadOne = Effect.fnUntraced(function* (
  options: Options & { readonly store?: string } = {}
): Effect.fn.Return<OneStore, ConfigurationError> {
  const outcome = yield* judge(options)
  const { configuration, names } = outcome
  const chosen = options.store ?? configuration.defaultStore
  const wanted = configuration.stores.size > 0 || names.includes(chosen ?? "") ? chosen : undefined
  return yield* leaveOut(
    outcome,
    (mistake) => wanted !== undefined && (isInTenant(mistake) || (isInStore(mistake) && mistake.path[1] !== wanted))
  )
})

/**
 * Reads a configuration file for a program that needs its journal and no store.
 *
 * Fails as `load` does for mistakes in the journal or in the file as a whole. Mistakes in stores and tenants only leave
 * these stores and all tenants out of the configuration, and are returned.
 *
 * @category constructors
 * @since 0.1.0
 */
export const loadJournal = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<OneStore, ConfigurationError> {
  return yield* leaveOut(yield* judge(options), (mistake) => isInStore(mistake) || isInTenant(mistake))
})
