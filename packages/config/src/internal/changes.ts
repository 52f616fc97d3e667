/** What differs between two configurations whose secrets have been obtained. */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type { Configuration, StoreDefinition, TenantDefinition } from "../Configuration.ts"

const contentOfStore = ({ adapter, complete, separateCredentials, shared }: StoreDefinition) =>
  Effect.map(complete, (complete) => ({ adapter, complete, separateCredentials, shared }))

const contentOfTenant = ({ credential, settings, store }: TenantDefinition) =>
  Effect.map(
    Effect.all([settings, credential === undefined ? Effect.undefined : credential.options]),
    ([settings, options]) => ({ options, settings, store })
  )

/** Everything is told of by value, a secret too; a secret that is fetched on demand differs each time it is prepared. */
const changed = Effect.fnUntraced(function* <A, E>(
  before: ReadonlyMap<string, A>,
  after: ReadonlyMap<string, A>,
  contentOf: (definition: A) => Effect.Effect<unknown, E>
): Effect.fn.Return<ReadonlyArray<string>, E> {
  const names = [...new Set([...before.keys(), ...after.keys()])]
  return yield* Effect.filter(names, (name) => {
    const [old, next] = [before.get(name), after.get(name)]
    return old === undefined || next === undefined
      ? Effect.succeed(true)
      : Effect.map(Effect.all([contentOf(old), contentOf(next)]), ([left, right]) => !Equal.equals(left, right))
  })
})

/** Names the stores and tenants that were added, removed or changed. A tenant changes with its store. */
export const between = Effect.fnUntraced(function* (before: Configuration, after: Configuration) {
  const stores = yield* changed(before.stores, after.stores, contentOfStore)
  const own = yield* changed(before.tenants, after.tenants, contentOfTenant)
  const isAffected = ({ name, store }: TenantDefinition) => own.includes(name) || stores.includes(store)
  const affected = [...before.tenants.values(), ...after.tenants.values()].filter(isAffected)
  return { stores, tenants: [...new Set(affected.map(({ name }) => name))] }
})
