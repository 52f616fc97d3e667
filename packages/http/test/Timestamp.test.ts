import { assert, describe, it } from "@effect/vitest"
import { parseUtc, parseZoned } from "@keyfold/http/Timestamp"
import * as DateTime from "effect/DateTime"
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
