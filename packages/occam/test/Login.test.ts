/** Logging in with a user name and a password, and the single-use refresh tokens that come with it. */
import { assert, describe, it } from "@effect/vitest"
import type { OccamEmulator } from "@keyfold/emulators/Occam"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { advancing, baseUrl, created, email, host, listed, password, sent, storeOver } from "./OccamHost.ts"

/** What went over the wire in clear: the emulator's own log masks it. */
const spying = (emulator: OccamEmulator) => {
  const bodies: Array<readonly [path: string, type: string | null, body: string]> = []
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    const body = await request.clone().text()
    bodies.push([new URL(request.url).pathname, request.headers.get("content-type"), body])
    return emulator.fetch(request)
  }
  return { bodies, fetch }
}

const byPassword = Effect.fnUntraced(function* (accessTokenSeconds = 600) {
  const { emulator } = yield* host({ accessTokenSeconds })
  const { bodies, fetch } = spying(emulator)
  const store = yield* storeOver(fetch, { username: email, password: Redacted.make(password), baseUrl })
  return { emulator, bodies, store }
})

const refreshToken = (body: string): string => JSON.parse(body)["refresh_token"]

describe("the password login", () => {
  it.effect("is one form with user name and password, nothing in the query, and no authorization", () =>
    Effect.gen(function* () {
      const { bodies, emulator, store } = yield* byPassword()
      yield* store.create({ name: "one" })
      assert.deepStrictEqual(sent(emulator), ["login", "create"])
      const [login] = emulator.requests.all
      assert.strictEqual(`${login?.method} ${login?.path}`, "POST /auth/access-token")
      assert.deepStrictEqual(login?.query, [])
      assert.isFalse(new Map(login?.headers).has("authorization"))
      assert.deepStrictEqual(bodies[0], [
        "/auth/access-token",
        "application/x-www-form-urlencoded",
        "grant_type=password&username=ann%40example.com&password=p%26ss+word%2B1"
      ])
      assert.lengthOf(created(emulator), 1)
    })
  )

  it.effect("renews ahead of expiry with the refresh token, each used once and replaced by the next", () =>
    Effect.gen(function* () {
      const { bodies, emulator, store } = yield* byPassword()
      for (let calls = 0; calls < 4; calls++) {
        yield* listed(store)
        yield* TestClock.adjust("550 seconds")
      }
      assert.deepStrictEqual(
        sent(emulator).filter((operation) => operation !== "list"),
        ["login", "refresh", "refresh", "refresh"]
      )
      assert.isTrue(emulator.requests.all.every(({ status }) => status === 200))
      const refreshes = bodies.filter(([path]) => path === "/auth/refresh-token")
      assert.isTrue(refreshes.every(([, type]) => type === "application/json"))
      assert.strictEqual(new Set(refreshes.map(([, , body]) => refreshToken(body))).size, 3)
    })
  )

  it.effect("renews on a 401 with the refresh token, once for 50 callers", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* byPassword()
      yield* listed(store)
      emulator.rotateSigningKey()
      emulator.requests.clear()
      yield* Effect.forEach(Array.from({ length: 50 }), () => listed(store), { concurrency: "unbounded" })
      assert.strictEqual(emulator.requests.count("refresh"), 1)
      assert.strictEqual(emulator.requests.count("login"), 0)
      assert.strictEqual(emulator.requests.count("list"), 100)
    })
  )

  for (const [status, detail] of [
    [400, "Refresh token expired"],
    [400, "Refresh token already used"],
    [404, "Refresh token not found"]
  ] as const) {
    it.effect(`falls back to the login where the server says "${detail}"`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* byPassword()
        yield* listed(store)
        yield* TestClock.adjust("590 seconds")
        const body = JSON.stringify({ detail })
        emulator.failNext({ status, body, contentType: "application/json" }, { operation: "refresh" })
        assert.lengthOf(yield* listed(store), 1)
        assert.deepStrictEqual(sent(emulator), ["login", "list", "refresh", "login", "list"])
        yield* TestClock.adjust("590 seconds")
        yield* listed(store)
        assert.deepStrictEqual(sent(emulator).slice(5), ["refresh", "list"], "the new login's refresh token works")
      })
    )
  }

  it.effect("never tries a refresh token again whose answer was lost: it may be used up", () =>
    Effect.gen(function* () {
      const { bodies, emulator, store } = yield* byPassword()
      yield* listed(store)
      yield* TestClock.adjust("590 seconds")
      emulator.loseNextResponse({ operation: "refresh" })
      emulator.failNext({ status: 503 }, { operation: "login" })
      assert.lengthOf(yield* advancing(listed(store)), 1)
      assert.deepStrictEqual(sent(emulator), ["login", "list", "refresh", "login", "login", "list"])
      yield* TestClock.adjust("590 seconds")
      yield* listed(store)
      const tokens = bodies.filter(([path]) => path === "/auth/refresh-token").map(([, , body]) => refreshToken(body))
      assert.lengthOf(tokens, 2)
      assert.notStrictEqual(tokens[0], tokens[1])
    })
  )

  it.effect("with a wrong password is Unauthenticated after one request", () =>
    Effect.gen(function* () {
      const { byPassword, emulator } = yield* host()
      const store = yield* byPassword({ password: Redacted.make("wrong-password") })
      const error = yield* Effect.flip(store.create({ name: "one" }))
      assert.strictEqual(error.reason._tag, "Unauthenticated")
      assert.include(error.message, "did not accept the configured credential")
      assert.deepStrictEqual(sent(emulator), ["login"])
    })
  )

  it.effect("asks an Effect for the password at each login, and sends nothing where it fails", () =>
    Effect.gen(function* () {
      const { byPassword, emulator } = yield* host()
      let asked = 0
      const store = yield* byPassword({ password: Effect.sync(() => (asked++, Redacted.make(password))) })
      yield* listed(store)
      yield* listed(store)
      assert.strictEqual(asked, 1)
      emulator.requests.clear()
      const broken = yield* byPassword({ password: Effect.fail("vault sealed") })
      const error = yield* Effect.flip(listed(broken))
      assert.strictEqual(error.reason._tag, "Unauthenticated")
      assert.notInclude(error.message, "vault")
      assert.strictEqual(emulator.requests.count(), 0)
    })
  )
})

describe("the key login", () => {
  it.effect("has no refresh token and repeats the exchange, asking for the key each time", () =>
    Effect.gen(function* () {
      const { byKey, credential, emulator } = yield* host({ accessTokenSeconds: 600 })
      let asked = 0
      const store = yield* byKey({ apiKey: Effect.sync(() => (asked++, Redacted.make(credential))) })
      yield* listed(store)
      yield* TestClock.adjust("590 seconds")
      yield* listed(store)
      assert.deepStrictEqual(sent(emulator), ["exchange", "list", "exchange", "list"])
      assert.strictEqual(asked, 2)
    })
  )

  it.effect("manages the same user's keys as the password does", () =>
    Effect.gen(function* () {
      const { byKey, byPassword } = yield* host()
      const { key } = yield* (yield* byKey()).create({ name: "one" })
      const other = yield* byPassword()
      assert.strictEqual((yield* other.get(key)).name, "one")
      yield* other.revoke(key)
    })
  )
})
