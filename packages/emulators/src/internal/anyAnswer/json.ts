/** JSON as a tree that can hold what no value can: members of the same name, numbers beyond a double, endless nesting. */
import type { Random } from "./random.ts"

/** A piece of JSON: its text as it is, or what a container holds. */
export type Tree =
  | string
  | { readonly kind: "array"; readonly items: ReadonlyArray<Tree> }
  | { readonly kind: "object"; readonly members: ReadonlyArray<readonly [name: string, value: Tree]> }

const treeOf = (value: unknown): Tree => {
  if (Array.isArray(value)) return { kind: "array", items: value.map(treeOf) }
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  return { kind: "object", members: Object.entries(value).map(([name, member]) => [name, treeOf(member)]) }
}

/** Reads JSON; any other text stands for itself. */
export const parse = (text: string): Tree => {
  try {
    return treeOf(JSON.parse(text))
  } catch {
    return text
  }
}

/** Writes JSON. */
export const write = (tree: Tree): string => {
  if (typeof tree === "string") return tree
  return tree.kind === "array"
    ? `[${tree.items.map(write).join(",")}]`
    : `{${tree.members.map(([name, value]) => `${JSON.stringify(name)}:${write(value)}`).join(",")}}`
}

const oddNames = (canary: string) => [
  "__proto__",
  "constructor",
  "prototype",
  "hasOwnProperty",
  "toString",
  "toJSON",
  "then",
  "length",
  "_tag",
  "0",
  "-1",
  "",
  "detail",
  "message",
  "msg",
  "items",
  "key",
  "id",
  canary,
  canary,
  canary
]

const oddTexts = (canary: string) => [
  "",
  " ",
  canary,
  `${canary}\n`,
  "\u0000",
  "\ufeff",
  "\u202e",
  "🔑",
  "é",
  "*".repeat(9),
  "2026-03-14T09:26:53.58",
  "2026-02-31T25:61:61Z",
  "+275760-09-13T00:00:00.001Z",
  "-271821-04-19T23:59:59Z",
  "0000-00-00 00:00",
  "-000000-01-01T00:00Z",
  "2026-03-14T09:26:53+99:99",
  "Not Found",
  "Key limit reached",
  "Maximum number of active keys"
]

/** Texts that JSON can spell and few programs expect. */
const oddScalars = [
  "null",
  "true",
  "false",
  "0",
  "-0",
  "0.5",
  "-1",
  "1e999",
  "-1e999",
  "1e-999",
  "9007199254740993",
  "123456789012345678901234567890.5",
  "1736244930",
  String.raw`"\ud800"`,
  String.raw`"\udc00 "`,
  String.raw`"\u0000\u001f"`,
  "[]",
  "{}",
  "[null]",
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"toString":1,"valueOf":1,"toJSON":1,"then":1}',
  '{"length":4294967296,"0":1}'
]

const longText = (random: Random, canary: string): string =>
  JSON.stringify(
    random.pick(["*", " ", "9", "-", "kf1-", "\\", "<", "é", "\n", canary]).repeat(random.between(1, 4_000))
  )

const deep = (random: Random, canary: string): string => {
  const [open, close] = random.pick([
    ["[", "]"],
    ['{"a":', "}"],
    [`{"${canary}":[`, "]}"],
    ['{"__proto__":', "}"]
  ] as const)
  const depth = Math.min(random.pick([20, 200, 2_000, 20_000]), Math.floor(100_000 / (open.length + close.length)))
  return `${open.repeat(depth)}${random.pick(oddScalars)}${close.repeat(depth)}`
}

const container = (random: Random, canary: string, room: number): Tree => {
  const length = random.below(4)
  return random.below(2) === 0
    ? { kind: "array", items: Array.from({ length }, () => junk(random, canary, room - 1)) }
    : {
        kind: "object",
        members: Array.from({ length }, () => [random.pick(oddNames(canary)), junk(random, canary, room - 1)] as const)
      }
}

/** Makes any piece of JSON. */
export const junk = (random: Random, canary: string, room = 4): Tree => {
  const choice = random.below(100)
  if (choice < 42) return random.pick(oddScalars)
  // A name of the server's own with a value that no schema takes.
  if (choice < 45) return `{${JSON.stringify(canary)}:${random.pick(["1e999", "[-1e999]"])}}`
  if (choice < 75) return JSON.stringify(random.pick(oddTexts(canary)))
  if (choice < 78) return longText(random, canary)
  if (choice < 80) return deep(random, canary)
  return room > 0 ? container(random, canary, room) : "0"
}

const replaced = <A>(list: ReadonlyArray<A>, at: number, ...by: ReadonlyArray<A>): ReadonlyArray<A> => [
  ...list.slice(0, at),
  ...by,
  ...list.slice(at + 1)
]

const damageItems = (random: Random, items: ReadonlyArray<Tree>, canary: string): ReadonlyArray<Tree> => {
  const at = random.below(items.length)
  const item = items[at]
  const choice = random.below(6)
  if (item === undefined || choice === 0) return [...items, junk(random, canary)]
  if (choice === 1) return replaced(items, at)
  if (choice === 2) return replaced(items, at, ...Array.from({ length: random.between(2, 9) }, () => item))
  return replaced(items, at, choice === 3 ? junk(random, canary) : damage(random, item, canary))
}

type Members = ReadonlyArray<readonly [name: string, value: Tree]>

const damageMembers = (random: Random, members: Members, canary: string): Members => {
  const at = random.below(members.length)
  const member = members[at]
  const choice = random.below(8)
  if (member === undefined || choice === 0) return [...members, [random.pick(oddNames(canary)), junk(random, canary)]]
  const [name, value] = member
  if (choice === 1) return replaced(members, at)
  if (choice === 2) return [...members, [name, junk(random, canary)]]
  if (choice === 3) return replaced(members, at, [random.pick(oddNames(canary)), value])
  return replaced(members, at, [name, choice < 7 ? junk(random, canary) : damage(random, value, canary)])
}

/** Does damage at one place of a tree: drops, doubles, renames, adds, retypes or wraps. */
export const damage = (random: Random, tree: Tree, canary: string): Tree => {
  const choice = random.below(40)
  if (choice === 0) return { kind: "array", items: [tree] }
  if (choice === 1) return { kind: "object", members: [[random.pick(oddNames(canary)), tree]] }
  if (choice === 2 || typeof tree === "string") return junk(random, canary)
  return tree.kind === "array"
    ? { kind: "array", items: damageItems(random, tree.items, canary) }
    : { kind: "object", members: damageMembers(random, tree.members, canary) }
}
