/** The operations on the keys of one organization, as v0 and v1 share them. */
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { KeySpec } from "@keyfold/core/KeySpec"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Store } from "../access.ts"
import * as lookup from "../lookup.ts"
import type { Incoming } from "../mount.ts"
import { success, type Refusal, type Reply } from "../reply.ts"
import * as wordIds from "../wordIds.ts"
import * as parameters from "./parameters.ts"
import { illegal, notFound } from "./replies.ts"
import {
  CreatedUserApiKey,
  ListUserApiKeys,
  ownerOf,
  toCreated,
  toUserApiKey,
  UserApiKey,
  UserApiKeyResponse,
  type View
} from "./wire.ts"

/** One call on one organization. */
export interface Call {
  readonly incoming: Incoming
  readonly store: Store
  readonly view: View
}

/** What a create asks for beside what its query says. */
export interface Creation {
  readonly user: string
  readonly expiresAt: DateTime.Utc | undefined
  readonly accepted: ReadonlyArray<string>
  readonly defaultScopes: ReadonlyArray<string>
}

type Failure = Refusal | KeyStoreError

/** A store without owners has one user only; whoever asks for another must not get a key of that one. */
const ownerFor = (
  { incoming, store, view }: Call,
  user: string
): Effect.Effect<{ readonly owner?: string }, Refusal> => {
  if (lookup.hasOwners(store)) return Effect.succeed({ owner: user })
  return user === view.owner
    ? Effect.succeed({})
    : Effect.fail(illegal(incoming, "Invalid user_id provided: keys of this organization belong to one user only"))
}

const scopesFor = ({ incoming, view }: Call, { accepted, defaultScopes }: Creation) => {
  const asked = parameters.scopes(incoming) ?? defaultScopes
  const refused = asked.find((name) => !accepted.includes(name) || !view.names.accepts(name))
  return refused === undefined
    ? Effect.succeed(view.names.toStore(asked))
    : Effect.fail(illegal(incoming, `Invalid scope provided: ${refused}`))
}

const known = (key: ApiKey, now: DateTime.Utc): ApiKey => ({ createdAt: now, ...key })

/** Makes a key. A create without scopes asks for a key that may do nothing, unless the operator chose others. */
export const create = Effect.fnUntraced(function* (call: Call, creation: Creation): Effect.fn.Return<Reply, Failure> {
  const { incoming, store, view } = call
  const alias = incoming.url.searchParams.get("alias") ?? ""
  const resource = incoming.url.searchParams.get("resource_id")
  const spec: KeySpec = {
    ...(alias === "" ? {} : { name: alias }),
    ...(yield* ownerFor(call, creation.user)),
    ...(creation.expiresAt === undefined ? {} : { expiresAt: creation.expiresAt }),
    scopes: yield* scopesFor(call, creation)
  }
  if (resource !== null) return yield* illegal(incoming, "Invalid resource_id provided: keys have no resource here")
  const { key, secret } = yield* store.create(spec)
  return success(CreatedUserApiKey, toCreated(view, known(key, yield* DateTime.now), secret))
})

/** The keys of an organization that were not revoked. */
export const liveKeys = ({ store }: Call): Effect.Effect<ReadonlyArray<ApiKey>, KeyStoreError> => lookup.list(store)

/** Lists an organization, without revoked keys. */
export const listAll = (call: Call): Effect.Effect<Reply, KeyStoreError> =>
  Effect.map(liveKeys(call), (keys) =>
    success(ListUserApiKeys, { items: keys.map((key) => toUserApiKey(call.view, key, { lastUse: true })) })
  )

const keysOf = Effect.fnUntraced(function* (
  { store, view }: Call,
  user: string
): Effect.fn.Return<ReadonlyArray<ApiKey>, KeyStoreError> {
  const isDefault = user === view.owner
  if (!lookup.hasOwners(store)) return isDefault ? yield* lookup.listEvery(store) : []
  // Keys without an owner are the default user's, and no list of one owner shows them.
  if (!isDefault || store.capabilities.owners === "required") return yield* lookup.listEvery(store, user)
  return (yield* lookup.listEvery(store)).filter((key) => ownerOf(view, key) === user)
})

/** Lists one user's keys by id, revoked ones included where the store can show them, without their last use. */
export const listOf = Effect.fnUntraced(function* (call: Call, user: string): Effect.fn.Return<Reply, KeyStoreError> {
  const items = (yield* keysOf(call, user)).map((key) => toUserApiKey(call.view, key, { lastUse: false }))
  return success(ListUserApiKeys, {
    items: items.toSorted((one, other) => (one.keyId < other.keyId ? -1 : one.keyId > other.keyId ? 1 : 0))
  })
})

/** Shows one key. An unknown one and a revoked one are the same empty answer. */
export const get = Effect.fnUntraced(function* (call: Call, keyId: string): Effect.fn.Return<Reply, KeyStoreError> {
  const id = wordIds.decode(keyId)
  const found = id === undefined ? Option.none() : yield* lookup.get(call.store, { id })
  const shown = Option.filter(found, ({ status }) => status !== "revoked")
  return success(
    UserApiKeyResponse,
    Option.match(shown, {
      onNone: () => ({}),
      onSome: (key) => ({ key: toUserApiKey(call.view, key, { lastUse: true }) })
    })
  )
})

/** Finds a key of one user, revoked or not. */
const findOf = Effect.fnUntraced(function* (
  { store, view }: Call,
  user: string,
  keyId: string
): Effect.fn.Return<Option.Option<ApiKey>, KeyStoreError> {
  const id = wordIds.decode(keyId)
  if (id === undefined) return Option.none()
  const owned = lookup.hasOwners(store) ? { owner: user } : {}
  const found = yield* lookup.find(store, { id, ...owned })
  return Option.filter(found, (key) => ownerOf(view, key) === user)
})

/** Revokes a key of one user. Doing it again changes nothing and answers the same. */
export const revoke = Effect.fnUntraced(function* (
  call: Call,
  user: string,
  keyId: string
): Effect.fn.Return<Reply, Failure> {
  const { incoming, store, view } = call
  const found = yield* findOf(call, user, keyId)
  if (Option.isNone(found)) return yield* notFound(incoming, "ApiKey", keyId)
  const { id, owner, status } = found.value
  if (status !== "revoked") {
    const revoked = yield* lookup.orNone(store.revoke({ id, ...(owner === undefined ? {} : { owner }) }))
    if (Option.isNone(revoked)) return yield* notFound(incoming, "ApiKey", keyId)
  }
  return success(UserApiKey, toUserApiKey(view, { ...found.value, status: "revoked" }, { lastUse: false }))
})
