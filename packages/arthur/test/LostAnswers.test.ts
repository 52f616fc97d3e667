import { assert, describe, it } from "@effect/vitest"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import { OperationId } from "@keyfold/core/OperationId"
import type { ArthurEmulator } from "@keyfold/emulators/Arthur"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { advancing, engine, keysPath, lines, listed, seeded, settle, start, wholeText } from "./Engine.ts"

const operationId = OperationId.make("rotate-2026-03-14")

/** A create whose answer is lost: what happened, and how many keys the server holds then. */
const unknownOutcome = (
  title: string,
  intervene: (emulator: ArthurEmulator) => void,
  keys: 0 | 1,
  check: (error: KeyStoreError) => void = () => {}
) =>
  it.effect(title, () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const store = yield* make()
      intervene(emulator)
      const error = yield* advancing(Effect.flip(store.create({ name: "one" }, { operationId })), 500)
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      assert.strictEqual(error.operationId, operationId)
      assert.include(error.message, operationId)
      assert.isFalse(error.isRetryable)
      assert.strictEqual(error.attempts, 1)
      assert.deepStrictEqual(lines(emulator), [`POST ${keysPath}`])
      assert.lengthOf(emulator.keys(), keys)
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
    (error) => assert.match(error.reason.message, /within 10/)
  )
  for (const garbling of ["truncated", "html", "empty", "text"] as const) {
    unknownOutcome(`the 200 has a ${garbling} body`, (emulator) => emulator.garbleNext(garbling), 1)
  }
  unknownOutcome(
    "the 200 lacks the secret",
    (emulator) =>
      emulator.answerNext(async ({ proceed }) => {
        const { key: _, ...rest } = (await (await proceed()).json()) as Record<string, unknown>
        return Response.json(rest)
      }),
    1,
    (error) => assert.include(error.reason.message, "key")
  )
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

  it.effect("also where the answer could not be read but held the secret: nothing of it is kept", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const secrets: Array<string> = []
      emulator.answerNext(async ({ proceed }) => {
        const body = (await (await proceed()).json()) as { readonly key: string }
        secrets.push(body.key)
        return Response.json({ ...body, id: { [body.key]: body.key } })
      })
      const error = yield* Effect.flip((yield* make()).create({}))
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      assert.lengthOf(secrets, 1)
      for (const secret of secrets) assert.notInclude(wholeText(error), secret)
    })
  )
})

describe("create that provably did nothing", () => {
  it.effect("is sent again after a refused connection and makes exactly one key", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      emulator.failNext({ network: "refused" }, { count: 2 })
      const { key } = yield* advancing((yield* make()).create({ name: "one" }))
      assert.strictEqual(emulator.requests.count("create"), 3)
      assert.deepStrictEqual(
        emulator.keys().map(({ id }) => id),
        [String(key.id)]
      )
    })
  )
})

describe("the way back from a lost create", () => {
  it.effect("the stray key is found by its description and revoked", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const store = yield* make()
      emulator.loseNextResponse()
      yield* Effect.flip(store.create({ name: "billing tag-8f31" }))
      const strays = (yield* listed(store)).filter(({ name }) => name === "billing tag-8f31")
      assert.lengthOf(strays, 1)
      for (const stray of strays) yield* store.revoke(stray)
      assert.isTrue(emulator.keys()[0]?.revoked)
    })
  )

  it.effect("an interrupted create aborts its request", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const store = yield* make()
      emulator.hangNext({ commit: false })
      const fiber = yield* Effect.forkChild(store.create({}))
      yield* settle
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.strictEqual(emulator.requests.all[0]?.outcome, "aborted")
    })
  )
})

describe("reads with a lost answer", () => {
  it.effect("a hanging read is given up after the store's own timeout and sent again", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const store = yield* make({ timeout: Duration.seconds(2) })
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
      const { emulator, store } = yield* seeded()
      emulator.loseNextResponse()
      assert.lengthOf(yield* advancing(listed(store)), 1)
      assert.deepStrictEqual(lines(emulator), [`GET ${keysPath}`, `GET ${keysPath}`])
    })
  )
})
