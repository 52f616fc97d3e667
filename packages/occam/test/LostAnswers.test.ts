import { assert, describe, it } from "@effect/vitest"
import { OperationId } from "@keyfold/core/OperationId"
import type { OccamEmulator } from "@keyfold/emulators/Occam"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { advancing, created, host, listed, sent, settle } from "./OccamHost.ts"

const operationId = OperationId.make("nightly-2026-03-14")
const target = { operation: "create" }

/** A create whose answer is lost: one PUT, and as many keys as the server made of it. */
const unknownOutcome = (title: string, intervene: (emulator: OccamEmulator) => void, keys: 0 | 1, says = "") =>
  it.effect(title, () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const store = yield* byKey()
      intervene(emulator)
      const error = yield* advancing(Effect.flip(store.create({ name: "one" }, { operationId })), 500)
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      assert.include(error.reason.message, says)
      assert.strictEqual(error.operationId, operationId)
      assert.include(error.message, operationId)
      assert.isFalse(error.isRetryable)
      assert.strictEqual(error.attempts, 1)
      assert.deepStrictEqual(sent(emulator), ["exchange", "create"])
      assert.lengthOf(created(emulator), keys)
    })
  )

describe("create with a lost answer is OutcomeUnknown after exactly one PUT", () => {
  unknownOutcome(
    "the connection is reset after the server committed",
    (emulator) => emulator.loseNextResponse(target),
    1
  )
  unknownOutcome(
    "the connection is reset before it acted",
    (emulator) => emulator.failNext({ network: "reset" }, target),
    0
  )
  unknownOutcome(
    "no answer comes within the attempt's 10 seconds",
    (emulator) => emulator.hangNext(target),
    1,
    "within 10"
  )
  for (const garbling of ["truncated", "html", "empty", "text"] as const) {
    unknownOutcome(`the 200 has a ${garbling} body`, (emulator) => emulator.garbleNext(garbling, target), 1)
  }
  for (const status of [408, 500, 502, 503, 504]) {
    unknownOutcome(
      `${status} in plain text after the server committed`,
      (emulator) =>
        emulator.answerNext(async ({ proceed }) => {
          await proceed()
          return new Response("Internal Server Error", { status })
        }, target),
      1,
      String(status)
    )
  }
  unknownOutcome(
    "the answer lacks the secret",
    (emulator) =>
      emulator.answerNext(async ({ proceed }) => {
        const { uuid } = (await (await proceed()).json()) as { readonly uuid: string }
        return Response.json({ uuid })
      }, target),
    1,
    "api_key"
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

describe("the way back from a lost create", () => {
  it.effect("the stray key is found by its operation id, its name, and revoked", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const store = yield* byKey()
      emulator.loseNextResponse(target)
      const error = yield* Effect.flip(store.create({}))
      const strays = (yield* listed(store)).filter(({ name }) => name === error.operationId)
      assert.lengthOf(strays, 1)
      for (const stray of strays) yield* store.revoke(stray)
      assert.isTrue(created(emulator)[0]?.revoked)
    })
  )

  it.effect("an interrupted create aborts its request", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const store = yield* byKey()
      emulator.hangNext({ ...target, commit: false })
      const fiber = yield* Effect.forkChild(store.create({}))
      yield* settle
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.deepStrictEqual(
        emulator.requests.all.map(({ outcome }) => outcome),
        ["answered", "aborted"]
      )
    })
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
