/** The v0 operations: `/v0/organizations/{org_id}/api-key`. */
import type { Outgoing } from "../respond.ts"
import { success } from "./answers.ts"
import { checkExpiration, checkScopes, liveKeys, mint, organizationOf, revoke } from "./operations.ts"
import { expirationTime, required, scopes } from "./parameters.ts"
import { userApiKey } from "./render.ts"
import type { Route } from "./routes.ts"
import { allScopes } from "./security.ts"
import { illegalArgument, readable, refuseBlankUser, type Call, type World } from "./world.ts"

type V0Route = Extract<Route, { readonly dialect: "v0" }>

const freeKeyLimit = 25

// Counts what the index shows: expired keys count, revoked ones and very old ones without the attribute do not.
const checkLimit = (world: World, call: Call, organization: string) => {
  const tier = organizationOf(world, call, organization).tier ?? "FREE"
  if (tier !== "FREE") return
  const counted = readable(call, world.table.byOrganization(organization)).filter((view) => view.revoked === false)
  if (counted.length >= freeKeyLimit) throw illegalArgument(call, "Key limit reached")
}

const create = (world: World, call: Call, organization: string): Promise<Outgoing> => {
  const userId = required(call.query, "user_id", call.href)
  const expiration = expirationTime(call.query, call.href)
  const requested = scopes(call.query)
  const expires = checkExpiration(world, call, expiration)
  checkLimit(world, call, organization)
  checkScopes(call, requested, allScopes)
  const alias = call.query.get("alias") ?? undefined
  return mint(world, call, {
    organization,
    userId,
    expirationTime: expires,
    scopes: requested,
    alias,
    resourceId: undefined
  })
}

const list = (world: World, call: Call, organization: string): Outgoing => {
  const userId = call.query.get("user_id")
  const switches = world.switches()
  if (userId === null) {
    // No order is promised; descending key ids differ from the ascending order of the other branch.
    const views = liveKeys(world, call, organization).toReversed()
    return success({ items: views.map((view) => userApiKey(view, switches, { lastUsed: true })) })
  }
  refuseBlankUser(world, call, userId)
  const views = readable(call, world.table.byOwner(organization, userId))
  return success({ items: views.map((view) => userApiKey(view, switches, { lastUsed: false })) })
}

const get = (world: World, call: Call, organization: string, keyId: string): Outgoing => {
  const found = liveKeys(world, call, organization).find((view) => view.row.keyId === keyId)
  const switches = world.switches()
  if (found !== undefined) return success({ key: userApiKey(found, switches, { lastUsed: true }) })
  return success(switches.explicitNulls ? { key: null } : {})
}

/** Runs a v0 operation. */
export const runV0 = async (world: World, call: Call, route: V0Route): Promise<Outgoing> => {
  switch (route.operation) {
    case "create":
      return create(world, call, route.organization)
    case "list":
      return list(world, call, route.organization)
    case "get":
      return get(world, call, route.organization, route.keyId)
    case "revoke": {
      const userId = required(call.query, "user_id", call.href)
      return revoke(world, call, route.organization, userId, required(call.query, "key_id", call.href))
    }
  }
}
