/** The order of evaluation: route, authentication, roles, rate limit, then binding and the operation. */
import type { Backend, Handled, Incoming } from "../engine.ts"
import type { Outgoing } from "../respond.ts"
import { empty, Refusal, sentence } from "./answers.ts"
import type { TakeToken } from "./bucket.ts"
import { acceptLists, matchPath, negotiates, type Route } from "./routes.ts"
import { parseAwsIdentity, presented, type Caller, type Identify } from "./security.ts"
import { runV0 } from "./v0.ts"
import { runV1, targetOrganization } from "./v1.ts"
import type { World } from "./world.ts"

/** What the server is made from. */
export interface ServerParts {
  readonly world: World
  readonly identify: Identify
  readonly takeToken: TakeToken
}

const bearer = /^Bearer\s+/i
const administrators = ["ADMINISTRATOR", "ACCOUNT_ADMINISTRATOR"]
const isAdministrator = (caller: Caller) => administrators.some((role) => caller.roles.has(role))

const mayCall = (world: World, caller: Caller, route: Route, headers: Headers): boolean => {
  if (route.dialect === "v0") {
    if (caller.roles.has("WHYLABS_SYSTEM")) return true
    const own = caller.organization === route.organization && isAdministrator(caller)
    return world.switches().customersMayCallV0 && own
  }
  const header = headers.get("x-whylabs-organization") ?? ""
  // Child organizations are not emulated: a customer that names another organization is refused.
  if (!caller.superAdministrator && header.trim() !== "" && header !== caller.organization) return false
  return route.operation === "verify" || isAdministrator(caller)
}

// A browser-style Accept turns a refusal into a redirect; the key would follow it.
const refuse = (status: 401 | 403, headers: Headers): Outgoing =>
  acceptLists(headers, "text/html") ? empty(303, [["location", "/"]]) : empty(status)

const answer = async (parts: ServerParts, incoming: Incoming, requestId: string): Promise<Handled> => {
  const { headers, method, url } = incoming
  const { world } = parts
  const route = negotiates(method, headers) ? matchPath(method, url.pathname) : undefined
  if (route === undefined) {
    return headers.has("x-api-key") ? empty(world.switches().unroutable) : refuse(401, headers)
  }
  const caller = parts.identify(headers)
  if (caller === "absent") return refuse(401, headers)
  if (caller === "refused") return refuse(403, headers)
  const handled = (outgoing: Outgoing): Handled => ({ ...outgoing, caller: caller.id })
  if (!mayCall(world, caller, route, headers)) return handled(refuse(403, headers))
  // The limit is per organization in the path; v1 has none there, so the implied one stands in.
  const limited = route.dialect === "v0" ? route.organization : (targetOrganization(caller, headers) ?? "")
  if (!caller.bypassesRateLimit && !parts.takeToken(limited)) {
    const label = world.switches().rateLimitContentType
    return handled(sentence(429, "Too many requests. Please try again later.", label))
  }
  const call = { caller, query: url.searchParams, headers, href: `${url.pathname}${url.search}`, requestId }
  try {
    return handled(await (route.dialect === "v0" ? runV0(world, call, route) : runV1(world, call, route)))
  } catch (error) {
    if (error instanceof Refusal) return handled(error.answer)
    throw error
  }
}

/** Makes the backend: every answer carries the four headers the server always adds. */
export const makeServer = (parts: ServerParts): Backend => ({
  operationOf: (method, url) => matchPath(method, url.pathname)?.operation,
  credentialsIn: (headers) => {
    const values = [presented(headers) ?? "", headers.get("authorization") ?? ""]
    const identity = parseAwsIdentity(values[0] ?? "")
    const inner = identity === undefined ? [] : [identity.SecretAccessKey, identity.SessionToken]
    return [...values, ...values.map((value) => value.replace(bearer, "")), ...inner]
  },
  handle: async (incoming) => {
    const requestId = incoming.headers.get("x-request-id") || crypto.randomUUID()
    const date = new Date(parts.world.clock.wall()).toUTCString()
    const handled = await answer(parts, incoming, requestId)
    return {
      ...handled,
      headers: [
        ...handled.headers,
        ["x-request-id", requestId],
        ["access-control-allow-origin", "*"],
        ["strict-transport-security", "max-age=31536000; includeSubDomains; preload"],
        ["date", date]
      ]
    }
  }
})
