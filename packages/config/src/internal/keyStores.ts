/** The tenants of a configuration in the terms of core. */
import { BaseFolder } from "@keyfold/core/Adapter"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type * as KeyStores from "@keyfold/core/KeyStores"
import type { StoreOptions } from "@keyfold/core/KeyStore"
import * as RequestBudget from "@keyfold/core/RequestBudget"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Struct from "effect/Struct"
import type { Configuration, Settings, StoreDefinition, TenantDefinition } from "../Configuration.ts"

/** Tells of a store or tenant what is wrong, where the error does not say so itself. */
const told = (store: string, { field, fix, problem, store: known }: ConfigurationError): ConfigurationError =>
  new ConfigurationError({
    store: known ?? store,
    ...(field === undefined ? {} : { field }),
    problem,
    ...(fix === undefined ? {} : { fix })
  })

/** A store or tenant whose settings were obtained. */
interface Settled<A> {
  readonly definition: A
  readonly settings: Settings
}

const settle = <A extends StoreDefinition | TenantDefinition>(
  definitions: Iterable<A>
): Effect.Effect<ReadonlyArray<Settled<A>>, ConfigurationError> =>
  Effect.forEach(
    definitions,
    (definition) =>
      Effect.result(Effect.map(definition.settings, (settings): Settled<A> => ({ definition, settings }))),
    { concurrency: 8 }
  ).pipe(
    Effect.flatMap((results) => {
      const problems = [...new Set(results.flatMap((each) => (Result.isFailure(each) ? [each.failure.message] : [])))]
      return problems.length > 0
        ? Effect.fail(new ConfigurationError({ problem: problems.join("\n") }))
        : Effect.succeed(results.flatMap((each) => (Result.isSuccess(each) ? [each.success] : [])))
    })
  )

/** What core takes from a store's options; the rest follows from where the store stands. */
const sharedOf = (options: StoreOptions): KeyStores.SharedOptions => Struct.omit(options, ["budget", "store", "tenant"])

type Driver = KeyStores.StoreDefinition["driver"]

const driverOf = (
  folder: string,
  { adapter, name }: StoreDefinition,
  options: Effect.Effect<unknown, ConfigurationError>
): Driver =>
  Effect.flatMap(options, (complete) => adapter.driver(complete)).pipe(
    Effect.mapError((error) => told(name, error)),
    Effect.provideService(BaseFolder, folder)
  )

const storeOf = (
  folder: string,
  { definition, settings }: Settled<StoreDefinition>,
  tenants: ReadonlyArray<Settled<TenantDefinition>>
): KeyStores.StoreDefinition => {
  const own = new Map(
    tenants.flatMap(({ definition: { credential, store }, settings }) =>
      credential === undefined || store !== definition.name
        ? []
        : [[credential.name, { credential, budget: settings.store.budget }] as const]
    )
  )
  return {
    backend: definition.adapter.name,
    capabilities: definition.capabilities,
    driver: driverOf(folder, definition, definition.options),
    credentials: Object.fromEntries(
      [...own].map(([name, { credential }]) => [name, driverOf(folder, definition, credential.options)])
    ),
    options: sharedOf(settings.store),
    budgetOf: (credential) =>
      (credential === undefined ? settings.store.budget : own.get(credential)?.budget) ?? RequestBudget.unlimited(),
    retry: settings.retry,
    shared: definition.shared,
    separateCredentials: definition.separateCredentials
  }
}

const assignmentOf = ({ definition, settings }: Settled<TenantDefinition>): KeyStores.Assignment => {
  const options = sharedOf(settings.store)
  return {
    store: definition.store,
    ...(definition.credential === undefined ? {} : { credential: definition.credential.name }),
    ...(Object.keys(options).length === 0 ? {} : { options }),
    retry: settings.retry
  }
}

/**
 * Writes a configuration as core takes it. The secrets of members have been obtained then, those of an adapter's options
 * are when its driver is opened.
 */
export const optionsOf = Effect.fnUntraced(function* ({
  folder,
  idle,
  stores,
  tenants
}: Configuration): Effect.fn.Return<KeyStores.Options, ConfigurationError> {
  const settledTenants = yield* settle(tenants.values())
  const settledStores = yield* settle(stores.values())
  const ofStore = Map.groupBy(settledTenants, ({ definition }) => definition.store)
  return {
    stores: Object.fromEntries(
      settledStores.map((store) => {
        const { name } = store.definition
        return [name, storeOf(folder, store, ofStore.get(name) ?? [])]
      })
    ),
    tenants: Object.fromEntries(settledTenants.map((tenant) => [tenant.definition.name, assignmentOf(tenant)])),
    ...(idle === undefined ? {} : { idle })
  }
})
