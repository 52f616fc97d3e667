/** The order of evaluation: route, syntax of the body, token, validation, user, role, operation. */
import type { Backend, Handled, Incoming } from "../engine.ts"
import { detail, empty, json } from "../fastapi/answers.ts"
import { readJsonBody, type BodyRead } from "../fastapi/body.ts"
import { makeMatcher, redirectTarget, type Route } from "../fastapi/routes.ts"
import { Refusal } from "../refusal.ts"
import type { Outgoing } from "../respond.ts"
import { create, get, list, revoke } from "./operations.ts"
import { authenticate, presented, type Caller } from "./security.ts"
import { invalid, newKey, pathId } from "./validation.ts"
import type { World } from "./world.ts"

type Operation = "create" | "list" | "get" | "revoke" | "use"

const routes: ReadonlyArray<Route<Operation>> = [
  { operation: "create", method: "POST", path: "/auth/api_keys/" },
  { operation: "list", method: "GET", path: "/auth/api_keys/" },
  { operation: "get", method: "GET", path: "/auth/api_keys/{id}" },
  { operation: "revoke", method: "DELETE", path: "/auth/api_keys/deactivate/{id}" },
  { operation: "use", method: "GET", path: "/api/v2/tasks" }
]
const match = makeMatcher(routes)

const readers = ["ORG-ADMIN", "ORG-AUDITOR", "ADMIN-KEY"]
const writers = ["ORG-ADMIN", "ADMIN-KEY"]

const mayCall = (caller: Caller, operation: Operation): boolean => {
  // The data plane here checks the key alone; a key without roles may do nothing anywhere.
  if (operation === "use") return caller.roles.length > 0
  const allowed = operation === "list" || operation === "get" ? readers : writers
  return caller.roles.some((role) => allowed.includes(role))
}

const readBody = (world: World, incoming: Incoming): BodyRead => {
  const { strictContentType } = world.switches()
  const read = readJsonBody(incoming.headers, incoming.body, strictContentType)
  if (read.kind === "malformed") throw invalid(world.switches(), "create", [read.problem])
  return read
}

// Validates first and gives the work to do once the caller has passed.
const prepare = (world: World, operation: Operation, id: string, body: unknown): (() => Outgoing) => {
  const switches = world.switches()
  switch (operation) {
    case "create": {
      const request = newKey(switches, body)
      return () => create(world, request)
    }
    case "list":
      return () => list(world)
    case "get": {
      const uuid = pathId(switches, "get", id)
      return () => get(world, uuid)
    }
    case "revoke": {
      const uuid = pathId(switches, "revoke", id)
      return () => revoke(world, uuid)
    }
    case "use":
      return () => json(200, [])
  }
}

const run = (world: World, incoming: Incoming, operation: Operation, id: string): Handled => {
  const body = operation === "create" ? readBody(world, incoming) : undefined
  const caller = authenticate(world, incoming.headers, operation === "use" ? "createdKeysToo" : "masterOnly")
  const work = prepare(world, operation, id, body?.kind === "value" ? body.value : undefined)
  if (caller === undefined) throw detail(401, "Unauthorized")
  return {
    ...answerOf(() => (mayCall(caller, operation) ? work() : detail(403, "Forbidden").answer)),
    caller: caller.id
  }
}

const answerOf = <Answer extends Outgoing>(work: () => Answer): Answer | Outgoing => {
  try {
    return work()
  } catch (error) {
    if (error instanceof Refusal) return error.answer
    throw error
  }
}

// The bundled user interface takes every path the router does not, before the router could redirect.
const unrouted = (method: string): Outgoing =>
  method === "GET" || method === "HEAD" ? detail(404, "Not Found").answer : detail(405, "Method Not Allowed").answer

const answer = (world: World, incoming: Incoming): Handled => {
  const { method, url } = incoming
  const switches = world.switches()
  const matched = match(method, url.pathname)
  switch (matched.kind) {
    case "matched":
      return answerOf(() => run(world, incoming, matched.operation, matched.id))
    case "wrongMethod":
      return detail(405, "Method Not Allowed", [["allow", matched.allow]]).answer
    case "wrongSlash":
      if (switches.bundledUi) return unrouted(method)
      return empty(307, [["location", redirectTarget(url, matched.path, switches.redirectScheme)]])
    case "unknown":
      return switches.bundledUi ? unrouted(method) : detail(404, "Not Found").answer
  }
}

/** Makes the backend: JSON goes out chunked and without length. */
export const makeServer = (world: World): Backend => ({
  operationOf: (method, url) => {
    const matched = match(method, url.pathname)
    return matched.kind === "matched" ? matched.operation : undefined
  },
  credentialsIn: (headers) => {
    const values = [presented(headers), headers.get("authorization") ?? ""]
    return [...values, ...values.map((value) => value.replace(/^Bearer\s+/i, ""))]
  },
  handle: async (incoming) => {
    const handled = answer(world, incoming)
    const chunked = handled.body === undefined ? [] : [["transfer-encoding", "chunked"] as const]
    const vary = incoming.headers.has("origin") ? [["vary", "Origin"] as const] : []
    const date = ["date", new Date(world.clock.wall()).toUTCString()] as const
    return { ...handled, headers: [...handled.headers, ...chunked, ...vary, date] }
  }
})
