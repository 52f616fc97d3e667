/** What a request held that its answer may echo. */
import * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import type { Call, Credential } from "../HttpBackend.ts"

/** The values of a credential's headers, with and without the scheme before them. */
export const credentialOf = (headers: Credential): ReadonlyArray<Redacted.Redacted<string>> =>
  Object.values(headers).flatMap((header) => {
    const withoutScheme = Redacted.value(header).replace(/^[A-Za-z][\w-]* +/, "")
    return [header, Redacted.make(withoutScheme)]
  })

const leavesOf = (json: Schema.Json | undefined): ReadonlyArray<string> => {
  if (typeof json === "string") return [json]
  return typeof json === "object" && json !== null ? Object.values(json).flatMap(leavesOf) : []
}

/** Routes are written in small letters, with hyphens and versions; anything else in a path is an id. */
const isConstant = (segment: string): boolean => /^(?:[a-z]+(?:[-_][a-z]+)*|v\d+)?$/.test(segment)

/** Lists the credential, and every value of the path, the query and the body. */
export const valuesOf = (call: Call, credential: Credential): ReadonlyArray<string | Redacted.Redacted<string>> => [
  ...credentialOf(credential),
  ...[...(call.query ?? []), ...(call.form ?? [])].map(([, value]) => value),
  ...leavesOf(call.json),
  ...call.segments.filter((segment) => !isConstant(segment))
]
