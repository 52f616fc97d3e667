/** The scrubber over generated secrets, encodings and texts, judged by another search. The seed is fixed. */
import { assert, it } from "@effect/vitest"
import { scan } from "@keyfold/canary/Canary"
import { scrub } from "@keyfold/http/Scrubber"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"

const settings = { arbitrary: { seed: 20260420, runs: 5_000 } }

const text = (parts: ReadonlyArray<string>, minLength: number, maxLength: number) =>
  Arbitrary.map(Arbitrary.array(Arbitrary.schema(Schema.Literals(parts)), { minLength, maxLength }), (chosen) =>
    chosen.join("")
  )

const letters = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"]
const signs = [..."-._~+/=%&@:;,!?#$*()[]{}<>'\"\\` \t\n", "é", "ß", "名", "\u{1F600}"]

const secrets = text([...letters, ...letters, ...signs], 8, 40)

/** What may stand around a secret, the beginnings of escapes and of encodings among it. */
const surroundings = text(
  [
    ...letters,
    ...signs,
    "\\u00",
    "\\n",
    "%2",
    "%41",
    "&amp",
    "&#",
    "QUJD",
    "4142",
    " the name ",
    "\r\n",
    "\u0000",
    "\ud83d"
  ],
  0,
  40
)

const percent = (value: string) => encodeURIComponent(value)
const every = (value: string, write: (byte: string) => string) =>
  Array.from(Buffer.from(value), (byte) => write(byte.toString(16).padStart(2, "0"))).join("")
const base64 = (value: string) => Buffer.from(value).toString("base64")
const inJson = (value: string) => JSON.stringify(value).slice(1, -1)

/** Every way a server may repeat a secret. Each also hides it at another alignment, where it has any. */
const encodings: Readonly<Record<string, (value: string) => string>> = {
  raw: (value) => value,
  json: inJson,
  "json twice": (value) => inJson(inJson(value)),
  "json in ASCII": (value) =>
    inJson(value).replaceAll(/[^\0-~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
  percent,
  "percent, small": (value) => percent(value).replaceAll(/%../g, (escape) => escape.toLowerCase()),
  "percent twice": (value) => percent(percent(value)),
  "every byte percent": (value) => every(value, (byte) => `%${byte}`),
  form: (value) => new URLSearchParams({ x: value }).toString().slice(2),
  html: (value) => value.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`),
  base64,
  "base64 without padding": (value) => base64(value).replaceAll("=", ""),
  "base64, one before": (value) => base64(`:${value}`),
  "base64, two before": (value) => base64(`:k${value}k:`),
  "base64 in a URL": (value) => percent(base64(value)),
  base64url: (value) => Buffer.from(value).toString("base64url"),
  "base64url, one before": (value) => Buffer.from(`:${value}`).toString("base64url"),
  "base64url, two before": (value) => Buffer.from(`k:${value}kk`).toString("base64url"),
  hexadecimal: (value) => every(value, (byte) => byte),
  "hexadecimal, capitals": (value) => every(value, (byte) => byte.toUpperCase())
}

const forms = Schema.Literals(Object.keys(encodings))
const places = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000 }))

const piecesOf = (secret: string) => {
  const characters = Array.from(secret)
  return characters.slice(7).map((_, index) => characters.slice(index, index + 8).join(""))
}

/** Reads a text as somebody would who knows how it was escaped. */
const readings = (shown: string): ReadonlyArray<readonly [where: string, value: string]> => [
  ["shown", shown],
  ["without percent", Buffer.from(unescape(shown.replaceAll("%25", "%")), "latin1").toString()],
  ["in small letters", shown.replaceAll(/[0-9A-F]{16,}/g, (digits) => digits.toLowerCase())]
]

const unescape = (value: string) =>
  value.replaceAll(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))

it.prop(
  "no piece of eight characters of a secret is left, in whatever form and wherever it stood",
  [secrets, Arbitrary.schema(forms), surroundings, surroundings, Arbitrary.schema(places)],
  ([secret, form, before, after, place]) => {
    const pieces = piecesOf(secret)
    const start = place % pieces.length
    const whole = encodings[form]?.(secret) ?? ""
    const part = encodings[form]?.(Array.from(secret).slice(start).join("")) ?? ""
    for (const encoded of [whole, part]) {
      const shown = scrub(`${before}${encoded}${after}`, [secret])
      assert.deepStrictEqual(scan(readings(shown), pieces), [], JSON.stringify({ form, secret, before, after, shown }))
      assert.isAtMost(shown.length, 200)
      assert.notMatch(shown, /\p{C}/u)
    }
  },
  settings
)

it.prop(
  "a text of a person's words comes back as it was",
  [text(["the ", "name ", "is ", "not ", "valid, ", "choose ", "another: ", "255 ", "'x' ", "(UTC) "], 1, 20), secrets],
  ([sentence, secret]) => {
    const words = sentence.trim()
    if (piecesOf(secret).some((piece) => words.includes(piece))) return
    assert.strictEqual(scrub(words, [secret]), words)
  },
  settings
)
