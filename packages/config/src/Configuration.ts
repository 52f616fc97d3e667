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
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as AdapterLoader from "./AdapterLoader.ts"
import type * as Finding from "./Finding.ts"
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
 * Describes one store of the file, checked and not yet open. `complete` obtains its secrets.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoreDefinition {
  readonly name: string
  readonly adapterName: string
  readonly adapter: Adapter<unknown>
  readonly capabilities: Capabilities
  readonly complete: Effect.Effect<Complete, ConfigurationError>
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
 * Holds a configuration without mistakes.
 *
 * Relative paths in it start at `folder`, the file's own. `defaultStore` is the store named by `default`, or the only
 * store. Every store opened from it uses its `journal`, where it has one.
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
}

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
  return findingsOf(yield* judge(options))
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
  return {
    configuration: yield* accept({ ...outcome, mistakes: mistakes.filter((mistake) => !isElsewhere(mistake)) }),
    elsewhere: findingsOf({ syntax: [], locate, mistakes: mistakes.filter(isElsewhere) })
  }
})

const isInStore = ({ path }: Mistake): boolean => path[0] === "stores" && path.length > 1

/**
 * Reads a configuration file for a program that needs one store: the one named by `store`, else the default store.
 *
 * Fails as `load` does for mistakes in that store, in the journal or in the file as a whole. Mistakes in other stores only
 * leave these stores out of the configuration, and are returned. Every mistake counts where no store is chosen, or where
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
  return yield* leaveOut(outcome, (mistake) => wanted !== undefined && isInStore(mistake) && mistake.path[1] !== wanted)
})

/**
 * Reads a configuration file for a program that needs its journal and no store.
 *
 * Fails as `load` does for mistakes in the journal or in the file as a whole. Mistakes in stores only leave these stores
 * out of the configuration, and are returned.
 *
 * @category constructors
 * @since 0.1.0
 */
export const loadJournal = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<OneStore, ConfigurationError> {
  return yield* leaveOut(yield* judge(options), isInStore)
})
