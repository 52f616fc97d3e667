/** The environment variables that override members of the file: which there are, and what each may hold. */
import { Secret } from "@keyfold/core/Secret"
import * as SchemaAST from "effect/SchemaAST"
import type { Path } from "./document.ts"

/** A member that a variable may set. */
export interface Target {
  readonly path: Path
  readonly variable: string
  /** Turns the variable's text into what the file would say; undefined where a secret would stand there. */
  readonly read: ((text: string) => unknown) | undefined
}

type Kind = "text" | "number" | "boolean"

const identifier = SchemaAST.resolveIdentifier(Secret.ast)

const wordOf = (segment: PropertyKey): string =>
  String(segment)
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll(/[^A-Za-z0-9]+/g, "_")
    .toUpperCase()

/** Names the variable of a member: its path in capitals, every other character an underscore. */
export const variableOf = (path: Path): string => ["KEYFOLD", ...path.map(wordOf)].join("_")

/** The kinds of a single value; undefined for lists and mappings. */
const kindsOf = (ast: SchemaAST.AST): ReadonlyArray<Kind> | undefined => {
  switch (ast._tag) {
    case "String":
    case "TemplateLiteral":
      return ["text"]
    case "Number":
      return ["number"]
    case "Boolean":
      return ["boolean"]
    case "Literal":
      return [typeof ast.literal === "number" ? "number" : typeof ast.literal === "boolean" ? "boolean" : "text"]
    case "Union":
      return ast.types.map(kindsOf).reduce((all, kinds) => (all && kinds ? [...all, ...kinds] : undefined), [])
    default:
      return undefined
  }
}

/** A text that is no number stays as it is, so that the schema tells what is wrong with it. */
const reading =
  (kinds: ReadonlyArray<Kind>) =>
  (text: string): unknown => {
    if (kinds.includes("text")) return text
    if (kinds.includes("boolean") && (text === "true" || text === "false")) return text === "true"
    return kinds.includes("number") && /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text
  }

const secretTargets = (path: Path): ReadonlyArray<Target> => [
  { path, variable: variableOf(path), read: undefined },
  { path, variable: variableOf([...path, "env"]), read: (env) => ({ env }) },
  { path, variable: variableOf([...path, "file"]), read: (file) => ({ file }) }
]

const walk = (ast: SchemaAST.AST, path: Path): ReadonlyArray<Target> => {
  if (SchemaAST.resolveIdentifier(ast) === identifier) return secretTargets(path)
  const kinds = kindsOf(ast)
  if (kinds !== undefined) return [{ path, variable: variableOf(path), read: reading(kinds) }]
  if (ast._tag === "Union") return ast.types.flatMap((member) => walk(member, path))
  return ast._tag === "Objects" ? ast.propertySignatures.flatMap(({ name, type }) => walk(type, [...path, name])) : []
}

/** Lists the members of a schema that a variable may set: single values and references to secrets, at any depth. */
export const targetsOf = (ast: SchemaAST.AST, base: Path): ReadonlyArray<Target> => walk(SchemaAST.toEncoded(ast), base)
