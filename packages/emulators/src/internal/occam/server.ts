/** The order of evaluation: host, route, syntax of the body, token, validation, operation. */
import type { Backend, Handled, Incoming } from "../engine.ts"
import { detail, empty, plain } from "../fastapi/answers.ts"
import { readJsonBody } from "../fastapi/body.ts"
import { makeMatcher, redirectTarget, type Route } from "../fastapi/routes.ts"
import { Refusal } from "../refusal.ts"
import type { Outgoing } from "../respond.ts"
import { exchange, login, refresh, type Entry } from "./login.ts"
import { create, list, revoke, usage } from "./operations.ts"
import { authenticate, type Caller } from "./security.ts"
import { stringMember, unprocessable } from "./validation.ts"
import type { World } from "./world.ts"

type KeyOperation = "create" | "list" | "revoke" | "usage"
type Operation = KeyOperation | "exchange" | "login" | "refresh"

const routes: ReadonlyArray<Route<Operation>> = [
  { operation: "login", method: "POST", path: "/auth/access-token" },
  { operation: "exchange", method: "GET", path: "/auth/access-token" },
  { operation: "refresh", method: "POST", path: "/auth/refresh-token" },
  { operation: "create", method: "PUT", path: "/keys/" },
  { operation: "list", method: "GET", path: "/keys/" },
  { operation: "revoke", method: "DELETE", path: "/keys/{id}" },
  { operation: "usage", method: "GET", path: "/keys/{id}/usage" }
]
const match = makeMatcher(routes)

const isAllowedHost = (world: World, { headers, url }: Incoming): boolean => {
  const host = (headers.get("host") ?? url.host).replace(/:\d+$/, "").toLowerCase()
  return world.allowedHosts === undefined || world.allowedHosts.includes(host)
}

const jsonBody = (world: World, { body, headers }: Incoming): unknown => {
  const read = readJsonBody(headers, body, world.switches().strictContentType)
  if (read.kind === "malformed") throw unprocessable(world.switches(), [read.problem])
  return read.value
}

const runKeys = (world: World, caller: Caller, operation: KeyOperation, id: string, body: unknown): Outgoing => {
  switch (operation) {
    case "create":
      return create(world, caller, stringMember(world.switches(), body, "name"))
    case "list":
      return list(world, caller)
    case "revoke":
      return revoke(world, caller, id)
    case "usage":
      return usage(world, caller, id)
  }
}

const refusalOf = (work: () => Outgoing): Outgoing => {
  try {
    return work()
  } catch (error) {
    if (error instanceof Refusal) return error.answer
    throw error
  }
}

const entered = ({ answer, email }: Entry): Handled => ({ ...answer, caller: email })

const run = (world: World, incoming: Incoming, operation: Operation, id: string): Handled => {
  switch (operation) {
    case "exchange":
      return entered(exchange(world, incoming.url.searchParams))
    case "login":
      return entered(login(world, incoming.headers, incoming.body))
    case "refresh":
      return entered(refresh(world, jsonBody(world, incoming)))
    default: {
      // Broken JSON is refused before the token is looked at, every other fault of the body after it.
      const body = operation === "create" ? jsonBody(world, incoming) : undefined
      const caller = authenticate(world, incoming.headers)
      return { ...refusalOf(() => runKeys(world, caller, operation, id, body)), caller: caller.email }
    }
  }
}

const answer = (world: World, incoming: Incoming): Handled => {
  const { method, url } = incoming
  if (!isAllowedHost(world, incoming)) return plain(400, "Invalid host header")
  const matched = match(method, url.pathname)
  switch (matched.kind) {
    case "matched":
      return refusalOf(() => run(world, incoming, matched.operation, matched.id))
    case "wrongMethod":
      return detail(405, "Method Not Allowed", [["allow", matched.allow]]).answer
    case "wrongSlash": {
      const { redirectScheme, wrongSlash } = world.switches()
      if (wrongSlash === "notFound") return detail(404, "Not Found").answer
      return empty(307, [["location", redirectTarget(url, matched.path, redirectScheme)]])
    }
    case "unknown":
      return detail(404, "Not Found").answer
  }
}

/** Makes the backend. */
export const makeServer = (world: World): Backend => ({
  operationOf: (method, url) => {
    const matched = match(method, url.pathname)
    return matched.kind === "matched" ? matched.operation : undefined
  },
  credentialsIn: (headers) => {
    const value = headers.get("authorization") ?? ""
    return [value, value.replace(/^Bearer\s+/i, "")]
  },
  handle: async (incoming) => {
    const handled = answer(world, incoming)
    return { ...handled, headers: [...handled.headers, ["date", new Date(world.clock.wall()).toUTCString()]] }
  }
})
