/**
 * Many tenants, many stores: which tenant's keys live where, and the open store of each.
 *
 * Stores are opened on first use, shared by everybody who may share them, and closed again when nobody has used them for a
 * while. No tenant sees a key of another, whether the backend keeps tenants apart or keyed marks in labels do.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as RcMap from "effect/RcMap"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Adapter } from "./Adapter.ts"
import type { ApiKey } from "./ApiKey.ts"
import type { Capabilities } from "./Capabilities.ts"
import { ConfigurationError } from "./ConfigurationError.ts"
import type { Driver } from "./Driver.ts"
import * as crypto from "./internal/crypto.ts"
import * as sources from "./internal/sources.ts"
import { directoryOf, mistakesOf, type Directory, type Resource, type Rule } from "./internal/tenants.ts"
import { Journal } from "./Journal.ts"
import type { Filter } from "./KeyList.ts"
import * as KeyStore from "./KeyStore.ts"
import type { KeyStoreError } from "./KeyStoreError.ts"
import * as RequestBudget from "./RequestBudget.ts"
import { RetryPolicy } from "./RetryPolicy.ts"

/**
 * The options of a store that several tenants may use; its name, tenant and budget follow from where it stands.
 *
 * @category options
 * @since 0.1.0
 */
export interface SharedOptions extends Omit<KeyStore.StoreOptions, "store" | "tenant" | "budget"> {}

/**
 * Says how to open one store, without opening it.
 *
 * - `driver` builds the driver with the store's own credential; `credentials` builds it with others, by name. What they
 *   hold stays in them.
 * - `capabilities` is what those drivers declare, so that a mistake shows before anything is built.
 * - `options` are the store's; a tenant may override them.
 * - `budget` is how many requests each of its credentials may send, shared by all tenants who use the credential.
 *   `budgetOf` goes before it where the program keeps the budgets itself, such as for a credential that several stores use;
 *   undefined stands for the store's own credential.
 * - `retry` goes before the retry policy that `make` runs with.
 * - `shared`: tell tenants apart even while the store serves one only, so that a second can join later. Without it a store
 *   with one tenant shows that tenant every key of the backend, and keys made then belong to nobody once it is shared.
 * - `separateCredentials`: each credential sees keys of its own only, such as one organization each. Tenants with
 *   different credentials then need no telling apart.
 *
 * @category options
 * @since 0.1.0
 */
export interface StoreDefinition {
  readonly backend: string
  readonly capabilities: Capabilities
  readonly driver: Effect.Effect<Driver, ConfigurationError, Scope.Scope>
  readonly credentials?: Readonly<Record<string, Effect.Effect<Driver, ConfigurationError, Scope.Scope>>>
  readonly options?: SharedOptions
  readonly budget?: RequestBudget.Options
  readonly budgetOf?: (credential: string | undefined) => RequestBudget.RequestBudget
  readonly retry?: Partial<RetryPolicy>
  readonly shared?: boolean
  readonly separateCredentials?: boolean
}

/**
 * Says what serves one tenant: a store, one of its credentials where it is not the store's own, and options that override
 * the store's. Of `defaults`, `require` and `retry` single members are overridden, of other options the whole.
 *
 * @category options
 * @since 0.1.0
 */
export interface Assignment {
  readonly store: string
  readonly credential?: string
  readonly options?: SharedOptions
  readonly retry?: Partial<RetryPolicy>
}

/**
 * Says which stores there are and whom they serve.
 *
 * - `tenants` maps a tenant to a store's name or an `Assignment`. A name with one `*` is a pattern, which stands for one
 *   or more characters: only on backends that partition natively. An exact name goes before a pattern, and a longer
 *   pattern before a shorter one; where two fit equally well, neither does.
 * - `idle` (5 minutes when omitted) is how long a store that nobody uses stays open.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly stores: Readonly<Record<string, StoreDefinition>>
  readonly tenants: Readonly<Record<string, string | Assignment>>
  readonly idle?: Duration.Input
}

/**
 * Names a store, or a tenant.
 *
 * @category models
 * @since 0.1.0
 */
export type Target = { readonly store: string } | { readonly tenant: string }

/**
 * Says why a key belongs to no tenant of the configuration.
 *
 * - `noTenants`: the store serves none.
 * - `noMark`: its name has no mark of Keyfold.
 * - `unknownMark`: it has one that none of the store's tenants made: another tenant or deployment did, or somebody
 *   changed the name or copied the mark.
 * - `unknownTenant`: the backend keeps it for a tenant that this store is not configured to serve.
 *
 * @category models
 * @since 0.1.0
 */
export type Unassigned = "noTenants" | "noMark" | "unknownMark" | "unknownTenant"

/**
 * Holds a key and whose it is: as the tenant's own store would show it, or as the store itself would.
 *
 * `partition` is how the backend names the tenant that nobody configured.
 *
 * @category models
 * @since 0.1.0
 */
export type OwnedKey =
  | { readonly key: ApiKey; readonly tenant: string }
  | {
      readonly key: ApiKey
      readonly tenant: undefined
      readonly unassigned: Unassigned
      readonly partition?: string
    }

/**
 * Narrows the keys of a source: as a listing, and to one tenant.
 *
 * @category models
 * @since 0.1.0
 */
export interface SourceFilter extends Filter {
  readonly tenant?: string
}

/**
 * Reads all keys of one store; where each of its credentials sees keys of its own, of one credential. For operators: it
 * shows the keys of every tenant, and those of nobody.
 *
 * - `tenants` are those it serves, patterns included, as they are configured; `serves` tells whether one is among them.
 * - `keys` reads the backend's list once and says of each key whose it is. It is sent in the background, within the
 *   credential's budget, and stops requesting when its consumer stops. Where the store cannot be opened it fails with the
 *   `ConfigurationError`, and no other source does. For a tenant whom the source does not serve it is empty and nothing is
 *   sent. Where a backend keeps tenants apart and does not say who they are, it ends with `Unsupported` after the tenants
 *   that are configured by name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly store: string
  readonly credential: string | undefined
  readonly backend: string
  readonly capabilities: Capabilities
  readonly tenants: ReadonlyArray<string>
  readonly serves: (tenant: string) => boolean
  readonly keys: (filter?: SourceFilter) => Stream.Stream<OwnedKey, KeyStoreError | ConfigurationError>
}

/**
 * Maps tenants to their stores.
 *
 * - `forTenant` gives a tenant's store, open until the scope closes; open one for each request or piece of work. A tenant
 *   nobody configured fails before anything is opened or sent.
 * - `invalidate` makes everybody who comes after it use a store and a driver that are opened anew, because what they were
 *   built from has changed. Who has one open finishes on it. It returns once stores that nobody used are closed.
 * - `sources` show an operator every key of every store, also of stores that no tenant uses. Nothing is opened before
 *   their keys are read.
 *
 * @category services
 * @since 0.1.0
 */
export class KeyStores extends Context.Service<
  KeyStores,
  {
    readonly forTenant: (tenant: string) => Effect.Effect<KeyStore.KeyStore["Service"], ConfigurationError, Scope.Scope>
    readonly invalidate: (target: Target) => Effect.Effect<void, ConfigurationError>
    readonly sources: ReadonlyArray<Source>
  }
>()("@keyfold/core/KeyStores") {}

/**
 * Lists everything about stores and tenants that cannot work. `hasJournal` says whether the stores will use a journal,
 * which also keys their marks.
 *
 * @category guards
 * @since 0.1.0
 */
export const check = (options: Options, hasJournal = false): ReadonlyArray<ConfigurationError> =>
  mistakesOf(options, hasJournal)

const defaultIdle = Duration.minutes(5)

type Stores = RcMap.RcMap<string, KeyStore.KeyStore["Service"], ConfigurationError>

type Drivers = RcMap.RcMap<string, Driver, ConfigurationError>

const unknownTenant = (tenant: string): ConfigurationError =>
  new ConfigurationError({
    field: "tenants",
    problem: `no store is configured for tenant ${JSON.stringify(tenant)}.`,
    fix: "Add it to tenants, or use a tenant that is there."
  })

/** Who opens something first must not decide what others get: everything is built with what `make` was given. */
const isolating =
  (context: Context.Context<never>) =>
  <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E, Scope.Scope> =>
    Effect.updateContext(effect, (current: Context.Context<Scope.Scope>) =>
      Context.add(context, Scope.Scope, Context.get(current, Scope.Scope))
    )

/** Takes a resource for as long as the scope lasts. What failed to open is not kept: the next one tries again. */
const take = <A>(
  map: RcMap.RcMap<string, A, ConfigurationError>,
  id: string
): Effect.Effect<A, ConfigurationError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.scope, (outer) =>
      Effect.flatMap(Scope.fork(outer), (scope) =>
        restore(Scope.provide(RcMap.get(map, id), scope)).pipe(
          Effect.onExit((exit) => {
            if (Exit.isSuccess(exit)) return Effect.void
            const forget = Exit.hasInterrupts(exit) ? Effect.void : RcMap.invalidate(map, id)
            return Effect.andThen(forget, Scope.close(scope, exit))
          })
        )
      )
    )
  )

/** Secrets of those who set none: of the whole map, so that they outlast a store that was idle. */
interface Secrets {
  readonly cursorSecret: Redacted.Redacted<string>
  readonly labelSecret: Redacted.Redacted<string> | undefined
}

const storeOptions = (
  { isShared, options, resource }: Rule,
  tenant: string,
  budget: RequestBudget.RequestBudget,
  { cursorSecret, labelSecret }: Secrets
): KeyStore.StoreOptions => ({
  cursorSecret,
  // Marks that tell tenants apart must not depend on this process; `check` sees to it that they do not.
  ...(labelSecret === undefined || isShared ? {} : { labelSecret }),
  ...options,
  store: resource.name,
  budget,
  ...(isShared ? { tenant } : {})
})

const resourcesOf = ({ origins, rules }: Directory): ReadonlyMap<string, Resource> =>
  new Map([...rules, ...origins].map(({ resource }) => [resource.id, resource]))

type Budgets = ReadonlyMap<string, RequestBudget.RequestBudget>

const budgetsOf = (resources: ReadonlyMap<string, Resource>): Budgets =>
  new Map(
    [...resources.values()].map(({ credential, definition: { budget, budgetOf }, id }) => [
      id,
      budgetOf?.(credential) ?? (budget === undefined ? RequestBudget.unlimited() : RequestBudget.make(budget))
    ])
  )

const openDriver = ({ driver, name }: Resource): StoreDefinition["driver"] =>
  Effect.mapError(driver, (error) =>
    error.store === undefined
      ? new ConfigurationError({
          store: name,
          ...(error.field === undefined ? {} : { field: error.field }),
          problem: error.problem,
          ...(error.fix === undefined ? {} : { fix: error.fix })
        })
      : error
  )

const makeStores = Effect.fnUntraced(function* (
  directory: Directory,
  drivers: Drivers,
  options: {
    readonly budgets: Budgets
    readonly idle: Duration.Input
    readonly secrets: Secrets
    readonly isolated: ReturnType<typeof isolating>
  }
): Effect.fn.Return<Stores, never, Scope.Scope> {
  const { budgets, idle, isolated, secrets } = options
  // Closing a store may wait for creates that are being settled; all of them wait at the same time.
  const open = yield* Scope.make("parallel")
  const lookup = Effect.fnUntraced(function* (
    tenant: string
  ): Effect.fn.Return<KeyStore.KeyStore["Service"], ConfigurationError, Scope.Scope> {
    const rule = directory.find(tenant)
    const budget = rule === undefined ? undefined : budgets.get(rule.resource.id)
    if (rule === undefined || budget === undefined) return yield* unknownTenant(tenant)
    const driver = yield* take(drivers, rule.resource.id)
    const scope = yield* Effect.acquireRelease(Scope.fork(open), (scope, exit) => Scope.close(scope, exit))
    const policy = { ...(yield* RetryPolicy), ...rule.retry }
    return yield* KeyStore.make(driver, storeOptions(rule, tenant, budget, secrets)).pipe(
      Effect.provideService(RetryPolicy, policy),
      Scope.provide(scope)
    )
  })
  const stores = yield* RcMap.make({ lookup: (tenant: string) => isolated(lookup(tenant)), idleTimeToLive: idle })
  yield* Effect.addFinalizer((exit) => Scope.close(open, exit))
  return stores
})

/** What a target stands for: drivers, by their id, and the tenants among those whose stores are open. */
interface Meant {
  readonly ids: ReadonlySet<string>
  readonly isMeant: (tenant: string) => boolean
}

const meant = (
  options: Options,
  { find, origins, rules }: Directory,
  target: Target
): Effect.Effect<Meant, ConfigurationError> => {
  if ("tenant" in target) {
    const rule = find(target.tenant)
    return rule === undefined
      ? Effect.fail(unknownTenant(target.tenant))
      : Effect.succeed({ ids: new Set([rule.resource.id]), isMeant: (tenant) => tenant === target.tenant })
  }
  if (!Object.hasOwn(options.stores, target.store)) {
    const problem = `there is no store ${JSON.stringify(target.store)}.`
    const fix = `Stores: ${Object.keys(options.stores).join(", ")}.`
    return Effect.fail(new ConfigurationError({ field: "stores", problem, fix }))
  }
  const isOf = ({ name }: Resource) => name === target.store
  const ids = new Set([...rules, ...origins].flatMap(({ resource }) => (isOf(resource) ? [resource.id] : [])))
  return Effect.succeed({ ids, isMeant: (tenant) => ids.has(find(tenant)?.resource.id ?? "") })
}

const makeInvalidate = (options: Options, directory: Directory, stores: Stores, drivers: Drivers) =>
  Effect.fnUntraced(function* (target: Target): Effect.fn.Return<void, ConfigurationError> {
    const { ids, isMeant } = yield* meant(options, directory, target)
    const open = [...(yield* RcMap.keys(stores))].filter(isMeant)
    const forget = [
      ...[...ids].map((id) => RcMap.invalidate(drivers, id)),
      ...open.map((tenant) => RcMap.invalidate(stores, tenant))
    ]
    // Each is forgotten before any of them is waited for.
    yield* Effect.all(forget, { concurrency: "unbounded", discard: true })
  })

/**
 * Makes the stores of many tenants from a configuration, and opens none of them. The scope's end closes what is open.
 *
 * They use the journal and the retry policy this effect runs with. Fails with the first `ConfigurationError` that `check`
 * finds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<KeyStores["Service"], ConfigurationError, Scope.Scope> {
  const journal = yield* Journal
  const [mistake] = check(options, journal !== undefined)
  if (mistake !== undefined) return yield* mistake
  const directory = directoryOf(options)
  const resources = resourcesOf(directory)
  const budgets = budgetsOf(resources)
  const isolated = isolating(yield* Effect.context<never>())
  const random = () => Redacted.make(crypto.randomText(32))
  const secrets: Secrets = { cursorSecret: random(), labelSecret: journal === undefined ? random() : undefined }
  const drivers: Drivers = yield* RcMap.make({
    lookup: (id: string) => {
      const resource = resources.get(id)
      return resource === undefined ? Effect.die(new Error("no such resource")) : isolated(openDriver(resource))
    }
  })
  const idle = options.idle ?? defaultIdle
  const stores = yield* makeStores(directory, drivers, { budgets, idle, isolated, secrets })
  return KeyStores.of({
    forTenant: (tenant) =>
      directory.find(tenant) === undefined ? Effect.fail(unknownTenant(tenant)) : take(stores, tenant),
    invalidate: makeInvalidate(options, directory, stores, drivers),
    sources: sources.make({
      directory,
      open: ({ id }) => take(drivers, id),
      budget: ({ id }) => budgets.get(id),
      policy: yield* RetryPolicy,
      journalSecret: journal?.secret
    })
  })
})

/**
 * Provides the stores of many tenants.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<KeyStores, ConfigurationError> =>
  Layer.effect(KeyStores, make(options))

/**
 * Defines a store of an adapter. `credentials` are complete options of the adapter, by the name tenants use for them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromAdapter = <AdapterOptions>(
  adapter: Pick<Adapter<AdapterOptions>, "name" | "capabilities" | "driver">,
  options: AdapterOptions,
  more: Omit<StoreDefinition, "backend" | "capabilities" | "driver" | "credentials"> & {
    readonly credentials?: Readonly<Record<string, AdapterOptions>>
  } = {}
): StoreDefinition => {
  const { credentials = {}, ...rest } = more
  return {
    ...rest,
    backend: adapter.name,
    capabilities: adapter.capabilities(options),
    driver: Effect.suspend(() => adapter.driver(options)),
    credentials: Object.fromEntries(
      Object.entries(credentials).map(([name, other]) => [name, Effect.suspend(() => adapter.driver(other))])
    )
  }
}
