/** Items read in pieces, judged by `JSON.parse` of the whole text: any JSON, any cuts, any damage. The seed is fixed. */
import { assert, it } from "@effect/vitest"
import { InvalidResponse } from "@keyfold/core/KeyStoreError"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as jsonItems from "../src/internal/jsonItems.ts"

const settings = { arbitrary: { seed: 20260612, runs: 1_500 } }

const upTo = (maximum: number) => Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum })))

/** Values whose texts hold everything that could be taken for a place between items. */
const tricky: ReadonlyArray<Schema.Json> = [
  "},{",
  '"},{"',
  "\\",
  '\\"',
  "],[",
  "é😀\u2028\ud800",
  {},
  [],
  [{}, {}],
  { a: [{ b: "}" }, { c: "]" }] },
  { items: [1, 2] },
  { data: { items: [] } },
  null,
  -0,
  1e300
]

const values = Arbitrary.array(
  Arbitrary.flatMap(upTo(2), (kind) =>
    kind === 0
      ? Arbitrary.schema(Schema.Json)
      : Arbitrary.map(upTo(tricky.length - 1), (index): Schema.Json => tricky[index] ?? null)
  ),
  { maxLength: 8 }
)

const paths: ReadonlyArray<ReadonlyArray<string>> = [[], ["items"], ["data", "items"], ['a"\\b'], ["__proto__"], [""]]

const indents = [undefined, 1, "\t", "\r\n "]

interface Body {
  readonly path: ReadonlyArray<string>
  readonly text: string
}

/** A text with the values at a path, between other members, in some layout, its names escaped or not. */
const bodies = Arbitrary.map(
  Arbitrary.all([values, values, upTo(paths.length - 1), upTo(indents.length - 1), upTo(3)]),
  ([items, others, pathIndex, indent, mode]): Body => {
    const path = paths[pathIndex] ?? []
    const wrap = (value: Schema.Json, name: string) =>
      Object.fromEntries([
        ["before", others[0] ?? 0],
        [name, value],
        ["after", others[1] ?? 0]
      ])
    const plain = JSON.stringify(path.reduceRight(wrap, items as Schema.Json), undefined, indents[indent])
    const text = mode === 0 ? plain.replaceAll("items", "\\u0069tems") : plain
    return { path, text: mode === 1 ? ` \n${text}\t ` : text }
  }
)

/** Texts a body is damaged with. */
const splinters = [
  "",
  ",",
  "]",
  "}",
  "[",
  "{",
  '"',
  "\\",
  "0",
  ".5",
  " ",
  "},{",
  "[]",
  '"items":[1],',
  "\u0001",
  "\ufeff",
  "null"
]

const damaged = Arbitrary.map(
  Arbitrary.all([bodies, upTo(10_000), upTo(6), upTo(splinters.length - 1)]),
  ([{ path, text }, place, length, splinter]): Body => {
    const at = place % (text.length + 1)
    const left = text.slice(0, at)
    // Every seventh is only cut off.
    return { path, text: length === 6 ? left : `${left}${splinters[splinter] ?? ""}${text.slice(at + length)}` }
  }
)

const cuts = Arbitrary.array(upTo(12), { minLength: 1, maxLength: 6 })

const cutUp = (text: string, sizes: ReadonlyArray<number>): ReadonlyArray<string> => {
  const pieces: Array<string> = []
  for (let at = 0, turn = 0; at < text.length; turn++) {
    const size = Math.max(sizes[turn % sizes.length] ?? 0, turn % 7 === 0 ? 1 : 0)
    pieces.push(text.slice(at, at + size))
    at += size
  }
  return pieces
}

const readInPieces = ({ path, text }: Body, sizes: ReadonlyArray<number>): jsonItems.Items => {
  const reading = jsonItems.make(path)
  const all: Array<unknown> = []
  for (const piece of cutUp(text, sizes)) {
    const items = jsonItems.write(reading, piece)
    if (items instanceof InvalidResponse) return items
    all.push(...items)
  }
  return jsonItems.end(reading) ?? all
}

const outcome = (items: jsonItems.Items) => (items instanceof InvalidResponse ? items.problem : items)

it("a text around or without items is taken or refused as JSON.parse would have it, character by character", () => {
  const empty = [
    "[]",
    " [ ] ",
    "[1,]",
    "[,1]",
    "[1,,2]",
    "[,]",
    "[1 2]",
    "[1]2",
    "[{},{},]",
    "[{},{}",
    "[[1],[2]]",
    "[]]"
  ]
  const members = empty.flatMap((text) => [
    `{"items":${text}}`,
    `{"items":${text},"after":${text}}`,
    `{"items":${text}`
  ])
  for (const [path, texts] of [
    [[], [...empty, "", " ", "[", "{}", "1", '"[1]"']],
    [["items"], [...members, "{}", "[]", '{"items"}', '{"items":}', '["items",[1]]', '{"a":{"items":[1]}}']]
  ] as const) {
    for (const text of texts) {
      for (const size of [1, 2, 100]) {
        const body = { path, text }
        assert.deepStrictEqual(outcome(readInPieces(body, [size])), outcome(jsonItems.parseWhole(text, path)), text)
      }
    }
  }
})

it.prop(
  "any JSON in any pieces gives the items JSON.parse gives",
  [bodies, cuts],
  ([body, sizes]) => {
    const items = readInPieces(body, sizes)
    assert.isArray(items, JSON.stringify(body))
    assert.deepStrictEqual(items, jsonItems.parseWhole(body.text, body.path), JSON.stringify(body))
  },
  settings
)

it.prop(
  "a damaged text is taken or refused, and for the same reason, as JSON.parse would have it",
  [damaged, cuts],
  ([body, sizes]) => {
    const items = readInPieces(body, sizes)
    const whole = jsonItems.parseWhole(body.text, body.path)
    // Two arrays in one place: the items of the first are gone when the second comes, so there the text is refused.
    const second = body.text.replaceAll("\\u0069", "i").split(JSON.stringify(body.path.at(-1))).length > 2
    if (second && items instanceof InvalidResponse && items.problem.includes("unexpected value at")) return
    assert.deepStrictEqual(outcome(items), outcome(whole), JSON.stringify({ ...body, sizes }))
  },
  settings
)
