/** What the path and the body are checked for. A complaint is a 400 with a text that only people read. */
import * as Effect from "effect/Effect"
import { detail, notAString, type Body, type Problem } from "../fastapi.ts"
import type { Refusal } from "../reply.ts"
import { assignableRoles, defaultRole, tenantRole } from "./wire.ts"

/** Writes a value as Python would. */
const python = (value: string | number | ReadonlyArray<string | number>): string => {
  if (typeof value === "number") return String(value)
  if (typeof value === "string") return value.includes("'") ? `"${value}"` : `'${value}'`
  return `(${value.map(python).join(", ")}${value.length === 1 ? "," : ""})`
}

/** Refuses with the 400 that complaints become. What was sent is not repeated, and no path of the server is told. */
export const invalid = (problems: ReadonlyArray<Problem>): Refusal => {
  const lines = problems.map(
    ({ loc, msg, type }) => `  {'type': ${python(type)}, 'loc': ${python(loc)}, 'msg': ${python(msg)}}`
  )
  const count = `${problems.length} validation error${problems.length === 1 ? "" : "s"}:`
  return detail(400, [count, ...lines].join("\n"))
}

const dashed = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const plainHex = /^[0-9a-f]{32}$/i

/** Reads a UUID in each spelling the server takes and gives the canonical one. */
const readUuid = (text: string): string | undefined => {
  const inner = /^(?:urn:uuid:(.{36})|\{(.{36})\})$/.exec(text)
  const spelled = inner?.[1] ?? inner?.[2] ?? text
  if (dashed.test(spelled)) return spelled.toLowerCase()
  return plainHex.test(text)
    ? text.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
    : undefined
}

/** Reads the id of a path. */
export const pathId = (text: string): Effect.Effect<string, Refusal> => {
  const uuid = readUuid(text)
  const problem = { type: "uuid_parsing", loc: ["path", "api_key_id"], msg: "Input should be a valid UUID" }
  return uuid === undefined ? Effect.fail(invalid([problem])) : Effect.succeed(uuid)
}

/** What a create asks for. */
export interface NewKey {
  readonly description: string | undefined
  readonly roles: ReadonlyArray<string>
}

const described = [...assignableRoles, tenantRole].map((role) => `'${role}'`)
const expected = `${described.slice(0, -1).join(", ")} or ${described.at(-1)}`

const isDescribed = (role: unknown): role is string =>
  typeof role === "string" && (role === tenantRole || assignableRoles.includes(role))

/** Absent is the default role; `null` and `[]` are a key that may do nothing. */
const readRoles = (fields: Readonly<Record<string, unknown>>): ReadonlyArray<string> | ReadonlyArray<Problem> => {
  if (!Object.hasOwn(fields, "roles")) return [defaultRole]
  const { roles } = fields
  if (roles === null) return []
  if (!Array.isArray(roles)) return [{ type: "list_type", loc: ["body", "roles"], msg: "Input should be a valid list" }]
  const problems = roles.flatMap((role: unknown, index): ReadonlyArray<Problem> => {
    const loc = ["body", "roles", index]
    return isDescribed(role) ? [] : [{ type: "enum", loc, msg: `Input should be ${expected}` }]
  })
  return problems.length > 0 ? problems : roles.filter(isDescribed)
}

const isProblem = (item: string | Problem): item is Problem => typeof item !== "string"

/** Reads the body of a create; members nobody knows are left alone. */
export const newKey = (body: Body): Effect.Effect<NewKey, Refusal> => {
  if ("problem" in body) return Effect.fail(invalid([body.problem]))
  const description = body.fields["description"] ?? undefined
  const items: ReadonlyArray<string | Problem> = readRoles(body.fields)
  const problems = [
    ...(description === undefined || typeof description === "string" ? [] : [notAString(["body", "description"])]),
    ...items.filter(isProblem)
  ]
  if (problems.length > 0) return Effect.fail(invalid(problems))
  const text = typeof description === "string" ? description : undefined
  return Effect.succeed({ description: text, roles: items.filter((item) => typeof item === "string") })
}

/** Refuses the role that no key is given. */
export const tenantRoleRefused: Refusal = detail(
  400,
  `Roles ['${tenantRole}'] cannot be given to API keys; tenant users are made by tenant signup.`
)

/** Refuses roles that the operator does not let clients give. */
export const roleRefused = (index: number): Refusal =>
  invalid([{ type: "enum", loc: ["body", "roles", index], msg: "Input is not a role that this service gives" }])
