/**
 * A decoder for the plain part of wire schemas: texts, numbers, flags, literals, and arrays and structs of these.
 *
 * It says of a value either what the schema's own decoder would make of it, or that it is not sure. Then the schema's own
 * decoder has the word, so that every refusal and every other kind of schema stays what it was.
 */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

const unsure = Symbol("unsure")

type Decode = (value: unknown) => unknown

const noOptions: SchemaAST.ParseOptions = {}

/** Asks the checks of a text or number; undefined where there is a group of them. */
const checked = (ast: SchemaAST.AST, accepts: (value: unknown) => boolean): Decode | undefined => {
  const { checks } = ast
  if (checks === undefined) return (value) => (accepts(value) ? value : unsure)
  const filters = checks.filter((check) => check._tag === "Filter")
  if (filters.length < checks.length) return undefined
  const passes = (value: unknown) => filters.every((filter) => filter.run(value, ast, noOptions) === undefined)
  return (value) => (accepts(value) && passes(value) ? value : unsure)
}

const isPlainJson = (value: unknown): boolean =>
  value === null ||
  typeof value === "string" ||
  typeof value === "boolean" ||
  (typeof value === "number" && Number.isFinite(value))

/** Of values that are no objects every one stays what it is, so that the order of a union's members does not matter. */
const primitive = (ast: SchemaAST.AST): Decode | undefined => {
  if (ast === Schema.Json.ast) return (value) => (isPlainJson(value) ? value : unsure)
  switch (ast._tag) {
    case "String":
      return checked(ast, (value) => typeof value === "string")
    case "Number":
      return checked(ast, (value) => typeof value === "number")
    case "Boolean":
      return checked(ast, (value) => typeof value === "boolean")
    case "Null":
      return checked(ast, (value) => value === null)
    case "Literal":
      return checked(ast, (value) => value === ast.literal)
    default:
      return undefined
  }
}

/** An array whose items stay what they are is itself the result. */
const arrayOf =
  (item: Decode): Decode =>
  (value) => {
    if (!Array.isArray(value)) return unsure
    let changed: Array<unknown> | undefined
    for (let at = 0; at < value.length; at++) {
      const decoded = item(value[at])
      if (decoded === unsure) return unsure
      if (decoded !== value[at]) changed ??= value.slice(0, at)
      changed?.push(decoded)
    }
    return changed ?? value
  }

interface Field {
  readonly name: string
  readonly decode: Decode
  readonly isOptional: boolean
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const countOf = (record: Readonly<Record<string, unknown>>): number => {
  let count = 0
  for (const _ in record) count++
  return count
}

/** A record that has these fields and no others, each of which stays what it is, is itself the result. */
const structOf =
  (fields: ReadonlyArray<Field>): Decode =>
  (value) => {
    if (!isRecord(value)) return unsure
    let known = 0
    let isSame = true
    for (const { decode, isOptional, name } of fields) {
      const found = value[name]
      if (found === undefined) {
        if (!isOptional || Object.hasOwn(value, name)) return unsure
        continue
      }
      const decoded = decode(found)
      if (decoded === unsure) return unsure
      known++
      isSame &&= decoded === found
    }
    if (isSame && countOf(value) === known) return value
    const struct: Record<string, unknown> = {}
    for (const { decode, name } of fields) {
      const found = value[name]
      if (found !== undefined) struct[name] = isSame ? found : decode(found)
    }
    return struct
  }

const fieldOf = ({ name, type }: SchemaAST.PropertySignature): Field | undefined => {
  if (typeof name !== "string" || name === "__proto__") return undefined
  const decode = compile(type)
  return decode === undefined ? undefined : { name, decode, isOptional: SchemaAST.isOptional(type) }
}

const all = <A>(values: ReadonlyArray<A | undefined>): ReadonlyArray<A> | undefined => {
  const found = values.filter((value) => value !== undefined)
  return found.length === values.length ? found : undefined
}

const struct = (ast: SchemaAST.Objects): Decode | undefined => {
  if (ast.indexSignatures.length > 0 || ast.propertySignatures.length === 0) return undefined
  const fields = all(ast.propertySignatures.map(fieldOf))
  return fields === undefined ? undefined : structOf(fields)
}

const array = ({ elements, rest }: SchemaAST.Arrays): Decode | undefined => {
  const [item] = rest
  if (elements.length > 0 || rest.length !== 1 || item === undefined) return undefined
  const decode = compile(item)
  return decode === undefined ? undefined : arrayOf(decode)
}

/** Members that are no objects, and one at the most that is. */
const union = ({ options, types }: SchemaAST.Union): Decode | undefined => {
  if (options?.mode === "oneOf") return undefined
  const others = types.filter((type) => primitive(type) === undefined)
  const members = all(types.map(compile))
  if (members === undefined || others.length > 1) return undefined
  const [first, second] = members
  if (members.length === 2 && first !== undefined && second !== undefined) {
    return (value) => {
      const decoded = first(value)
      return decoded === unsure ? second(value) : decoded
    }
  }
  return (value) => {
    for (const member of members) {
      const decoded = member(value)
      if (decoded !== unsure) return decoded
    }
    return unsure
  }
}

const composite = (ast: SchemaAST.AST): Decode | undefined => {
  switch (ast._tag) {
    case "Objects":
      return ast.checks === undefined && ast.encodingChecks === undefined ? struct(ast) : undefined
    case "Arrays":
      return ast.checks === undefined && ast.encodingChecks === undefined ? array(ast) : undefined
    case "Union":
      return ast.checks === undefined && ast.encodingChecks === undefined ? union(ast) : undefined
    default:
      return undefined
  }
}

const compile = (ast: SchemaAST.AST): Decode | undefined => {
  if (ast.encoding !== undefined || ast.annotations?.["parseOptions"] !== undefined) return undefined
  return primitive(ast) ?? composite(ast)
}

type Decoder<A> = (value: unknown) => A | Schema.SchemaError

const makeDecoder = <A, I>(schema: Schema.Codec<A, I>): Decoder<A> => {
  const decode = Schema.decodeUnknownResult(schema)
  const slowly: Decoder<A> = (value) => {
    const result = decode(value)
    return result._tag === "Success" ? result.success : result.failure
  }
  const plainly = compile(schema.ast)
  if (plainly === undefined) return slowly
  return (value) => {
    const decoded = plainly(value)
    // What is made here is what the schema describes; the tests compare both.
    return decoded === unsure ? slowly(value) : (decoded as A)
  }
}

/** Thousands of stores decode with the schemas of a few adapters. */
const known = new WeakMap<object, Decoder<unknown>>()

/** Decodes as `Schema.decodeUnknownResult` does, faster where the schema is plain and the value fits. */
export const make = <A, I>(schema: Schema.Codec<A, I>): Decoder<A> => {
  const found = known.get(schema)
  // Kept under its schema, a decoder makes what that schema describes.
  if (found !== undefined) return found as Decoder<A>
  const decoder = makeDecoder(schema)
  known.set(schema, decoder)
  return decoder
}
