import { assert, describe, it } from "@effect/vitest"
import { DriverError } from "@keyfold/core/Driver"
import { Unavailable } from "@keyfold/core/KeyStoreError"
import { Fetch } from "@keyfold/http/Fetch"
import * as HttpBackend from "@keyfold/http/HttpBackend"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { assertReason, backendOver, baseUrl, credential, json, Key, listKeys, recordedFetch } from "./RecordedFetch.ts"

const serverOf = () => recordedFetch(() => json({ id: "k1", uses: 1 }))

/** Performs one call and returns the one request it made. */
const requestOf = (call: HttpBackend.Call, options: Partial<HttpBackend.BackendOptions> = {}) =>
  Effect.gen(function* () {
    const server = serverOf()
    const backend = yield* backendOver(server, options)
    yield* backend.discard(call)
    assert.strictEqual(server.requests.length, 1)
    const [request] = server.requests
    return request ?? assert.fail("no request")
  })

const pathOf = (...segments: ReadonlyArray<string>) =>
  Effect.map(requestOf({ method: "GET", segments }), ({ url }) => url.replace(baseUrl, ""))

const queryOf = (...query: ReadonlyArray<readonly [string, string]>) =>
  Effect.map(requestOf({ method: "GET", segments: ["keys"], query }), ({ url }) => new URL(url).search)

/** Performs one call that must fail before anything is sent. */
const refusalOf = (call: HttpBackend.Call, options: Partial<HttpBackend.BackendOptions> = {}) =>
  Effect.gen(function* () {
    const server = serverOf()
    const backend = yield* backendOver(server, options)
    const error = yield* Effect.flip(backend.decode(Key, call))
    assert.strictEqual(server.requests.length, 0)
    assert.strictEqual(error.sent, "no")
    return error
  })

describe("the path of a call", () => {
  it.effect("is its segments below the prefix, each encoded by itself", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* pathOf("keys", "a/b?c#d e%2F+&"), "/keys/a%2Fb%3Fc%23d%20e%252F%2B%26")
      assert.strictEqual(yield* pathOf("ключ", "😀"), "/%D0%BA%D0%BB%D1%8E%D1%87/%F0%9F%98%80")
      assert.strictEqual(yield* pathOf("a:b@c;d=e,f", "..."), "/a%3Ab%40c%3Bd%3De%2Cf/...")
      assert.strictEqual(yield* pathOf("\\..\\keys", "%2e%2e"), "/%5C..%5Ckeys/%252e%252e")
    })
  )

  it.effect("ends in a slash where the last segment is empty, and only there", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* pathOf("keys", ""), "/keys/")
      assert.strictEqual(yield* pathOf("keys"), "/keys")
    })
  )

  for (const [name, segments] of [
    ["a dot", ["keys", "."]],
    ["two dots", ["keys", ".."]],
    ["two dots before another segment", ["keys", "..", "usage"]],
    ["an empty segment before another", ["keys", "", "usage"]],
    ["a first half of a surrogate pair", ["keys", "a\ud83d"]],
    ["a second half of a surrogate pair", ["keys", "\ude00b"]]
  ] as const) {
    it.effect(`with ${name} is refused before anything is sent`, () =>
      Effect.gen(function* () {
        const { reason } = yield* refusalOf({ method: "DELETE", segments })
        assertReason(reason, "InvalidRequest")
        assert.strictEqual(reason.field, "id")
        assert.match(reason.problem, /expected an id as create or list returned it/)
      })
    )
  }
})

describe("the query of a call", () => {
  it.effect("is absent where there is none", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* requestOf(listKeys)).url, `${baseUrl}/keys`)
      assert.strictEqual(yield* queryOf(), "")
    })
  )

  it.effect("is encoded so that a server reads back every character", () =>
    Effect.gen(function* () {
      const values = ["a b", "a+b", "user#1", "a&b=c", ":write_data", "50%", "é ключ 😀", "", "\n", "'\"<>"]
      const search = yield* queryOf(...values.map((value) => ["alias", value] as const))
      assert.deepStrictEqual(new URLSearchParams(search).getAll("alias"), values)
      assert.match(search, /^\?[A-Za-z0-9%+=&*._-]+$/)
      assert.include(search, "alias=a+b&alias=a%2Bb&alias=user%231&alias=a%26b%3Dc&alias=%3Awrite_data")
    })
  )

  it.effect("repeats a name in the order given", () =>
    Effect.gen(function* () {
      const search = yield* queryOf(["scopes", ":b"], ["scopes", ":a"], ["user_id", "u"], ["scopes", ":b"])
      assert.strictEqual(search, "?scopes=%3Ab&scopes=%3Aa&user_id=u&scopes=%3Ab")
    })
  )

  it.effect("with a lone surrogate is refused, because the server would read another text", () =>
    Effect.gen(function* () {
      const { reason } = yield* refusalOf({ method: "POST", segments: ["keys"], query: [["alias", "a\ud83d"]] })
      assertReason(reason, "InvalidRequest")
      assert.strictEqual(reason.field, "alias")
    })
  )
})

describe("the headers and the body of a call", () => {
  it.effect("without a body are Accept, exactly application/json, and the credential", () =>
    Effect.gen(function* () {
      for (const method of ["GET", "POST", "PUT", "DELETE"] as const) {
        const request = yield* requestOf({ method, segments: ["keys"] })
        assert.deepStrictEqual(request.headers, { accept: "application/json", "x-api-key": credential })
        assert.strictEqual(request.body, "")
        assert.strictEqual(request.method, method)
      }
    })
  )

  it.effect("with a body carry it as JSON and say so", () =>
    Effect.gen(function* () {
      const value = { name: 'é "quoted" 😀', scopes: ["a"], nothing: null, depth: { list: [1, 2.5, true] } }
      const request = yield* requestOf({ method: "PUT", segments: ["keys", ""], json: value })
      assert.strictEqual(request.headers["content-type"], "application/json")
      assert.deepStrictEqual(JSON.parse(request.body), value)
    })
  )

  it.effect("carry a body that is null, false or empty", () =>
    Effect.gen(function* () {
      for (const value of [null, false, 0, "", {}]) {
        const request = yield* requestOf({ method: "POST", segments: ["keys"], json: value })
        assert.deepStrictEqual(JSON.parse(request.body), value)
      }
    })
  )

  it.effect("carry a form as such, with secrets revealed only there and in the query", () =>
    Effect.gen(function* () {
      const request = yield* requestOf({
        method: "POST",
        segments: ["login"],
        query: [["key", Redacted.make("a+b &c")]],
        form: [
          ["username", "é b"],
          ["password", Redacted.make("p&=+ ")]
        ]
      })
      assert.strictEqual(request.headers["content-type"], "application/x-www-form-urlencoded")
      assert.strictEqual(request.body, "username=%C3%A9+b&password=p%26%3D%2B+")
      assert.strictEqual(new URL(request.url).search, "?key=a%2Bb+%26c")
    })
  )

  it.effect("ask the platform to follow no redirect and to add no cookies", () =>
    Effect.gen(function* () {
      const request = yield* requestOf(listKeys)
      assert.strictEqual(request.redirect, "manual")
      assert.strictEqual(request.credentials, "omit")
    })
  )

  it.effect("go to a fetch that is called as a plain function, as browsers insist", () =>
    Effect.gen(function* () {
      const receivers: Array<unknown> = []
      const fetch = function (this: unknown): Promise<Response> {
        receivers.push(this)
        return Promise.resolve(new Response(null, { status: 204 }))
      }
      const options = { baseUrl, authorize: Effect.succeed({}) }
      const backend = yield* Effect.provideService(HttpBackend.make(options), Fetch, fetch)
      yield* backend.discard(listKeys)
      assert.deepStrictEqual(receivers, [undefined])
    })
  )
})

describe("authorising a call", () => {
  it.effect("happens anew for each attempt", () =>
    Effect.gen(function* () {
      const server = serverOf()
      let runs = 0
      const authorize = Effect.sync(() => ({ authorization: Redacted.make(`Bearer token-${++runs}`) }))
      const backend = yield* backendOver(server, { authorize })
      assert.strictEqual(runs, 0)
      yield* backend.discard(listKeys)
      yield* backend.decode(Key, listKeys)
      assert.deepStrictEqual(
        server.requests.map(({ headers }) => headers["authorization"]),
        ["Bearer token-1", "Bearer token-2"]
      )
    })
  )

  it.effect("is the call's own business where the call says how", () =>
    Effect.gen(function* () {
      const authorize = Effect.succeed({ "X-Other": Redacted.make("other") })
      const request = yield* requestOf({ ...listKeys, authorize })
      assert.deepStrictEqual(request.headers, { accept: "application/json", "x-other": "other" })
    })
  )

  it.effect("sends nothing where it fails, even if what obtains the credential may have been sent", () =>
    Effect.gen(function* () {
      const failure = new DriverError({ reason: new Unavailable({ status: 503 }), sent: "maybe", requestId: "r-1" })
      const error = yield* refusalOf(listKeys, { authorize: Effect.fail(failure) })
      assert.deepStrictEqual(error.reason, failure.reason)
      assert.strictEqual(error.requestId, "r-1")
    })
  )

  it.effect("that takes too long is a Timeout of a call that was not sent", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(refusalOf(listKeys, { authorize: Effect.never }))
      yield* TestClock.adjust("10 seconds")
      const { reason } = yield* Fiber.join(fiber)
      assert.strictEqual(reason._tag, "Timeout")
    })
  )

  for (const [name, value] of [
    ["a line break", "canary\n"],
    ["a header of its own", "canary\r\nX-Admin: yes"],
    ["a character beyond Latin-1", "canary€"],
    ["U+0000", "canary\u0000"],
    ["nothing in it", ""]
  ] as const) {
    it.effect(`refuses a credential with ${name} before anything is sent, without repeating it`, () =>
      Effect.gen(function* () {
        const authorize = Effect.succeed({ "X-API-Key": Redacted.make(value) })
        const error = yield* refusalOf(listKeys, { authorize })
        assert.strictEqual(error.reason._tag, "Unauthenticated")
        assert.match(error.message, /is empty or holds a character that no header can carry/)
        assert.notInclude(error.message, "canary")
      })
    )
  }
})

describe("a fetch of somebody's own", () => {
  it.effect("finds the body in the request that it is given", () =>
    Effect.gen(function* () {
      const bodies: Array<string> = []
      const fetch: typeof globalThis.fetch = async (input) => {
        if (input instanceof Request) bodies.push(await input.text())
        return Response.json({ id: "k1", uses: 1 })
      }
      const backend = yield* HttpBackend.make({ baseUrl, authorize: Effect.succeed({}) }).pipe(
        Effect.provideService(Fetch, fetch)
      )
      yield* backend.discard({ method: "POST", segments: ["keys"], json: { name: "ci" } })
      yield* backend.discard({ method: "GET", segments: ["keys"] })
      assert.deepStrictEqual(bodies, ['{"name":"ci"}', ""])
    }).pipe(Effect.scoped)
  )
})
