/** Selectors as text, in canonical form. */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type { Selector } from "../../Selector.ts"
import { isBareTag, tagName } from "./fields.ts"

const named: Readonly<Record<string, string>> = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/** Quotes a text so that it is read back as it is, and shows what would not be seen. */
export const quote = (text: string): string =>
  `"${text.replace(
    /["\\]|\p{C}|\p{Zl}|\p{Zp}|\p{Zs}/gu,
    (at) => named[at] ?? (at === " " ? at : `\\u{${(at.codePointAt(0) ?? 0).toString(16)}}`)
  )}"`

const field = (name: string): string => {
  const tag = tagName(name)
  return tag === undefined || isBareTag(tag) ? name : `tag.${quote(tag)}`
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000]
] as const

const weekMillis = 604_800_000

const span = (milliseconds: number): string => {
  const unit = units.find(([, size]) => milliseconds % size === 0 && milliseconds / size <= 999_999)
  if (milliseconds === 0) return "0s"
  return unit === undefined ? `${Math.round(milliseconds / weekMillis)}w` : `${milliseconds / unit[1]}${unit[0]}`
}

const time = (epochMilliseconds: number): string =>
  Option.match(DateTime.make(epochMilliseconds), {
    onNone: () => "",
    onSome: (at) =>
      DateTime.formatIso(at)
        .replace(/T00:00:00\.000Z$/, "")
        .replace(/\.000Z$/, "Z")
  })

const tightness = { or: 0, and: 1, not: 2 } as const

const strength = ({ kind }: Selector): number =>
  kind === "or" || kind === "and" || kind === "not" ? tightness[kind] : 3

const inside = (selector: Selector, least: number): string =>
  strength(selector) < least ? `(${write(selector)})` : write(selector)

/** Writes a selector. */
export const write = (selector: Selector): string => {
  switch (selector.kind) {
    case "or":
    case "and": {
      const own = tightness[selector.kind]
      // The grammar groups from the left; only a right side of the same kind needs parentheses.
      return `${inside(selector.left, own)} ${selector.kind} ${inside(selector.right, own + 1)}`
    }
    case "not":
      return `not ${inside(selector.operand, tightness.not)}`
    case "text":
      return `${field(selector.field)} ${selector.operator} ${quote(selector.value)}`
    case "oneOf":
      return `${field(selector.field)} in [${selector.values.map(quote).join(", ")}]`
    case "scope":
      return `scopes ${selector.operator} ${quote(selector.value)}`
    case "span":
      return `${selector.field} ${selector.operator} ${span(selector.milliseconds)}`
    case "time":
      return `${selector.field} ${selector.operator} ${time(selector.epochMilliseconds)}`
    case "presence":
      return `${field(selector.field)} is ${selector.present ? "present" : "missing"}`
  }
}
