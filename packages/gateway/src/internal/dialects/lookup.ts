/** Finding keys in any store: what a protocol shows may take more than one question. */
import type { ApiKey, KeyRef, KeyStatus } from "@keyfold/core/ApiKey"
import { supports } from "@keyfold/core/Capabilities"
import type { Filter } from "@keyfold/core/KeyList"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Store } from "./access.ts"

const every: ReadonlyArray<KeyStatus> = ["active", "expired", "revoked"]

/** Whether a store can list revoked keys, of one owner or of all. */
const listsRevoked = ({ capabilities }: Store, owner: string | undefined): boolean =>
  capabilities.listsRevoked === "always" || (capabilities.listsRevoked === "byOwner" && owner !== undefined)

/** Whether keys of a store have owners. */
export const hasOwners = ({ capabilities }: Store): boolean => capabilities.owners !== "unsupported"

/** Lists keys that were not revoked. */
export const list = (store: Store, filter: Filter = {}): Effect.Effect<ReadonlyArray<ApiKey>, KeyStoreError> =>
  Stream.runCollect(store.list(filter))

/** Lists every key the store can show, revoked ones included where it can show those. */
export const listEvery = (store: Store, owner?: string): Effect.Effect<ReadonlyArray<ApiKey>, KeyStoreError> =>
  list(store, {
    ...(owner === undefined ? {} : { owner }),
    ...(listsRevoked(store, owner) ? { status: every } : {})
  })

/** An id the store could not have given out is the id of no key. */
const isMissing = ({ reason }: KeyStoreError): boolean =>
  reason._tag === "NotFound" || (reason._tag === "InvalidRequest" && reason.field === "id")

/** None in place of "no such key". */
export const orNone = <A>(effect: Effect.Effect<A, KeyStoreError>): Effect.Effect<Option.Option<A>, KeyStoreError> =>
  Effect.catchIf(Effect.asSome(effect), isMissing, () => Effect.succeedNone)

const listed = (
  store: Store,
  { id, owner }: KeyRef,
  filter: Filter = {}
): Effect.Effect<Option.Option<ApiKey>, KeyStoreError> =>
  Effect.map(list(store, { ...filter, ...(owner === undefined ? {} : { owner }) }), (keys) =>
    Option.fromUndefinedOr(keys.find((key) => key.id === id))
  )

/** Gets one key, be it out of the list. */
export const get = (store: Store, ref: KeyRef): Effect.Effect<Option.Option<ApiKey>, KeyStoreError> =>
  supports(store.capabilities, "get") ? orNone(store.get(ref)) : listed(store, ref)

/** Finds one key, a revoked one included wherever the store can show it. */
export const find = Effect.fnUntraced(function* (
  store: Store,
  ref: KeyRef
): Effect.fn.Return<Option.Option<ApiKey>, KeyStoreError> {
  const got = yield* get(store, ref)
  return Option.isSome(got) || store.capabilities.getsRevoked || !listsRevoked(store, ref.owner)
    ? got
    : yield* listed(store, ref, { status: "revoked" })
})
