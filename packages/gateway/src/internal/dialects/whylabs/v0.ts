/** The v0 operations: the organization in the path, the user in the query. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { isEverywhere, open, permit, type Visit } from "../access.ts"
import type { Incoming } from "../mount.ts"
import { refusal, success, type Reply } from "../reply.ts"
import * as operations from "./operations.ts"
import * as parameters from "./parameters.ts"
import { forbidden, notFound } from "./replies.ts"
import type { Route } from "./routes.ts"
import type { Parts } from "./security.ts"
import { allScopes, ListUserApiKeys, UserApiKeyResponse } from "./wire.ts"

type V0Route = Extract<Route, { readonly kind: "v0" }>

/** What a call's query says; all of it is read before the store is opened. */
type Reading = Effect.Effect<(call: operations.Call) => Effect.Effect<Reply, Error>, Error>

const read = ({ defaultScopes }: Parts, incoming: Incoming, route: V0Route): Reading => {
  switch (route.operation) {
    case "create":
      return Effect.gen(function* () {
        const user = yield* parameters.user(incoming)
        const creation = { expiresAt: yield* parameters.expiration(incoming), accepted: allScopes, defaultScopes }
        return (call) => operations.create(call, { user, ...creation })
      })
    case "list":
      return incoming.url.searchParams.has("user_id")
        ? Effect.map(parameters.user(incoming), (user) => (call) => operations.listOf(call, user))
        : Effect.succeed(operations.listAll)
    case "get":
      return Effect.succeed((call) => operations.get(call, route.keyId))
    case "revoke":
      return Effect.gen(function* () {
        const user = yield* parameters.user(incoming)
        const keyId = yield* parameters.required(incoming, "key_id")
        return (call) => operations.revoke(call, user, keyId)
      })
  }
}

const inNone = (incoming: Incoming, route: V0Route): Effect.Effect<Reply, Error> => {
  switch (route.operation) {
    case "create":
      return Effect.fail(notFound(incoming, "Organization", route.organization))
    case "list":
      return Effect.succeed(success(ListUserApiKeys, { items: [] }))
    case "get":
      return Effect.succeed(success(UserApiKeyResponse, {}))
    case "revoke":
      return Effect.fail(notFound(incoming, "ApiKey", incoming.url.searchParams.get("key_id") ?? ""))
  }
}

/** Runs a v0 operation. That an organization is not there learns only who may do everything everywhere. */
export const runV0 = Effect.fnUntraced(function* (
  parts: Parts,
  visit: Visit,
  incoming: Incoming,
  route: V0Route
): Effect.fn.Return<Reply, Error, Scope.Scope> {
  const { operation, organization } = route
  const tenant = parts.tenants.get(organization)
  if (tenant === undefined && !isEverywhere(visit.caller, operation)) return yield* refusal(forbidden)
  if (tenant !== undefined) yield* permit(visit, tenant, operation, forbidden)
  const run = yield* read(parts, incoming, route)
  if (tenant === undefined) return yield* inNone(incoming, route)
  const { names, owner } = parts
  return yield* run({ incoming, store: yield* open(visit, tenant, operation), view: { organization, owner, names } })
})
