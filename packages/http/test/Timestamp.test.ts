import { assert, describe, it } from "@effect/vitest"
import { parseUtc, parseZoned } from "@keyfold/http/Timestamp"
import * as DateTime from "effect/DateTime"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Schema from "effect/Schema"

const read = (text: string | null | undefined) => {
  const instant = parseUtc(text)
  return instant === undefined ? undefined : DateTime.formatIso(instant)
}

describe("reading a server's time", () => {
  for (const [text, expected] of [
    ["2026-01-15T12:00:00Z", "2026-01-15T12:00:00.000Z"],
    ["2026-01-15T12:00:00z", "2026-01-15T12:00:00.000Z"],
    ["2026-01-15T12:00:00+02:00", "2026-01-15T10:00:00.000Z"],
    ["2026-01-15T12:00:00-0530", "2026-01-15T17:30:00.000Z"],
    ["2026-01-15T12:00:00.123456", "2026-01-15T12:00:00.123Z"],
    ["2026-01-15 12:00:00", "2026-01-15T12:00:00.000Z"],
    ["2026-01-15T12:00", "2026-01-15T12:00:00.000Z"],
    ["2026-07-15T12:00:00", "2026-07-15T12:00:00.000Z"],
    ["+12026-01-15T12:00:00Z", "+012026-01-15T12:00:00.000Z"]
  ] as const) {
    it(`reads ${text}, in UTC where it says no zone`, () => assert.strictEqual(read(text), expected))
  }

  it("reads anything else as no time", () => {
    for (const text of [
      null,
      undefined,
      "",
      "now",
      "0",
      "2026",
      "2026-01-15",
      "15/01/2026 12:00",
      "2026-13-45T99:99:99Z",
      "null"
    ]) {
      assert.isUndefined(read(text), String(text))
    }
  })

  it("reads the plain form as a Date does, whatever its numbers are", () => {
    const numbers = [
      "00",
      "01",
      "02",
      "09",
      "12",
      "13",
      "23",
      "24",
      "28",
      "29",
      "30",
      "31",
      "32",
      "59",
      "60",
      "61",
      "1a"
    ]
    const fractions = ["", ".", ".1", ".12", ".123", ".1239", ".123456789", ".1234567890", ".12x", ",5"]
    for (const year of ["0000", "0099", "0100", "1969", "2024", "2026", "9999", "20x6"]) {
      for (const [index, number] of numbers.entries()) {
        const other = numbers[(index * 7) % numbers.length]
        for (const text of [
          `${year}-${number}-${other}T10:11:12`,
          `${year}-${other}-${number}T10:11:12`,
          `${year}-02-03T${number}:${other}:12`,
          `${year}-02-03T${number}:01:12`,
          `${year}-02-03T10:${other}:${number}${fractions[index % fractions.length]}`,
          `${year}-02-${number}T10:11:12${fractions[(index * 5) % fractions.length]}`
        ]) {
          const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?$/.test(text)
          const millis = isTime ? Date.parse(`${text}Z`) : Number.NaN
          const expected = Number.isNaN(millis) ? undefined : millis
          assert.strictEqual(parseUtc(text)?.epochMilliseconds, expected, text)
          assert.strictEqual(parseUtc(`${text}Z`)?.epochMilliseconds, expected, text)
        }
      }
    }
  })

  it("gives effect's own kind of time", () => {
    const text = "2026-02-03T10:11:12.345Z"
    const millis = Date.parse(text)
    const time = parseUtc(text) ?? assert.fail("no time")
    const made = DateTime.makeUnsafe(millis)
    assert.deepStrictEqual(time, made)
    assert.isTrue(DateTime.isUtc(time))
    assert.isTrue(Equal.equals(time, made) && Equal.equals(made, time))
    assert.strictEqual(Hash.hash(time), Hash.hash(made))
    assert.deepStrictEqual(DateTime.toPartsUtc(time), DateTime.toPartsUtc(made))
    assert.deepStrictEqual(DateTime.toPartsUtc(time), DateTime.toPartsUtc(made), "and again")
    assert.deepStrictEqual(DateTime.add(time, { months: 1 }), DateTime.add(made, { months: 1 }))
    assert.deepStrictEqual(DateTime.setZoneOffset(time, 3_600_000), DateTime.setZoneOffset(made, 3_600_000))
    assert.strictEqual(JSON.stringify(time), JSON.stringify(made))
    assert.strictEqual(String(time), String(made))
    assert.strictEqual(Schema.encodeSync(Schema.DateTimeUtcFromString)(time), text)
  })

  it.prop("never throws", [Schema.String], ([text]) => {
    assert.isTrue(parseUtc(text) === undefined || /\d/.test(text))
  })
})

describe("reading a server's time that must state its zone", () => {
  it("reads one with a zone as parseUtc does", () => {
    for (const text of ["2026-01-15T12:00:00Z", "2026-01-15 12:00:00+02:00", "2026-01-15T12:00:00.5-0530"]) {
      assert.deepStrictEqual(parseZoned(text), parseUtc(text))
      assert.isDefined(parseZoned(text))
    }
  })

  it("reads one without a zone, and anything that is no time, as no time", () => {
    for (const text of ["2026-01-15T12:00:00", "2026-01-15", "Z", "xxxxxxxxxxxxZ", "", null, undefined]) {
      assert.isUndefined(parseZoned(text), String(text))
    }
  })
})
