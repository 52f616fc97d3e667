/** The reader of plain texts, judged by the YAML parser: any layout, what is plain and what nearly is. The seed is fixed. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { parseDocument, stringify } from "yaml"
import * as plainText from "../src/internal/plainText.ts"

const settings = (runs: number) => ({ arbitrary: { seed: 20261128, runs } })

const upTo = (maximum: number) => Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum })))

const among = <A>(...choices: readonly [A, ...ReadonlyArray<A>]): Arbitrary.Arbitrary<A> =>
  Arbitrary.map(upTo(choices.length - 1), (index) => choices[index] ?? choices[0])

/** What the YAML parser makes of a text; undefined where it objects to anything. */
const parsed = (text: string): plainText.Plain | undefined => {
  const document = parseDocument(text, { prettyErrors: false, stringKeys: true, logLevel: "silent" })
  const isSound = document.errors.length === 0 && document.warnings.length === 0
  return isSound ? { value: document.toJS({ maxAliasCount: 100 }) } : undefined
}

/** Of which texts the reader was sure. */
const sure: Array<boolean> = []

const agrees = (text: string): void => {
  const plain = plainText.read(text)
  sure.push(plain !== undefined)
  if (plain !== undefined) assert.deepStrictEqual(plain, parsed(text), JSON.stringify(text))
}

type Words = readonly [string, ...ReadonlyArray<string>]

/** Mostly what is plain; one in so many is not. */
const mostly = (plain: Words, odd: Words, oneIn: number) =>
  Arbitrary.flatMap(upTo(oneIn), (chance) => among(...(chance === 0 ? odd : plain)))

const names = mostly(
  ["a", "stores", "tenant of x", "base-Url", '"*"', '"a: b"', "_1", "a/b", "dev-*", "b", "c", "d"],
  ["true", "null", "y", "__proto__", "1", "a  b", "?", "a:", '"a\\tb"', "$a", "<<"],
  30
)

const plainScalars: Words = [
  "whylabs",
  "http://127.0.0.1:4373/x",
  "https://a.example/?b=c&d=e,f",
  "{ env: NAME }",
  "{file: ./secrets/a}",
  "{ file: ../a }",
  '"a # b: c"',
  "5 minutes",
  "0",
  "42",
  "true",
  "a b",
  "a*b%c+d=e~f"
]

const scalars = mostly(
  plainScalars,
  [
    "{ env: null }",
    "{ a: b:c }",
    "{ a: .5 }",
    "[a, b]",
    '"a\\nb"',
    "'it''s'",
    "30 seconds ",
    "5 e",
    "007",
    "1e3",
    "0x1F",
    "1_000",
    ".5",
    "-1",
    "9007199254740993",
    "True",
    "no",
    "NULL",
    "~",
    ".nan",
    "a: b",
    "a:",
    "a #b",
    "a#b",
    "a  b",
    "&anchor a",
    "*alias",
    "!tag a",
    "|",
    ">",
    "- a",
    "? a",
    "@a",
    ""
  ],
  20
)

/** Lines of a block, indented somehow. */
const block = (depth: number): Arbitrary.Arbitrary<ReadonlyArray<string>> =>
  Arbitrary.map(
    Arbitrary.array(
      Arbitrary.flatMap(upTo(depth === 0 ? 0 : 3), (kind): Arbitrary.Arbitrary<ReadonlyArray<string>> => {
        if (kind < 2) return Arbitrary.map(Arbitrary.all([names, scalars]), ([name, value]) => [`${name}: ${value}`])
        const inner = kind === 2 ? block(depth - 1) : Arbitrary.array(Arbitrary.map(scalars, (value) => `- ${value}`))
        return Arbitrary.map(Arbitrary.all([names, inner, among("", " ", "  ", "    ")]), ([name, lines, indent]) => [
          `${name}:`,
          ...lines.map((line) => `${indent}${line}`)
        ])
      }),
      { maxLength: 4 }
    ),
    (members) => members.flat()
  )

const extra = mostly(
  ["", "# about it", "  # a: b", "   "],
  ["---", "...", "%YAML 1.1", "z: b", "  z: b", "- a", "\ta: b", " - a"],
  3
)

const splinter = mostly([""], [" ", ":", "#", "\n", "-", '"', "é", "\r", "\t", "{", "  ", "'", ": ", " #"], 1)

/** A text of such lines, with a line more somewhere, and one place otherwise. */
const texts = Arbitrary.map(
  Arbitrary.all([block(3), extra, upTo(20), upTo(300), splinter]),
  ([lines, line, at, place, splinter]) => {
    const text = lines.toSpliced(at, 0, line).join("\n")
    return text.slice(0, place) + splinter + text.slice(place)
  }
)

const escapes = (text: string): string => text.replaceAll('"a"', '"\\u0061"')

/** JSON in any layout, with names that are there twice. */
const jsons = Arbitrary.map(
  Arbitrary.all([
    Arbitrary.array(Arbitrary.all([names, Arbitrary.schema(Schema.Json)]), { maxLength: 5 }),
    among<string | number | undefined>(undefined, 1, "    ", "\t"),
    among("", "\n", " "),
    among(false, true)
  ]),
  ([members, indent, end, isEscaped]) => {
    const written = members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value, null, indent)}`)
    const text = `{${written.join(indent === undefined ? "," : ",\n")}}${end}`
    return isEscaped ? escapes(text) : text
  }
)

describe("a text that is read without the parser", () => {
  it.prop("is what the parser makes of it, in YAML", [texts], ([text]) => agrees(text), settings(1_500))

  it.prop("is what the parser makes of it, in JSON", [jsons], ([text]) => agrees(text), settings(700))

  it("is one as configurations are written", () => {
    const stores = {
      first: { adapter: "whylabs", baseUrl: "http://127.0.0.1:4373", apiKey: { env: "KEY" }, timeout: "5 minutes" },
      second: { adapter: "arthur", shared: true, keyLimit: 25, defaults: { owner: "bot", scopes: ["read", "write"] } }
    }
    const value = { stores, tenants: { "tenant of a": "first", "dev-*": { store: "second" } } }
    const withSchema = { $schema: "./schema.json", ...value }
    const byHand = `# yaml-language-server: $schema=./schema.json
stores:
  first:
    adapter: whylabs
    apiKey: { env: KEY }

  # The second one.
  second:
    adapter: arthur
    password: {file: ./secrets/password}
tenants:
  acme: first
`
    const inJson = [JSON.stringify(withSchema), JSON.stringify(withSchema, null, 2)]
    for (const text of [stringify(value), ...inJson, byHand]) {
      assert.isDefined(plainText.read(text), text)
      agrees(text)
    }
  })

  it("is one of four of these at least", () => {
    assert.isAbove(sure.filter((isSure) => isSure).length, sure.length / 4)
  })

  it("is none where a list or a line stands too far to the left or right", () => {
    for (const text of ["a:\n  b:\n- c\n", "a:\n    b: c\n  d: e\n", "a:\n  - b\n    c\n", " a: b\n", "a: b\n  c\n"]) {
      assert.isUndefined(plainText.read(text), text)
    }
  })

  it("is none where a name is there twice", () => {
    assert.isUndefined(plainText.read("a: b\na: c\n"))
    assert.isUndefined(plainText.read('{ "a": 1, "a": 2 }'))
    assert.isUndefined(plainText.read('{ "a": { "b": ":", "\\u0062": 2 } }'))
    assert.isDefined(plainText.read('{ "a": { "b": ": \\": ", "c": 2 } }'))
  })
})
