/**
 * Takes secrets out of texts that servers write, so that people can be shown the rest.
 *
 * @since 0.1.0
 */
import type * as Redacted from "effect/Redacted"
import { markShapes } from "./internal/credentialShapes.ts"
import { markEncoded } from "./internal/encodings.ts"
import { piecesOf } from "./internal/pieces.ts"
import { reveal } from "./internal/reveal.ts"
import { markSpelled, type Mark } from "./internal/spellings.ts"

/** Stands where something was taken out. */
const marker = "<redacted>"

/** More is not read: a server may answer with a book. */
const longestRead = 1_000

const longest = 200

type Find = (text: string, mark: Mark) => void

const finderOf = (secrets: ReadonlyArray<string>): Find => {
  const { encoded, spelled } = piecesOf(secrets)
  return (text, mark) => {
    markSpelled(text, spelled, mark)
    markEncoded(text, encoded, mark)
  }
}

/** Replaces what is found. Everything is found in the text as it came, so that no removal hides the next. */
const replace = (text: string, find: Find): string => {
  const isHidden = new Uint8Array(text.length)
  find(text, (start, end) => isHidden.fill(1, start, end))
  let result = ""
  for (let index = 0; index < text.length; index++) {
    if (isHidden[index] !== 1) result += text[index]
    else if (isHidden[index - 1] !== 1) result += marker
  }
  return result
}

const oneLine = (text: string): string => text.replace(/[\p{C}\p{Z}]+/gu, " ").trim()

/** Cuts at a word where the text is too long to be read: half a secret would not look like one. */
const beginning = (text: string): string =>
  text.length <= longestRead ? text : text.slice(0, longestRead).replace(/\S*$/, "")

const shorten = (text: string): string => {
  if (text.length <= longest) return text
  const cut = text.slice(0, longest - 3)
  const open = cut.lastIndexOf("<")
  const whole = open >= 0 && marker.startsWith(cut.slice(open)) ? cut.slice(0, open) : cut
  return `${whole
    .toWellFormed()
    .replace(/\uFFFD$/, "")
    .trimEnd()}...`
}

/**
 * Makes a text safe to show: one line of at most 200 characters, without control characters and without secrets.
 *
 * Each of these is replaced by `<redacted>`:
 *
 * - Every secret in `secrets` and every piece of it of eight bytes or more, which is eight characters or fewer: as it is
 *   or escaped for a URL, a form, JSON or HTML, in part or in whole; inside base64 or base64url at every alignment, with
 *   and without padding; in hexadecimal. The case of ASCII letters does not matter, and both UTF-8 and Latin-1 count. A
 *   secret under six bytes is replaced only as a word by itself, under four only where it is not encoded.
 * - What looks like somebody's credential: a word of 20 characters or more, one of 12 or more that mixes letters and
 *   digits, one with an `@`, a path of two parts or more, a JWT, what follows `Bearer` or `Basic`, `password=` and its kind, and the rest of a header
 *   such as `Authorization:`.
 * - Of every URL everything but its host and port.
 *
 * Encodings inside encodings (base64 of a percent-encoded text), compressed and encrypted texts, and pieces of seven
 * characters or fewer are not looked for. Nothing past the first 1,000 characters is read.
 *
 * @category combinators
 * @since 0.1.0
 */
export const scrub = (text: string, secrets: Iterable<string | Redacted.Redacted<string>>): string => {
  const known = Array.from(secrets, reveal)
  // A secret with a line break would look different, and so pass, once the text is one line.
  const find = finderOf([...new Set([...known, ...known.map(oneLine)])])
  const first = replace(beginning(text), (part, mark) => {
    find(part, mark)
    markShapes(part, mark)
  })
  const clean = oneLine(first)
    .split(marker)
    .map((part) => replace(part, find))
    .join(marker)
  return shorten(clean.replaceAll(/<redacted>(?:\s*<redacted>)+/g, marker))
}

/**
 * Tells whether a text holds one of these secrets, or a piece of one, in a form that `scrub` would take out.
 *
 * @category guards
 * @since 0.1.0
 */
export const reveals = (text: string, secrets: Iterable<string | Redacted.Redacted<string>>): boolean => {
  let isFound = false
  finderOf(Array.from(secrets, reveal))(text, (start, end) => {
    isFound ||= end > start
  })
  return isFound
}
