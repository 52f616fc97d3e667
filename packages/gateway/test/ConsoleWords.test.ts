import { assert, describe, it } from "@effect/vitest"
import { KeyId, type ApiKey } from "@keyfold/core/ApiKey"
import { observed, promised } from "@keyfold/core/Capabilities"
import * as DateTime from "effect/DateTime"
import { bound, exactly, expiry, lastUse, roughly } from "../src/internal/console/words.ts"

const key: ApiKey = { id: KeyId.make("one"), scopes: [], status: "active", tags: {}, provider: {} }

const day = 86_400_000

const now = 1000 * day

const said = ({ text }: { readonly text: string }) =>
  text
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim()

describe("the words of the console", () => {
  it("say of every kind of telemetry what it is worth, and never that a key is unused", () => {
    const used = { ...key, lastUsedAt: DateTime.makeUnsafe(now - 400 * day) }
    const expected = {
      exact: ["none known every use is counted", /^400 days ago .* every use is counted$/],
      approximate: [
        "none known counts that may lag or be sampled",
        /^400 days ago .* counts that may lag or be sampled$/
      ],
      lastUsedOnly: ["none known only the time of the last use is kept", /^400 days ago .* only the time/],
      unknown: ["not measured here", /^400 days ago .* not measured here$/]
    } as const
    for (const usage of ["exact", "approximate", "lastUsedOnly", "unknown"] as const) {
      const [none, some] = expected[usage]
      assert.strictEqual(said(lastUse(key, { usage }, now)), none)
      assert.match(said(lastUse(used, { usage }, now)), some)
    }
  })

  it("tell a key that never ends from one whose backend knows no end", () => {
    assert.strictEqual(said(expiry(key, { expiry: true }, now)), "never")
    assert.match(said(expiry(key, { expiry: false }, now)), /^never \(keys of this backend/)
    const ending = { ...key, expiresAt: DateTime.makeUnsafe(now + 3 * day) }
    assert.match(said(expiry(ending, { expiry: true }, now)), /^in 3 days 1972-09-30 00:00$/)
    assert.match(said(expiry(ending, { expiry: true }, now + 4 * day)), /^24 hours ago /)
  })

  it("say lengths of time as people do, and whether a bound is promised", () => {
    assert.deepStrictEqual([0, 90_000, 3_600_000, 26 * 3_600_000, 3 * day, 800 * day].map(roughly), [
      "under a minute",
      "1 minute",
      "1 hour",
      "26 hours",
      "3 days",
      "2 years"
    ])
    assert.deepStrictEqual([0, 1000, 90_000, day + 3_600_000].map(exactly), [
      "no time",
      "1 second",
      "1 minute 30 seconds",
      "1 day 1 hour"
    ])
    assert.deepStrictEqual([promised(0), promised("10 seconds"), observed("1 day")].map(bound), [
      "at once",
      "within 10 seconds (promised)",
      "within 1 day (observed)"
    ])
  })
})
