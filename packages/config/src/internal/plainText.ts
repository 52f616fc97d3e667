/**
 * Reads the plain part of YAML and JSON, which is most of what configurations are written in, in a fraction of the time.
 *
 * It says of a text either what the YAML parser would make of it, or that it is not sure. Then the parser has the word, so
 * that every refusal and everything else that YAML knows stay what they are.
 */

const unsure = Symbol("unsure")

/** What is sure about a text. */
export interface Plain {
  readonly value: unknown
}

interface Line {
  readonly indent: number
  readonly text: string
}

interface Reading {
  readonly lines: ReadonlyArray<Line>
  at: number
}

/** Longer lines may hold names that are too long, and others would need a look at how they are folded. */
const longest = 1000

/** Lines of printable ASCII; tabs, other line breaks and everything else have rules of their own. */
const isPlain = (text: string): boolean => /^[\n\x20-\x7e]*$/.test(text)

const linesOf = (text: string): ReadonlyArray<Line> | undefined => {
  const lines: Array<Line> = []
  for (const line of text.split("\n")) {
    if (line.length > longest) return undefined
    let indent = 0
    while (line.charCodeAt(indent) === 0x20) indent++
    if (indent < line.length && line.charCodeAt(indent) !== 0x23) lines.push({ indent, text: line.slice(indent) })
  }
  return lines
}

const member = /^(?:([A-Za-z_$][\w./@*-]*(?: [\w./@*-]+)*)|"([^"\\]+)"):(?: +(.*))?$/

/** Words that begin like a text and mean a flag, nothing, or that in other versions of YAML. */
const meaning = /^(?:true|false|null|yes|no|on|off|y|n)$/i

const text = /^[A-Za-z/_](?:[\w./@*+%=?&~,-]|:(?=[^ ])| (?=[^ #]))*$/
const length = /^[1-9]\d{0,5} [a-z]+$/
const whole = /^(?:0|[1-9]\d{0,14})$/
const quoted = /^"([^"\\]*)"$/
const reference = /^\{ ?([A-Za-z]+): ((?:\.{0,2}\/|[A-Za-z_])[\w./-]*) ?\}$/

const words = (value: string): string | typeof unsure => (meaning.test(value) ? unsure : value)

const scalar = (value: string): unknown => {
  if (value === "true" || value === "false") return value === "true"
  if (text.test(value)) return words(value)
  if (whole.test(value)) return Number(value)
  if (length.test(value)) return value
  return quoted.exec(value)?.[1] ?? flow(value)
}

/** A mapping of one member in braces, as secrets are referred to. */
const flow = (value: string): unknown => {
  const [, name = "", inner = ""] = reference.exec(value) ?? []
  return name === "" || words(name) === unsure || words(inner) === unsure ? unsure : { [name]: inner }
}

const isItem = ({ text }: Line): boolean => text.startsWith("- ")

/** Single values of a list, each on a line. */
const list = (reading: Reading, indent: number): unknown => {
  const items: Array<unknown> = []
  for (let line = reading.lines[reading.at]; line !== undefined; line = reading.lines[reading.at]) {
    if (line.indent !== indent || !isItem(line)) break
    const item = scalar(line.text.slice(2))
    if (item === unsure) return unsure
    items.push(item)
    reading.at++
  }
  return items
}

/** What stands below a name: a mapping that is indented more, or a list. */
const below = (reading: Reading, indent: number): unknown => {
  const line = reading.lines[reading.at]
  if (line === undefined) return unsure
  if (isItem(line)) return line.indent < indent ? unsure : list(reading, line.indent)
  return line.indent <= indent ? unsure : mapping(reading, line.indent)
}

const mapping = (reading: Reading, indent: number): unknown => {
  const found: Record<string, unknown> = {}
  for (let line = reading.lines[reading.at]; line !== undefined; line = reading.lines[reading.at]) {
    if (line.indent < indent) break
    const [, name = "", inQuotes, value = ""] = (line.indent === indent ? member.exec(line.text) : null) ?? []
    const key = inQuotes ?? name
    // A name that is there twice is a mistake, and one has a meaning to the engine.
    if (key === "" || key === "__proto__" || Object.hasOwn(found, key)) return unsure
    reading.at++
    const inner = value === "" ? below(reading, indent) : scalar(value)
    if (inner === unsure) return unsure
    found[key] = inner
  }
  return found
}

const readYaml = (text: string): Plain | undefined => {
  const lines = linesOf(text)
  if (lines === undefined || lines.length === 0) return undefined
  const reading = { lines, at: 0 }
  const value = mapping(reading, 0)
  return value === unsure || reading.at < lines.length ? undefined : { value }
}

/** How many names a text of JSON writes: each has a colon that is in no string. */
const writtenNames = (text: string): number => text.replaceAll(/"(?:[^"\\]|\\.)*"/g, "").split(":").length - 1

const namesIn = (value: unknown): number => {
  if (typeof value !== "object" || value === null) return 0
  const names = Array.isArray(value) ? 0 : Object.keys(value).length
  return Object.values(value).reduce((sum: number, inner) => sum + namesIn(inner), names)
}

const readJson = (text: string): Plain | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    // One that is there twice is a mistake, which JSON keeps quiet about.
    return namesIn(value) === writtenNames(text) ? { value } : undefined
  } catch {
    return undefined
  }
}

/** Reads a text; undefined where somebody else has to. */
export const read = (text: string): Plain | undefined => {
  if (!isPlain(text)) return undefined
  return text.startsWith("{") ? readJson(text) : readYaml(text)
}
