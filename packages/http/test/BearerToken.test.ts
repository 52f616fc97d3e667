import { assert, describe, it } from "@effect/vitest"
import { DriverError } from "@keyfold/core/Driver"
import { Unavailable } from "@keyfold/core/KeyStoreError"
import * as BearerToken from "@keyfold/http/BearerToken"
import type { Credential } from "@keyfold/http/HttpBackend"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { assertReason, backendOver, json, Key, listKeys, recordedFetch } from "./RecordedFetch.ts"

const down = new DriverError({ reason: new Unavailable({ status: 503 }), sent: "maybe" })

/** A cell whose tokens are numbered and live for `seconds`; `previous` records what each renewal was told. */
const numbered = (seconds?: number) =>
  Effect.gen(function* () {
    const previous: Array<string | undefined> = []
    const cell = yield* BearerToken.make((token) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        previous.push(token === undefined ? undefined : Redacted.value(token.value))
        const expiresAt = seconds === undefined ? undefined : now + seconds * 1000
        return { value: Redacted.make(`token-${previous.length}`), expiresAt }
      })
    )
    return { cell, previous }
  })

const shown = (credential: Credential): ReadonlyArray<string> => Object.values(credential).map(Redacted.value)

describe("a bearer token", () => {
  it.effect("is obtained at the first call and used until 60 seconds before it expires", () =>
    Effect.gen(function* () {
      const { cell, previous } = yield* numbered(600)
      assert.strictEqual(previous.length, 0)
      assert.deepStrictEqual(shown(yield* cell.authorize), ["Bearer token-1"])
      yield* TestClock.adjust("539 seconds")
      assert.deepStrictEqual(shown(yield* cell.authorize), ["Bearer token-1"])
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual(shown(yield* cell.authorize), ["Bearer token-2"])
      assert.deepStrictEqual(previous, [undefined, "token-1"])
    })
  )

  it.effect("of a short life is used for half of it", () =>
    Effect.gen(function* () {
      const { cell, previous } = yield* numbered(40)
      yield* cell.authorize
      yield* TestClock.adjust("19 seconds")
      yield* cell.authorize
      assert.strictEqual(previous.length, 1)
      yield* TestClock.adjust("1 seconds")
      yield* cell.authorize
      assert.strictEqual(previous.length, 2)
    })
  )

  it.effect("of unknown life serves until it is refused", () =>
    Effect.gen(function* () {
      const { cell, previous } = yield* numbered()
      const first = yield* cell.authorize
      yield* TestClock.adjust("400 days")
      assert.strictEqual(yield* cell.authorize, first)
      yield* cell.renew(first)
      assert.deepStrictEqual(shown(yield* cell.authorize), ["Bearer token-2"])
      assert.strictEqual(previous.length, 2)
    })
  )

  it.effect("can still be obtained by what has something to finish while its scope closes", () =>
    Effect.gen(function* () {
      let last: Credential | undefined
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { cell } = yield* numbered()
          yield* Effect.addFinalizer(() =>
            Effect.ignore(Effect.tap(cell.authorize, (value) => Effect.sync(() => (last = value))))
          )
        })
      )
      assert.deepStrictEqual(shown(last ?? {}), ["Bearer token-1"])
    })
  )

  it.effect("that has been replaced is not forgotten a second time", () =>
    Effect.gen(function* () {
      const { cell } = yield* numbered()
      const first = yield* cell.authorize
      yield* cell.renew(first)
      const second = yield* cell.authorize
      yield* cell.renew(first)
      assert.strictEqual(yield* cell.authorize, second)
    })
  )

  it.effect("is obtained once for all who wait, and interrupting one does not interrupt the others", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let runs = 0
      const cell = yield* BearerToken.make(() => {
        runs++
        return Effect.as(Deferred.await(gate), { value: Redacted.make("token"), expiresAt: undefined })
      })
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(cell.authorize))
      yield* Effect.yieldNow
      const [first, ...others] = fibers
      if (first !== undefined) yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, undefined)
      for (const fiber of others) assert.deepStrictEqual(shown(yield* Fiber.join(fiber)), ["Bearer token"])
      assert.strictEqual(runs, 1)
    })
  )

  it.effect("that cannot be obtained fails all who wait, and the next caller tries again without the old token", () =>
    Effect.gen(function* () {
      const seen: Array<boolean> = []
      const cell = yield* BearerToken.make((previous) => {
        seen.push(previous !== undefined)
        return seen.length === 2
          ? Effect.fail(down)
          : Effect.succeed({ value: Redacted.make(`token-${seen.length}`), expiresAt: undefined })
      })
      yield* cell.renew(yield* cell.authorize)
      const failures = yield* Effect.all([Effect.flip(cell.authorize), Effect.flip(cell.authorize)], { concurrency: 2 })
      assert.deepStrictEqual(failures, [down, down])
      assert.deepStrictEqual(shown(yield* cell.authorize), ["Bearer token-3"])
      assert.deepStrictEqual(seen, [false, true, false])
    })
  )
})

describe("a call that is refused 401", () => {
  const refusing = (times: number) => {
    let left = times
    return recordedFetch(() => (left-- > 0 ? new Response(null, { status: 401 }) : json({ id: "k1", uses: 1 })))
  }
  const sent = (server: ReturnType<typeof refusing>) => server.requests.map(({ headers }) => headers["authorization"])

  it.effect("is repeated once with a new token", () =>
    Effect.gen(function* () {
      const { cell } = yield* numbered()
      const server = refusing(1)
      const backend = yield* backendOver(server, cell)
      assert.strictEqual((yield* backend.decode(Key, listKeys)).id, "k1")
      assert.deepStrictEqual(sent(server), ["Bearer token-1", "Bearer token-2"])
    })
  )

  it.effect("twice is Unauthenticated and not repeated again", () =>
    Effect.gen(function* () {
      const { cell } = yield* numbered()
      const server = refusing(5)
      const backend = yield* backendOver(server, cell)
      const error = yield* Effect.flip(backend.decode(Key, listKeys))
      assertReason("reason" in error ? error.reason : down.reason, "Unauthenticated")
      assert.deepStrictEqual(sent(server), ["Bearer token-1", "Bearer token-2"])
    })
  )

  it.effect("is not repeated where nothing renews, or where the call authorises itself", () =>
    Effect.gen(function* () {
      const { cell } = yield* numbered()
      for (const [options, call] of [
        [{ authorize: cell.authorize }, listKeys],
        [cell, { ...listKeys, authorize: cell.authorize }]
      ] as const) {
        const server = refusing(1)
        const backend = yield* backendOver(server, options)
        yield* Effect.flip(backend.discard(call))
        assert.strictEqual(server.requests.length, 1)
      }
    })
  )

  it.effect("is not repeated for any other refusal", () =>
    Effect.gen(function* () {
      const { cell, previous } = yield* numbered()
      const server = recordedFetch(() => new Response(null, { status: 403 }))
      const backend = yield* backendOver(server, cell)
      yield* Effect.flip(backend.discard(listKeys))
      assert.strictEqual(server.requests.length, 1)
      assert.strictEqual(previous.length, 1)
    })
  )
})

describe("reading when a token expires", () => {
  const now = Date.UTC(2026, 0, 15)

  it("takes Unix seconds, milliseconds and a lifetime in seconds for what they are", () => {
    const inAnHour = now + 3_600_000
    assert.strictEqual(BearerToken.readExpiry(inAnHour / 1000, now), inAnHour)
    assert.strictEqual(BearerToken.readExpiry(inAnHour, now), inAnHour)
    assert.strictEqual(BearerToken.readExpiry(3600, now), inAnHour)
  })

  it("does not trust what is no number or is past", () => {
    for (const value of [undefined, null, Number.NaN, Infinity, 0, -5, now, now - 1, now / 1000 - 1]) {
      assert.isUndefined(BearerToken.readExpiry(value, now), String(value))
    }
  })
})
