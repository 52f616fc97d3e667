/** From a UUID of a path to the store's own id. */
import type { KeyId } from "@keyfold/core/ApiKey"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Store } from "./access.ts"
import { listEvery } from "./lookup.ts"
import * as uuidIds from "./uuidIds.ts"

/** Reads the id out of the UUID, or looks the key up whose id the UUID is a digest of. */
export const resolve = (store: Store, uuid: string): Effect.Effect<Option.Option<KeyId>, KeyStoreError> => {
  const id = uuidIds.decode(uuid)
  if (id !== "lookUp") return Effect.succeed(Option.some(id))
  return Effect.map(listEvery(store), (keys) =>
    Option.map(Option.fromUndefinedOr(keys.find((key) => uuidIds.encode(key.id) === uuid)), (key) => key.id)
  )
}
