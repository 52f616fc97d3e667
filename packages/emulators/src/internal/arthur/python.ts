/** Text as Python prints values: the validation errors are Python literals, not JSON. */
import { RawBody, type Problem } from "../fastapi/body.ts"

const escapes = new Map([
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"]
])

const hex = (code: number, width: number) => code.toString(16).padStart(width, "0")

const escapeCharacter = (character: string): string => {
  const known = escapes.get(character)
  if (known !== undefined) return known
  const code = character.codePointAt(0) ?? 0
  return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`
}

const text = (value: string): string => {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'"
  // Backslash, controls and lone surrogates; without the u flag a paired surrogate would match too.
  const body = value.replace(/[\\\p{Cc}\p{Cs}]/gu, escapeCharacter)
  return quote + (quote === "'" ? body.replaceAll("'", "\\'") : body) + quote
}

const tuple = (items: ReadonlyArray<unknown>) => `(${items.map(repr).join(", ")}${items.length === 1 ? "," : ""})`

/** Prints a JSON value as Python's `repr` does. */
export const repr = (value: unknown): string => {
  if (value === true) return "True"
  if (value === false) return "False"
  if (typeof value === "string") return text(value)
  if (value instanceof RawBody) return `b${text(value.text)}`
  if (Array.isArray(value)) return `[${value.map(repr).join(", ")}]`
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([name, member]) => `${text(name)}: ${repr(member)}`)
    return `{${entries.join(", ")}}`
  }
  return typeof value === "number" ? String(value) : "None"
}

/** Prints one validation error as a Python dict, its location as a tuple. */
export const reprProblem = (problem: Problem): string => {
  const ctx = problem.ctx === undefined ? "" : `, 'ctx': ${repr(problem.ctx)}`
  return `{'type': ${repr(problem.type)}, 'loc': ${tuple(problem.loc)}, 'msg': ${repr(problem.msg)}, 'input': ${repr(problem.input)}${ctx}}`
}
