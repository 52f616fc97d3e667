/** Secrets inside base64, base64url or hexadecimal, wherever in a longer run they stand. */
import { fold } from "./byteText.ts"
import type { Pieces } from "./pieces.ts"
import type { Mark } from "./spellings.ts"

/** Bytes as they were decoded, and which part of the text each of them comes from. */
interface Decoded {
  readonly bytes: ReadonlyArray<number>
  readonly starts: ReadonlyArray<number>
  readonly ends: ReadonlyArray<number>
}

interface Digit {
  readonly value: number
  readonly start: number
  readonly end: number
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/** A plus and a slash, also as URLs and JSON escape them. */
const base64Run = /(?:[A-Za-z0-9+/_-]|\\\/|%2[BFbf]|\\u002[BFbf])+/g
const base64Digit = /[A-Za-z0-9+/_-]|\\\/|%2[BFbf]|\\u002[BFbf]/g

const valueOf = (digit: string): number => {
  if (digit === "-" || /b$/i.test(digit.slice(2))) return 62
  return digit === "_" || digit.length > 1 ? 63 : alphabet.indexOf(digit)
}

/** Reads a run as if `shift` digits of its first group were missing. A byte takes bits of two digits. */
const decodeBase64 = (digits: ReadonlyArray<Digit>, shift: number): Decoded => {
  const decoded = { bytes: new Array<number>(), starts: new Array<number>(), ends: new Array<number>() }
  for (let index = shift; ; index++) {
    const place = Math.floor((8 * index) / 6)
    const first = digits[place - shift]
    const second = digits[place - shift + 1]
    if (first === undefined || second === undefined) return decoded
    const pair = (first.value << 6) | second.value
    decoded.bytes.push((pair >> (4 - (8 * index - 6 * place))) & 0xff)
    decoded.starts.push(first.start)
    decoded.ends.push(second.end)
  }
}

const decodeHexadecimal = (digits: string, start: number, shift: number): Decoded => {
  const places = Array.from({ length: Math.floor((digits.length - shift) / 2) }, (_, index) => shift + 2 * index)
  return {
    bytes: places.map((place) => Number.parseInt(digits.slice(place, place + 2), 16)),
    starts: places.map((place) => start + place),
    ends: places.map((place) => start + place + 2)
  }
}

const markDecoded = ({ bytes, ends, starts }: Decoded, { byLength }: Pieces, mark: Mark): void => {
  const text = fold(bytes)
  for (const [length, pieces] of byLength) {
    for (let index = 0; index + length <= text.length; index++) {
      if (pieces.has(text.slice(index, index + length))) mark(starts[index] ?? 0, ends[index + length - 1] ?? 0)
    }
  }
}

/** Marks every piece that is encoded, at every alignment. */
export const markEncoded = (text: string, pieces: Pieces, mark: Mark): void => {
  for (const { 0: run, index } of text.matchAll(base64Run)) {
    const digits = Array.from(run.matchAll(base64Digit), ({ 0: digit, index: place }) => ({
      value: valueOf(digit),
      start: index + place,
      end: index + place + digit.length
    }))
    for (const shift of [0, 1, 2, 3]) markDecoded(decodeBase64(digits, shift), pieces, mark)
  }
  for (const { 0: run, index } of text.matchAll(/[0-9a-f]{8,}/gi)) {
    for (const shift of [0, 1]) markDecoded(decodeHexadecimal(run, index, shift), pieces, mark)
  }
}
