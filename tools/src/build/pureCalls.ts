/** Marks calls that only make a value, so that bundlers leave out what a program does not use. */
import { readFileSync, writeFileSync } from "node:fs"
import { parseAst } from "rolldown/parseAst"

const mark = "/*#__PURE__*/ "

interface Node {
  readonly type: string
  readonly start: number
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string" && "start" in value

/** What runs later, when it is called or constructed, is no part of making the value. */
const runsLater = (node: Node): boolean =>
  /Function/.test(node.type) ||
  node.type === "MethodDefinition" ||
  (node.type === "PropertyDefinition" && "static" in node && node.static === false)

const callsIn = (value: unknown): ReadonlyArray<number> => {
  if (Array.isArray(value)) return value.flatMap(callsIn)
  if (!isNode(value) || runsLater(value)) return []
  const inside = Object.values(value).flatMap(callsIn)
  return /^(?:Call|New)Expression$/.test(value.type) ? [value.start, ...inside] : inside
}

/**
 * Marks every call in the constants and classes of a module. This is a promise that none of them does anything but make
 * a value, and so a rule for sources: a module that has to do something says so in a statement of its own.
 */
export const markCalls = (code: string, language: "js" | "ts" = "js"): string => {
  const declared = parseAst(code, { lang: language }).body.flatMap((statement) => {
    const declaration = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement
    return declaration?.type === "VariableDeclaration" || declaration?.type === "ClassDeclaration" ? [declaration] : []
  })
  const places = [...new Set(callsIn(declared))].toSorted((a, b) => b - a)
  return places.reduce((text, place) => text.slice(0, place) + mark + text.slice(place), code)
}

/** Marks the calls of a built file. */
export const markFile = (path: string): void => {
  const code = readFileSync(path, "utf8")
  const marked = markCalls(code)
  if (marked !== code) writeFileSync(path, marked)
}
