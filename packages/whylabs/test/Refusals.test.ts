/** Every answer of the wire page's table of failures, from the wire to the reason. */
import { assert, describe, it } from "@effect/vitest"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { StatusFailure } from "@keyfold/emulators/Emulator"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { inspect } from "node:util"
import { advancing, listed, operations, organization, owner, songbird } from "./Songbird.ts"

const requestId = "28b6d7a8-5d0d-4a5c-9c19-8b1b3d2f6f10"

/** A sentence of the server that must not surface: it can repeat the request. */
const echo = "user_id=ann&alias=private"

/** Body A of the wire page. */
const songbirdBody = (status: number, type: string, message: string): StatusFailure => ({
  status,
  contentType: "application/json",
  headers: { "x-request-id": requestId },
  body: JSON.stringify({ message, requestId, type })
})

/** Body B, which echoes path and query. */
const micronautBody = (status: number, message: string): StatusFailure => ({
  status,
  contentType: "application/json",
  body: JSON.stringify({
    _embedded: { errors: [{ message, path: "/user_id" }] },
    _links: { self: { href: `/v0/organizations/x/api-key?${echo}`, templated: false } },
    message: status === 400 ? "Bad Request" : "Internal Server Error"
  })
})

/** Body C. */
const emptyBody = (status: number): StatusFailure => ({ status })

/** Body D: a sentence labelled as JSON. */
const sentenceBody = (status: number, body: string): StatusFailure => ({
  status,
  contentType: "application/json",
  body
})

const htmlBody = (status: number): StatusFailure => ({
  status,
  contentType: "text/html",
  body: `<html><head><title>${status}</title></head><body>${echo}</body></html>`
})

/** What an error says anywhere, for searching. */
const wholeText = (error: KeyStoreError) => `${error.message}\n${inspect(error, { depth: Infinity })}`

const refusal = (
  title: string,
  failure: StatusFailure,
  tag: KeyStoreError["reason"]["_tag"],
  check: (error: KeyStoreError) => void = () => {},
  only: ReadonlyArray<string> = operations.map(([name]) => name)
) => {
  for (const [name, run] of operations) {
    if (!only.includes(name)) continue
    it.effect(`${title} (${name})`, () =>
      Effect.gen(function* () {
        const { emulator, v0 } = yield* songbird()
        emulator.failNext(failure)
        const error = yield* Effect.flip(run(yield* v0()))
        assert.strictEqual(error.reason._tag, tag)
        assert.strictEqual(error.operation, name)
        assert.strictEqual(error.attempts, 1)
        assert.isFalse(error.isRetryable)
        assert.lengthOf(emulator.requests.all, 1)
        assert.notInclude(wholeText(error), echo)
        check(error)
      })
    )
  }
}

const field = (expected: string) => (error: KeyStoreError) =>
  assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : undefined, expected)
const says = (text: string) => (error: KeyStoreError) => assert.include(error.reason.message, text)

describe("an answer by itself", () => {
  refusal(
    "401 without body is Unauthenticated",
    emptyBody(401),
    "Unauthenticated",
    says("no credential reached WhyLabs")
  )
  refusal("403 without body is PermissionDenied without a finer cause", emptyBody(403), "PermissionDenied", (error) => {
    says("unknown, expired or revoked")(error)
    says("another organization")(error)
    says("the WHYLABS_SYSTEM role")(error)
  })
  refusal(
    "403 as mislabelled text names the network location",
    sentenceBody(403, "Requests from this location are not permitted by your organization."),
    "PermissionDenied",
    says("network location")
  )
  refusal("403 as a proxy's HTML claims nothing about the network", htmlBody(403), "PermissionDenied", (error) =>
    assert.notInclude(error.reason.message, "network location")
  )
  for (const status of [404, 415]) {
    refusal(
      `${status} without body is no missing key but a wrong address`,
      emptyBody(status),
      "InvalidRequest",
      (error) => field("baseUrl")(error)
    )
  }
  refusal("405 without body is InvalidRequest", emptyBody(405), "InvalidRequest")
  refusal(
    "a redirect is not followed and names the host only",
    { status: 303, headers: { location: "/" } },
    "InvalidRequest",
    (error) => {
      field("baseUrl")(error)
      says("localhost:8080")(error)
    }
  )
  refusal(
    "400 about binding keeps nothing of its text",
    micronautBody(400, `Required QueryValue [${echo}]`),
    "InvalidRequest"
  )
  refusal("400 without body is InvalidRequest", emptyBody(400), "InvalidRequest")
  refusal("400 as HTML is InvalidRequest", htmlBody(400), "InvalidRequest")
})

describe("an answer to create", () => {
  const create = ["create"]
  const illegal = (message: string) => songbirdBody(400, "IllegalArgument", message)
  refusal(
    "limit reached is QuotaExceeded without an invented number",
    illegal("Key limit reached"),
    "QuotaExceeded",
    (error) => {
      assert.notProperty(error.reason, "limit")
      assert.strictEqual(error.requestId, requestId)
    },
    create
  )
  refusal(
    "limit reached is told by loose text",
    illegal("The key LIMIT REACHED for this org"),
    "QuotaExceeded",
    undefined,
    create
  )
  refusal(
    "an unknown scope names those accepted",
    illegal(`Invalid scope provided: ${echo}`),
    "InvalidRequest",
    (error) => {
      field("scopes")(error)
      says(":write_data")(error)
    },
    create
  )
  refusal(
    "an expiry refused by the server names the field",
    illegal("Invalid expiration time"),
    "InvalidRequest",
    field("expiresAt"),
    create
  )
  refusal(
    "any other 400 falls back to InvalidRequest",
    illegal(`Something new: ${echo}`),
    "InvalidRequest",
    undefined,
    create
  )
  refusal(
    "404 with body is about the organization",
    songbirdBody(404, "ResourceNotFound", `Resource Organization with ID ${echo} not found.`),
    "InvalidRequest",
    field("organization"),
    create
  )
})

describe("a failure of the server", () => {
  const reads = operations.filter(([name]) => name !== "create")
  const internal = songbirdBody(500, "Internal", "Internal error. Unable to process request")
  for (const [what, failure] of [
    ["500 with body A", internal],
    ["500 with body B", micronautBody(500, `Internal Server Error: ${echo}`)],
    ["408 without body", emptyBody(408)],
    ["502 as HTML", htmlBody(502)],
    ["503 as HTML", htmlBody(503)],
    ["504 as HTML", htmlBody(504)]
  ] as const) {
    it.effect(`${what} is Unavailable for reads and revoke after four attempts`, () =>
      Effect.gen(function* () {
        const { emulator, v0 } = yield* songbird()
        const store = yield* v0()
        for (const [name, run] of reads) {
          emulator.requests.clear()
          emulator.failNext(failure, { count: 4 })
          const error = yield* advancing(Effect.flip(run(store)))
          assert.strictEqual(error.reason._tag === "Unavailable" ? error.reason.status : error, failure.status, name)
          assert.strictEqual(error.attempts, 4)
          assert.isTrue(error.exhausted)
          assert.isFalse(error.isRetryable)
          assert.lengthOf(emulator.requests.all, 4)
          assert.notInclude(wholeText(error), echo)
        }
      })
    )
  }

  it.effect("reads and revoke succeed once the server is back", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      emulator.seed({ organization, userId: owner, keyId: "aaaaaaaaaa" })
      const store = yield* v0()
      for (const [, run] of reads) {
        emulator.failNext(htmlBody(503), { count: 3 })
        yield* advancing(run(store))
      }
      assert.isTrue(emulator.keys().find(({ id }) => id === "aaaaaaaaaa")?.revoked)
    })
  )

  for (const garbling of ["truncated", "html", "empty", "text"] as const) {
    it.effect(`a 200 with a ${garbling} body is InvalidResponse for reads`, () =>
      Effect.gen(function* () {
        const { emulator, v0 } = yield* songbird()
        const store = yield* v0()
        for (const [name, run] of reads.filter(([name]) => name !== "revoke")) {
          emulator.garbleNext(garbling)
          const error = yield* Effect.flip(run(store))
          assert.strictEqual(error.reason._tag, "InvalidResponse", name)
        }
      })
    )
  }
})

describe("too many requests", () => {
  const tooMany = sentenceBody(429, "Too many requests. Please try again later.")

  it.effect("429 as mislabelled text is RateLimited without a time, after four attempts at growing distance", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0()
      for (const [name, run] of operations) {
        emulator.requests.clear()
        emulator.failNext(tooMany, { count: 4 })
        const error = yield* advancing(Effect.flip(run(store)), 10)
        assert.strictEqual(error.reason._tag, "RateLimited", name)
        assert.isUndefined(error.retryAfter)
        assert.isTrue(error.exhausted)
        const times = emulator.requests.all.map(({ time }) => time)
        const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0))
        assert.lengthOf(pauses, 3)
        for (const [index, pause] of pauses.entries()) {
          assert.isAtLeast(pause, 100 * 2 ** index)
          assert.isAtMost(pause, 210 * 2 ** index)
        }
      }
      assert.lengthOf(
        emulator.keys().filter(({ origin }) => origin === "created"),
        0
      )
    })
  )

  it.effect("a create refused by a drained bucket is sent again and makes exactly one key", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird({ rateLimit: { capacity: 1, refillPerMinute: 240 } })
      const store = yield* v0()
      yield* listed(store)
      yield* advancing(store.create({ name: "one" }), 10)
      assert.isAbove(emulator.requests.count("create"), 1)
      yield* TestClock.adjust("10 seconds")
      assert.lengthOf(yield* listed(store), 1)
    })
  )
})
