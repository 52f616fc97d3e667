/** The order of evaluation: route, syntax of the body, credential, path and body, grants, then the operation. */
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { KeySpec } from "@keyfold/core/KeySpec"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Dialect, Host } from "../../../Dialect.ts"
import { open, permit, type Store, type Visit } from "../access.ts"
import { detail, isMalformed, matcher, readBody, type Body, type Match } from "../fastapi.ts"
import { find, hasOwners, list, orNone } from "../lookup.ts"
import { mount, type Incoming, type Voice } from "../mount.ts"
import { empty, success, type Refusal, type Reply } from "../reply.ts"
import { resolve } from "../resolve.ts"
import { retryAfter } from "../retryAfter.ts"
import type { ScopeNames } from "../scopeNames.ts"
import { invalid, newKey, pathId, roleRefused, tenantRoleRefused, type NewKey } from "./validation.ts"
import { ApiKeyResponse, ApiKeyResponses, CreatedApiKeyResponse, tenantRole, toCreated, toResponse } from "./wire.ts"

/** What the server is made from. */
export interface Parts {
  readonly host: Host
  readonly path: string
  readonly tenant: string
  readonly owner: string | undefined
  readonly names: ScopeNames
}

type Operation = "create" | "list" | "get" | "revoke"

const match = matcher<Operation>([
  { operation: "create", method: "POST", template: "/auth/api_keys/" },
  { operation: "list", method: "GET", template: "/auth/api_keys/" },
  { operation: "get", method: "GET", template: "/auth/api_keys/{id}" },
  { operation: "revoke", method: "DELETE", template: "/auth/api_keys/deactivate/{id}" }
])

const forbidden = detail(403, "Forbidden").reply
const broken = detail(500, "Something went wrong.").reply
const unknownKey = detail(404, "API Key not found")

const cookieOf = (headers: Headers): string | undefined => {
  for (const pair of (headers.get("cookie") ?? "").split(";")) {
    const [name = "", ...value] = pair.split("=")
    if (name.trim() === "ACCESS_TOKEN")
      return value
        .join("=")
        .trim()
        .replace(/^"(.*)"$/, "$1")
  }
  return undefined
}

/** The credential; a cookie hides the header. */
const credential = ({ headers }: Request): Effect.Effect<Redacted.Redacted<string>, Refusal> => {
  const value = (cookieOf(headers) ?? headers.get("authorization") ?? "").trim()
  if (value === "") return Effect.fail(detail(401, "Requires authentication"))
  const [scheme, token, ...rest] = value.split(/\s+/)
  return scheme?.toLowerCase() !== "bearer" || token === undefined || rest.length > 0
    ? Effect.fail(detail(401, "Bad credentials"))
    : Effect.succeed(Redacted.make(token))
}

const authenticate = Effect.fnUntraced(function* (
  { host }: Parts,
  { request, requestId }: Incoming
): Effect.fn.Return<Visit, Error> {
  const caller = yield* host.authenticate(yield* credential(request))
  if (Option.isNone(caller)) return yield* detail(401, "Bad credentials")
  return { host, caller: caller.value, requestId }
})

const failed = ({ reason }: KeyStoreError): Reply => {
  switch (reason._tag) {
    case "QuotaExceeded":
      return detail(400, "Maximum number of active keys reached").reply
    case "InvalidRequest":
    case "Unsupported": {
      const field = reason._tag === "InvalidRequest" ? reason.field : reason.capability
      const member = field === "scopes" ? "roles" : "description"
      return invalid([{ type: "value_error", loc: ["body", member], msg: reason.message }]).reply
    }
    default:
      return broken
  }
}

const voice: Voice = {
  failed,
  // The engine has no limits of its own; what stands before it answers like this.
  limited: (time) => detail(429, "Too many requests", retryAfter(time)).reply,
  broken
}

const create = Effect.fnUntraced(function* (
  { names, owner }: Parts,
  store: Store,
  { description, roles }: NewKey
): Effect.fn.Return<Reply, Error> {
  if (roles.includes(tenantRole)) return yield* tenantRoleRefused
  const refused = roles.findIndex((role) => !names.accepts(role))
  if (refused !== -1) return yield* roleRefused(refused)
  const spec: KeySpec = {
    // No store has an empty name; it is shown as none.
    ...(description === undefined || description === "" ? {} : { name: description }),
    ...(owner === undefined || !hasOwners(store) ? {} : { owner }),
    scopes: names.toStore(roles)
  }
  const { key, secret } = yield* store.create(spec)
  const known: ApiKey = { createdAt: yield* DateTime.now, ...key }
  return success(CreatedApiKeyResponse, toCreated(names, known, secret))
})

const listActive = ({ names }: Parts, store: Store): Effect.Effect<Reply, KeyStoreError> =>
  Effect.map(list(store, { status: "active" }), (keys) =>
    success(
      ApiKeyResponses,
      keys.map((key) => toResponse(names, key))
    )
  )

const get = Effect.fnUntraced(function* ({ names }: Parts, store: Store, uuid: string): Effect.fn.Return<Reply, Error> {
  const id = yield* resolve(store, uuid)
  const found = Option.isNone(id) ? Option.none() : yield* find(store, { id: id.value })
  if (Option.isNone(found)) return yield* unknownKey
  return success(ApiKeyResponse, toResponse(names, found.value))
})

/** Doing it again is a 204 again. */
const revoke = Effect.fnUntraced(function* (store: Store, uuid: string): Effect.fn.Return<Reply, Error> {
  const id = yield* resolve(store, uuid)
  const revoked = Option.isNone(id) ? Option.none() : yield* orNone(store.revoke({ id: id.value }))
  return Option.isNone(revoked) ? yield* unknownKey : empty(204)
})

type Run = (store: Store) => Effect.Effect<Reply, Error>

/** Reads path and body and gives the work to do once the caller's grants have been looked at. */
const read = (parts: Parts, operation: Operation, id: string, body: Body | undefined): Effect.Effect<Run, Error> => {
  switch (operation) {
    case "create":
      return Effect.map(newKey(body ?? { fields: {} }), (request) => (store) => create(parts, store, request))
    case "list":
      return Effect.succeed((store) => listActive(parts, store))
    case "get":
      return Effect.map(pathId(id), (uuid) => (store) => get(parts, store, uuid))
    case "revoke":
      return Effect.map(pathId(id), (uuid) => (store) => revoke(store, uuid))
  }
}

/** The image with the bundled user interface answers like this: no redirect sends a token or a body anywhere. */
const unrouted = ({ method }: Request, matched: Match<Operation>): Refusal => {
  if (matched.kind === "wrongMethod") return detail(405, "Method Not Allowed", { allow: matched.allow })
  return method === "GET" || method === "HEAD" ? detail(404, "Not Found") : detail(405, "Method Not Allowed")
}

const serve = Effect.fnUntraced(function* (
  parts: Parts,
  incoming: Incoming,
  matched: Match<Operation>
): Effect.fn.Return<Reply, Error, Scope.Scope> {
  if (matched.kind !== "matched") return yield* unrouted(incoming.request, matched)
  const { id, operation } = matched
  const body = operation === "create" ? yield* readBody(incoming.request) : undefined
  if (body !== undefined && "problem" in body && isMalformed(body)) return yield* invalid([body.problem])
  const visit = yield* authenticate(parts, incoming)
  const run = yield* read(parts, operation, id, body)
  yield* permit(visit, parts.tenant, operation, forbidden)
  return yield* run(yield* open(visit, parts.tenant, operation))
})

/** Makes the dialect. */
export const makeServer = (parts: Parts): Dialect =>
  mount({
    name: "arthur",
    path: parts.path,
    route: ({ path, request }) => match(request.method, path),
    voice: () => voice,
    serve: (incoming, matched) => Effect.scoped(serve(parts, incoming, matched))
  })
