import { assert, describe, it } from "@effect/vitest"
import { QuotaExceeded, Unavailable } from "@keyfold/core/KeyStoreError"
import { parseRetryAfter, readFailure, toReason, type HttpFailure, type Refine } from "@keyfold/http/HttpReason"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { assertReason } from "./RecordedFetch.ts"

const host = "keys.example.com:8443"

const failureWith = (status: number, fields: Partial<HttpFailure> = {}): HttpFailure => ({
  status,
  text: "",
  json: undefined,
  detail: undefined,
  retryAfter: undefined,
  ...fields
})

const reasonOf = (status: number) => toReason(failureWith(status), host)._tag

const range = (first: number, last: number): ReadonlyArray<number> =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index)

describe("the status table", () => {
  const named = [
    [401, "Unauthenticated"],
    [402, "QuotaExceeded"],
    [403, "PermissionDenied"],
    [404, "NotFound"],
    [408, "Unavailable"],
    [409, "Conflict"],
    [425, "Unavailable"],
    [429, "RateLimited"]
  ] as const

  for (const [status, tag] of named) {
    it(`reads ${status} as ${tag}`, () => assert.strictEqual(reasonOf(status), tag))
  }

  it("reads every other 4xx as InvalidRequest with the status and nothing else", () => {
    const others = range(400, 499).filter((status) => named.every(([known]) => known !== status))
    assert.strictEqual(others.length, 100 - named.length)
    for (const status of others) {
      const reason = toReason(failureWith(status, { text: "secret", detail: "secret" }), host)
      assertReason(reason, "InvalidRequest")
      assert.strictEqual(reason.problem, `the backend refused the request (status ${status})`)
      assert.isUndefined(reason.field)
    }
  })

  it("reads every 5xx as Unavailable with its status", () => {
    for (const status of range(500, 599)) {
      const reason = toReason(failureWith(status), host)
      assertReason(reason, "Unavailable")
      assert.strictEqual(reason.status, status)
      assert.isUndefined(reason.retryAfter)
    }
  })

  it("reads every 3xx, and the 0 browsers show for one, as a base URL that redirects, naming the host only", () => {
    for (const status of [0, ...range(300, 399)]) {
      const reason = toReason(failureWith(status), host)
      assertReason(reason, "InvalidRequest")
      assert.strictEqual(reason.field, "baseUrl")
      assert.match(reason.problem, /^keys\.example\.com:8443 answers with a redirect, which is not followed/)
      assert.notInclude(reason.problem, "://")
    }
  })

  it("hands the server's wait to RateLimited and Unavailable", () => {
    const retryAfter = Duration.seconds(7)
    for (const status of [429, 408, 503]) {
      const reason = toReason(failureWith(status, { retryAfter }), host)
      assert.isTrue("retryAfter" in reason && reason.retryAfter !== undefined)
      assert.deepStrictEqual("retryAfter" in reason ? reason.retryAfter : undefined, retryAfter)
    }
  })
})

describe("refining the table", () => {
  const toQuota: Refine = ({ detail }) => (detail === "too many keys" ? new QuotaExceeded({ limit: 5 }) : undefined)

  it("prefers the refinement to the table", () => {
    const reason = toReason(failureWith(400, { detail: "too many keys" }), host, toQuota)
    assert.deepStrictEqual(reason, new QuotaExceeded({ limit: 5 }))
  })

  it("falls back to the table where the refinement has nothing to say", () => {
    assert.strictEqual(toReason(failureWith(403, { detail: "other" }), host, toQuota)._tag, "PermissionDenied")
  })

  it("does not let a refinement hide a redirect", () => {
    let asked = 0
    const reason = toReason(failureWith(307), host, () => {
      asked++
      return new Unavailable({})
    })
    assert.strictEqual(reason._tag, "InvalidRequest")
    assert.strictEqual(asked, 0)
  })
})

describe("reading Retry-After", () => {
  const now = Date.UTC(2026, 0, 15, 12, 0, 0)
  const millis = (value: string | undefined) => {
    const wait = parseRetryAfter(value, now)
    return wait === undefined ? undefined : Duration.toMillis(wait)
  }

  it("reads whole seconds, with white space around them", () => {
    assert.strictEqual(millis("120"), 120_000)
    assert.strictEqual(millis(" 3 "), 3_000)
    assert.strictEqual(millis("0"), 0)
    assert.strictEqual(millis("007"), 7_000)
  })

  for (const [name, date] of [
    ["IMF-fixdate", "Thu, 15 Jan 2026 12:01:30 GMT"],
    ["RFC 850", "Thursday, 15-Jan-26 12:01:30 GMT"],
    ["asctime", "Thu Jan 15 12:01:30 2026"]
  ]) {
    it(`reads the ${name} form of an HTTP date as UTC`, () => assert.strictEqual(millis(date), 90_000))
  }

  it("reads the asctime form with a one-digit day", () =>
    assert.strictEqual(
      Duration.toMillis(
        parseRetryAfter("Sun Nov  6 08:49:37 1994", Date.UTC(1994, 10, 6, 8, 49, 30)) ?? Duration.infinity
      ),
      7_000
    ))

  it("reads a date in the past as no wait", () => assert.strictEqual(millis("Thu, 15 Jan 2026 11:59:59 GMT"), 0))

  it("waits no longer than a year, however large the value", () => {
    const year = Duration.toMillis(Duration.days(365))
    for (const value of [
      "31536001",
      "9".repeat(15),
      "9".repeat(16),
      "9".repeat(400),
      "Fri, 31 Dec 9999 23:59:59 GMT"
    ]) {
      assert.strictEqual(millis(value), year, value)
    }
  })

  it("reads anything else as no Retry-After", () => {
    const garbage = [
      undefined,
      "",
      " ",
      "soon",
      "-5",
      "+5",
      "1.5",
      "1e3",
      "0x10",
      "Infinity",
      "NaN",
      "10s",
      "5, 10",
      "2026-01-15T12:01:30Z",
      "Sat 5",
      "Foo, bar 12",
      "Thu, 15 Jan 2026",
      "Thu, 32 Jam 2026 12:01:30 GMT",
      "Thu, 15 Jan 2026 25:61:61 GMT",
      "١٢"
    ]
    for (const value of garbage) assert.isUndefined(parseRetryAfter(value, now), value)
  })

  it.prop("never throws and never waits less than nothing or more than a year", [Schema.String], ([text]) => {
    const wait = parseRetryAfter(text, now)
    if (wait === undefined) return
    assert.isAtLeast(Duration.toMillis(wait), 0)
    assert.isAtMost(Duration.toMillis(wait), Duration.toMillis(Duration.days(365)))
  })
})

describe("reading a failed answer", () => {
  const read = (text: string, status = 400) => readFailure(status, text, undefined)

  const details: ReadonlyArray<readonly [name: string, text: string, detail: string | undefined]> = [
    ["a string detail", `{"detail":"Bad credentials"}`, "Bad credentials"],
    [
      "the first message of an array detail",
      `{"detail":[{"loc":["body","name"],"msg":"Field required","type":"missing"},{"msg":"other"}]}`,
      "Field required"
    ],
    ["a message", `{"message":"over the limit","requestId":"r-1"}`, "over the limit"],
    ["detail rather than message", `{"message":"general","detail":"precise"}`, "precise"],
    ["the message where detail is empty", `{"message":"general","detail":""}`, "general"],
    ["a short plain text, trimmed", "  Not Found\n", "Not Found"],
    ["plain text of 300 characters", "x".repeat(300), "x".repeat(300)],
    ["nothing from longer plain text", "x".repeat(301), undefined],
    ["nothing from HTML", "<html><body>Bad Gateway</body></html>", undefined],
    ["nothing from HTML after white space", "\n  <!DOCTYPE html><p>Oops</p>", undefined],
    ["nothing from an empty body", "", undefined],
    ["nothing from white space", " \n ", undefined],
    ["nothing from an empty object", "{}", undefined],
    ["nothing from null", "null", undefined],
    ["nothing from an empty array detail", `{"detail":[]}`, undefined],
    ["nothing from an array detail without messages", `{"detail":[null]}`, undefined],
    ["nothing from a detail that is an object", `{"detail":{"code":7}}`, undefined],
    ["nothing from a detail that is a number", `{"detail":7,"message":false}`, undefined]
  ]

  for (const [name, text, detail] of details) {
    it.effect(`takes ${name}`, () =>
      Effect.gen(function* () {
        const failure = yield* read(text)
        assert.strictEqual(failure.detail, detail)
        assert.strictEqual(failure.text, text)
        assert.strictEqual(failure.status, 400)
      })
    )
  }

  it.effect("keeps the parsed JSON for a refinement, and undefined where there is none", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* read(`{"code":"QUOTA","n":1}`)).json, { code: "QUOTA", n: 1 })
      assert.isUndefined((yield* read("<html>")).json)
    })
  )

  it.effect("measures Retry-After by Effect's clock", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 0, 15, 12, 0, 0))
      const failure = yield* readFailure(503, "", "Thu, 15 Jan 2026 12:00:20 GMT")
      assert.deepStrictEqual(failure.retryAfter, Duration.millis(20_000))
    })
  )

  it.effect("survives a huge body and deeply nested JSON", () =>
    Effect.gen(function* () {
      assert.isUndefined((yield* read("y".repeat(4_000_000))).detail)
      assert.isUndefined((yield* read("[".repeat(200_000))).json)
      assert.isUndefined((yield* read(`${"[".repeat(5_000)}${"]".repeat(5_000)}`)).detail)
    })
  )

  it.effect.prop(
    "never throws, whatever the status, the body and the header",
    [Schema.Int, Schema.String, Schema.String],
    ([status, text, header]) =>
      Effect.gen(function* () {
        const failure = yield* readFailure(status, text, header)
        assert.isString(toReason(failure, host).message)
      })
  )
})
