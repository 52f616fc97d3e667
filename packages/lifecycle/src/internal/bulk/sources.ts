/** Where keys come from, and how they are revoked there. */
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { KeyStores } from "@keyfold/core/KeyStores"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Source } from "../../BulkRevocation.ts"

/** Makes a source of one store. */
export const fromStore = (store: KeyStore["Service"]): Source => {
  const tenant = Option.getOrUndefined(store.tenant)
  return {
    store: store.store,
    backend: store.backend,
    capabilities: store.capabilities,
    keys: Stream.map(store.list(), (key) => ({ key, tenant })),
    revoke: (ref) => store.revoke(ref)
  }
}

/** Makes sources of all stores of many tenants. */
export const fromKeyStores = ({ forTenant, sources }: KeyStores["Service"]): ReadonlyArray<Source> =>
  sources.map(({ backend, capabilities, keys, store }) => ({
    store,
    backend,
    capabilities,
    keys: Stream.filter(keys({ status: ["active", "expired"] }), ({ tenant }) => tenant !== undefined),
    revoke: (ref, tenant) =>
      tenant === undefined
        ? Effect.die(new Error("a key without a tenant was planned"))
        : Effect.scoped(Effect.flatMap(forTenant(tenant), (store) => store.revoke(ref)))
  }))
