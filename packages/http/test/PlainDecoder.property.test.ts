/** The decoder of plain schemas, judged by the schemas' own decoder: any value, what fits and what nearly does. */
import { assert, describe, it } from "@effect/vitest"
import { maybe, secret } from "@keyfold/http/Wire"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as plainDecoder from "../src/internal/plainDecoder.ts"

const settings = { arbitrary: { seed: 20260613, runs: 80 } }

const Part = Schema.Struct({ name: Schema.NonEmptyString, size: maybe(Schema.Int), kind: Schema.Literals(["a", "b"]) })

/** Every kind of schema: those that are decoded plainly, and those that are left to Schema. */
const schemas: Readonly<Record<string, Schema.Codec<unknown, unknown>>> = {
  key: Schema.Struct({
    id: Schema.NonEmptyString.pipe(Schema.brand("id")),
    scopes: maybe(Schema.Array(Schema.String)),
    on: maybe(Schema.Boolean),
    size: Schema.optional(Schema.Number)
  }),
  nested: Schema.Struct({ part: Part, parts: maybe(Schema.Array(Part)), none: Schema.Null }),
  choice: Schema.Struct({ value: Schema.Union([Schema.String, Schema.Number, Part, Schema.Null]) }),
  several: Schema.Union([
    Schema.Struct({ name: Schema.String, size: Schema.Json }),
    Schema.Struct({ name: Schema.String, kind: maybe(Schema.String) })
  ]),
  json: Schema.Struct({ value: Schema.Json, size: maybe(Schema.Json) }),
  secret: Schema.Struct({ id: Schema.String, key: secret }),
  transformed: Schema.Struct({ size: Schema.NumberFromString, on: maybe(Schema.Boolean) }),
  defaulted: Schema.Struct({ name: Schema.String.pipe(Schema.withDecodingDefaultKey(Effect.succeed("x"))) }),
  inherited: Schema.Struct({ toString: maybe(Schema.String), ["__proto__"]: maybe(Part), id: Schema.String }),
  checked: Schema.Struct({ id: Schema.String, size: Schema.Json }).check(Schema.makeFilter(({ id }) => id !== "a")),
  record: Schema.Record(Schema.String, Schema.Json),
  tuple: Schema.Tuple([Schema.String, Schema.Json])
}

const upTo = (maximum: number) => Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum })))

const tricky: ReadonlyArray<unknown> = [
  undefined,
  null,
  true,
  "",
  "a",
  "12",
  0,
  -0,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  [],
  ["a", "b"],
  ["a", 1],
  {},
  { name: "n", kind: "a" },
  { name: "", kind: "a" },
  { name: "n", kind: "c", size: 1 },
  { name: "n", kind: "b", size: 1.5 },
  [{ name: "n", kind: "a", more: 1 }],
  { toString: "own" },
  JSON.parse('{"__proto__":{"id":"x"}}'),
  Object.create({ id: "inherited" })
]

const any = Arbitrary.flatMap(upTo(4), (kind) =>
  kind === 0 ? Arbitrary.schema(Schema.Json) : Arbitrary.map(upTo(tricky.length - 1), (index): unknown => tricky[index])
)

const names = ["id", "scopes", "on", "part", "parts", "none", "value", "name", "size", "kind", "key", "toString"]

/** Objects that have some of the members that the schemas name, and one that none does. */
const objects = Arbitrary.map(Arbitrary.array(any, { minLength: names.length, maxLength: names.length }), (values) =>
  Object.fromEntries(
    [...names.entries()].flatMap(([index, name]) => (index % 3 === values.length % 2 ? [] : [[name, values[index]]]))
  )
)

const assertAlike = (schema: Schema.Codec<unknown, unknown>, value: unknown) => {
  const expected = Schema.decodeUnknownResult(schema)(value)
  const found = plainDecoder.make(schema)(value)
  if (expected._tag === "Success") return assert.deepStrictEqual(found, expected.success)
  assert.isTrue(Schema.isSchemaError(found))
  assert.strictEqual(String(found), String(expected.failure))
}

for (const [name, schema] of Object.entries(schemas)) {
  it.prop(
    `decodes as Schema does: ${name}`,
    { value: Arbitrary.schema(Schema.toEncoded(schema)), other: any, object: objects },
    ({ object, other, value }) => {
      assertAlike(schema, value)
      assertAlike(schema, other)
      assertAlike(schema, object)
      if (typeof value !== "object" || value === null || Array.isArray(value)) return
      assertAlike(schema, { ...value, more: other })
      for (const member of Object.keys(value)) {
        assertAlike(schema, { ...value, [member]: other })
        assertAlike(schema, { ...value, [member]: undefined })
        assertAlike(schema, Object.fromEntries(Object.entries(value).filter(([kept]) => kept !== member)))
      }
    },
    settings
  )
}

describe("a value that stays what it is", () => {
  const decode = plainDecoder.make(schemas["nested"] ?? assert.fail("no schema"))
  const nested = (more: object) => ({
    part: { name: "n", kind: "a" },
    parts: [{ name: "m", kind: "b", ...more }],
    none: null
  })

  it("is not copied", () => {
    const value = nested({})
    assert.strictEqual(decode(value), value)
  })

  it("is copied where something in it has a member that nobody named, and only there", () => {
    const value = nested({ more: 1 })
    const decoded = decode(value) as ReturnType<typeof nested>
    assert.deepStrictEqual(decoded, nested({}))
    assert.strictEqual(decoded.part, value.part)
    assert.deepStrictEqual(value, nested({ more: 1 }), "what came stays as it was")
  })
})
