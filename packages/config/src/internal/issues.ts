/** What a schema objects to, as mistakes in the words of the file. */
import * as SchemaAST from "effect/SchemaAST"
import type * as SchemaIssue from "effect/SchemaIssue"
import type { Mistake, Path } from "./document.ts"
import { show } from "./show.ts"
import { asking, nearest } from "./spelling.ts"

/** Where a schema was applied: to `value` at `base`, beside members that others read. */
export interface Context {
  readonly base: Path
  readonly value: unknown
  readonly otherMembers?: ReadonlyArray<string>
}

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (inside, segment) => (typeof inside === "object" && inside !== null ? Reflect.get(inside, segment) : undefined),
    value
  )

const textOf = (annotations: object | undefined, name: string): string | undefined => {
  const text: unknown = annotations === undefined ? undefined : Reflect.get(annotations, name)
  return typeof text === "string" ? text : undefined
}

const list = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`

// Effect's own phrases, in words that show what to write.
const phrases: Readonly<Record<string, string>> = {
  "a string that will be decoded as a Duration": `a length of time such as "30 seconds"`,
  "a valid Duration string": `a length of time such as "30 seconds"`,
  "a value with a length of at least 1": "something that is not empty"
}

const rephrase = (expected: string): string => phrases[expected] ?? expected

/** Says what a schema accepts. What its checks ask for comes up where one of them fails. */
const expectedBy = (ast: SchemaAST.AST): string => {
  const annotated = textOf(ast.annotations, "expected")
  if (annotated !== undefined) return rephrase(annotated)
  switch (ast._tag) {
    case "String":
    case "TemplateLiteral":
      return "text"
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
      return "a mapping"
    case "Null":
    case "Undefined":
      return "nothing"
    default:
      return SchemaAST.resolveIdentifier(ast) ?? "another value"
  }
}

const literals = (ast: SchemaAST.AST): ReadonlyArray<string> => {
  if (ast._tag === "Union") return ast.types.flatMap(literals)
  return ast._tag === "Literal" && typeof ast.literal === "string" ? [ast.literal] : []
}

const suggesting = (suggestion: string | undefined) => (suggestion === undefined ? {} : { suggestion })

const unexpected = (expected: string, context: Context, path: Path, accepted: ReadonlyArray<string> = []): Mistake => {
  const value = valueAt(context.value, path)
  const suggestion = typeof value === "string" ? nearest(value, accepted) : undefined
  const [expectation, found] = [rephrase(expected), show(value)]
  return {
    path: [...context.base, ...path],
    at: "value",
    problem: `expected ${expectation}, found ${found}.${asking(suggestion)}`,
    found,
    accepted: expectation,
    ...suggesting(suggestion)
  }
}

const unknownMember = (ast: SchemaAST.AST, context: Context, path: Path): Mistake => {
  const own = ast._tag === "Objects" ? ast.propertySignatures.map(({ name }) => String(name)) : []
  const accepted = [...(path.length === 1 ? (context.otherMembers ?? []) : []), ...own]
  const listed = accepted.length === 0 ? "Nothing is accepted here." : `Accepted: ${accepted.join(", ")}.`
  const suggestion = nearest(String(path.at(-1)), accepted)
  return {
    path: [...context.base, ...path],
    at: "name",
    problem: `not a known member.${asking(suggestion)} ${listed}`,
    accepted: accepted.length === 0 ? "nothing" : accepted.join(", "),
    ...suggesting(suggestion)
  }
}

const missing = (
  annotations: object | undefined,
  parent: SchemaAST.AST | undefined,
  context: Context,
  path: Path
): Mistake => {
  const property =
    parent?._tag === "Objects" ? parent.propertySignatures.find(({ name }) => name === path.at(-1)) : undefined
  const accepted = property === undefined ? undefined : expectedBy(SchemaAST.toEncoded(property.type))
  const expected = accepted === undefined ? "" : `; expected ${accepted}`
  const problem = textOf(annotations, "messageMissingKey") ?? `missing${expected}.`
  const details = accepted === undefined ? {} : { accepted }
  return { path: [...context.base, ...path], at: "name", problem, found: "nothing", ...details }
}

const checked = (issue: SchemaIssue.Filter, context: Context, path: Path): ReadonlyArray<Mistake> => {
  const inner = issue.issue
  if (inner._tag === "Pointer" || inner._tag === "Composite") return visit(inner, context, path, undefined)
  const details = inner._tag === "InvalidValue" ? inner.annotations : undefined
  const { annotations } = issue.filter
  const message = textOf(annotations, "message") ?? textOf(details, "message")
  if (message !== undefined) return [{ path: [...context.base, ...path], at: "value", problem: message }]
  const expected = textOf(details, "expected") ?? textOf(annotations, "expected") ?? "another value"
  return [unexpected(expected, context, path)]
}

/** Of the members of a union, the one that came nearest to what was written. */
const nearestMember = (issue: SchemaIssue.AnyOf, context: Context, path: Path): ReadonlyArray<Mistake> => {
  const byMember = issue.issues.map((member) => visit(member, context, path, undefined))
  const depth = context.base.length + path.length
  const isInside = (mistakes: ReadonlyArray<Mistake>) => mistakes.some((mistake) => mistake.path.length > depth)
  // A member that takes the kind of value that was written is nearer, however much is wrong inside.
  const [nearest] = byMember.toSorted(
    (left, right) => Number(isInside(right)) - Number(isInside(left)) || left.length - right.length
  )
  if (nearest !== undefined && (byMember.length === 1 || isInside(nearest))) return nearest
  return [unexpected(expectedBy(SchemaAST.toEncoded(issue.ast)), context, path, literals(issue.ast))]
}

const visit = (
  issue: SchemaIssue.Issue,
  context: Context,
  path: Path,
  parent: SchemaAST.AST | undefined
): ReadonlyArray<Mistake> => {
  switch (issue._tag) {
    case "Pointer":
      return visit(issue.issue, context, [...path, ...issue.path], parent)
    case "Composite":
      return issue.issues.flatMap((inner) => visit(inner, context, path, issue.ast))
    case "Encoding":
      return visit(issue.issue, context, path, parent)
    case "Filter":
      return checked(issue, context, path)
    case "AnyOf":
      return nearestMember(issue, context, path)
    case "MissingKey":
      return [missing(issue.annotations, parent, context, path)]
    case "UnexpectedKey":
      return [unknownMember(issue.ast, context, path)]
    case "InvalidType": {
      const problem = textOf(issue.ast.annotations, "message")
      return problem === undefined
        ? [unexpected(expectedBy(issue.ast), context, path, literals(issue.ast))]
        : [{ path: [...context.base, ...path], at: "value", problem }]
    }
    case "InvalidValue":
    case "Forbidden": {
      const problem = textOf(issue.annotations, "message")
      return problem === undefined
        ? [unexpected(textOf(issue.annotations, "expected") ?? "another value", context, path)]
        : [{ path: [...context.base, ...path], at: "value", problem }]
    }
    case "OneOf":
      return [unexpected("a value of exactly one kind", context, path)]
  }
}

/** Lists what a schema objects to. Values are described from `context`, and secrets have been taken out of it. */
export const mistakesOf = (issue: SchemaIssue.Issue, context: Context): ReadonlyArray<Mistake> =>
  visit(issue, context, [], undefined)
