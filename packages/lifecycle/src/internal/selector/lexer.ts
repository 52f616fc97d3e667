/** The text of a selector as a list of tokens. */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Mistake } from "./excerpt.ts"
import { isBareTag } from "./fields.ts"

interface Place {
  readonly start: number
  readonly end: number
}

/** One token: a mark or an operator stands for itself. */
export type Token = Place &
  (
    | { readonly kind: "word"; readonly text: string }
    | { readonly kind: "text"; readonly text: string }
    | { readonly kind: "span"; readonly milliseconds: number }
    | { readonly kind: "time"; readonly epochMilliseconds: number }
    | { readonly kind: "operator"; readonly text: string }
    | { readonly kind: "mark"; readonly text: "(" | ")" | "[" | "]" | "," }
    | { readonly kind: "end" }
  )

type Read = Result.Result<Token, Mistake>

const fail = (position: number, length: number, problem: string, expected: string, suggestion?: string): Read =>
  Result.fail({ position, length, problem, expected, ...(suggestion === undefined ? {} : { suggestion }) })

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "'": "'", "\\": "\\" }

/** Matches at one place only. */
const match = (pattern: RegExp, text: string, at: number): RegExpExecArray | undefined => {
  const sticky = new RegExp(pattern, "y")
  sticky.lastIndex = at
  return sticky.exec(text) ?? undefined
}

const anEscape = "\\\\ for a backslash, or \\\", \\', \\n, \\r, \\t or \\u{1F511}"

const readEscape = (text: string, at: number): Result.Result<readonly [string, number], Mistake> => {
  const simple = escapes[text[at + 1] ?? ""]
  if (simple !== undefined) return Result.succeed([simple, at + 2])
  const code = match(/\\u\{([0-9A-Fa-f]{1,6})\}/, text, at)
  const point = Number.parseInt(code?.[1] ?? "", 16)
  if (code !== undefined && point <= 0x10_ff_ff)
    return Result.succeed([String.fromCodePoint(point), at + code[0].length])
  const length = Math.min(2, text.length - at)
  return Result.fail({ position: at, length, problem: "this is no escape", expected: anEscape })
}

const readText = (text: string, start: number): Read => {
  const quote = text[start]
  let value = ""
  for (let at = start + 1; at < text.length;) {
    const character = text[at] ?? ""
    if (character === quote) return Result.succeed({ kind: "text", text: value, start, end: at + 1 })
    if (character === "\\") {
      const escape = readEscape(text, at)
      if (Result.isFailure(escape)) return Result.fail(escape.failure)
      value += escape.success[0]
      at = escape.success[1]
    } else {
      value += character
      at++
    }
  }
  return fail(start, text.length - start, "this text has no end", `${quote} where the text ends`)
}

const unitMillis: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

const longUnits: Readonly<Record<string, string>> = {
  sec: "s",
  second: "s",
  min: "m",
  minute: "m",
  hour: "h",
  hr: "h",
  day: "d",
  week: "w"
}

const aSpan = "a whole number up to 999999 and a unit: s, m, h, d or w"

const readSpan = (text: string, start: number): Read => {
  const [whole = "", amount = "", unit = ""] = match(/(\d+)([\w.]*)/, text, start) ?? []
  const size = Object.hasOwn(unitMillis, unit) ? unitMillis[unit] : undefined
  if (size !== undefined && amount.length <= 6) {
    return Result.succeed({ kind: "span", milliseconds: Number(amount) * size, start, end: start + whole.length })
  }
  const meant = unit.toLowerCase().replace(/s$/, "")
  const short = Object.hasOwn(longUnits, meant) ? longUnits[meant] : undefined
  const suggestion = amount.length <= 6 && short !== undefined ? `${amount}${short}` : undefined
  return fail(start, whole.length, `"${whole}" is no length of time`, aSpan, suggestion)
}

const timePattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:T([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,3})?)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d))?$/

const daysIn = (year: number, month: number): number =>
  month === 2
    ? year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
      ? 29
      : 28
    : [4, 6, 9, 11].includes(month)
      ? 30
      : 31

const aTime = "a day that exists, such as 2027-01-31, or a time with its zone, such as 2027-01-31T12:00:00Z"

const epochOf = (text: string): number | undefined => {
  const [, year = "", month = "", day = ""] = timePattern.exec(text) ?? []
  const [y, m, d] = [Number(year), Number(month), Number(day)]
  // Years at the ends could leave four digits behind once in UTC.
  if (y < 1 || y > 9998 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m)) return undefined
  return Option.getOrUndefined(DateTime.make(text))?.epochMilliseconds
}

const readTime = (text: string, start: number): Read => {
  const [whole = ""] = match(/\d{4}-[\w:.+-]*/, text, start) ?? []
  const epochMilliseconds = epochOf(whole)
  return epochMilliseconds === undefined
    ? fail(start, whole.length, `"${whole}" is no time`, aTime)
    : Result.succeed({ kind: "time", epochMilliseconds, start, end: start + whole.length })
}

const readTag = (text: string, start: number): Read => {
  const quoted = text[start + 4] === '"' || text[start + 4] === "'"
  const read: Read = quoted ? readText(text, start + 4) : readBareTag(text, start)
  if (Result.isFailure(read) || read.success.kind !== "text") return read
  const { end, text: name } = read.success
  return name === ""
    ? fail(start, end - start, "this tag has no name", 'the tag\'s name, such as tag.team or tag."cost centre"')
    : Result.succeed({ kind: "word", text: `tag.${name}`, start, end })
}

const readBareTag = (text: string, start: number): Read => {
  const [name = ""] = match(/[\w.:/-]*/, text, start + 4) ?? []
  const end = start + 4 + name.length
  return name === "" || isBareTag(name)
    ? Result.succeed({ kind: "text", text: name, start, end })
    : fail(start, end - start, "this tag's name needs quotes", `tag."${name}"`)
}

const corrections: ReadonlyArray<readonly [wrong: string, right: string]> = [
  ["===", "=="],
  ["!==", "!="],
  ["=~", "~"],
  ["=>", ">="],
  ["=<", "<="],
  ["<>", "!="],
  ["=", "=="],
  ["&&", "and"],
  ["&", "and"],
  ["||", "or"],
  ["|", "or"],
  ["!", "not"],
  ["\u201c", 'straight quotes (")'],
  ["\u201d", 'straight quotes (")'],
  ["\u2018", "straight quotes (')"],
  ["\u2019", "straight quotes (')"]
]

const readSign = (text: string, start: number): Read => {
  const [mark] = match(/[()[\],]/, text, start) ?? []
  if (mark === "(" || mark === ")" || mark === "[" || mark === "]" || mark === ",") {
    return Result.succeed({ kind: "mark", text: mark, start, end: start + 1 })
  }
  const right = match(/(?:==|!=|<=|>=|<|>|~)(?![=<>~])/, text, start)?.[0]
  if (right !== undefined) return Result.succeed({ kind: "operator", text: right, start, end: start + right.length })
  const correction = corrections.find(([wrong]) => text.startsWith(wrong, start))
  const wrong = correction?.[0] ?? String.fromCodePoint(text.codePointAt(start) ?? 0)
  return fail(start, wrong.length, "this sign has no meaning here", "a field, an operator or a value", correction?.[1])
}

const readOne = (text: string, start: number): Read => {
  const character = text[start] ?? ""
  if (character === '"' || character === "'") return readText(text, start)
  if (match(/\d{4}-/, text, start) !== undefined) return readTime(text, start)
  if (match(/\d/, text, start) !== undefined) return readSpan(text, start)
  if (text.startsWith("tag.", start)) return readTag(text, start)
  const [word] = match(/[A-Za-z_][\w.-]*/, text, start) ?? []
  return word === undefined
    ? readSign(text, start)
    : Result.succeed({ kind: "word", text: word, start, end: start + word.length })
}

/** Reads a whole text; the last token is its end. */
export const readTokens = (text: string): Result.Result<ReadonlyArray<Token>, Mistake> => {
  const tokens: Array<Token> = []
  for (let at = 0; ;) {
    at += match(/\s*/, text, at)?.[0].length ?? 0
    if (at >= text.length) return Result.succeed([...tokens, { kind: "end", start: text.length, end: text.length }])
    const token = readOne(text, at)
    if (Result.isFailure(token)) return Result.fail(token.failure)
    tokens.push(token.success)
    at = token.success.end
  }
}
