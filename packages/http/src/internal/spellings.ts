/** Secrets spelled out in a text, each character as it is or escaped in any way: URL, form, JSON, HTML. */
import { bytesOf, fold } from "./byteText.ts"
import type { Pieces } from "./pieces.ts"

/** Marks part of a text as not to be shown. */
export type Mark = (start: number, end: number) => void

interface Reading {
  readonly bytes: string
  readonly next: number
}

const codePoint = (code: string | undefined, radix: number): string => {
  const value = Number.parseInt(code ?? "", radix)
  return value <= 0x10ffff ? bytesOf(String.fromCodePoint(value)) : ""
}

const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }
const short: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }

/** Each is tried at one place. Backslashes and `%25` repeat where a text was escaped more than once. */
const escapes: Readonly<
  Record<string, ReadonlyArray<readonly [pattern: RegExp, read: (match: RegExpExecArray) => string]>>
> = {
  "%": [[/%(?:25)*([0-9a-f]{2})/iy, ([, digits = ""]) => fold([Number.parseInt(digits, 16)])]],
  "+": [[/\+/y, () => " "]],
  "&": [
    [/&#(\d{1,7});/y, ([, digits]) => codePoint(digits, 10)],
    [/&#x([0-9a-f]{1,6});/iy, ([, digits]) => codePoint(digits, 16)],
    [/&(amp|lt|gt|quot|apos);/iy, ([, name = ""]) => named[name.toLowerCase()] ?? ""]
  ],
  "\\": [1, 2, 3].flatMap((count) => {
    const slashes = `\\\\{${count}}`
    return [
      [
        new RegExp(`${slashes}u(d[89ab][0-9a-f]{2})${slashes}u(d[c-f][0-9a-f]{2})`, "iy"),
        ([, high = "", low = ""]) => bytesOf(String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16)))
      ],
      [
        new RegExp(`${slashes}(?:u([0-9a-f]{4})|x([0-9a-f]{2}))`, "iy"),
        ([, unit, byte]) => codePoint(unit ?? byte, 16)
      ],
      [new RegExp(`${slashes}(["'\\\\/bfnrt])`, "y"), ([, sign = ""]) => bytesOf(short[sign] ?? sign)]
    ] satisfies ReadonlyArray<readonly [RegExp, (match: RegExpExecArray) => string]>
  })
}

/** Everything the text may say at one place. */
const readingsAt = (text: string, start: number): ReadonlyArray<Reading> => {
  const character = String.fromCodePoint(text.codePointAt(start) ?? 0)
  const readings = [{ bytes: bytesOf(character), next: start + character.length }]
  for (const [pattern, read] of escapes[character] ?? []) {
    pattern.lastIndex = start
    const match = pattern.exec(text)
    if (match !== null) readings.push({ bytes: read(match), next: pattern.lastIndex })
  }
  return readings
}

const isInsideWord = (text: string, start: number, end: number): boolean =>
  /[\p{L}\p{N}]$/u.test(text.slice(Math.max(0, start - 2), start)) || /^[\p{L}\p{N}]/u.test(text.slice(end, end + 2))

/** A shorter secret, such as a name of two letters, counts only as a word by itself. */
const shortestInWord = 6

const endsAt = (
  text: string,
  start: number,
  { byLength, beginnings }: Pieces,
  readings: ReadonlyArray<ReadonlyArray<Reading>>
): number => {
  let end = start
  let open = new Map([["", { spelled: "", next: start }]])
  while (open.size > 0) {
    const longer = new Map<string, { readonly spelled: string; readonly next: number }>()
    for (const { next: place, spelled: before } of open.values()) {
      for (const { bytes, next } of readings[place] ?? []) {
        const spelled = before + bytes
        for (const [length, pieces] of byLength) {
          if (spelled.length < length || next <= end || !pieces.has(spelled.slice(0, length))) continue
          if (length >= shortestInWord || !isInsideWord(text, start, next)) end = next
        }
        if (bytes !== "" && beginnings.has(spelled)) longer.set(`${next} ${spelled}`, { spelled, next })
      }
    }
    open = longer
  }
  return end
}

/** Marks every piece that is spelled out. */
export const markSpelled = (text: string, pieces: Pieces, mark: Mark): void => {
  const readings = Array.from({ length: text.length }, (_, start) => readingsAt(text, start))
  for (let start = 0; start < text.length; start++) mark(start, endsAt(text, start, pieces, readings))
}
