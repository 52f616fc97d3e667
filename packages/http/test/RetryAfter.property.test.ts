/** Reading Retry-After over generated headers. A failing case prints itself; the seed is fixed. */
import { assert, describe, it } from "@effect/vitest"
import { parseRetryAfter } from "@keyfold/http/HttpReason"
import * as Arbitrary from "effect/Arbitrary"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"

const settings = { arbitrary: { seed: 20260115, runs: 20_000 } }

const year = Duration.toMillis(Duration.days(365))

const millis = (value: string, now: number) => {
  const wait = parseRetryAfter(value, now)
  return wait === undefined ? undefined : Duration.toMillis(wait)
}

/** Whole seconds since the epoch, from 1970 to 2037: two-digit years are beyond doubt there. */
const instants = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_145_916_799 }))
const waits = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 400 * 86_400 }))

const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

/** Writes an instant in each of the three forms. */
const forms = {
  "IMF-fixdate": (instant: number) => new Date(instant).toUTCString(),
  "RFC 850": (instant: number) => {
    const [, day = "", month = "", year = "", time = ""] = new Date(instant).toUTCString().split(" ")
    return `${weekdays[new Date(instant).getUTCDay()]}, ${day}-${month}-${year.slice(2)} ${time} GMT`
  },
  asctime: (instant: number) => {
    const [weekday = "", day = "", month = "", year = "", time = ""] = new Date(instant).toUTCString().split(" ")
    return `${weekday.slice(0, 3)} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`
  }
}

type Form = keyof typeof forms
const everyForm = Object.keys(forms) as Array<Form>

const pieces = Schema.Literals([
  ..."0123456789 :,-+.",
  "GMT",
  "UTC",
  "Thu",
  "Thursday",
  "Jan",
  "Feb",
  "2026",
  "26",
  "15",
  "31",
  "12:01:30",
  "Z"
])

/** Strings that are made of a date's parts, and so come near to one. */
const nearly = Arbitrary.map(Arbitrary.array(Arbitrary.schema(pieces), { maxLength: 12 }), (parts) => parts.join(""))

const isAllowed = (text: string, now: number) => {
  const wait = millis(text, now)
  assert.isTrue(wait === undefined || (wait >= 0 && wait <= year), `${JSON.stringify(text)} gave ${wait}`)
}

/** One change each that leaves no number of seconds. */
const spoiledSeconds: ReadonlyArray<(seconds: string) => string> = [
  (seconds) => `-${seconds}`,
  (seconds) => `+${seconds}`,
  (seconds) => `${seconds}.0`,
  (seconds) => `.${seconds}`,
  (seconds) => `${seconds}e1`,
  (seconds) => `0x${seconds}`,
  (seconds) => `${seconds}s`,
  (seconds) => `${seconds} ${seconds}`,
  (seconds) => `${seconds},${seconds}`,
  (seconds) => `${seconds}_0`,
  (seconds) => `"${seconds}"`,
  (seconds) => seconds.replaceAll(/\d/g, (digit) => String.fromCodePoint(0x0660 + Number(digit)))
]

/** One change each that leaves no date in the form it was. */
const spoiledDates: ReadonlyArray<readonly [name: string, change: (date: string) => string]> = [
  ["another zone", (date) => `${date.replace(/ GMT$/, "")} PST`],
  ["an offset", (date) => `${date.replace(/ GMT$/, "")} +0000`],
  ["text after it", (date) => `${date}, please`],
  ["text before it", (date) => `after ${date}`],
  ["no weekday", (date) => date.replace(/^\w+,? /, "")],
  ["an unknown weekday", (date) => date.replace(/^\w{3}/, "Xyz")],
  ["lower case", (date) => date.toLowerCase()],
  ["an unknown month", (date) => date.replace(/(?<=[ -])[A-Z][a-z]{2}(?=[ -])/, "Jam")],
  ["an hour too many", (date) => date.replace(/\d\d(?=:\d\d:)/, "24")],
  ["a minute too many", (date) => date.replace(/(?<=\d:)\d\d(?=:)/, "60")],
  ["seconds that are none", (date) => date.replace(/:\d\d(?= )/, ":6x")],
  ["a time without seconds", (date) => date.replace(/:\d\d(?= )/, "")],
  ["colons in other places", (date) => date.replace(/(\d\d):(\d\d):(\d\d)/, ":$1$2:$3")],
  ["two spaces", (date) => date.replace(/ (?=\d\d:)/, "  ")],
  ["a day zero", (date) => date.replace(/(?<=[ ,])[ \d]\d(?=[ -])/, "00")],
  ["a day no month has", (date) => date.replace(/(?<=[ ,])[ \d]\d(?=[ -])/, "32")],
  [
    "the 31st of June",
    (date) => date.replace(/[ \d]\d(?=[ -])/, "31").replace(/(?<=[ -])[A-Z][a-z]{2}(?=[ -])/, "Jun")
  ],
  ["a year of five digits", (date) => date.replace(/\d\d(?= \d\d:)|\d{4}$/, "12345")],
  ["a year that begins with zero", (date) => date.replace(/\d{4}/, "0026").replace(/-\d\d /, "-0 ")]
]

describe("Retry-After", () => {
  it.prop(
    "is nothing or 0 to 365 days, whatever the text",
    [Schema.String, instants],
    ([text, now]) => {
      isAllowed(text, now * 1_000)
    },
    settings
  )

  it.prop(
    "is nothing or 0 to 365 days where the text comes near to a date",
    [nearly, instants],
    ([text, now]) => {
      isAllowed(text, now * 1_000)
    },
    settings
  )

  it.prop(
    "reads whole seconds back, up to a year",
    [waits, instants],
    ([seconds, now]) => {
      const expected = Math.min(seconds * 1_000, year)
      for (const text of [String(seconds), ` ${seconds}\t`, `000${seconds}`]) {
        assert.strictEqual(millis(text, now * 1_000), expected, text)
      }
    },
    settings
  )

  it.prop(
    "reads numbers of any length",
    [Schema.String.check(Schema.isPattern(/^\d{1,400}$/)), instants],
    ([text, now]) => {
      assert.strictEqual(millis(text, now), Math.min(Number(text) * 1_000, year))
    },
    settings
  )

  it.prop(
    "reads the three forms of a date back, in the past too",
    [Schema.Literals(everyForm), instants, instants, waits],
    ([form, instant, distant, wait]) => {
      for (const now of [instant - wait, distant]) {
        const date = forms[form](instant * 1_000)
        const expected = Math.min(Math.max(0, instant - now) * 1_000, year)
        assert.strictEqual(millis(date, now * 1_000), expected, date)
      }
    },
    settings
  )

  it.prop(
    "is nothing where a number is only nearly one",
    [waits, instants],
    ([seconds, now]) => {
      for (const spoil of spoiledSeconds) {
        const text = spoil(String(seconds))
        assert.isUndefined(millis(text, now), text)
      }
    },
    settings
  )

  it.prop(
    "is nothing where a date is only nearly one",
    [Schema.Literals(everyForm), instants],
    ([form, instant]) => {
      const date = forms[form](instant * 1_000)
      for (const [name, spoil] of spoiledDates) {
        const text = spoil(date)
        assert.notStrictEqual(text, date, `${name} changes ${date}`)
        assert.isUndefined(millis(text, 0), `${name}: ${text}`)
      }
    },
    settings
  )

  it.prop(
    "is nothing where one form borrows from another",
    [instants],
    ([instant]) => {
      const [fixed, old, plain] = everyForm.map((form) => forms[form](instant * 1_000))
      const mixtures = [
        fixed?.replace(",", ""),
        fixed?.replaceAll(/(?<=\d) (?=[A-Z][a-z])|(?<=[a-z]) (?=\d)/g, "-"),
        fixed?.replace(/ \d\d(?=\d\d )/, " "),
        old?.replaceAll("-", " "),
        old?.replace(",", ""),
        old?.replace(/^(\w{3})\w+/, "$1"),
        plain?.replace(" ", ", "),
        `${plain} GMT`
      ]
      for (const text of mixtures) assert.isUndefined(millis(text ?? "0", 0), text)
    },
    settings
  )
})
