import { assert, describe, it } from "@effect/vitest"
import { OperationId } from "@keyfold/core/OperationId"
import type { OccamEmulator } from "@keyfold/emulators/Occam"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { advancing, created, host, listed, sent, toTheEnd } from "./OccamHost.ts"

const operationId = OperationId.make("nightly-2026-03-14")
const target = { operation: "create" }

/** What the client and the server saw of a create whose first answer is lost: one key, and none that nobody holds. */
const clearedAway = (title: string, intervene: (emulator: OccamEmulator) => void, first: "made" | "notMade") =>
  it.effect(title, () =>
    toTheEnd(
      Effect.gen(function* () {
        const { byKey, emulator } = yield* host()
        const store = yield* byKey()
        intervene(emulator)
        const { key } = yield* store.create({ name: "one" }, { operationId })
        const keys = created(emulator)
        const stray = keys.filter(({ id }) => id !== key.id)
        assert.deepStrictEqual(
          stray.map(({ revoked }) => revoked),
          first === "made" ? [true] : []
        )
        assert.deepStrictEqual(sent(emulator), ["exchange", "create", "list", ...stray.map(() => "revoke"), "create"])
        assert.isFalse(keys.at(-1)?.revoked)
      })
    )
  )

describe("create with a lost answer clears away what it may have made, and makes one key", () => {
  clearedAway(
    "the connection is reset after the server committed",
    (emulator) => emulator.loseNextResponse(target),
    "made"
  )
  clearedAway(
    "the connection is reset before it acted",
    (emulator) => emulator.failNext({ network: "reset" }, target),
    "notMade"
  )
  clearedAway("no answer comes within the attempt's 10 seconds", (emulator) => emulator.hangNext(target), "made")
  clearedAway("the answer breaks off in its body", (emulator) => emulator.cutNext(target), "made")
  for (const garbling of ["truncated", "html", "empty", "text"] as const) {
    clearedAway(`the 200 has a ${garbling} body`, (emulator) => emulator.garbleNext(garbling, target), "made")
  }
  for (const status of [408, 500, 502, 503, 504]) {
    clearedAway(
      `${status} in plain text after the server committed`,
      (emulator) =>
        emulator.answerNext(async ({ proceed }) => {
          await proceed()
          return new Response("Internal Server Error", { status })
        }, target),
      "made"
    )
  }
  clearedAway(
    "the answer lacks the secret",
    (emulator) =>
      emulator.answerNext(async ({ proceed }) => {
        const { uuid } = (await (await proceed()).json()) as { readonly uuid: string }
        return Response.json({ uuid })
      }, target),
    "made"
  )
})

describe("create whose every answer is lost", () => {
  it.effect("is OutcomeUnknown once no time is left to look and try again, and no key of it is left", () =>
    toTheEnd(
      Effect.gen(function* () {
        const { byKey, emulator } = yield* host()
        const store = yield* byKey()
        emulator.loseNextResponse({ ...target, count: 4 })
        const error = yield* Effect.flip(store.create({ name: "one" }, { operationId }))
        assert.strictEqual(error.reason._tag, "OutcomeUnknown")
        assert.strictEqual(error.operationId, operationId)
        assert.include(error.message, operationId)
        assert.isFalse(error.isRetryable)
        assert.strictEqual(error.attempts, 3, "two waits of 10 seconds fit into 30")
        yield* Effect.sleep("2 minutes")
        assert.deepStrictEqual(
          created(emulator).map(({ revoked }) => revoked),
          [true, true, true]
        )
      })
    )
  )
})

describe("create that provably did nothing", () => {
  it.effect("is sent again after a refused connection and makes exactly one key", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const store = yield* byKey()
      emulator.failNext({ network: "refused" }, { ...target, count: 2 })
      const { key } = yield* advancing(store.create({ name: "one" }))
      assert.deepStrictEqual(sent(emulator), ["exchange", "create", "create", "create"])
      assert.deepStrictEqual(
        created(emulator).map(({ id }) => id),
        [String(key.id)]
      )
    })
  )
})

describe("create that is given up", () => {
  it.effect(
    "within is shorter than a look takes: recover shows the key, which is revoked as soon as it must show",
    () =>
      toTheEnd(
        Effect.gen(function* () {
          const { byKey, emulator } = yield* host()
          const store = yield* byKey()
          emulator.loseNextResponse(target)
          const error = yield* Effect.flip(store.create({}, { operationId, within: "10 seconds" }))
          assert.strictEqual(error.reason._tag, "OutcomeUnknown")
          assert.strictEqual(error.attempts, 1)
          const found = yield* store.recover(operationId)
          assert.lengthOf(found.kind === "candidates" ? found.keys : [], 1)
          assert.isFalse(created(emulator)[0]?.revoked)
          yield* Effect.sleep("15 seconds")
          assert.isTrue(created(emulator)[0]?.revoked)
        })
      )
  )

  it.effect("an interrupted create aborts its request, and the key that was made is revoked", () =>
    toTheEnd(
      Effect.gen(function* () {
        const { byKey, emulator } = yield* host()
        const store = yield* byKey()
        emulator.hangNext(target)
        const fiber = yield* Effect.forkChild(store.create({}))
        yield* Effect.sleep("1 second")
        yield* Fiber.interrupt(fiber)
        yield* Effect.sleep("2 minutes")
        assert.deepStrictEqual(
          emulator.requests.all.slice(0, 2).map(({ outcome }) => outcome),
          ["answered", "aborted"]
        )
        assert.strictEqual(emulator.requests.count("create"), 1)
        assert.isTrue(created(emulator)[0]?.revoked)
      })
    )
  )
})

describe("an attempt", () => {
  const gaps = (emulator: OccamEmulator) => {
    const [first, second] = emulator.requests.all.filter(({ operation }) => operation === "list")
    return { first, gap: (second?.time ?? 0) - (first?.time ?? 0) }
  }

  it.effect("is given up after 10 seconds, as the vendor's clients do, and a read is sent again", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      emulator.hangNext({ operation: "list" })
      assert.lengthOf(yield* advancing(listed(yield* byKey()), 100), 1)
      const { first, gap } = gaps(emulator)
      assert.strictEqual(first?.outcome, "aborted")
      assert.isAtLeast(gap, 10_100)
      assert.isAtMost(gap, 10_300)
    })
  )

  it.effect("is given up after the store's own timeout where it has one", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      emulator.hangNext({ operation: "list" })
      assert.lengthOf(yield* advancing(listed(yield* byKey({ timeout: Duration.seconds(2) })), 100), 1)
      const { gap } = gaps(emulator)
      assert.isAtLeast(gap, 2_100)
      assert.isAtMost(gap, 2_300)
    })
  )

  it.effect("of a read is repeated after a reset", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      emulator.loseNextResponse({ operation: "list" })
      assert.lengthOf(yield* advancing(listed(yield* byKey())), 1)
      assert.deepStrictEqual(sent(emulator), ["exchange", "list", "list"])
    })
  )
})
