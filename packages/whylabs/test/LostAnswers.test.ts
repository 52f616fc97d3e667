import { assert, describe, it } from "@effect/vitest"
import { OperationId } from "@keyfold/core/OperationId"
import type { WhyLabsEmulator } from "@keyfold/emulators/WhyLabs"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { inspect } from "node:util"
import { advancing, keysPath, lines, listed, organization, owner, songbird, start, toTheEnd } from "./Songbird.ts"

const operationId = OperationId.make("nightly-2026-03-14")

const created = (emulator: WhyLabsEmulator) => emulator.keys().filter(({ origin }) => origin === "created")

/** What the client and the server saw of a create whose first answer is lost: one key, and none that nobody holds. */
const clearedAway = (title: string, intervene: (emulator: WhyLabsEmulator) => void, first: "made" | "notMade") =>
  it.effect(title, () =>
    toTheEnd(
      Effect.gen(function* () {
        const { emulator, v0 } = yield* songbird()
        const store = yield* v0()
        intervene(emulator)
        const { key } = yield* store.create({ name: "one" }, { operationId })
        const keys = created(emulator)
        const stray = keys.filter(({ id }) => id !== key.id)
        assert.deepStrictEqual(
          stray.map(({ revoked }) => revoked),
          first === "made" ? [true] : []
        )
        const post = `POST ${keysPath}?user_id=${owner}&scopes=:user&alias=one <mark>`
        assert.deepStrictEqual(lines(emulator), [
          post,
          `GET ${keysPath}`,
          ...stray.map(({ id }) => `DELETE ${keysPath}?user_id=${owner}&key_id=${id}`),
          post
        ])
        assert.isFalse(keys.at(-1)?.revoked)
        const [gaveUp = 0, looked = 0] = emulator.requests.all.map(({ time }) => time)
        assert.isAtLeast(looked - gaveUp, 12_000, "a list that is younger may not show the key yet")
      })
    )
  )

describe("create with a lost answer clears away what it may have made, and makes one key", () => {
  clearedAway("the connection is reset after the server committed", (emulator) => emulator.loseNextResponse(), "made")
  clearedAway(
    "the connection is reset before the server acted",
    (emulator) => emulator.failNext({ network: "reset" }),
    "notMade"
  )
  clearedAway("no answer comes within the attempt's 10 seconds", (emulator) => emulator.hangNext(), "made")
  clearedAway("the answer breaks off in its body", (emulator) => emulator.cutNext(), "made")
  for (const garbling of ["truncated", "html", "empty", "text"] as const) {
    clearedAway(`the 200 has a ${garbling} body`, (emulator) => emulator.garbleNext(garbling), "made")
  }
  for (const status of [408, 500, 502, 503, 504]) {
    clearedAway(
      `a proxy answers ${status} with HTML after the server committed`,
      (emulator) =>
        emulator.answerNext(async ({ proceed }) => {
          await proceed()
          return new Response("<html><body>Bad gateway</body></html>", { status })
        }),
      "made"
    )
  }
})

describe("create whose every answer is lost", () => {
  it.effect("is OutcomeUnknown once no time is left to look and try again, and no key of it is left", () =>
    toTheEnd(
      Effect.gen(function* () {
        const { emulator, v0 } = yield* songbird()
        const store = yield* v0()
        emulator.loseNextResponse({ operation: "create", count: 4 })
        const error = yield* Effect.flip(store.create({ name: "one" }, { operationId }))
        assert.strictEqual(error.reason._tag, "OutcomeUnknown")
        assert.strictEqual(error.operationId, operationId)
        assert.include(error.message, operationId)
        assert.isFalse(error.isRetryable)
        assert.strictEqual(error.attempts, 3, "two waits of 12 seconds fit into 30")
        yield* Effect.sleep("2 minutes")
        assert.deepStrictEqual(
          created(emulator).map(({ revoked }) => revoked),
          [true, true, true]
        )
      })
    )
  )

  it.effect("the read-back fails with a 500 that holds the key's hash, and the error does not", () =>
    toTheEnd(
      Effect.gen(function* () {
        const { emulator, v0 } = yield* songbird()
        const store = yield* v0()
        const hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        emulator.answerNext(
          async ({ proceed }) => {
            await proceed()
            const message = `Internal Server Error: Couldn't look up key after creation using hash ${hash}`
            const body = { _embedded: { errors: [{ message }] }, message: "Internal Server Error" }
            return Response.json(body, { status: 500 })
          },
          { operation: "create", count: 4 }
        )
        const error = yield* Effect.flip(store.create({}, { operationId }))
        assert.strictEqual(error.reason._tag, "OutcomeUnknown")
        assert.notInclude(inspect(error, { depth: Infinity, showHidden: true }), hash)
        assert.notInclude(JSON.stringify(error), hash)
      })
    )
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

describe("create that is given up", () => {
  it.effect(
    "within is shorter than a look takes: recover shows the key, which is revoked as soon as it must show",
    () =>
      toTheEnd(
        Effect.gen(function* () {
          const { emulator, v0 } = yield* songbird()
          const store = yield* v0()
          emulator.loseNextResponse()
          const call = store.create({ name: "nightly" }, { operationId, within: "10 seconds" })
          const error = yield* Effect.flip(call)
          assert.strictEqual(error.reason._tag, "OutcomeUnknown")
          assert.strictEqual(error.attempts, 1)
          const found = yield* store.recover(operationId)
          assert.deepStrictEqual(found.kind === "candidates" ? found.keys.map(({ name }) => name) : found, ["nightly"])
          assert.isFalse(created(emulator)[0]?.revoked)
          yield* Effect.sleep("17 seconds")
          assert.isTrue(created(emulator)[0]?.revoked)
        })
      )
  )

  it.effect("an interrupted create aborts its request, and the key that was made is revoked", () =>
    toTheEnd(
      Effect.gen(function* () {
        const { emulator, v0 } = yield* songbird()
        const store = yield* v0()
        emulator.hangNext()
        const fiber = yield* Effect.forkChild(store.create({}))
        yield* Effect.sleep("1 second")
        yield* Fiber.interrupt(fiber)
        yield* Effect.sleep("2 minutes")
        assert.strictEqual(emulator.requests.all[0]?.outcome, "aborted")
        assert.strictEqual(emulator.requests.count("create"), 1)
        assert.isTrue(created(emulator)[0]?.revoked)
      })
    )
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
