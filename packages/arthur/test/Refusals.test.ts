/** Every answer of the wire page's table of failures, from the wire to the reason. */
import { assert, describe, it } from "@effect/vitest"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { StatusFailure } from "@keyfold/emulators/Emulator"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { advancing, engine, lines, listed, operations, seeded, start, wholeText } from "./Engine.ts"

/** Text of the server that must not surface: it can repeat the request. */
const echo = "private-description"

/** The one shape of the engine's own errors. */
const detail = (status: number, text: unknown): StatusFailure => ({
  status,
  contentType: "application/json",
  body: JSON.stringify({ detail: text })
})

const emptyBody = (status: number): StatusFailure => ({ status })

const htmlBody = (status: number): StatusFailure => ({
  status,
  contentType: "text/html",
  body: `<html><head><title>${status}</title></head><body>${echo} API Key not found</body></html>`
})

const jsonBody = (status: number, body: unknown): StatusFailure => ({
  status,
  contentType: "application/json",
  body: JSON.stringify(body)
})

const every = operations.map(([name]) => name)

const refusal = (
  title: string,
  failure: StatusFailure,
  tag: KeyStoreError["reason"]["_tag"],
  check: (error: KeyStoreError) => void = () => {},
  only: ReadonlyArray<string> = every
) => {
  for (const [name, run] of operations) {
    if (!only.includes(name)) continue
    it.effect(`${title} (${name})`, () =>
      Effect.gen(function* () {
        const { emulator, make } = yield* engine()
        emulator.failNext(failure)
        const error = yield* Effect.flip(run(yield* make()))
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

const field = (expected: string | undefined) => (error: KeyStoreError) =>
  assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : error.reason, expected)
const says = (text: string) => (error: KeyStoreError) => assert.include(error.reason.message, text)

describe("an answer by itself", () => {
  for (const wording of ["Requires authentication", "Bad credentials", "Unauthorized"]) {
    refusal(`401 "${wording}" is Unauthenticated`, detail(401, wording), "Unauthenticated", says("admin key"))
  }
  refusal("401 without body is Unauthenticated", emptyBody(401), "Unauthenticated")
  refusal('403 "Forbidden" names the missing role', detail(403, "Forbidden"), "PermissionDenied", says("ORG-AUDITOR"))
  refusal("403 as a proxy's HTML is PermissionDenied", htmlBody(403), "PermissionDenied")
  refusal(
    '500 "Unable to verify credentials" is Unauthenticated and proves that nothing happened',
    detail(500, "Unable to verify credentials"),
    "Unauthenticated"
  )
  refusal("404 of the router is a wrong address", detail(404, "Not Found"), "InvalidRequest", field("baseUrl"))
  refusal("405 is a wrong address", detail(405, "Method Not Allowed"), "InvalidRequest", field("baseUrl"))
  refusal("404 as a proxy's HTML is a wrong address", htmlBody(404), "InvalidRequest", field("baseUrl"))
  refusal("404 without body is a wrong address", emptyBody(404), "InvalidRequest", field("baseUrl"))
  refusal(
    "404 of another server's JSON is a wrong address",
    jsonBody(404, { message: "no Route matched with those values" }),
    "InvalidRequest",
    field("baseUrl")
  )
  for (const status of [301, 302, 303, 307, 308]) {
    refusal(
      `a ${status} is not followed and names the host only`,
      { status, headers: { location: "http://elsewhere.test/auth/api_keys/" } },
      "InvalidRequest",
      (error) => {
        field("baseUrl")(error)
        says("localhost:3030")(error)
        assert.notInclude(wholeText(error), "elsewhere")
      }
    )
  }
  refusal("400 without body is InvalidRequest", emptyBody(400), "InvalidRequest", field(undefined))
  refusal("400 as a proxy's HTML is InvalidRequest", htmlBody(400), "InvalidRequest", field(undefined))
  refusal("422 as documented is InvalidRequest", detail(422, [{ loc: ["body"], msg: echo }]), "InvalidRequest")
})

describe("an answer about one key", () => {
  const one = ["get", "revoke"]
  refusal("404 of the handler is NotFound", detail(404, "API Key not found"), "NotFound", undefined, one)
  refusal(
    "404 of the handler in other words is NotFound too: the text is a hint",
    detail(404, "Unknown key"),
    "NotFound",
    undefined,
    one
  )
  refusal(
    "404 in a handler's words to a call that names no key is a wrong address",
    detail(404, "API Key not found"),
    "InvalidRequest",
    field("baseUrl"),
    ["create", "list"]
  )
})

describe("a 400 to create", () => {
  const create = ["create"]
  refusal(
    "at the limit is QuotaExceeded",
    detail(400, "Maximum number of active keys reached"),
    "QuotaExceeded",
    (error) => assert.notProperty(error.reason, "limit"),
    create
  )
  refusal(
    "that names TENANT-USER in a sentence is about scopes",
    detail(400, `The roles ['TENANT-USER'] are not for ${echo}`),
    "InvalidRequest",
    field("scopes"),
    create
  )
  refusal(
    "of several lines is validation, whatever it quotes",
    detail(400, `1 validation error:\n  {'input': 'TENANT-USER ${echo}'}\n\n  File "/srv/x.py", line 1`),
    "InvalidRequest",
    field(undefined),
    create
  )
  refusal(
    "as a Python list is validation, whatever it quotes",
    detail(400, `[{'type': 'enum', 'input': 'TENANT-USER ${echo}'}]`),
    "InvalidRequest",
    field(undefined),
    create
  )
  refusal(
    "or the documented 422 names the roles a key may have",
    detail(422, [{ loc: ["body", "roles", 0], msg: echo }]),
    "InvalidRequest",
    says("VALIDATION-USER"),
    create
  )
  refusal("in new words is InvalidRequest", detail(400, `Something new: ${echo}`), "InvalidRequest", undefined, create)
})

describe("a failure of the server", () => {
  const reads = operations.filter(([name]) => name !== "create")
  for (const [what, failure] of [
    ["500 of the engine", detail(500, "Something went wrong.")],
    ["500 that quotes its database", detail(500, `connect to postgresql://postgres:${echo}@db`)],
    ["500 without body", emptyBody(500)],
    ["408 without body", emptyBody(408)],
    ["502 as HTML", htmlBody(502)],
    ["503 as HTML", htmlBody(503)],
    ["504 as HTML", htmlBody(504)]
  ] as const) {
    it.effect(`${what} is Unavailable for get, list and revoke after four attempts`, () =>
      Effect.gen(function* () {
        const { emulator, make } = yield* engine()
        const store = yield* make()
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

  it.effect("get, list and revoke succeed once the server is back", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      for (const [name, run] of reads) {
        // A revoke needs its last two attempts: a get that shows the key active, and itself again.
        emulator.failNext(htmlBody(503), { count: name === "revoke" ? 2 : 3 })
        yield* advancing(run(store))
      }
      assert.isTrue(emulator.keys()[0]?.revoked)
    })
  )

  for (const garbling of ["truncated", "html", "empty", "text"] as const) {
    it.effect(`a 200 with a ${garbling} body is InvalidResponse for get and list`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* seeded()
        for (const [, run] of reads.filter(([name]) => name !== "revoke")) {
          emulator.garbleNext(garbling)
          const error = yield* Effect.flip(run(store))
          assert.strictEqual(error.reason._tag, "InvalidResponse")
          assert.strictEqual(error.attempts, 1)
        }
      })
    )
  }
})

describe("too many requests, which only a proxy says", () => {
  it.effect("429 without Retry-After is RateLimited after four attempts at growing distance", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const store = yield* make()
      for (const [name, run] of operations) {
        emulator.requests.clear()
        emulator.failNext(htmlBody(429), { count: 4 })
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
      assert.lengthOf(emulator.keys(), 0)
    })
  )

  it.effect("a proxy's Retry-After is waited for exactly, and a create so refused makes exactly one key", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const store = yield* make()
      emulator.failNext({ ...htmlBody(429), headers: { "retry-after": "7" } })
      yield* advancing(store.create({}), 100)
      assert.deepStrictEqual(
        emulator.requests.all.map(({ time }) => time - start),
        [0, 7_000]
      )
      assert.lengthOf(emulator.keys(), 1)
    })
  )

  it.effect("a proxy's Retry-After on a 503 is waited for by a read", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      emulator.failNext({ ...htmlBody(503), headers: { "retry-after": "Sat, 14 Mar 2026 09:27:03 GMT" } })
      yield* advancing(listed(yield* make()), 10)
      const asked = Date.UTC(2026, 2, 14, 9, 27, 3)
      const [, second, ...more] = emulator.requests.all
      assert.isAtLeast(second?.time ?? 0, asked)
      assert.isAtMost(second?.time ?? 0, asked + 10)
      assert.lengthOf(more, 0)
    })
  )

  it.effect("a Retry-After beyond the cap is not waited for: the caller is told when to come back", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const store = yield* make()
      for (const [name, run] of operations) {
        emulator.requests.clear()
        emulator.failNext({ ...htmlBody(429), headers: { "retry-after": "3600" } })
        const error = yield* Effect.flip(run(store))
        assert.strictEqual(error.reason._tag, "RateLimited", name)
        assert.isTrue(error.isRetryable)
        assert.strictEqual(Duration.toMillis(error.retryAfter ?? 0), 3_600_000)
        assert.lengthOf(lines(emulator), 1)
      }
    })
  )
})
