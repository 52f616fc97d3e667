/** The places of a configuration where a schema wants a secret. */
import { Secret } from "@keyfold/core/Secret"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { Path } from "./document.ts"

/** One such place, and what is written there. */
export interface Slot {
  readonly path: Path
  readonly written: unknown
}

const identifier = SchemaAST.resolveIdentifier(Secret.ast)

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const inObject = (ast: SchemaAST.Objects, value: unknown, path: Path): ReadonlyArray<Slot> => {
  if (!isRecord(value)) return []
  return Object.entries(value).flatMap(([name, written]) => {
    const property = ast.propertySignatures.find((signature) => signature.name === name)
    const types = property === undefined ? ast.indexSignatures.map(({ type }) => type) : [property.type]
    return types.flatMap((type) => walk(type, written, [...path, name]))
  })
}

const inArray = (ast: SchemaAST.Arrays, value: unknown, path: Path): ReadonlyArray<Slot> => {
  if (!Array.isArray(value)) return []
  return value.flatMap((written: unknown, index) => {
    const type = ast.elements[index] ?? ast.rest[0]
    return type === undefined ? [] : walk(type, written, [...path, index])
  })
}

const walk = (ast: SchemaAST.AST, written: unknown, path: Path): ReadonlyArray<Slot> => {
  if (SchemaAST.resolveIdentifier(ast) === identifier) return [{ path, written }]
  switch (ast._tag) {
    case "Objects":
      return inObject(ast, written, path)
    case "Arrays":
      return inArray(ast, written, path)
    case "Union":
      return ast.types.flatMap((member) => walk(member, written, path))
    case "Suspend":
      return walk(ast.thunk(), written, path)
    default:
      return []
  }
}

/** Finds where `schema` wants a secret in `value`; each place once. */
export const slotsOf = (schema: Schema.Top, value: unknown): ReadonlyArray<Slot> => {
  const slots = walk(SchemaAST.toEncoded(schema.ast), value, [])
  return [...new Map(slots.map((slot) => [JSON.stringify(slot.path), slot])).values()]
}

/** Returns a copy of `value` with what stands at `path` replaced. */
export const replaceAt = (value: unknown, path: Path, replacement: unknown): unknown => {
  const [segment, ...rest] = path
  if (segment === undefined) return replacement
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => (index === segment ? replaceAt(item, rest, replacement) : item))
  }
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, name === segment ? replaceAt(item, rest, replacement) : item])
  )
}

/** Stands for a secret while only the shape is judged; using it is a failure. */
export const placeholder: Secret = Effect.fail("the secret was not obtained")
