/** The text of a dotenv file, byte for byte: each character stands for one byte, whatever encoding the file is in. */
import { parseEnv } from "node:util"

/** Where a variable is set: `start` to `end`, with the line before it that names a key. */
export interface Place {
  readonly start: number
  readonly end: number
  readonly isExported: boolean
  readonly keyId: string | undefined
}

const assignment = /^[ \t]*(export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*/

const comment = "# keyfold key "

/** Reads and writes bytes as the characters of this module. */
export const fromUtf8 = (text: string): string => Buffer.from(text).toString("latin1")

/** Reads the bytes as text, as everybody does who uses the file. */
export const toUtf8 = (content: string): string => Buffer.from(content, "latin1").toString()

const writeId = (keyId: string): string => keyId.toWellFormed().replaceAll(/[^!-$&-~]/gu, encodeURIComponent)

const readId = (line: string): string | undefined => {
  if (!line.startsWith(comment)) return undefined
  try {
    return decodeURIComponent(line.slice(comment.length).trimEnd())
  } catch {
    return undefined
  }
}

/** The end of the line that begins here, or of the line in which its quoted value ends. */
const endOfEntry = (content: string, start: number): number => {
  const line = /[^\n]*\n?/y
  line.lastIndex = start
  line.exec(content)
  const head = assignment.exec(content.slice(start, line.lastIndex))
  if (head === null) return line.lastIndex
  const quoted = /(?:"(?:[^"\\]|\\[^])*"|'[^']*'|`[^`]*`)[^\n]*\n?/y
  quoted.lastIndex = start + head[0].length
  return quoted.test(content) ? quoted.lastIndex : line.lastIndex
}

/** Finds every place where a variable is set. A line inside the value of another one sets nothing. */
export const placesOf = (content: string, variable: string): ReadonlyArray<Place> => {
  const places: Array<Place> = []
  let before = { start: 0, keyId: undefined as string | undefined }
  for (let start = 0; start < content.length;) {
    const end = endOfEntry(content, start)
    const entry = content.slice(start, end)
    const head = assignment.exec(entry)
    if (head?.[2] === variable) {
      const { keyId } = before
      places.push({ start: keyId === undefined ? start : before.start, end, isExported: head[1] !== undefined, keyId })
    }
    before = { start, keyId: readId(entry) }
    start = end
  }
  return places
}

/** Reads what every variable is set to. */
export const valuesOf = (content: string): Readonly<Record<string, string | undefined>> => parseEnv(toUtf8(content))

/** Quotes a value so that `sh` and dotenv readers read the same; undefined where no notation does that. */
export const quote = (value: string): string | undefined => {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(value)) return value
  if (!value.includes("'")) return `'${value}'`
  return /["$`\\]/.test(value) ? undefined : `"${value}"`
}

/** Sets a variable at a place, or at the end of the text, after a line that names the key. All other bytes stay. */
export const set = (
  content: string,
  place: Place | undefined,
  variable: string,
  quoted: string,
  keyId: string
): string => {
  const isOpen = content !== "" && !content.endsWith("\n")
  const before = place === undefined ? `${content}${isOpen ? "\n" : ""}` : content.slice(0, place.start)
  const head = place?.isExported === true ? `export ${variable}=` : `${variable}=`
  const after = place === undefined ? "" : content.slice(place.end)
  return `${before}${comment}${writeId(keyId)}\n${head}${fromUtf8(quoted)}\n${after}`
}

/** Tells whether a change set one variable to this value and left every other as it was. */
export const isOnlyChange = (before: string, after: string, variable: string, value: string): boolean => {
  const expected = Object.entries({ ...valuesOf(before), [variable]: value })
  const found = valuesOf(after)
  return Object.keys(found).length === expected.length && expected.every(([name, text]) => found[name] === text)
}
