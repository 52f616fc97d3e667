/** The v1 dialect: the organization and the owner are the caller's own. */
import type { Revocation } from "@keyfold/core/ApiKey"
import { refuse, type Driver } from "@keyfold/core/Driver"
import type { HttpBackend } from "@keyfold/http/HttpBackend"
import type { Refine } from "@keyfold/http/HttpReason"
import { Unauthenticated } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as reason from "./reason.ts"
import * as request from "./request.ts"
import { CreatedUserApiKey, keyIdOf, ListUserApiKeys, toApiKey, toIssuedKey } from "./wire.ts"

/** The operations of the v1 dialect. */
export type Operations = Pick<Driver, "create" | "list" | "revoke" | "verify">

const collection = ["v1", "api-key"]

/** On validate a 403 without a body is the answer "not valid"; it is told apart by this reason's text. */
const refusal = new Unauthenticated({ problem: "the presented key is not valid" })

const validation: Refine = ({ status, text }) => (status === 403 && text === "" ? refusal : undefined)

/** Makes the operations of the caller's organization. */
export const make = (
  backend: HttpBackend,
  limit: number | undefined,
  effectiveWithin: Revocation["effectiveWithin"]
): Operations => ({
  create: Effect.fnUntraced(function* (spec) {
    const { resourceId } = spec.provider
    if (resourceId !== undefined && (typeof resourceId !== "string" || resourceId === "")) {
      return yield* refuse("provider.whylabs.resourceId", "expected a non-empty text")
    }
    const resource: request.Query = resourceId === undefined ? [] : [["resource_id", resourceId]]
    const created = yield* backend.decode(CreatedUserApiKey, {
      method: "POST",
      segments: collection,
      query: [...(yield* request.create(spec)), ...resource],
      refine: reason.create(limit)
    })
    return toIssuedKey(created)
  }),

  list: {
    kind: "stream",
    open: () =>
      Stream.fromEffect(
        Effect.map(backend.decode(ListUserApiKeys, { method: "GET", segments: collection }), ({ items }) =>
          items.map(toApiKey)
        )
      )
  },

  revoke: Effect.fnUntraced(function* (ref) {
    const id = yield* request.keyId(ref)
    const query: request.Query = [["key_id", id]]
    yield* backend.discard({ method: "DELETE", segments: collection, query, refine: reason.revoke })
    return { id: ref.id, effectiveWithin }
  }),

  verify: (secret) =>
    keyIdOf(secret) === undefined
      ? Effect.succeed({ valid: false, reason: "malformed" })
      : backend
          .discard({
            method: "GET",
            segments: [...collection, "validate"],
            authorize: Effect.succeed({ "x-api-key": secret }),
            refine: validation
          })
          .pipe(
            Effect.as({ valid: true } as const),
            Effect.catchIf(
              (error) => error.reason === refusal,
              () => Effect.succeed({ valid: false, reason: "refused" } as const)
            )
          )
})
