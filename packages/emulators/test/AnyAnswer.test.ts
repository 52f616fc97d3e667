import { assert, describe, it } from "@effect/vitest"
import * as AnyAnswer from "@keyfold/emulators/AnyAnswer"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

const canary = "Qz7xW4vK9pLm2RtY8sHd"
const samples = [
  { status: 200, text: '{"id":"first","roles":["reader"],"name":"one"}' },
  { status: 403, text: "Forbidden" }
]
const length = samples.reduce((sum, { text }) => sum + text.length, 0)
const options = { seed: 7, samples, canary, json: ['{"given":true}'] }
const decoder = new TextDecoder()

const first = (count: number) => Array.from({ length: count }, (_, index) => AnyAnswer.make(options)(index))

describe("answers drawn from a seed", () => {
  it("are the same for the same seed and index, in any order", () => {
    const answers = AnyAnswer.make(options)
    const backwards = Array.from({ length: 500 }, (_, index) => answers(499 - index)).toReversed()
    assert.deepStrictEqual(backwards, first(500))
    assert.notDeepEqual(AnyAnswer.make({ ...options, seed: 8 })(300), AnyAnswer.make(options)(300))
  })

  it("begin with the samples cut at every place", () => {
    const cuts = first(length).map(({ body }) => decoder.decode(body))
    const expected = samples.flatMap(({ text }) => Array.from(text, (_, place) => text.slice(0, place)))
    assert.deepStrictEqual(cuts, expected)
    assert.notStrictEqual(AnyAnswer.make(options)(length).kind, "a cut answer")
  })

  it("are of every kind, under every kind of status, and never longer than a megabyte", () => {
    const answers = first(10_000)
    assert.strictEqual(new Set(answers.map(({ kind }) => kind)).size, 10)
    assert.strictEqual(new Set(answers.map(({ status }) => Math.floor(status / 100))).size, 4)
    assert.isTrue(answers.every(({ status }) => status >= 200 && status <= 599))
    assert.isTrue(answers.every(({ body }) => body.length < 1_000_000))
    const texts = answers.map(({ body }) => decoder.decode(body))
    for (const part of [canary, '"__proto__":', "1e999", "<html>", '{"given":true}', "\ufffd", "[".repeat(2_000)]) {
      assert.isTrue(
        texts.some((text) => text.includes(part)),
        part.slice(0, 20)
      )
    }
    assert.isTrue(
      texts.some((text) => /("[^"]+"):.*\1:/.test(text)),
      "members of the same name"
    )
  })

  it("have headers that a response can carry", () => {
    for (const { headers } of first(2_000)) assert.doesNotThrow(() => new Headers(headers))
  })
})

describe("a flood", () => {
  const answers = AnyAnswer.make(options)

  it.effect("runs every case once, each against a client that is answered with it", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const { endings, flaws } = yield* AnyAnswer.flood({
        answers,
        first: 100,
        count: 230,
        open: (current) => Effect.succeed((asked) => Effect.sync(() => current() === asked && seen.push(asked.index))),
        judge: (exit) => ({ ending: exit._tag, flaw: undefined })
      })
      assert.deepStrictEqual([...endings], [["Success", 230]])
      assert.deepStrictEqual(flaws, [])
      assert.deepStrictEqual(
        seen.toSorted((left, right) => left - right),
        Array.from({ length: 230 }, (_, index) => 100 + index)
      )
    })
  )

  it.effect("hands defects to its judge, and names what went wrong by the case with the least body", () =>
    Effect.gen(function* () {
      const { endings, flaws } = yield* AnyAnswer.flood({
        answers,
        first: 0,
        count: length,
        open: () =>
          Effect.succeed(({ index }) => {
            if (index % 2 === 1) throw new Error("a defect")
            return Effect.void
          }),
        judge: (exit) => ({ ending: exit._tag, flaw: exit._tag === "Success" ? undefined : "broken" })
      })
      assert.strictEqual(endings.get("Failure"), Math.floor(length / 2))
      assert.strictEqual(flaws.length, Math.floor(length / 2))
      assert.strictEqual(flaws[0], "broken: case 1, a cut answer, status 200, 1 bytes")
    })
  )

  it.effect("reports a case without an end after five minutes, and lets the others end", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        AnyAnswer.flood({
          answers,
          first: 0,
          count: 40,
          open: () => Effect.succeed(({ index }) => (index === 3 ? Effect.never : Effect.void)),
          judge: (exit) => ({ ending: exit._tag, flaw: undefined })
        })
      )
      yield* TestClock.adjust("5 minutes")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 minute")
      const { endings, flaws } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([...endings], [["Success", 39]])
      assert.deepStrictEqual(flaws, ["no end within five minutes: case 3, a cut answer, status 200, 3 bytes"])
    })
  )
})
