/** Says where a decoded answer differs from its schema, without any of its values. */
import type * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"

/** Names of fields are ours or the contract's; anything longer or stranger could be data. */
const isPlainName = (part: PropertyKey): boolean =>
  typeof part === "number" || (typeof part === "string" && /^[A-Za-z0-9_]{1,40}$/.test(part))

const firstPath = (issue: SchemaIssue.Issue, path: ReadonlyArray<PropertyKey>): ReadonlyArray<PropertyKey> => {
  switch (issue._tag) {
    case "Pointer":
      return firstPath(issue.issue, [...path, ...issue.path])
    case "Filter":
    case "Encoding":
      return firstPath(issue.issue, path)
    case "Composite":
      return firstPath(issue.issues[0], path)
    default:
      return path
  }
}

/** Names the first field that does not fit. */
export const describeIssue = (error: Schema.SchemaError): string => {
  const path = firstPath(error.issue, []).map((part) => (isPlainName(part) ? String(part) : "?"))
  return path.length === 0 ? "the body has another shape" : `unexpected value at ${path.join(".")}`
}
