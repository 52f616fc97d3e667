/** Validation of path and body. Complaints answer 400 with text that echoes the input and a path of the server. */
import type { Switches } from "../../Arthur.ts"
import { detail } from "../fastapi/answers.ts"
import { notAString, objectBody, type Fields, type Problem } from "../fastapi/body.ts"
import type { Refusal } from "../refusal.ts"
import { repr, reprProblem } from "./python.ts"

/** The handlers, as the validation text names them. */
export type Handler = "create" | "get" | "revoke"

interface Place {
  readonly line: number
  readonly name: string
  readonly route: string
}

// A server's own file, made up; the real text names one too.
const serverFile = "/srv/genai-engine/src/routers/api_key_routes.py"
const places: Readonly<Record<Handler, Place>> = {
  create: { line: 41, name: "create_api_key", route: "POST /auth/api_keys/" },
  get: { line: 78, name: "get_api_key", route: "GET /auth/api_keys/{api_key_id}" },
  revoke: { line: 112, name: "deactivate_api_key", route: "DELETE /auth/api_keys/deactivate/{api_key_id}" }
}

/** Refuses with the 400 that validation errors become. */
export const invalid = (switches: Switches, handler: Handler, problems: ReadonlyArray<Problem>): Refusal => {
  const printed = problems.map(reprProblem)
  if (switches.validationText === "list") return detail(400, `[${printed.join(", ")}]`)
  const { line, name, route } = places[handler]
  const count = `${printed.length} validation error${printed.length === 1 ? "" : "s"}:`
  const lines = [count, ...printed.map((problem) => `  ${problem}`), ""]
  return detail(400, [...lines, `  File "${serverFile}", line ${line}, in ${name}`, `    ${route}`].join("\n"))
}

const dashed = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const plainHex = /^[0-9a-f]{32}$/i

const canonical = (hex: string) => hex.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")

/** Reads a UUID in each spelling the server takes and gives the canonical one. */
export const readUuid = (text: string): string | undefined => {
  const inner = /^(?:urn:uuid:(.{36})|\{(.{36})\})$/.exec(text)
  const spelled = inner?.[1] ?? inner?.[2] ?? text
  if (dashed.test(spelled)) return spelled.toLowerCase()
  return plainHex.test(text) ? canonical(text) : undefined
}

/** Reads the path's id, or refuses. */
export const pathId = (switches: Switches, handler: Handler, text: string): string => {
  const id = readUuid(text)
  if (id !== undefined) return id
  const wrong = /[^0-9a-f-]/i.exec(text)
  const error =
    wrong === null
      ? `invalid length: expected length 32 for simple format, found ${text.length}`
      : `invalid character: found ${repr(wrong[0])} at ${wrong.index + 1}`
  const msg = `Input should be a valid UUID, ${error}`
  const problem = { type: "uuid_parsing", loc: ["path", "api_key_id"], msg, input: text, ctx: { error } }
  throw invalid(switches, handler, [problem])
}

/** What a create asks for. */
export interface NewKey {
  readonly description: string | null
  readonly roles: ReadonlyArray<string>
}

const assignableRoles = ["DEFAULT-RULE-ADMIN", "TASK-ADMIN", "VALIDATION-USER", "ORG-AUDITOR", "ORG-ADMIN"]

const acceptedRoles = (switches: Switches) =>
  switches.tenantUserRole === "refused" ? [...assignableRoles, "TENANT-USER"] : assignableRoles

const isListed = (accepted: ReadonlyArray<string>, role: unknown): role is string =>
  typeof role === "string" && accepted.includes(role)

const roleProblem = (accepted: ReadonlyArray<string>, role: unknown, index: number): Problem => {
  const quoted = accepted.map((name) => `'${name}'`)
  const expected = `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`
  const loc = ["body", "roles", index]
  return { type: "enum", loc, msg: `Input should be ${expected}`, input: role, ctx: { expected } }
}

const readRoles = (switches: Switches, fields: Fields): ReadonlyArray<string> | ReadonlyArray<Problem> => {
  const { roles } = fields
  if (!Object.hasOwn(fields, "roles")) return ["VALIDATION-USER"]
  if (roles === null) return []
  if (!Array.isArray(roles)) {
    return [{ type: "list_type", loc: ["body", "roles"], msg: "Input should be a valid list", input: roles }]
  }
  const accepted = acceptedRoles(switches)
  const problems = roles.flatMap((role, index) =>
    isListed(accepted, role) ? [] : [roleProblem(accepted, role, index)]
  )
  return problems.length > 0 ? problems : roles.filter((role) => isListed(accepted, role))
}

const isProblem = (item: string | Problem): item is Problem => typeof item !== "string"

/** Reads the body of a create, or refuses; unknown members are ignored. */
export const newKey = (switches: Switches, body: unknown): NewKey => {
  const object = objectBody(body)
  if ("problem" in object) throw invalid(switches, "create", [object.problem])
  const description = object.fields["description"] ?? null
  const describes = description === null || typeof description === "string"
  const roles: ReadonlyArray<string | Problem> = readRoles(switches, object.fields)
  const problems = [
    ...(describes ? [] : [notAString(["body", "description"], description)]),
    ...roles.filter(isProblem)
  ]
  if (problems.length > 0 || !describes) throw invalid(switches, "create", problems)
  return { description, roles: roles.filter((role) => typeof role === "string") }
}
