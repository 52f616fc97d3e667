import { assert, describe, it } from "@effect/vitest"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import { OperationId } from "@keyfold/core/OperationId"
import type { WhyLabsEmulator } from "@keyfold/emulators/WhyLabs"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { inspect } from "node:util"
import { advancing, keysPath, lines, listed, organization, owner, settle, songbird, start } from "./Songbird.ts"

const operationId = OperationId.make("nightly-2026-03-14")

const created = (emulator: WhyLabsEmulator) => emulator.keys().filter(({ origin }) => origin === "created")

/** A create whose answer is lost: what happened, and how many keys the server holds then. */
const unknownOutcome = (
  title: string,
  intervene: (emulator: WhyLabsEmulator) => void,
  keys: 0 | 1,
  check: (error: KeyStoreError) => void = () => {}
) =>
  it.effect(title, () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0()
      intervene(emulator)
      const error = yield* advancing(Effect.flip(store.create({ name: "one" }, { operationId })), 500)
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      assert.strictEqual(error.operationId, operationId)
      assert.include(error.message, operationId)
      assert.isFalse(error.isRetryable)
      assert.strictEqual(error.attempts, 1)
      assert.strictEqual(emulator.requests.count("create"), 1)
      assert.lengthOf(created(emulator), keys)
      check(error)
    })
  )

describe("create with a lost answer is OutcomeUnknown after exactly one POST", () => {
  unknownOutcome("the connection is reset after the server committed", (emulator) => emulator.loseNextResponse(), 1)
  unknownOutcome(
    "the connection is reset before the server acted",
    (emulator) => emulator.failNext({ network: "reset" }),
    0
  )
  unknownOutcome(
    "no answer comes within the attempt's 10 seconds",
    (emulator) => emulator.hangNext(),
    1,
    (error) => assert.include(error.reason.message, "10s")
  )
  for (const garbling of ["truncated", "html", "empty", "text"] as const) {
    unknownOutcome(`the 200 has a ${garbling} body`, (emulator) => emulator.garbleNext(garbling), 1)
  }
  for (const status of [408, 500, 502, 503, 504]) {
    unknownOutcome(
      `a proxy answers ${status} with HTML after the server committed`,
      (emulator) =>
        emulator.answerNext(async ({ proceed }) => {
          await proceed()
          return new Response("<html><body>Bad gateway</body></html>", { status })
        }),
      1,
      (error) => assert.include(error.reason.message, String(status))
    )
  }

  it.effect("the read-back fails with a 500 that holds the key's hash, and the error does not", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0()
      const hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
      emulator.answerNext(async ({ proceed }) => {
        await proceed()
        const message = `Internal Server Error: Couldn't look up key after creation using hash ${hash}`
        const body = { _embedded: { errors: [{ message }] }, message: "Internal Server Error" }
        return Response.json(body, { status: 500 })
      })
      const error = yield* Effect.flip(store.create({}, { operationId }))
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      assert.notInclude(inspect(error, { depth: Infinity, showHidden: true }), hash)
      assert.notInclude(JSON.stringify(error), hash)
      assert.lengthOf(created(emulator), 1)
    })
  )
})

describe("create that provably did nothing", () => {
  it.effect("is sent again after a refused connection and makes exactly one key", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0()
      emulator.failNext({ network: "refused" }, { count: 2 })
      const { key } = yield* advancing(store.create({ name: "one" }))
      assert.strictEqual(emulator.requests.count("create"), 3)
      assert.deepStrictEqual(
        created(emulator).map(({ id }) => id),
        [String(key.id)]
      )
    })
  )

  it.effect("waits for a Retry-After a proxy sends with a 429, exactly", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0()
      emulator.failNext({ status: 429, headers: { "retry-after": "7" } })
      yield* advancing(store.create({}), 100)
      assert.deepStrictEqual(
        emulator.requests.all.map(({ time }) => time - start),
        [0, 7_000]
      )
      assert.lengthOf(created(emulator), 1)
    })
  )

  it.effect("does not wait for a Retry-After beyond its cap, and says when to come back", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      emulator.failNext({ status: 429, headers: { "retry-after": "3600" } })
      const error = yield* Effect.flip((yield* v0()).create({}))
      assert.strictEqual(error.reason._tag, "RateLimited")
      assert.isTrue(error.isRetryable)
      assert.isDefined(error.retryAfter)
      assert.lengthOf(emulator.requests.all, 1)
    })
  )
})

describe("the way back from a lost create", () => {
  it.effect("the stray key is found by its alias and revoked", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0()
      emulator.loseNextResponse()
      yield* Effect.flip(store.create({ name: "nightly tag-8f31" }))
      const strays = (yield* listed(store)).filter(({ name }) => name === "nightly tag-8f31")
      assert.lengthOf(strays, 1)
      for (const stray of strays) yield* store.revoke(stray)
      assert.isTrue(created(emulator)[0]?.revoked)
    })
  )

  it.effect("an interrupted create aborts its request", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0()
      emulator.hangNext({ commit: false })
      const fiber = yield* Effect.forkChild(store.create({}))
      yield* settle
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.strictEqual(emulator.requests.all[0]?.outcome, "aborted")
    })
  )
})

describe("reads and revokes with a lost answer", () => {
  it.effect("a hanging read is given up after the store's own timeout and sent again", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0({ timeout: Duration.seconds(2) })
      emulator.hangNext()
      assert.lengthOf(yield* advancing(listed(store), 100), 0)
      const [first, second, ...more] = emulator.requests.all
      assert.strictEqual(first?.outcome, "aborted")
      assert.isAtLeast(second?.time ?? 0, start + 2_100)
      assert.isAtMost(second?.time ?? 0, start + 2_300)
      assert.lengthOf(more, 0)
    })
  )

  it.effect("a read is sent again after a reset", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      emulator.seed({ organization, userId: owner, keyId: "aaaaaaaaaa" })
      const store = yield* v0()
      emulator.loseNextResponse()
      assert.lengthOf(yield* advancing(listed(store)), 1)
      assert.deepStrictEqual(lines(emulator), [`GET ${keysPath}`, `GET ${keysPath}`])
    })
  )
})
