/**
 * The items of one array in a JSON text that arrives in pieces.
 *
 * Only the places between items are looked for here. `JSON.parse` reads all the rest, the text around the items
 * included, so that what it refuses as a whole is refused in pieces too.
 */
import { InvalidResponse } from "@keyfold/core/KeyStoreError"
import { notJson, undocumented } from "./badBody.ts"

/** Items, or what is wrong with the text. */
export type Items = ReadonlyArray<unknown> | InvalidResponse

/** The reading of one text. */
export interface JsonItems {
  readonly path: ReadonlyArray<string>
  part: "head" | "items" | "tail"
  /** Everything up to the bracket that opens the items. */
  head: string
  /** What was not handed out yet, how far it was looked at, and whether that ends within a string. */
  text: string
  at: number
  quoted: boolean
  /** How many brackets are open: of the whole text, or within one item. */
  depth: number
  /** How many of them `path` leads through, and where the last string stands right within the innermost of these. */
  followed: number
  nameStart: number
  nameEnd: number
  /** Whether a comma followed the last item, and whether guesses where items end came true so far. */
  continued: boolean
  guesses: boolean
}

/** How many characters one item, or all that stands around the items, may have. */
export const longest = 1024 * 1024

/** Starts reading a text whose items stand at `path`; where that is empty, the text is an array itself. */
export const make = (path: ReadonlyArray<string>): JsonItems => ({
  path,
  part: "head",
  head: "",
  text: "",
  at: 0,
  quoted: false,
  depth: 0,
  followed: 0,
  nameStart: 0,
  nameEnd: 0,
  continued: false,
  guesses: true
})

const tooLong = new InvalidResponse({
  problem: `the answer has an item, or something around its items, that is longer than ${longest} characters`
})

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Reads the items of a whole text. */
export const parseWhole = (text: string, path: ReadonlyArray<string>): Items => {
  let value = parse(text)
  if (value === undefined) return notJson
  for (const [index, name] of path.entries()) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return undocumented(undefined, path.slice(0, index))
    }
    value = Reflect.get(value, name)
    if (value === undefined) return undocumented(undefined, path.slice(0, index + 1))
  }
  return Array.isArray(value) ? value : undocumented(undefined, path)
}

/** Goes to the end of a string, as far as that is there. */
const leaveString = (reading: JsonItems): void => {
  const end = reading.text.indexOf('"', reading.at)
  reading.at = end === -1 ? reading.text.length : end + 1
  let start = end
  while (reading.text[start - 1] === "\\") start--
  reading.quoted = end === -1 || (end - start) % 2 === 1
}

const isOpening = (code: number): boolean => code === 0x5b || code === 0x7b

const isClosing = (code: number): boolean => code === 0x5d || code === 0x7d

/** Takes in an opening bracket outside the items, and tells whether it opens the items. */
const open = (reading: JsonItems, code: number): boolean => {
  const { depth, followed, nameEnd, nameStart, path, text } = reading
  reading.depth++
  reading.nameEnd = nameStart
  if (depth !== followed || (depth > 0 && parse(text.slice(nameStart, nameEnd)) !== path[depth - 1])) return false
  if (code === 0x7b && depth < path.length) reading.followed++
  return code === 0x5b && depth === path.length
}

/** Looks for the items in what stands around them, and stops behind the bracket that opens them. */
const findItems = (reading: JsonItems): boolean => {
  while (reading.at < reading.text.length) {
    const isBeside = reading.depth === reading.followed
    if (reading.quoted) {
      leaveString(reading)
      if (isBeside) reading.nameEnd = reading.at
      continue
    }
    const code = reading.text.charCodeAt(reading.at++)
    if (code === 0x22) {
      reading.quoted = true
      if (isBeside) reading.nameStart = reading.at - 1
    } else if (isClosing(code)) {
      reading.depth--
      reading.followed = Math.min(reading.followed, reading.depth)
    } else if (isOpening(code) && open(reading, code)) return true
  }
  return false
}

/** Goes to the end of the items, as far as that is there; answers where it or else the last comma between two stands. */
const leaveItems = (reading: JsonItems): number => {
  const { text } = reading
  let { at, depth } = reading
  let comma = -1
  while (at < text.length) {
    if (reading.quoted) {
      reading.at = at
      leaveString(reading)
      at = reading.at
      continue
    }
    const code = text.charCodeAt(at++)
    if (code === 0x22) reading.quoted = true
    else if (isOpening(code)) depth++
    else if (code === 0x2c && depth === 0) comma = at - 1
    else if (isClosing(code) && depth-- === 0) break
  }
  reading.at = at
  reading.depth = depth
  return depth < 0 ? at - 1 : comma
}

/** Forgets what was handed out, and the character behind it. */
const drop = (reading: JsonItems, length: number): void => {
  reading.text = reading.text.slice(length)
  reading.at -= length
  reading.continued = true
}

/**
 * Takes everything before the last `},{`, on the guess that items end there. That spares looking at each character, and
 * `JSON.parse` proves it: where it takes a text from the first item on as an array, the comma behind separates two items.
 */
const guessItems = (reading: JsonItems): ReadonlyArray<unknown> => {
  const stop = reading.guesses ? reading.text.lastIndexOf("},{") + 1 : 0
  const items = stop === 0 ? [] : parse(`[${reading.text.slice(0, stop)}]`)
  reading.guesses &&= Array.isArray(items)
  if (!Array.isArray(items) || stop === 0) return []
  drop(reading, stop + 1)
  Object.assign(reading, { at: 0, depth: 0, quoted: false })
  return items
}

const takeItems = (reading: JsonItems): Items => {
  const guessed = guessItems(reading)
  const stop = leaveItems(reading)
  if (stop === -1) return guessed
  const isEnd = reading.depth < 0
  const items = parse(`[${reading.text.slice(0, stop)}]`)
  // Nothing before a comma or after one is no item.
  if (!Array.isArray(items) || (items.length === 0 && (!isEnd || reading.continued))) return notJson
  drop(reading, isEnd ? stop : stop + 1)
  if (isEnd) {
    reading.part = "tail"
    reading.depth = reading.followed = reading.path.length
  }
  return guessed.length === 0 ? items : [...guessed, ...items]
}

/** Closes everything a text leaves open whose last character opens the items, to see whether it can be JSON. */
const canBegin = ({ path }: JsonItems, text: string): boolean =>
  parse(`${text}]${"}".repeat(path.length)}`) !== undefined

const begin = (reading: JsonItems): void => {
  reading.part = "items"
  reading.head = reading.text.slice(0, reading.at)
  reading.text = reading.text.slice(reading.at)
  reading.at = reading.depth = 0
}

/** Takes in one more piece of the text and hands out the items it completes. */
export const write = (reading: JsonItems, piece: string): Items => {
  reading.text += piece
  if (reading.part === "head" && findItems(reading)) {
    begin(reading)
    if (!canBegin(reading, reading.head)) return notJson
  }
  const items = reading.part === "items" ? takeItems(reading) : []
  if (reading.part === "tail" && findItems(reading)) {
    // Of two arrays in one place `JSON.parse` keeps the second, when the items of the first are long gone.
    const isJson = canBegin(reading, reading.head + reading.text.slice(0, reading.at))
    return isJson ? undocumented(undefined, reading.path) : notJson
  }
  const around = reading.part === "items" ? 0 : reading.head.length
  return around + reading.text.length > longest ? tooLong : items
}

/** Says what is wrong with a text that is complete and whose items were handed out. */
export const end = ({ head, part, path, text }: JsonItems): InvalidResponse | undefined => {
  const around = part === "items" ? notJson : parseWhole(head + text, path)
  return around instanceof InvalidResponse ? around : undefined
}
