/** Bodies of requests: what a schema of the document says, and what is wrong in some place. */
import type { Document, Json } from "./Conforming.ts"
import type { Random } from "./FuzzRandom.ts"

/** What texts are drawn from, by the name of their member. */
export type Texts = (random: Random, name: string) => string

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const listOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

/** Draws a value that a schema accepts, as far as the schema tells. */
export const valueOf = (
  random: Random,
  document: Document,
  schema: unknown,
  texts: Texts,
  name = "",
  depth = 0
): unknown => {
  if (!isObject(schema)) return null
  const inner = (part: unknown, part_ = name) => valueOf(random, document, part, texts, part_, depth + 1)
  const { $ref, additionalProperties, anyOf, enum: accepted, items, properties, required, type } = schema
  if (typeof $ref === "string") return inner(document.components.schemas[$ref.split("/").at(-1) ?? ""])
  if (Array.isArray(anyOf)) return inner(random.pickFrom(anyOf))
  if (Array.isArray(accepted)) return random.pickFrom(accepted)
  switch (type) {
    case "object": {
      const needed = new Set(listOf(required))
      const known = Object.entries(isObject(properties) ? properties : {})
        .filter(([member]) => needed.has(member) || random.chance(0.6))
        .map(([member, part]) => [member, inner(part, member)])
      const more =
        isObject(additionalProperties) && depth < 4 ? [[texts(random, "key"), inner(additionalProperties)]] : []
      return Object.fromEntries([...known, ...more])
    }
    case "array":
      return Array.from({ length: random.below(3) }, () => inner(items))
    case "integer":
    case "number":
      return Number(schema["minimum"] ?? 0) + random.pick([0, 1, 1000, 3_600_000])
    case "boolean":
      return random.chance(0.5)
    case "string":
      return texts(random, name)
    default:
      return random.pick([null, 1, "text", true, [], {}])
  }
}

const wrong = (random: Random, marker: string): unknown =>
  random.pick<unknown>([
    null,
    true,
    0,
    -1,
    1.5,
    1e300,
    "",
    marker,
    [],
    [[]],
    {},
    { member: marker },
    [marker, 1, null],
    `${marker}${"x".repeat(2000)}`,
    Number.MAX_SAFE_INTEGER
  ])

/** Replaces, takes out or adds something in some place. */
export const mutated = (random: Random, value: unknown, marker: string): unknown => {
  if (isObject(value) && random.chance(0.8)) {
    const names = Object.keys(value)
    const name = random.pickFrom(names)
    const { [name ?? ""]: inner, ...rest } = value
    if (name === undefined || random.chance(0.2))
      return { ...value, [random.pick(["unknown", "__proto", "id", "constructor", "\u202eeman"])]: 1 }
    return random.chance(0.2) ? rest : { ...rest, [name]: mutated(random, inner, marker) }
  }
  if (Array.isArray(value) && value.length > 0 && random.chance(0.7)) {
    const place = random.below(value.length)
    return value.map((item, index) => (index === place ? mutated(random, item, marker) : item))
  }
  return wrong(random, marker)
}

const nested = (open: string, close: string, depth: number) => `${open.repeat(depth)}${close.repeat(depth)}`

/** Texts that are hardly JSON, or hardly a body. */
export const hostile = (random: Random, text: string, marker: string): string | Uint8Array<ArrayBuffer> =>
  random.pick<string | Uint8Array<ArrayBuffer>>([
    text.slice(0, random.below(text.length + 1)),
    `${text}${text}`,
    "",
    " ",
    "null",
    "[]",
    `"${marker}"`,
    "{",
    `{"name":"${marker}\\ud800"}`,
    `{"owner":"${marker}\\u0000"}`,
    `{"name":"\\u202e${marker}\\u202c","name":1}`,
    `{"__proto__":{"name":"${marker}"},"constructor":1}`,
    `{"name":1e400,"tags":{"a":-0}}`,
    `{"name":"${marker}${"y".repeat(70_000)}"}`,
    nested("[", "]", 5000),
    nested('{"a":', "}", 3000),
    `\ufeff${text}`,
    new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0xc0, 0xaf, 0x7d]),
    new Uint8Array(4096)
  ])
