/** A YAML or JSON text as a plain value that remembers where everything was written. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document as YamlDocument,
  type Node,
  type Pair,
  type YAMLError
} from "yaml"
import type { Finding } from "../Finding.ts"
import * as plainText from "./plainText.ts"

/** What a mistake tells to programs, beside its sentence. */
export type Details = Pick<Finding, "found" | "accepted" | "suggestion" | "variable">

/** The members that lead to a value. */
export type Path = ReadonlyArray<PropertyKey>

/** One mistake before it has a line; `at` is the name or the value that `path` ends in. */
export interface Mistake extends Details {
  readonly path: Path
  readonly at: "name" | "value"
  readonly problem: string
}

/** A parsed text. `value` is undefined where the syntax is broken, which `findings` then tells. */
export interface Document {
  readonly value: unknown
  readonly findings: ReadonlyArray<Finding>
  readonly locate: (mistake: Mistake) => Finding
}

// The parser's own sentences quote the text, which may hold a secret.
const problems: Readonly<Partial<Record<YAMLError["code"], string>>> = {
  BAD_ALIAS: "an alias refers to an anchor that is not defined above it.",
  BAD_COLLECTION_TYPE: "a tag does not fit what follows it.",
  BAD_DQ_ESCAPE: "a text in double quotes holds an escape that is not known; use single quotes.",
  BAD_INDENT: "the indentation does not fit the lines around it.",
  BAD_SCALAR_START: "a text that begins with this character needs quotes.",
  BLOCK_AS_IMPLICIT_KEY: "a mapping cannot begin here; is a line break or are quotes missing?",
  BLOCK_IN_FLOW: "a block cannot stand inside brackets or braces.",
  DUPLICATE_KEY: "this name is there twice in one mapping; remove or rename one.",
  MISSING_CHAR: "something is missing: a colon, a comma, a closing quote, bracket or brace.",
  MULTILINE_IMPLICIT_KEY: "a name must end with a colon on its own line; is the colon missing?",
  MULTIPLE_DOCS: "a second document begins; one file holds one configuration.",
  NON_STRING_KEY: "a name must be text; put it in quotes.",
  RESOURCE_EXHAUSTION: "the aliases unfold to too much.",
  TAB_AS_INDENT: "a tab indents this line; use spaces.",
  TAG_RESOLVE_FAILED: "a tag is not known here; a secret is written { env: NAME }.",
  UNEXPECTED_TOKEN: "something stands here that does not belong; is a comma, a quote or a bracket missing before it?"
}

const isName = (pair: Pair, segment: PropertyKey): boolean =>
  isScalar(pair.key) && String(pair.key.value) === String(segment)

interface Place {
  readonly name: number | undefined
  readonly value: number | undefined
}

const startOf = (node: unknown): number | undefined =>
  typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range)
    ? Number(node.range[0])
    : undefined

/** Walks as far along the path as the text goes. */
const placeOf = (document: YamlDocument, path: Path): Place & { readonly depth: number } => {
  let node: unknown = document.contents
  let place: Place = { name: startOf(node), value: startOf(node) }
  let depth = 0
  for (const segment of path) {
    const target: unknown = isAlias(node) ? node.resolve(document) : node
    if (isMap(target)) {
      const pair = target.items.find((item) => isName(item, segment))
      if (pair === undefined) break
      node = pair.value
      place = { name: startOf(pair.key), value: startOf(pair.value) ?? startOf(pair.key) }
    } else if (isSeq(target)) {
      node = target.items[Number(segment)]
      if (node === undefined) break
      place = { name: startOf(node), value: startOf(node) }
    } else break
    depth++
  }
  return { ...place, depth }
}

/** Finds the path of the name that was written at an offset. */
const pathAt = (node: Node | null | undefined, offset: number, path: Path): Path | undefined => {
  if (isMap(node)) {
    for (const pair of node.items) {
      const inside = [...path, isScalar(pair.key) ? String(pair.key.value) : ""]
      if (startOf(pair.key) === offset) return inside
      const found = pathAt(pair.value as Node | null, offset, inside)
      if (found !== undefined) return found
    }
  }
  if (!isSeq(node)) return undefined
  return node.items
    .map((item, index) => pathAt(item as Node, offset, [...path, index]))
    .find((found) => found !== undefined)
}

/** Writes a path as people do: `stores.monitoring.previousPeppers[0]`. */
export const formatPath = (path: Path): string =>
  path.reduce<string>((text, segment) => {
    if (typeof segment === "number") return `${text}[${segment}]`
    const name = String(segment)
    if (!/^[\w@/-]+$/.test(name)) return `${text}[${JSON.stringify(name)}]`
    return text === "" ? name : `${text}.${name}`
  }, "")

const toJs = (document: YamlDocument): unknown => {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch {
    return undefined
  }
}

/** Parses a text with the places of everything in it. */
const parseWithPlaces = (file: string, text: string): Document => {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    logLevel: "silent"
  })
  const finding = (offset: number, path: Path, problem: string): Finding => {
    const { col, line } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), path: formatPath(path), problem }
  }
  const errors = [...document.errors, ...document.warnings]
  const findings = errors.map(({ code, pos }) =>
    finding(pos[0], pathAt(document.contents, pos[0], []) ?? [], problems[code] ?? "this is not valid YAML.")
  )
  // A name that is there twice leaves the rest readable, so the rest is judged too.
  const isReadable = errors.every(({ code }) => code === "DUPLICATE_KEY")
  const value = isReadable ? toJs(document) : undefined
  const unfolds = isReadable && value === undefined ? [finding(0, [], problems.RESOURCE_EXHAUSTION ?? "")] : []
  const firstPerLine = new Map([...findings, ...unfolds].toReversed().map((found) => [found.line, found]))
  return {
    value,
    findings: [...firstPerLine.values()].toReversed(),
    locate: ({ at, path, problem, ...details }) => {
      const place = placeOf(document, path)
      const offset = at === "name" || place.depth < path.length ? place.name : place.value
      return { ...finding(offset ?? 0, path, problem), ...details }
    }
  }
}

/**
 * Parses a text; `file` is how findings name it. The places in a text without mistakes of syntax are looked for once
 * somebody asks: of a large configuration they are most of the work, and of the memory.
 */
export const parse = (file: string, text: string): Document => {
  const plain = plainText.read(text)
  if (plain === undefined) return parseWithPlaces(file, text)
  let placed: Document | undefined
  return {
    value: plain.value,
    findings: [],
    locate: (mistake) => (placed ??= parseWithPlaces(file, text)).locate(mistake)
  }
}
