import { assert, describe, it } from "@effect/vitest"
import { OperationId } from "@keyfold/core/OperationId"
import type { ArthurEmulator } from "@keyfold/emulators/Arthur"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { advancing, engine, keysPath, lines, listed, seeded, start, toTheEnd, wholeText } from "./Engine.ts"

const operationId = OperationId.make("rotate-2026-03-14")

/** What the client and the server saw of a create whose first answer is lost: one key, and none that nobody holds. */
const clearedAway = (title: string, intervene: (emulator: ArthurEmulator) => void, first: "made" | "notMade") =>
  it.effect(title, () =>
    toTheEnd(
      Effect.gen(function* () {
        const { emulator, make } = yield* engine()
        const store = yield* make()
        intervene(emulator)
        const { key } = yield* store.create({ name: "one" }, { operationId })
        const keys = emulator.keys()
        const stray = keys.filter(({ id }) => id !== key.id)
        assert.deepStrictEqual(
          stray.map(({ revoked }) => revoked),
          first === "made" ? [true] : []
        )
        assert.deepStrictEqual(lines(emulator), [
          `POST ${keysPath}`,
          `GET ${keysPath}`,
          ...stray.map(({ id }) => `DELETE ${keysPath}deactivate/${id}`),
          `POST ${keysPath}`
        ])
        assert.isFalse(keys.at(-1)?.revoked)
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
  clearedAway(
    "the 200 lacks the secret",
    (emulator) =>
      emulator.answerNext(async ({ proceed }) => {
        const { key: _, ...rest } = (await (await proceed()).json()) as Record<string, unknown>
        return Response.json(rest)
      }),
    "made"
  )
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
  it.effect("is OutcomeUnknown after four attempts, and none of their keys is left", () =>
    toTheEnd(
      Effect.gen(function* () {
        const { emulator, make } = yield* engine()
        const store = yield* make()
        emulator.loseNextResponse({ operation: "create", count: 4 })
        const error = yield* Effect.flip(store.create({ name: "one" }, { operationId }))
        assert.strictEqual(error.reason._tag, "OutcomeUnknown")
        assert.strictEqual(error.operationId, operationId)
        assert.include(error.message, operationId)
        assert.isFalse(error.isRetryable)
        assert.strictEqual(error.attempts, 4)
        yield* Effect.sleep("2 minutes")
        assert.deepStrictEqual(
          emulator.keys().map(({ revoked }) => revoked),
          [true, true, true, true]
        )
      })
    )
  )

  it.effect("keeps nothing of a secret that an answer held which could not be read", () =>
    toTheEnd(
      Effect.gen(function* () {
        const { emulator, make } = yield* engine()
        const secrets: Array<string> = []
        emulator.answerNext(
          async ({ proceed }) => {
            const body = (await (await proceed()).json()) as { readonly key: string }
            secrets.push(body.key)
            return Response.json({ ...body, id: { [body.key]: body.key } })
          },
          { operation: "create", count: 4 }
        )
        const error = yield* Effect.flip((yield* make()).create({}))
        assert.strictEqual(error.reason._tag, "OutcomeUnknown")
        assert.lengthOf(secrets, 4)
        for (const secret of secrets) assert.notInclude(wholeText(error), secret)
      })
    )
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

describe("create that is given up", () => {
  it.effect("within is shorter than the answer takes: OutcomeUnknown, and the key that comes late is revoked", () =>
    toTheEnd(
      Effect.gen(function* () {
        const { emulator, make } = yield* engine()
        const store = yield* make()
        emulator.hangNext()
        const error = yield* Effect.flip(store.create({ name: "one" }, { operationId, within: "2 seconds" }))
        assert.strictEqual(error.reason._tag, "OutcomeUnknown")
        assert.match(error.reason.message, /within 2/)
        yield* Effect.sleep("2 minutes")
        assert.deepStrictEqual(
          emulator.keys().map(({ revoked }) => revoked),
          [true]
        )
      })
    )
  )

  it.effect("an interrupted create aborts its request, and the key that was made is revoked", () =>
    toTheEnd(
      Effect.gen(function* () {
        const { emulator, make } = yield* engine()
        const store = yield* make()
        emulator.hangNext()
        const fiber = yield* Effect.forkChild(store.create({}))
        yield* Effect.sleep("1 second")
        yield* Fiber.interrupt(fiber)
        yield* Effect.sleep("2 minutes")
        assert.strictEqual(emulator.requests.all[0]?.outcome, "aborted")
        assert.strictEqual(emulator.requests.count("create"), 1)
        assert.isTrue(emulator.keys()[0]?.revoked)
      })
    )
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
