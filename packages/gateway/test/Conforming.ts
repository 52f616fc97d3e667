/** Holds values against the schemas of an OpenAPI document: the part of JSON Schema that the document uses. */

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const at = (value: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((inside, name) => (isObject(inside) ? inside[name] : undefined), value)

const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  array: Array.isArray,
  object: isObject,
  null: (value) => value === null
}

const object = (document: unknown, schema: Json, value: Json, path: string): ReadonlyArray<string> => {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {}
  const required = Array.isArray(schema["required"]) ? schema["required"].map(String) : []
  const rest = schema["additionalProperties"]
  return [
    ...required.filter((name) => !Object.hasOwn(value, name)).map((name) => `${path}/${name} is missing`),
    ...Object.entries(value).flatMap(([name, inner]) => {
      const known = properties[name]
      if (known !== undefined) return violations(document, known, inner, `${path}/${name}`)
      return rest === false ? [`${path}/${name} is not documented`] : violations(document, rest ?? {}, inner, path)
    })
  ]
}

/** Lists how a value violates a schema of the document. */
export const violations = (document: unknown, schema: unknown, value: unknown, path = ""): ReadonlyArray<string> => {
  if (!isObject(schema)) return []
  const reference = schema["$ref"]
  if (typeof reference === "string") {
    return violations(document, at(document, reference.slice(2).split("/")), value, path)
  }
  const members = schema["anyOf"] ?? schema["oneOf"]
  if (Array.isArray(members)) {
    return members.some((member) => violations(document, member, value, path).length === 0)
      ? []
      : [`${path} fits no member`]
  }
  const type = schema["type"]
  if (typeof type === "string" && !(types[type]?.(value) ?? false)) return [`${path} is no ${type}`]
  const accepted = schema["enum"]
  if (Array.isArray(accepted) && !accepted.includes(value)) return [`${path} is none of the enum`]
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => violations(document, schema["items"], item, `${path}/${index}`))
  }
  return isObject(value) ? object(document, schema, value, path) : []
}
