/** The v1 operations: `/v1/api-key`, the organization implied by the calling key. */
import type { Outgoing } from "../respond.ts"
import { micronaut, Refusal, success } from "./answers.ts"
import { checkExpiration, checkScopes, liveKeys, mint, organizationOf, revoke } from "./operations.ts"
import { expirationTime, required, scopes } from "./parameters.ts"
import { apiKeyMetadata } from "./render.ts"
import type { Route } from "./routes.ts"
import { externalScopes, type Caller } from "./security.ts"
import { illegalArgument, notFound, type Call, type World } from "./world.ts"

type V1Route = Extract<Route, { readonly dialect: "v1" }>

/**
 * The organization a v1 call works on: a super-administrator names it in a header, any other caller's key implies it.
 * Undefined when a super-administrator names none.
 */
export const targetOrganization = (caller: Caller, headers: Headers): string | undefined =>
  caller.superAdministrator ? (headers.get("x-whylabs-organization") ?? undefined) : caller.organization

const implied = (call: Call): string => {
  const organization = targetOrganization(call.caller, call.headers)
  if (organization !== undefined) return organization
  throw new Refusal(micronaut(400, "Required RequestAttribute [orgId] not specified", call.href, "/orgId"))
}

const checkResource = (world: World, call: Call, organization: string, resourceId: string) => {
  const known = world.organizations.get(organization)?.resources
  if (known !== undefined && !known.includes(resourceId)) throw notFound(call, "Model", resourceId)
}

const create = (world: World, call: Call, organization: string): Promise<Outgoing> => {
  const expiration = expirationTime(call.query, call.href)
  const requested = scopes(call.query)
  const resourceId = call.query.get("resource_id") ?? undefined
  const expires = checkExpiration(world, call, expiration)
  if (resourceId !== undefined) checkResource(world, call, organization, resourceId)
  if ((organizationOf(world, call, organization).tier ?? "FREE") === "FREE") {
    const problem = "Cannot create API keys for this organization. Please contact us."
    throw illegalArgument(call, problem)
  }
  checkScopes(call, requested, externalScopes)
  // The body is v0's UserApiKey; the owner is the caller's own identity.
  return mint(world, call, {
    organization,
    userId: call.caller.id,
    expirationTime: expires,
    scopes: requested,
    alias: call.query.get("alias") ?? undefined,
    resourceId
  })
}

/** Runs a v1 operation. */
export const runV1 = async (world: World, call: Call, route: V1Route): Promise<Outgoing> => {
  switch (route.operation) {
    case "create":
      return create(world, call, implied(call))
    case "list": {
      const organization = implied(call)
      const items = liveKeys(world, call, organization).map((view) => apiKeyMetadata(view, world.switches()))
      return success({ items })
    }
    case "revoke": {
      // Only the caller's own creations can be found; the body mirrors v0's revoke.
      const organization = implied(call)
      return revoke(world, call, organization, call.caller.id, required(call.query, "key_id", call.href))
    }
    case "verify":
      // The wire page is silent about this body; the published source answers the request id alone.
      return success({ requestId: call.requestId })
  }
}
