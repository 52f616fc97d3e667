/** The short-lived token: when it is obtained, when it is renewed, and how often at the most. */
import { assert, describe, it } from "@effect/vitest"
import type { OccamEmulator, Options as EmulatorOptions } from "@keyfold/emulators/Occam"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { advancing, created, email, host, listed, sent, settle, start, type Store } from "./OccamHost.ts"

const booted = Effect.fnUntraced(function* (options: EmulatorOptions = {}) {
  const { byKey, credential, emulator } = yield* host(options)
  return { emulator, credential, store: yield* byKey() }
})

const unauthorized = (text: string) => ({
  status: 401,
  body: JSON.stringify({ detail: text }),
  contentType: "application/json"
})

/** Starts a number of lists at once. */
const many = (store: Store, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => Effect.forkChild(listed(store)))

describe("the access token", () => {
  it.effect("is obtained with the key in the query, without body and authorization, and then used as Bearer", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* booted()
      assert.strictEqual(emulator.requests.count(), 0, "booting sends nothing")
      yield* listed(store)
      const [exchange, list] = emulator.requests.all
      assert.deepStrictEqual(exchange?.query, [["key", "<masked>"]])
      assert.isUndefined(exchange?.body)
      assert.isFalse(new Map(exchange?.headers).has("authorization"))
      assert.isFalse(new Map(exchange?.headers).has("referer"))
      assert.isTrue(new Map(list?.headers).has("authorization"))
      assert.strictEqual(list?.caller, email)
    })
  )

  it.effect("serves many calls, whether or not the answer names its type", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* booted({ switches: { tokenType: "absent" } })
      for (let calls = 0; calls < 5; calls++) yield* listed(store)
      assert.strictEqual(emulator.requests.count("exchange"), 1)
      assert.strictEqual(emulator.requests.count("list"), 5)
    })
  )

  it.effect("is obtained once for 50 callers at once", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* booted()
      yield* Effect.forEach(Array.from({ length: 50 }), () => listed(store), { concurrency: "unbounded" })
      assert.strictEqual(emulator.requests.count("exchange"), 1)
      assert.strictEqual(emulator.requests.count("list"), 50)
    })
  )

  it.effect("is renewed a minute ahead of its expiry, once for 50 callers, by repeating the exchange", () =>
    Effect.gen(function* () {
      // The emulator counts whole seconds: a token of 600 of them expires 599.42 s after a start at .58.
      const { emulator, store } = yield* booted({ accessTokenSeconds: 600 })
      yield* listed(store)
      yield* TestClock.setTime(start + 539_000)
      yield* listed(store)
      assert.strictEqual(emulator.requests.count("exchange"), 1)
      yield* TestClock.setTime(start + 540_000)
      yield* Effect.forEach(Array.from({ length: 50 }), () => listed(store), { concurrency: "unbounded" })
      assert.strictEqual(emulator.requests.count("exchange"), 2)
      assert.isTrue(emulator.requests.all.every(({ status }) => status === 200))
    })
  )

  it.effect("of a minute or less is used for half its life, not renewed at every call", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* booted({ accessTokenSeconds: 30 })
      for (let seconds = 0; seconds < 60; seconds++) {
        yield* listed(store)
        yield* TestClock.adjust("1 seconds")
      }
      assert.strictEqual(emulator.requests.count("list"), 60)
      assert.isAtMost(emulator.requests.count("exchange"), 5)
      assert.isTrue(emulator.requests.all.every(({ status }) => status === 200))
    })
  )
})

describe("a stated expiry", () => {
  for (const expiresAt of ["seconds", "milliseconds", "lifetime"] as const) {
    it.effect(`as ${expiresAt} is understood: no request is refused around it`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* booted({ accessTokenSeconds: 600, switches: { expiresAt } })
        for (const minutes of [0, 8, 9.5, 12]) {
          yield* TestClock.setTime(start + minutes * 60_000)
          yield* listed(store)
        }
        assert.strictEqual(emulator.requests.count("exchange"), 2)
        assert.isTrue(emulator.requests.all.every(({ status }) => status === 200))
      })
    )
  }

  for (const [what, expiresAt] of [
    ["in the past", "1736244930"],
    ["zero", "0"],
    ["negative", "-1"],
    ["null", "null"],
    ["too great for a number", "1e999"]
  ]) {
    it.effect(`${what} is not believed: the token serves until it is refused`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* booted()
        emulator.answerNext(
          async ({ proceed }) => {
            const text = await (await proceed()).text()
            return new Response(text.replace(/"expires_at":\d+/, `"expires_at":${expiresAt}`))
          },
          { operation: "exchange" }
        )
        for (let calls = 0; calls < 3; calls++) yield* listed(store)
        assert.strictEqual(emulator.requests.count("exchange"), 1)
        yield* TestClock.adjust("25 hours")
        yield* listed(store)
        assert.deepStrictEqual(sent(emulator).slice(-3), ["list", "exchange", "list"])
      })
    )
  }
})

describe("a 401", () => {
  for (const expiredText of ["occam", "template"] as const) {
    it.effect(`in the words of ${expiredText} renews once and repeats the call once: the status counts`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* booted({ accessTokenSeconds: 600, switches: { expiredText } })
        yield* listed(store)
        // Only the server's clock moves: the token expires earlier than the caller thinks.
        emulator.clock.advance(700_000)
        assert.lengthOf(yield* listed(store), 1)
        assert.deepStrictEqual(sent(emulator), ["exchange", "list", "list", "exchange", "list"])
        assert.deepStrictEqual(
          emulator.requests.all.map(({ status }) => status),
          [200, 200, 401, 200, 200]
        )
      })
    )
  }

  it.effect("without any body renews too", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* booted()
      emulator.failNext({ status: 401 }, { operation: "list" })
      yield* listed(store)
      assert.deepStrictEqual(sent(emulator), ["exchange", "list", "exchange", "list"])
    })
  )

  it.effect("to a create is repeated safely: it came before the handler, and one key is made", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* booted()
      yield* listed(store)
      emulator.rotateSigningKey()
      yield* store.create({ name: "one" })
      assert.deepStrictEqual(sent(emulator).slice(2), ["create", "exchange", "create"])
      assert.lengthOf(created(emulator), 1)
    })
  )

  it.effect("after the renewal too is Unauthenticated: two calls, two exchanges, no loop", () =>
    Effect.gen(function* () {
      for (const [operation, run] of [
        ["list", (store: Store) => Effect.asVoid(listed(store))],
        ["create", (store: Store) => Effect.asVoid(store.create({ name: "one" }))]
      ] as const) {
        const { emulator, store } = yield* booted()
        emulator.failNext(unauthorized("Token expired"), { operation, count: 100 })
        const error = yield* Effect.flip(run(store))
        assert.strictEqual(error.reason._tag, "Unauthenticated")
        assert.isFalse(error.isRetryable)
        assert.deepStrictEqual(sent(emulator), ["exchange", operation, "exchange", operation])
      }
    })
  )

  it.effect("to 50 callers at once renews once for all of them", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* booted()
      yield* listed(store)
      emulator.rotateSigningKey()
      emulator.requests.clear()
      yield* Effect.forEach(Array.from({ length: 50 }), () => listed(store), { concurrency: "unbounded" })
      assert.strictEqual(emulator.requests.count("exchange"), 1)
      assert.strictEqual(emulator.requests.count("list"), 100)
    })
  )

  it.effect("because the user is gone is Unauthenticated after one renewal that was refused", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* booted()
      yield* listed(store)
      emulator.removeUser(email)
      const error = yield* Effect.flip(listed(store))
      assert.strictEqual(error.reason._tag, "Unauthenticated")
      assert.deepStrictEqual(sent(emulator), ["exchange", "list", "list", "exchange"])
    })
  )
})

describe("callers that wait for a renewal together", () => {
  it.effect("lose nothing where one of them, the first too, is interrupted", () =>
    Effect.gen(function* () {
      for (const victim of [0, 25]) {
        const { emulator, store } = yield* booted()
        const gate = yield* Deferred.make<void>()
        emulator.answerNext(({ proceed }) => Effect.runPromise(Deferred.await(gate)).then(proceed), {
          operation: "exchange"
        })
        const fibers = yield* many(store, 50)
        yield* settle
        const interrupted = fibers[victim]
        assert.isDefined(interrupted)
        yield* Fiber.interrupt(interrupted)
        yield* Deferred.succeed(gate, undefined)
        for (const fiber of fibers) if (fiber !== interrupted) assert.lengthOf(yield* Fiber.join(fiber), 1)
        assert.strictEqual(emulator.requests.count("exchange"), 1)
        assert.strictEqual(emulator.requests.count("list"), 49)
      }
    })
  )

  it.effect("all fail with it, and their calls are not sent", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* booted()
      emulator.failNext(unauthorized("Invalid API key"), { operation: "exchange" })
      const errors = yield* Effect.forEach(Array.from({ length: 50 }), () => Effect.flip(listed(store)), {
        concurrency: "unbounded"
      })
      assert.isTrue(errors.every(({ reason }) => reason._tag === "Unauthenticated"))
      assert.deepStrictEqual(sent(emulator), ["exchange"])
      assert.lengthOf(yield* listed(store), 1, "the next caller tries again")
    })
  )

  it.effect("that hangs give up after the attempt's timeout, and the server sees the request end", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* booted()
      emulator.hangNext({ operation: "exchange", count: 4 })
      const error = yield* advancing(Effect.flip(listed(store)), 500)
      assert.strictEqual(error.reason._tag, "Timeout")
      assert.strictEqual(emulator.requests.count("list"), 0)
      assert.isTrue(emulator.requests.all.every(({ outcome }) => outcome === "aborted"))
    })
  )
})

describe("a create whose token cannot be obtained is not ambiguous: nothing was sent", () => {
  const failing = (title: string, tag: string, exchanges: number, intervene: (emulator: OccamEmulator) => void) =>
    it.effect(title, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* booted()
        intervene(emulator)
        const error = yield* advancing(Effect.flip(store.create({ name: "one" }, { within: "2 minutes" })), 500)
        assert.strictEqual(error.reason._tag, tag)
        assert.strictEqual(emulator.requests.count("exchange"), exchanges)
        assert.strictEqual(emulator.requests.count("create"), 0)
        assert.lengthOf(created(emulator), 0)
      })
    )

  const target = { operation: "exchange", count: 100 }
  failing("500 as plain text", "Unavailable", 4, (emulator) =>
    emulator.failNext({ status: 500, body: "Internal Server Error", contentType: "text/plain" }, target)
  )
  failing("a lost connection", "Network", 4, (emulator) => emulator.failNext({ network: "reset" }, target))
  failing("silence", "Timeout", 4, (emulator) => emulator.hangNext(target))
  failing("a page instead of a token", "InvalidResponse", 1, (emulator) => emulator.garbleNext("html", target))
  failing("a 400 about the key", "Unauthenticated", 1, (emulator) =>
    emulator.failNext({ ...unauthorized("Incorrect email or password"), status: 400 }, target)
  )

  it.effect("and is sent once the exchange works again, making one key", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* booted()
      emulator.failNext({ status: 503 }, { operation: "exchange", count: 2 })
      yield* advancing(store.create({ name: "one" }))
      assert.deepStrictEqual(sent(emulator), ["exchange", "exchange", "exchange", "create"])
      assert.lengthOf(created(emulator), 1)
    })
  )
})

describe("a wrong key", () => {
  for (const [badKeyStatus, tag] of [
    [400, "Unauthenticated"],
    [401, "Unauthenticated"],
    [403, "PermissionDenied"],
    [404, "Unauthenticated"]
  ] as const) {
    it.effect(`refused with ${badKeyStatus} is ${tag}, after one exchange and nothing else`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* booted({ switches: { badKeyStatus } })
        emulator.removeUser(email)
        const error = yield* Effect.flip(listed(store))
        assert.strictEqual(error.reason._tag, tag)
        assert.deepStrictEqual(sent(emulator), ["exchange"])
      })
    )
  }
})
