/** The step `plan`: what the new key is made like, or why the old one cannot be rotated. Nothing is changed. */
import type { ApiKey, KeyRef } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import { InvalidRequest, NotFound, QuotaExceeded, Unsupported, type KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { StrandsKeys, Undone, type Reason } from "../../Rotation.ts"
import type { Plan } from "../../RotationStorage.ts"
import type { Changes, Outcome } from "./outcome.ts"
import { journalOf, storeOf } from "./settle.ts"
import { now, retryLater, Stop, type Held } from "./worker.ts"

type Store = KeyStore["Service"]

const refuse = (failure: Reason) => new Stop({ outcome: { kind: "end", status: "undone", failure } })

const failed = ({ reason }: KeyStoreError) => refuse(new Undone({ problem: reason.message, reason }))

const readOld = Effect.fnUntraced(function* (store: Store, ref: KeyRef): Effect.fn.Return<ApiKey, Stop> {
  const key = yield* Effect.mapError(store.get(ref), (error) =>
    error.reason._tag === "NotFound" ? refuse(new NotFound({})) : failed(error)
  )
  if (key.status === "active") return key
  return yield* refuse(
    new InvalidRequest({ field: "key", problem: `expected an active key; this one is ${key.status}` })
  )
})

const millis = (time: ApiKey["expiresAt"]): number | undefined => time?.epochMilliseconds

/** When the new key expires, undefined where it never does. */
const expiryOf = ({ record }: Held, key: ApiKey, at: number): Effect.Effect<number | undefined, Stop> => {
  const { expiry } = record.request
  const old = millis(key.expiresAt)
  if (typeof expiry !== "string") return Effect.succeed(expiry.at)
  if (expiry === "keep" || old === undefined) return Effect.succeed(old)
  const made = millis(key.createdAt)
  const problem = "the backend does not say when the old key was made, so its lifetime is not known; give a time"
  return made === undefined
    ? Effect.fail(refuse(new InvalidRequest({ field: "expiry", problem })))
    : Effect.succeed(at + old - made)
}

const checkExpiry = ({ record }: Held, store: Store, expiresAt: number | undefined, at: number) => {
  if (expiresAt === undefined) return Effect.void
  if (!store.capabilities.expiry) {
    const problem = `${store.backend} keys do not expire; keep the expiry instead`
    return Effect.fail(refuse(new Unsupported({ capability: "expiry", problem })))
  }
  const { holderCheck, holderCheckWithin, overlap } = record.request
  const needed = at + overlap + (holderCheck === undefined ? 0 : holderCheckWithin)
  const problem = "the new key would expire before the old one is revoked; give a later expiry or a shorter overlap"
  return expiresAt <= needed ? Effect.fail(refuse(new InvalidRequest({ field: "expiry", problem }))) : Effect.void
}

const live = (store: Store): Stream.Stream<ApiKey, Stop> => Stream.mapError(store.list({ status: "active" }), failed)

const checkQuota = Effect.fnUntraced(function* (store: Store): Effect.fn.Return<void, Stop> {
  const { quota } = store.capabilities
  if (quota.source === "unknown") return
  const count = yield* live(store).pipe(Stream.take(quota.limit), Stream.runCount)
  if (count >= quota.limit) return yield* refuse(new QuotaExceeded({ limit: quota.limit }))
})

const refOf = ({ id, owner }: KeyRef): KeyRef => ({ id, ...(owner === undefined ? {} : { owner }) })

/** The credential that made a key may be the only one that can revoke it. */
const checkOwn = Effect.fnUntraced(function* ({ environment, record }: Held, store: Store) {
  if (record.request.force || store.capabilities.revokes === "any") return
  const ownKeys = environment.resources.ownKeys?.(record.store, record.tenant) ?? Effect.succeed([])
  const own = yield* Effect.mapError(ownKeys, ({ message }) => retryLater(message))
  if (!own.includes(record.old.id)) return
  const others = live(store).pipe(Stream.filter(({ id }) => id !== record.old.id))
  const stranded = yield* Effect.map(Stream.runCollect(others), (keys) => keys.map(refOf))
  if (stranded.length > 0) return yield* refuse(new StrandsKeys({ stranded }))
})

const planOf = ({ capabilities }: Store, key: ApiKey, expiresAt: number | undefined): Plan => ({
  ...(key.name === undefined ? {} : { name: key.name }),
  ...(key.owner === undefined || capabilities.owners === "unsupported" ? {} : { owner: key.owner }),
  ...(capabilities.scopes ? { scopes: key.scopes } : {}),
  ...(capabilities.tags ? { tags: key.tags } : {}),
  ...(expiresAt === undefined ? {} : { expiresAt })
})

/** The step. */
export const plan = Effect.fnUntraced(function* (held: Held) {
  yield* journalOf(held)
  const store = yield* storeOf(held)
  const key = yield* readOld(store, held.record.old)
  const at = yield* now(held)
  const expiresAt = yield* expiryOf(held, key, at)
  yield* checkExpiry(held, store, expiresAt, at)
  yield* checkOwn(held, store)
  yield* checkQuota(store)
  const changes: Changes = { plan: planOf(store, key, expiresAt), oldExpiresAt: millis(key.expiresAt) }
  return { kind: "go", step: "mint", changes: () => changes } satisfies Outcome
})
