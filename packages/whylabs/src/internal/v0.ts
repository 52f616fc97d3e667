/** The v0 dialect: one organization, keys owned by users, everything in the query. */
import type { Revocation } from "@keyfold/core/ApiKey"
import { DriverError, refuse, type Driver } from "@keyfold/core/Driver"
import { NotFound } from "@keyfold/core/KeyStoreError"
import type { HttpBackend } from "@keyfold/http/HttpBackend"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as reason from "./reason.ts"
import * as request from "./request.ts"
import { CreatedUserApiKey, ListUserApiKeys, toApiKey, toIssuedKey, UserApiKeyResponse } from "./wire.ts"

/** The operations of the v0 dialect. */
export type Operations = Pick<Driver, "create" | "get" | "list" | "revoke">

const notFound = new DriverError({ reason: new NotFound({}), sent: "maybe" })

/** Makes the operations of one organization. */
export const make = (
  backend: HttpBackend,
  organization: string,
  limit: number | undefined,
  effectiveWithin: Revocation["effectiveWithin"]
): Operations => {
  const collection = ["v0", "organizations", organization, "api-key"]

  const get = Effect.fnUntraced(function* (ref: Parameters<Driver["revoke"]>[0]) {
    const segments = [...collection, yield* request.keyId(ref)]
    const { key } = yield* backend.decode(UserApiKeyResponse, { method: "GET", segments })
    return key === null || key === undefined ? yield* notFound : toApiKey(key)
  })

  return {
    create: Effect.fnUntraced(function* (spec) {
      if (spec.owner === undefined) return yield* refuse("owner", "WhyLabs needs the user who owns the key")
      const owner = yield* request.userId(spec.owner)
      const created = yield* backend.decode(CreatedUserApiKey, {
        method: "POST",
        segments: collection,
        query: [["user_id", owner], ...(yield* request.create(spec))],
        refine: reason.create(limit)
      })
      return toIssuedKey(created)
    }),

    get,

    list: {
      kind: "stream",
      // Without a user the server hides revoked keys; with one it shows them and leaves out last-used times.
      open: ({ owner }) =>
        Stream.fromEffect(
          Effect.gen(function* () {
            const query: request.Query = owner === undefined ? [] : [["user_id", yield* request.userId(owner)]]
            const { items } = yield* backend.decode(ListUserApiKeys, { method: "GET", segments: collection, query })
            return items.map(toApiKey)
          })
        )
    },

    revoke: Effect.fnUntraced(function* (ref) {
      const id = yield* request.keyId(ref)
      const owner = ref.owner ?? (yield* get(ref)).owner
      if (owner === undefined) return yield* notFound
      yield* backend.discard({
        method: "DELETE",
        segments: collection,
        query: [
          ["user_id", yield* request.userId(owner)],
          ["key_id", id]
        ],
        refine: reason.revoke
      })
      return { id: ref.id, effectiveWithin }
    })
  }
}
