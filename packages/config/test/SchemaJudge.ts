/** Judges a value by a JSON Schema, as far as that of the configuration file goes. */

type Schema = Readonly<Record<string, unknown>>

const isMapping = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const mapping = (value: unknown): Schema => (isMapping(value) ? value : {})
const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

const typeOf = (value: unknown): string =>
  Array.isArray(value) ? "array" : Number.isSafeInteger(value) ? "integer" : value === null ? "null" : typeof value

const has = (names: unknown, value: unknown): boolean => list(names).some((name) => name === value)

/** Lists where a value is not what a schema says: the path, and the keyword that refuses it. */
export const judge = (root: Schema): ((value: unknown) => ReadonlyArray<string>) => {
  const inMapping = (schema: Schema, value: Schema, path: string): ReadonlyArray<string> => [
    ...list(schema["required"]).flatMap((name) =>
      Object.hasOwn(value, String(name)) ? [] : [`${path} needs ${String(name)}`]
    ),
    ...(Number(schema["minProperties"] ?? 0) > Object.keys(value).length ? [`${path} minProperties`] : []),
    ...Object.entries(value).flatMap(([name, member]) => {
      const known = mapping(schema["properties"])[name]
      const part = known ?? schema["additionalProperties"] ?? {}
      return part === false ? [`${path} has ${name}`] : visit(mapping(part), member, `${path}.${name}`)
    })
  ]
  const inPlace = (schema: Schema, value: unknown, path: string): ReadonlyArray<string> => {
    const { enum: values, exclusiveMinimum, minLength, minimum, type } = schema
    const isType = type === undefined || type === typeOf(value) || (type === "number" && typeof value === "number")
    return [
      ...(isType ? [] : [`${path} type ${JSON.stringify(type)}`]),
      ...(values === undefined || has(values, value) ? [] : [`${path} enum`]),
      ...(typeof value === "string" && value.length < Number(minLength ?? 0) ? [`${path} minLength`] : []),
      ...(typeof value === "number" && value < Number(minimum ?? -Infinity) ? [`${path} minimum`] : []),
      ...(typeof value === "number" && value <= Number(exclusiveMinimum ?? -Infinity) ? [`${path} minimum`] : [])
    ]
  }
  const inItems = ({ additionalItems, items }: Schema, values: ReadonlyArray<unknown>, path: string) =>
    values.flatMap((value, index) =>
      visit(mapping(Array.isArray(items) ? (items[index] ?? additionalItems) : items), value, `${path}[${index}]`)
    )
  const together = (schema: Schema, value: unknown, path: string): ReadonlyArray<string> => {
    const passes = (part: unknown) => visit(mapping(part), value, path).length === 0
    const { allOf, anyOf, else: otherwise, if: condition, not } = schema
    return [
      ...list(allOf).flatMap((part) => visit(mapping(part), value, path)),
      ...(anyOf === undefined || list(anyOf).some(passes) ? [] : [`${path} anyOf`]),
      ...(not !== undefined && passes(not) ? [`${path} not`] : []),
      ...(condition === undefined || passes(condition) ? [] : visit(mapping(otherwise), value, path))
    ]
  }
  const visit = (schema: Schema, value: unknown, path: string): ReadonlyArray<string> => {
    const reference = schema["$ref"]
    if (typeof reference === "string") {
      return visit(mapping(mapping(root["definitions"])[reference.replace("#/definitions/", "")]), value, path)
    }
    return [
      ...inPlace(schema, value, path),
      ...(isMapping(value) ? inMapping(schema, value, path) : []),
      ...(Array.isArray(value) ? inItems(schema, value, path) : []),
      ...together(schema, value, path)
    ]
  }
  return (value) => visit(root, value, "")
}
