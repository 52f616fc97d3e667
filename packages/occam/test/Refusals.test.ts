/** Every failed answer of the wire page's section 4, from the wire to the reason. */
import { assert, describe, it } from "@effect/vitest"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { StatusFailure } from "@keyfold/emulators/Emulator"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { inspect } from "node:util"
import { advancing, baseUrl, created, host, listed, operations, sent, start, toTheEnd } from "./OccamHost.ts"

/** A text of the server that must not surface: it can repeat the request. */
const echo = "private-echo"

const json = (status: number, body: unknown): StatusFailure => ({
  status,
  body: JSON.stringify(body),
  contentType: "application/json"
})
const detail = (status: number, text: unknown) => json(status, { detail: text })
const plain = (status: number, body: string): StatusFailure => ({
  status,
  body,
  contentType: "text/plain; charset=utf-8"
})
const html = (status: number): StatusFailure => ({
  status,
  body: `<!doctype html><html><body>${echo}</body></html>`,
  contentType: "text/html"
})
const empty = (status: number): StatusFailure => ({ status })

const fieldOf = ({ reason }: KeyStoreError) => (reason._tag === "InvalidRequest" ? reason.field : undefined)

/** One answer to each operation: the reason, one request, and nothing of the server's text. */
const refusal = (
  title: string,
  failure: StatusFailure,
  tag: KeyStoreError["reason"]["_tag"],
  check: (error: KeyStoreError) => void = () => {},
  only: ReadonlyArray<string> = operations.map(([name]) => name)
) => {
  for (const [name, run] of operations.filter(([name]) => only.includes(name))) {
    it.effect(`${title} (${name})`, () =>
      Effect.gen(function* () {
        const { byKey, emulator } = yield* host()
        const store = yield* byKey()
        yield* listed(store)
        emulator.requests.clear()
        emulator.failNext(failure)
        const error = yield* Effect.flip(run(store))
        assert.strictEqual(error.reason._tag, tag)
        assert.strictEqual(error.operation, name)
        assert.strictEqual(error.attempts, 1)
        assert.isFalse(error.isRetryable)
        assert.lengthOf(emulator.requests.all, 1)
        assert.notInclude(`${error.message}${inspect(error, { depth: Infinity, showHidden: true })}`, echo)
        check(error)
      })
    )
  }
}

const aboutBaseUrl = (error: KeyStoreError) => {
  assert.strictEqual(fieldOf(error), "baseUrl")
  assert.include(error.message, "does not serve Occam's API there")
}

describe("an answer by itself", () => {
  refusal(
    "400 in plain text is about the address: the host check speaks",
    plain(400, "Invalid host header"),
    "InvalidRequest",
    aboutBaseUrl
  )
  refusal("400 as HTML is about the address too", html(400), "InvalidRequest", aboutBaseUrl)
  refusal(
    "400 with a string detail is InvalidRequest and not about the address",
    detail(400, echo),
    "InvalidRequest",
    (error) => assert.isUndefined(fieldOf(error))
  )
  refusal("402 is QuotaExceeded", detail(402, echo), "QuotaExceeded")
  refusal("403 with a string detail is PermissionDenied", detail(403, echo), "PermissionDenied")
  refusal("403 as HTML is PermissionDenied", html(403), "PermissionDenied")
  refusal("404 of a wrong path is about the address", detail(404, "Not Found"), "InvalidRequest", aboutBaseUrl, [
    "create",
    "list",
    "get"
  ])
  refusal("404 in plain text is about the address", plain(404, "404 page not found"), "InvalidRequest", aboutBaseUrl)
  refusal("404 without body is about the address", empty(404), "InvalidRequest", aboutBaseUrl)
  refusal("404 with a string detail is NotFound", detail(404, `API key not found ${echo}`), "NotFound", undefined, [
    "usage",
    "revoke"
  ])
  // A handler that raises a bare 404 says the same as a missing route; that the token was obtained shows the address.
  refusal("404 with FastAPI's own words about one key is NotFound", detail(404, "Not Found"), "NotFound", undefined, [
    "usage",
    "revoke"
  ])
  refusal("405 is about the address", detail(405, "Method Not Allowed"), "InvalidRequest", aboutBaseUrl)
  refusal("409 is Conflict", detail(409, echo), "Conflict")
  refusal(
    "422 with an array detail is InvalidRequest and keeps nothing of the dump",
    detail(422, [
      { loc: ["body", "name"], msg: echo, type: "missing", input: { name: echo }, ctx: { a: echo }, url: echo }
    ]),
    "InvalidRequest"
  )
  refusal("422 without detail is InvalidRequest", json(422, {}), "InvalidRequest")
  refusal("422 as HTML is InvalidRequest", html(422), "InvalidRequest")
})

describe("a 401 that stays", () => {
  for (const [what, failure] of [
    ["a string detail", detail(401, "User removed")],
    ["an array detail", detail(401, [{ msg: echo }])],
    ["plain text", plain(401, echo)],
    ["HTML", html(401)],
    ["no body", empty(401)]
  ] as const) {
    it.effect(`with ${what} is Unauthenticated`, () =>
      Effect.gen(function* () {
        for (const [name, run] of operations) {
          const { byKey, emulator } = yield* host()
          emulator.failNext(failure, { operation: name === "get" ? "list" : name, count: 9 })
          const error = yield* Effect.flip(run(yield* byKey()))
          assert.strictEqual(error.reason._tag, "Unauthenticated")
          assert.strictEqual(emulator.requests.count(), 4)
          assert.notInclude(inspect(error, { depth: Infinity, showHidden: true }), echo)
        }
      })
    )
  }
})

describe("an answer of success that is none", () => {
  const bodies = [
    ["HTML", html(200)],
    ["nothing", empty(200)],
    ["null", json(200, null)],
    ["an object of another shape", json(200, { [echo]: echo, uuid: 7, api_key: [echo] })],
    ["an array of another shape", json(200, [{ uuid: [echo] }])],
    ["a sentence", plain(200, echo)]
  ] as const
  for (const [what, failure] of bodies) {
    it.effect(`with ${what} is InvalidResponse, and OutcomeUnknown for create`, () =>
      Effect.gen(function* () {
        for (const [name, run] of operations.filter(([name]) => name !== "revoke")) {
          // Every number of a usage report may be absent, so that any object is one.
          if (name === "usage" && what === "an object of another shape") continue
          const { byKey, emulator } = yield* host()
          emulator.failNext(failure, { operation: name === "get" ? "list" : name, count: 9 })
          const error = yield* toTheEnd(Effect.flip(run(yield* byKey())))
          assert.strictEqual(error.reason._tag, name === "create" ? "OutcomeUnknown" : "InvalidResponse")
          // A create has looked twice by then, 10 seconds each time, and been sent three times.
          assert.strictEqual(emulator.requests.count(), name === "create" ? 6 : 2)
          assert.notInclude(inspect(error, { depth: Infinity, showHidden: true }), echo)
        }
      })
    )
  }
})

describe("a server that is in trouble", () => {
  for (const [what, failure, status] of [
    ["500 in plain text", plain(500, "Internal Server Error"), 500],
    ["502 as HTML", html(502), 502],
    ["503 without body", empty(503), 503],
    ["504 in JSON", detail(504, echo), 504],
    ["408", empty(408), 408]
  ] as const) {
    it.effect(`${what} is Unavailable after four attempts, and OutcomeUnknown for a create after three`, () =>
      Effect.gen(function* () {
        for (const [name, run] of operations) {
          const { byKey, emulator } = yield* host()
          const store = yield* byKey()
          yield* listed(store)
          emulator.requests.clear()
          emulator.failNext(failure, { count: 9, ...(name === "create" ? { operation: name } : {}) })
          const error = yield* toTheEnd(Effect.flip(run(store)))
          const { reason } = error
          assert.strictEqual(reason._tag, name === "create" ? "OutcomeUnknown" : "Unavailable")
          if (reason._tag === "Unavailable") assert.strictEqual(reason.status, status)
          if (name === "create") assert.strictEqual(emulator.requests.count("create"), 3)
          else assert.strictEqual(emulator.requests.count(), 4)
          assert.notInclude(inspect(error, { depth: Infinity }), echo)
        }
      })
    )
  }

  it.effect("and recovers is answered without the caller noticing", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      emulator.failNext(plain(500, "Internal Server Error"), { operation: "list", count: 3 })
      assert.lengthOf(yield* advancing(listed(yield* byKey())), 1)
      assert.deepStrictEqual(sent(emulator), ["exchange", "list", "list", "list", "list"])
    })
  )
})

describe("a 429", () => {
  it.effect("with Retry-After is waited for, exactly, and the create makes one key", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      emulator.failNext({ ...detail(429, echo), headers: { "retry-after": "7" } }, { operation: "create" })
      yield* advancing((yield* byKey()).create({ name: "one" }), 100)
      const times = emulator.requests.all.map(({ operation, time }) => [operation, time - start])
      assert.deepStrictEqual(times, [
        ["exchange", 0],
        ["create", 0],
        ["create", 7_000]
      ])
      assert.lengthOf(created(emulator), 1)
    })
  )

  it.effect("without Retry-After is tried again with growing pauses, and the create makes one key", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      emulator.failNext(plain(429, "slow down"), { operation: "create", count: 3 })
      yield* advancing((yield* byKey()).create({ name: "one" }), 10)
      assert.strictEqual(emulator.requests.count("create"), 4)
      assert.lengthOf(created(emulator), 1)
    })
  )

  it.effect("that stays is RateLimited after four attempts", () =>
    Effect.gen(function* () {
      for (const [name, run] of operations) {
        const { byKey, emulator } = yield* host()
        const store = yield* byKey()
        yield* listed(store)
        emulator.requests.clear()
        emulator.failNext(empty(429), { count: 9 })
        const error = yield* advancing(Effect.flip(run(store)))
        assert.strictEqual(error.reason._tag, "RateLimited", name)
        assert.isTrue(error.exhausted)
        assert.strictEqual(emulator.requests.count(), 4)
      }
    })
  )

  it.effect("asking for longer than the cap is not waited for, and says when to come back", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      emulator.failNext({ ...empty(429), headers: { "retry-after": "3600" } }, { operation: "create" })
      const error = yield* Effect.flip((yield* byKey()).create({ name: "one" }))
      assert.strictEqual(error.reason._tag, "RateLimited")
      assert.isTrue(error.isRetryable)
      assert.deepStrictEqual(error.retryAfter, Duration.hours(1))
      assert.strictEqual(emulator.requests.count("create"), 1)
    })
  )

  it.effect("on the token exchange is waited for too, and the create makes one key", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      emulator.failNext({ ...empty(429), headers: { "retry-after": "3" } }, { operation: "exchange" })
      yield* advancing((yield* byKey()).create({ name: "one" }), 100)
      assert.deepStrictEqual(sent(emulator), ["exchange", "exchange", "create"])
      assert.lengthOf(created(emulator), 1)
    })
  )
})

describe("a redirect", () => {
  for (const [name, run] of operations) {
    it.effect(`is not followed and names the host only (${name})`, () =>
      Effect.gen(function* () {
        const { byKey, emulator } = yield* host()
        const store = yield* byKey()
        yield* listed(store)
        emulator.requests.clear()
        emulator.failNext({ status: 307, headers: { location: `https://elsewhere.test/?x=${echo}` } })
        const error = yield* Effect.flip(run(store))
        assert.strictEqual(fieldOf(error), "baseUrl")
        assert.include(error.message, new URL(baseUrl).host)
        for (const text of [echo, "elsewhere"]) assert.notInclude(inspect(error, { depth: Infinity }), text)
        assert.strictEqual(emulator.requests.count(), 1)
      })
    )
  }

  it.effect("on the token exchange is not followed: the key would travel along", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const location = "http://elsewhere.test/auth/access-token?key=stolen"
      emulator.failNext({ status: 307, headers: { location } })
      const error = yield* Effect.flip(listed(yield* byKey()))
      assert.strictEqual(fieldOf(error), "baseUrl")
      assert.deepStrictEqual(sent(emulator), ["exchange"])
    })
  )

  it.effect("for a wrong slash never comes: all four paths are the server's own", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host({ switches: { wrongSlash: "redirect" } })
      const store = yield* byKey()
      const { key } = yield* store.create({ name: "one" })
      yield* listed(store)
      yield* store.usage(key)
      yield* store.revoke(key)
      assert.deepStrictEqual(
        emulator.requests.all.map(({ path, status }) => [path, status]),
        [
          ["/auth/access-token", 200],
          ["/keys/", 200],
          ["/keys/", 200],
          [`/keys/${key.id}/usage`, 200],
          [`/keys/${key.id}`, 200]
        ]
      )
      const wrong = yield* Effect.promise(() => emulator.fetch(`${baseUrl}/keys`))
      assert.strictEqual(wrong.status, 307, "the emulator does redirect the other spelling")
    })
  )
})

describe("a wrong address", () => {
  it.effect("that the server's host check refuses names baseUrl", () =>
    Effect.gen(function* () {
      const { byKey } = yield* host({ allowedHosts: ["api.occam.test"] })
      const error = yield* Effect.flip(listed(yield* byKey()))
      aboutBaseUrl(error)
      const right = yield* host({ allowedHosts: ["api.occam.test"] })
      assert.lengthOf(yield* listed(yield* right.byKey({ baseUrl: "https://api.occam.test" })), 1)
    })
  )

  it.effect("with a prefix the server does not have names baseUrl", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const error = yield* Effect.flip(listed(yield* byKey({ baseUrl: `${baseUrl}/api` })))
      aboutBaseUrl(error)
      assert.strictEqual(emulator.requests.all[0]?.path, "/api/auth/access-token")
    })
  )
})
