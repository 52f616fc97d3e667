/** The v1 operations: the organization and the user are the caller's own. */
import { supports } from "@keyfold/core/Capabilities"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { allows, type Operation } from "../../../Grant.ts"
import { open, type Visit } from "../access.ts"
import { hasOwners } from "../lookup.ts"
import type { Incoming } from "../mount.ts"
import { refusal, success, type Refusal, type Reply } from "../reply.ts"
import * as operations from "./operations.ts"
import * as parameters from "./parameters.ts"
import { forbidden, unroutable } from "./replies.ts"
import type { Route } from "./routes.ts"
import { credential, type Parts } from "./security.ts"
import { externalScopes, ListApiKeyMetadata, toUserApiKey, Validated } from "./wire.ts"

type V1Operation = Exclude<Extract<Route, { readonly kind: "v1" }>["operation"], "verify">

interface Organization {
  readonly id: string
  readonly tenant: string
}

/** The organization a call works on: the only one its caller may use, or the one it names in a header. */
const implied = (
  { tenants }: Parts,
  { caller }: Visit,
  { request }: Incoming,
  operation: Operation
): Effect.Effect<Organization, Refusal> => {
  const named = (request.headers.get("x-whylabs-organization") ?? "").trim()
  const [only, ...others] = [...tenants].filter(
    ([id, tenant]) => (named === "" || named === id) && allows(caller.grants, tenant, operation)
  )
  return only === undefined || others.length > 0
    ? Effect.fail(refusal(forbidden))
    : Effect.succeed({ id: only[0], tenant: only[1] })
}

const run = Effect.fnUntraced(function* (
  parts: Parts,
  call: operations.Call,
  user: string,
  operation: V1Operation
): Effect.fn.Return<Reply, Error> {
  const { incoming, view } = call
  switch (operation) {
    case "create": {
      const expiresAt = yield* parameters.expiration(incoming)
      const { defaultScopes } = parts
      return yield* operations.create(call, { user, expiresAt, accepted: externalScopes, defaultScopes })
    }
    case "list": {
      const keys = yield* operations.liveKeys(call)
      return success(ListApiKeyMetadata, { items: keys.map((key) => toUserApiKey(view, key, { lastUse: false })) })
    }
    case "revoke":
      return yield* operations.revoke(call, user, yield* parameters.required(incoming, "key_id"))
  }
})

/** Runs a v1 operation. The user is the caller itself: it revokes keys that it made, and no others. */
export const runV1 = Effect.fnUntraced(function* (
  parts: Parts,
  visit: Visit,
  incoming: Incoming,
  operation: V1Operation
): Effect.fn.Return<Reply, Error, Scope.Scope> {
  const { id, tenant } = yield* implied(parts, visit, incoming, operation)
  const store = yield* open(visit, tenant, operation)
  const view = { organization: id, owner: parts.owner, names: parts.names }
  const user = hasOwners(store) ? visit.caller.actor : parts.owner
  return yield* run(parts, { incoming, store, view }, user, operation)
})

/**
 * Tells whether the presented key is valid: one of the gateway's own, or one that a served tenant's store accepts. Where
 * no store can tell, the route does not exist.
 */
export const validate = Effect.fnUntraced(function* (
  { host, tenants }: Parts,
  incoming: Incoming
): Effect.fn.Return<Reply, Error, Scope.Scope> {
  const { requestId } = incoming
  const secret = yield* credential(incoming)
  const valid = success(Validated, { requestId })
  if (Option.isSome(yield* host.authenticate(secret))) return valid
  const asked = new Set<string>()
  for (const tenant of new Set(tenants.values())) {
    const store = yield* host.store({ operation: "verify", tenant, caller: undefined, requestId })
    if (!supports(store.capabilities, "verify")) continue
    asked.add(tenant)
    if ((yield* store.verify(secret)).valid) return valid
  }
  return yield* refusal(asked.size === 0 ? unroutable : forbidden)
})
