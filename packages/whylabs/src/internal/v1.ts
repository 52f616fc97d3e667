/** The v1 dialect: the organization and the owner are the caller's own. */
import type { IssuedKey, KeyRef, Revocation } from "@keyfold/core/ApiKey"
import { refuse, type CreateRequest, type Driver, type DriverError } from "@keyfold/core/Driver"
import { Unauthenticated } from "@keyfold/core/KeyStoreError"
import type { Verification } from "@keyfold/core/Verification"
import type { HttpBackend } from "@keyfold/http/HttpBackend"
import type { Refine } from "@keyfold/http/HttpReason"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as reason from "./reason.ts"
import * as request from "./request.ts"
import { CreatedUserApiKey, keyIdOf, toApiKey, toIssuedKey, UserApiKey, ValidateResponse } from "./wire.ts"

/** The operations of the v1 dialect. */
export type Operations = Pick<Driver, "create" | "list" | "revoke" | "verify">

const collection = ["v1", "api-key"]

/** On validate a 403 without a body is the answer "not valid"; it is told apart by this reason's text. */
const refusal = new Unauthenticated({ problem: "the presented key is not valid" })

const validation: Refine = ({ status, text }) => (status === 403 && text === "" ? refusal : undefined)

/** The caller's own organization at one server. */
export interface Caller {
  readonly backend: HttpBackend
  readonly limit: number | undefined
  readonly effectiveWithin: Revocation["effectiveWithin"]
}

const create = Effect.fnUntraced(function* (
  { backend, limit }: Caller,
  spec: CreateRequest
): Effect.fn.Return<IssuedKey, DriverError> {
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
})

const revoke = Effect.fnUntraced(function* (
  { backend, effectiveWithin }: Caller,
  ref: KeyRef
): Effect.fn.Return<Revocation, DriverError> {
  const query: request.Query = [["key_id", yield* request.keyId(ref)]]
  yield* backend.decode(UserApiKey, { method: "DELETE", segments: collection, query, refine: reason.revoke })
  return { id: ref.id, effectiveWithin }
})

const validate = ({ backend }: Caller, secret: Redacted.Redacted<string>): Effect.Effect<Verification, DriverError> =>
  keyIdOf(secret) === undefined
    ? Effect.succeed({ valid: false, reason: "malformed" })
    : backend
        .decode(ValidateResponse, {
          method: "GET",
          segments: [...collection, "validate"],
          authorize: Effect.succeed({ "x-api-key": secret }),
          refine: validation
        })
        .pipe(
          Effect.as<Verification>({ valid: true }),
          Effect.catchIf(
            (error) => error.reason === refusal,
            () => Effect.succeed<Verification>({ valid: false, reason: "refused" })
          )
        )

/** Makes the operations of the caller's organization. */
export const make = (caller: Caller): Operations => ({
  create: (spec) => create(caller, spec),
  list: {
    kind: "stream",
    open: () => caller.backend.decodeItems(UserApiKey, { method: "GET", segments: collection }, ["items"], toApiKey)
  },
  revoke: (ref) => revoke(caller, ref),
  verify: (secret) => validate(caller, secret)
})
