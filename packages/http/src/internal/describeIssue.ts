/** Says where a decoded answer differs from its schema, without any of its values. */
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type * as SchemaIssue from "effect/SchemaIssue"

/** Shows the fields a schema names and positions; any other key came with the answer and could be data. */
const show = (part: PropertyKey, ast: SchemaAST.AST): string =>
  typeof part === "number" || (SchemaAST.isObjects(ast) && ast.propertySignatures.some(({ name }) => name === part))
    ? String(part)
    : "?"

const firstPath = (
  issue: SchemaIssue.Issue,
  ast: SchemaAST.AST,
  path: ReadonlyArray<string>
): ReadonlyArray<string> => {
  switch (issue._tag) {
    case "Pointer":
      return firstPath(issue.issue, ast, [...path, ...issue.path.map((part) => show(part, ast))])
    case "Filter":
    case "Encoding":
      return firstPath(issue.issue, ast, path)
    case "Composite":
      return firstPath(issue.issues[0], issue.ast, path)
    default:
      return path
  }
}

/** Names the first field that does not fit; `at` leads to what the error is about. */
export const describeIssue = (error: Schema.SchemaError | undefined, at: ReadonlyArray<string>): string => {
  const path = error === undefined ? at : firstPath(error.issue, SchemaAST.unknown, at)
  return path.length === 0 ? "the body has another shape" : `unexpected value at ${path.join(".")}`
}
