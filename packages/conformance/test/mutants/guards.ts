/** Stores that skip a guard: what they should refuse, they drop, mend or answer. */
import type { KeySpec } from "@keyfold/core/KeySpec"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { Driver } from "@keyfold/core/Driver"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { late, modest, owned } from "./modest.ts"
import { credential, storeMutant } from "./mutant.ts"

type Store = KeyStore.KeyStore["Service"]

/** A call on a store of its own, which knows nothing of the calls before. */
const forgetful = <A, E>(driver: Driver, options: KeyStore.StoreOptions, call: (store: Store) => Effect.Effect<A, E>) =>
  Effect.scoped(Effect.flatMap(Effect.orDie(KeyStore.make(driver, options)), call))

const onlyName = ({ name }: KeySpec): KeySpec => (name === undefined ? {} : { name })

const mended = ({ name = "", ...spec }: KeySpec): KeySpec => {
  const clean = name.replaceAll("\u0000", "").toWellFormed()
  return clean === "" ? spec : { ...spec, name: clean }
}

const timely = ({ expiresAt, ...spec }: KeySpec): Effect.Effect<KeySpec> =>
  Effect.map(DateTime.now, (now) =>
    expiresAt === undefined || expiresAt.epochMilliseconds <= now.epochMilliseconds ? spec : { ...spec, expiresAt }
  )

const mapped = (spec: KeySpec, { scopeMap }: KeyStore.StoreOptions): KeySpec =>
  spec.scopes === undefined || scopeMap === undefined
    ? spec
    : { ...spec, scopes: spec.scopes.filter((scope) => Object.hasOwn(scopeMap, scope)) }

/** The mutants of what core refuses. */
export const mutants = [
  storeMutant(
    "drops in silence what its backend cannot honour",
    (store) => ({ create: (spec, options) => store.create(onlyName(spec), options) }),
    [
      "defaults: portable scopes that the map gives nothing are accepted where keys have none",
      "create: an input the backend does not know is refused unsent",
      "create: an expiry is Unsupported and sends nothing",
      "create: tags are Unsupported and send nothing",
      "create: a key without any scopes is Unsupported where keys have none",
      "create: scopes are Unsupported and send nothing",
      "create: an owner is Unsupported and sends nothing"
    ],
    { base: modest }
  ),
  storeMutant(
    "lists without a filter it cannot honour",
    (store) => ({ list: () => store.list() }),
    [
      "list: revoked keys are Unsupported and send nothing",
      "list: an owner is Unsupported and sends nothing",
      "list: an empty list of statuses and an empty owner are refused unsent"
    ],
    {
      base: modest
    }
  ),
  storeMutant(
    "answers for its backend what that cannot tell",
    () => ({
      usage: ({ id }) => Effect.succeed({ id, precision: "approximate", provider: {} }),
      verify: () => Effect.succeed({ valid: false })
    }),
    [
      "usage: usage is Unsupported and sends nothing",
      "verify: verify is Unsupported and sends nothing",
      "secrets: a secret in place of an id or a cursor is not repeated"
    ],
    { base: modest }
  ),
  storeMutant(
    "mends a name in silence",
    (store) => ({ create: (spec, options) => store.create(mended(spec), options) }),
    ["create: an empty name and text that cannot be stored are refused unsent"]
  ),
  storeMutant(
    "drops an input it does not know",
    (store) => ({ create: ({ provider: _provider, ...spec }, options) => store.create(spec, options) }),
    ["create: an input the backend does not know is refused unsent"]
  ),
  storeMutant(
    "takes an expiry in the past for none",
    (store) => ({ create: (spec, options) => Effect.flatMap(timely(spec), (kept) => store.create(kept, options)) }),
    ["create: an expiry in the past is refused unsent"]
  ),
  storeMutant(
    "drops scopes that are not in its map",
    (store, _, options) => ({ create: (spec, created) => store.create(mapped(spec, options), created) }),
    ["defaults: a scope that is not in the map is refused unsent"]
  ),
  storeMutant(
    "boots with defaults its backend has no place for",
    () => ({}),
    [
      "defaults: a default owner keeps a store without owners from booting",
      "defaults: portable scopes that the map gives nothing are accepted where keys have none",
      "defaults: default scopes keep a store without scopes from booting"
    ],
    {
      base: modest,
      boot: ({ defaults: _defaults, scopeMap: _scopeMap, ...options }) => options
    }
  ),
  storeMutant(
    "boots with a default that is not in its map",
    () => ({}),
    ["defaults: a default that is not in the map keeps the store from booting"],
    {
      boot: ({ defaults, scopeMap, ...options }) => ({
        ...options,
        ...(scopeMap === undefined ? {} : { scopeMap }),
        ...(defaults === undefined
          ? {}
          : {
              defaults: {
                ...defaults,
                ...(defaults.scopes === undefined || scopeMap === undefined
                  ? {}
                  : { scopes: defaults.scopes.filter((scope) => Object.hasOwn(scopeMap, scope)) })
              }
            })
      })
    }
  ),
  storeMutant(
    "makes up the owner it was not told",
    () => ({}),
    ["defaults: a store without the default owner it needs does not boot"],
    {
      base: owned,
      boot: (options) => ({ ...options, defaults: { owner: "root", ...options.defaults } })
    }
  ),
  storeMutant(
    "answers with no keys where it cannot list revoked ones",
    (store) => ({
      list: (filter = {}) =>
        filter.owner === undefined && String(filter.status).includes("revoked") ? Stream.empty : store.list(filter)
    }),
    ["list: revoked keys without an owner are Unsupported and send nothing"],
    { base: owned }
  ),
  storeMutant(
    "takes an empty filter for none",
    (store) => ({
      list: ({ owner, status, ...filter } = {}) =>
        store.list({
          ...filter,
          ...(owner === undefined || owner === "" ? {} : { owner }),
          ...(status === undefined || status.length === 0 ? {} : { status })
        })
    }),
    ["list: an empty list of statuses and an empty owner are refused unsent"]
  ),
  storeMutant(
    "makes a limit fit",
    (store) => ({
      listPage: ({ limit = 100, ...request } = {}) =>
        store.listPage({
          ...request,
          limit: Number.isNaN(limit) ? 100 : Math.min(1000, Math.max(1, Math.trunc(limit)))
        })
    }),
    ["listPage: a limit outside 1 to 1000 is refused unsent"]
  ),
  storeMutant(
    "mends an id",
    (store) => {
      const joined = <Ref extends { readonly id: string }>(ref: Ref): Ref => ({
        ...ref,
        id: ref.id.replaceAll(" ", "")
      })
      return { get: (ref) => store.get(joined(ref)), revoke: (ref) => store.revoke(joined(ref)) }
    },
    ["get: a malformed id is refused unsent", "revoke: a malformed id is refused unsent"],
    { base: late }
  ),
  storeMutant(
    "forgets that it made a key",
    (_, driver, options) => ({ get: (ref) => forgetful(driver, options, (store) => store.get(ref)) }),
    ["get: a key is found the moment it was made"],
    { base: late }
  ),
  storeMutant(
    "lists for each of many lookups",
    (_, driver, options) => ({ get: (ref) => forgetful(driver, options, (store) => store.get(ref)) }),
    ["concurrency: derived gets that wait together share a list"],
    { base: modest }
  ),
  storeMutant(
    "mixes up lookups that run at once",
    (store) => {
      let slot: Parameters<Store["get"]>[0] | undefined
      return {
        get: (ref) => {
          slot = ref
          return Effect.andThen(
            Effect.yieldNow,
            Effect.suspend(() => store.get(slot ?? ref))
          )
        }
      }
    },
    ["concurrency: keys read at once are told apart"]
  ),
  storeMutant(
    "lists what it listed before",
    (store) => ({
      list: (filter) =>
        Stream.unwrap(
          Effect.map(Effect.runSync(Effect.cached(Stream.runCollect(store.list(filter)))), Stream.fromIterable)
        )
    }),
    [
      "list: a listing that runs twice reads twice",
      "list: native pages are asked for one by one, and no more than are consumed"
    ]
  ),
  storeMutant(
    "goes on reading after a listing was stopped",
    (store) => ({
      list: (filter) =>
        Stream.ensuring(
          store.list(filter),
          Effect.forkDetach(Effect.delay(Effect.ignore(store.listPage({ limit: 1 })), "10 seconds"))
        )
    }),
    [
      "list: a listing that is stopped sends nothing more",
      "interruption: interrupting list aborts its request and sends no other",
      "interruption: interrupting a call that waits for its next attempt ends it"
    ]
  ),
  storeMutant(
    "shows its credential when it cannot boot",
    () => ({}),
    ["secrets: a failure to boot shows no credential"],
    {
      boot: (options) => {
        if (options.store !== "") return options
        throw new ConfigurationError({ field: "store", problem: `the store of ${credential} has no name` })
      }
    }
  )
]
