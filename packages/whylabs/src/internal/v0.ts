/** The v0 dialect: one organization, keys owned by users, everything in the query. */
import type { ApiKey, IssuedKey, KeyRef, Revocation } from "@keyfold/core/ApiKey"
import { DriverError, refuse, type CreateRequest, type Driver } from "@keyfold/core/Driver"
import { NotFound } from "@keyfold/core/KeyStoreError"
import type { HttpBackend } from "@keyfold/http/HttpBackend"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as reason from "./reason.ts"
import * as request from "./request.ts"
import { CreatedUserApiKey, toApiKey, toIssuedKey, UserApiKey, UserApiKeyResponse } from "./wire.ts"

/** The operations of the v0 dialect. */
export type Operations = Pick<Driver, "create" | "get" | "list" | "revoke">

const notFound = new DriverError({ reason: new NotFound({}), sent: "maybe" })

/** One organization at one server. */
export interface Organization {
  readonly backend: HttpBackend
  readonly collection: ReadonlyArray<string>
  readonly limit: number | undefined
  readonly effectiveWithin: Revocation["effectiveWithin"]
}

const create = Effect.fnUntraced(function* (
  { backend, collection, limit }: Organization,
  spec: CreateRequest
): Effect.fn.Return<IssuedKey, DriverError> {
  if (spec.owner === undefined) return yield* refuse("owner", "WhyLabs needs the user who owns the key")
  const owner = yield* request.userId(spec.owner)
  const created = yield* backend.decode(CreatedUserApiKey, {
    method: "POST",
    segments: collection,
    query: [["user_id", owner], ...(yield* request.create(spec))],
    refine: reason.create(limit)
  })
  return toIssuedKey(created)
})

const get = Effect.fnUntraced(function* (
  { backend, collection }: Organization,
  ref: KeyRef
): Effect.fn.Return<ApiKey, DriverError> {
  const segments = [...collection, yield* request.keyId(ref)]
  const { key } = yield* backend.decode(UserApiKeyResponse, { method: "GET", segments })
  return key === null || key === undefined ? yield* notFound : toApiKey(key)
})

/** Without a user the server hides revoked keys; with one it shows them and leaves out last-used times. */
const list = (
  { backend, collection }: Organization,
  owner: string | undefined
): Stream.Stream<ReadonlyArray<ApiKey>, DriverError> => {
  const read = (query: request.Query) =>
    backend.decodeItems(UserApiKey, { method: "GET", segments: collection, query }, ["items"], toApiKey)
  return owner === undefined
    ? read([])
    : Stream.unwrap(Effect.map(request.userId(owner), (id) => read([["user_id", id]])))
}

const revoke = Effect.fnUntraced(function* (
  organization: Organization,
  ref: KeyRef
): Effect.fn.Return<Revocation, DriverError> {
  const id = yield* request.keyId(ref)
  const owner = ref.owner ?? (yield* get(organization, ref)).owner
  if (owner === undefined) return yield* notFound
  const { backend, collection, effectiveWithin } = organization
  // Read, so that a stranger's 200 (a proxy's page) never passes for a revocation.
  yield* backend.decode(UserApiKey, {
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

/** Makes the operations of one organization. */
export const make = (organization: Organization): Operations => ({
  create: (spec) => create(organization, spec),
  get: (ref) => get(organization, ref),
  list: { kind: "stream", open: ({ owner }) => list(organization, owner) },
  revoke: (ref) => revoke(organization, ref)
})
