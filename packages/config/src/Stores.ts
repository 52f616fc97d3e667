/**
 * Open stores, from a configuration.
 *
 * @since 0.1.0
 */
import { BaseFolder } from "@keyfold/core/Adapter"
import type { Capabilities } from "@keyfold/core/Capabilities"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { Journal } from "@keyfold/core/Journal"
import { KeyStore } from "@keyfold/core/KeyStore"
import { RetryPolicy } from "@keyfold/core/RetryPolicy"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Configuration, StoreDefinition } from "./Configuration.ts"
import { didYouMean } from "./internal/spelling.ts"

/**
 * Returns what a store can do, without opening it.
 *
 * @category combinators
 * @since 0.1.0
 */
export const capabilitiesOf = (definition: StoreDefinition): Capabilities => definition.capabilities

/**
 * Finds a store by name, or the default store; fails with the names there are.
 *
 * @category combinators
 * @since 0.1.0
 */
export const find = Effect.fnUntraced(function* (
  { defaultStore, stores }: Configuration,
  name?: string
): Effect.fn.Return<StoreDefinition, ConfigurationError> {
  const wanted = name ?? defaultStore
  const names = [...stores.keys()]
  const listed = `Stores: ${names.join(", ")}.`
  if (wanted === undefined) {
    const problem = "no store was named, and the configuration names no default."
    return yield* new ConfigurationError({ problem, fix: `Name one, or set default. ${listed}` })
  }
  const found = stores.get(wanted)
  if (found !== undefined) return found
  const problem = `there is no store "${wanted}".${didYouMean(wanted, names)}`
  return yield* new ConfigurationError({ problem, fix: listed })
})

const build = Effect.fnUntraced(function* (
  { folder, journal }: Configuration,
  definition: StoreDefinition
): Effect.fn.Return<KeyStore["Service"], ConfigurationError, Scope.Scope> {
  const { options, retry, store } = yield* definition.complete
  const policy = { ...(yield* RetryPolicy), ...retry }
  // Opened before the store, so that it outlasts what the store still writes while it closes.
  const opened = journal === undefined ? yield* Journal : yield* journal.open
  // Two stores may have equal options and still are two stores, so neither is remembered.
  const layer = Layer.fresh(definition.adapter.layer(Object.assign({}, options, store)))
  const context = yield* Layer.build(layer).pipe(
    Effect.provideService(BaseFolder, folder),
    Effect.provideService(Journal, opened),
    Effect.provideService(RetryPolicy, policy),
    Effect.mapError((error) => (error.store === undefined ? named(definition.name, error) : error))
  )
  return Context.get(context, KeyStore)
})

const named = (store: string, { field, fix, problem }: ConfigurationError): ConfigurationError =>
  new ConfigurationError({
    store,
    ...(field === undefined ? {} : { field }),
    problem,
    ...(fix === undefined ? {} : { fix })
  })

/**
 * Opens a store by name, or the default store. It stays open until the scope closes.
 *
 * Relative paths among its options start at the configuration file's folder. It uses the configuration's journal, which
 * all its stores share; without one, the `Journal` this effect runs with.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function* (
  configuration: Configuration,
  name?: string
): Effect.fn.Return<KeyStore["Service"], ConfigurationError, Scope.Scope> {
  return yield* build(configuration, yield* find(configuration, name))
})

/**
 * Opens every store of a configuration, or none: what keeps any of them shut is told in one error.
 *
 * @category constructors
 * @since 0.1.0
 */
export const openAll = Effect.fnUntraced(function* (
  configuration: Configuration
): Effect.fn.Return<ReadonlyMap<string, KeyStore["Service"]>, ConfigurationError, Scope.Scope> {
  const opened = yield* Effect.forEach(
    configuration.stores.values(),
    (definition) =>
      Effect.result(Effect.map(build(configuration, definition), (store) => [definition.name, store] as const)),
    { concurrency: 8 }
  )
  const errors = opened.flatMap((result) => (Result.isFailure(result) ? [result.failure] : []))
  const [first] = errors
  // A journal that does not open is told once, not once per store.
  const problems = [...new Set(errors.map(({ message }) => message))]
  if (first !== undefined) {
    return yield* problems.length === 1 ? first : new ConfigurationError({ problem: problems.join("\n") })
  }
  return new Map(opened.flatMap((result) => (Result.isSuccess(result) ? [result.success] : [])))
})

/**
 * Opens the journal of a configuration, the one that its stores use too. It stays open until the scope closes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const openJournal = Effect.fnUntraced(function* ({
  journal
}: Configuration): Effect.fn.Return<Journal, ConfigurationError, Scope.Scope> {
  if (journal !== undefined) return yield* journal.open
  return yield* new ConfigurationError({
    problem: "the configuration names no journal.",
    fix:
      'Write journal: { url: "sqlite:keyfold-journal.db", secret: { file: path } } at the top level, with a secret of at ' +
      "least 32 random bytes in that file."
  })
})
