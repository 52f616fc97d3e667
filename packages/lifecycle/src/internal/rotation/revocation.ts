/** Revoking a key so that it is certain, or known why not. */
import type { KeyRef } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

type Store = KeyStore["Service"]

/** Whether a complete list, which holds every key that was not revoked, still has it. */
const isListed = (store: Store, { id }: KeyRef): Effect.Effect<boolean, KeyStoreError> =>
  store.list().pipe(
    Stream.filter((key) => key.id === id),
    Stream.take(1),
    Stream.runCount,
    Effect.map((count) => count > 0)
  )

/**
 * Revokes a key. One that the backend does not know counts as gone where it would be visible by now, and where the
 * answer is exact or a list does not show it either.
 */
export const revokeKey = Effect.fnUntraced(function* (
  store: Store,
  key: KeyRef,
  age: number | undefined
): Effect.fn.Return<void, string> {
  const { consistency, revokeUnknown } = store.capabilities
  const revoked = yield* Effect.result(store.revoke(key))
  if (revoked._tag === "Success") return
  const { reason } = revoked.failure
  if (reason._tag !== "NotFound") return yield* Effect.fail(`key ${key.id} could not be revoked: ${reason.message}`)
  if (age !== undefined && age < Duration.toMillis(consistency.visibility.within)) {
    return yield* Effect.fail(`key ${key.id} is not visible yet and could not be revoked`)
  }
  if (revokeUnknown === "notFound") return
  const isLive = yield* Effect.mapError(isListed(store, key), (error) => error.reason.message)
  if (isLive) return yield* Effect.fail(`key ${key.id} could not be revoked: ${reason.message}`)
})

/** What the backend says about a key: active, ended by expiry or revocation, or nothing that helps. */
export const lookAt = (
  store: Store,
  key: KeyRef
): Effect.Effect<{ readonly seen: "active" | "expired" | "revoked" | "gone" | "unknown"; readonly problem: string }> =>
  Effect.match(store.get(key), {
    onSuccess: ({ status }) => ({ seen: status, problem: `key ${key.id} is ${status}` }),
    onFailure: ({ reason }) =>
      reason._tag === "NotFound"
        ? { seen: "gone", problem: `key ${key.id} is not there any more` }
        : { seen: "unknown", problem: `key ${key.id} could not be looked at: ${reason.message}` }
  })
