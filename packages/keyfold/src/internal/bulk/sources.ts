/** The stores that a bulk revocation is about. */
import type { Configuration } from "@keyfold/config/Configuration"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { KeyStores, OwnedKey } from "@keyfold/core/KeyStores"
import { fromStore, type Source } from "@keyfold/lifecycle/BulkRevocation"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Shell } from "../../Shell.ts"
import type { Settings } from "../root.ts"
import { openNamed, readConfiguration, readForOne } from "../stores.ts"

/** The sources, and the configuration they come from. */
export interface Opened {
  readonly sources: ReadonlyArray<Source>
  readonly configuration: Configuration
}

type Open = (name: string) => Effect.Effect<KeyStore["Service"], ConfigurationError>

/** Keys that the store itself reaches where no tenant's store does. */
const isReachable = ({ credential }: KeyStores["Service"]["sources"][number], key: OwnedKey): boolean =>
  key.tenant !== undefined || (credential === undefined && (key.partition ?? "") === "")

/** A store that tells whose keys are whose: each key is revoked through its tenant's store. */
const fromTenants = (stores: KeyStores["Service"], open: Open): ReadonlyArray<Source> =>
  stores.sources.map((source) => {
    const { backend, capabilities, store } = source
    return {
      store,
      backend,
      capabilities,
      keys: Stream.filter(source.keys({ status: ["active", "expired"] }), (key) => isReachable(source, key)),
      revoke: (ref, tenant) =>
        tenant === undefined
          ? Effect.flatMap(open(store), (own) => own.revoke(ref))
          : Effect.scoped(Effect.flatMap(stores.forTenant(tenant), (own) => own.revoke(ref)))
    }
  })

/** Opens each store once, when it is first needed; the scope closes it. */
const opener = Effect.fnUntraced(function* (
  configuration: Configuration,
  names: ReadonlyArray<string>
): Effect.fn.Return<Open, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const opened = new Map<string, Effect.Effect<KeyStore["Service"], ConfigurationError>>()
  for (const name of names) {
    // As a single revocation does it: without the journal, whose database may be down.
    const opening = openNamed({ ...configuration, journal: undefined }, name)
    opened.set(name, yield* Effect.cached(Effect.provideService(opening, Scope.Scope, scope)))
  }
  return (name) => opened.get(name) ?? Effect.die(new Error("no such store"))
})

/** Opens the named store, or all. */
export const openSources = Effect.fnUntraced(function* (
  settings: Settings,
  allStores: boolean
): Effect.fn.Return<Opened, ConfigurationError, Shell | Scope.Scope> {
  const configuration = yield* allStores ? readConfiguration(settings) : readForOne(settings)
  const { find } = yield* Effect.promise(() => import("@keyfold/config/Stores"))
  const names = allStores
    ? [...configuration.stores.keys()]
    : [(yield* find(configuration, settings.store._tag === "Some" ? settings.store.value : undefined)).name]
  const open = yield* opener(configuration, names)
  const isTenanted = [...configuration.tenants.values()].some(({ store }) => names.includes(store))
  if (!isTenanted) {
    const stores = yield* Effect.forEach(names, open, { concurrency: 8 })
    return { configuration, sources: stores.map(fromStore) }
  }
  const tenants = yield* Effect.promise(() => import("@keyfold/config/Tenants"))
  const { layer } = yield* Effect.promise(() => import("@keyfold/undici/UndiciTransport"))
  const stores = yield* Effect.provide(tenants.open(configuration), layer)
  return { configuration, sources: fromTenants(stores, open).filter(({ store }) => names.includes(store)) }
})
