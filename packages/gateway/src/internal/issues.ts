/** What a schema objects to in a request. Values are never repeated: one of them may be a secret. */
import * as SchemaAST from "effect/SchemaAST"
import type * as SchemaIssue from "effect/SchemaIssue"
import type { FieldError } from "../Problem.ts"

type Place = FieldError["in"]

const textOf = (annotations: object | undefined, name: string): string | undefined => {
  const text: unknown = annotations === undefined ? undefined : Reflect.get(annotations, name)
  return typeof text === "string" ? text : undefined
}

const list = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`

// Effect's own phrases, in words that show what to send.
const phrases: Readonly<Record<string, string>> = {
  "a string that will be decoded as a DateTime.Utc": 'a time such as "2030-01-31T12:00:00Z"',
  "a valid DateTime string": 'a time such as "2030-01-31T12:00:00Z"',
  "a string representing a finite number": "a number"
}

const rephrased = (expected: string): string => phrases[expected] ?? expected

/** Says what a schema accepts. */
const expectedBy = (ast: SchemaAST.AST): string => {
  const annotated = textOf(ast.annotations, "expected")
  if (annotated !== undefined) return rephrased(annotated)
  switch (ast._tag) {
    case "String":
    case "TemplateLiteral":
      return "a text"
    case "Number":
    case "BigInt":
      return "a number"
    case "Boolean":
      return "true or false"
    case "Literal":
      return typeof ast.literal === "string" ? `"${ast.literal}"` : String(ast.literal)
    case "Union":
      return list([...new Set(ast.types.map(expectedBy))])
    case "Arrays":
      return "a list"
    case "Objects":
      return "an object"
    case "Null":
      return "null"
    default:
      return "another value"
  }
}

const escape = (segment: PropertyKey): string => String(segment).replaceAll("~", "~0").replaceAll("/", "~1")

const pointerOf = (place: Place, path: ReadonlyArray<PropertyKey>): string =>
  place === "body" ? path.map((segment) => `/${escape(segment)}`).join("") : path.map(String).join(".")

type Found = readonly [path: ReadonlyArray<PropertyKey>, detail: string]

const checked = (issue: SchemaIssue.Filter, path: ReadonlyArray<PropertyKey>): ReadonlyArray<Found> => {
  const { annotations } = issue.filter
  const inner = issue.issue
  if (inner._tag === "Pointer" || inner._tag === "Composite") return visit(inner, path)
  const details = inner._tag === "InvalidValue" ? inner.annotations : undefined
  const expected = textOf(details, "expected") ?? textOf(annotations, "expected")
  return [[path, expected === undefined ? "the value is not accepted" : `expected ${rephrased(expected)}`]]
}

/** Of the members of a union, the one whose mistake lies deepest. */
const nearest = (issue: SchemaIssue.AnyOf, path: ReadonlyArray<PropertyKey>): ReadonlyArray<Found> => {
  const inside = issue.issues
    .map((member) => visit(member, path))
    .find((found) => found.some(([at]) => at.length > path.length))
  return inside ?? [[path, `expected ${expectedBy(SchemaAST.toEncoded(issue.ast))}`]]
}

const visit = (issue: SchemaIssue.Issue, path: ReadonlyArray<PropertyKey>): ReadonlyArray<Found> => {
  switch (issue._tag) {
    case "Pointer":
      return visit(issue.issue, [...path, ...issue.path])
    case "Composite":
      return issue.issues.flatMap((inner) => visit(inner, path))
    case "Encoding":
      return visit(issue.issue, path)
    case "Filter":
      return checked(issue, path)
    case "AnyOf":
      return nearest(issue, path)
    case "MissingKey":
      return [[path, "it is missing"]]
    case "UnexpectedKey":
      return [[path, "it is not known here"]]
    case "InvalidType":
      return [[path, `expected ${expectedBy(SchemaAST.toEncoded(issue.ast))}`]]
    case "InvalidValue":
    case "Forbidden":
    case "OneOf": {
      const annotations = issue._tag === "OneOf" ? undefined : issue.annotations
      const expected = textOf(annotations, "expected")
      return [[path, expected === undefined ? "the value is not accepted" : `expected ${rephrased(expected)}`]]
    }
  }
}

/** The most that is told about one request. */
const most = 20

/** Lists what a schema objects to in one part of a request. */
export const errorsOf = (place: Place, issue: SchemaIssue.Issue): ReadonlyArray<FieldError> => {
  const found = visit(issue, []).map(([path, detail]) => ({ in: place, pointer: pointerOf(place, path), detail }))
  return found.slice(0, most)
}
