import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import type { Output } from "keyfold/Shell"
import * as gathered from "../src/internal/inventory/gathered.ts"

const outputTo = (written: Array<string>, isTerminal: boolean): Output => ({
  isTerminal,
  color: false,
  columns: 80,
  write: (text) => Effect.sync(() => void written.push(text))
})

describe("gathered output", () => {
  it.effect("is written at once first, then in large pieces, and every character of it", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      const { flush, output } = gathered.make(outputTo(written, false))
      const line = `${"x".repeat(999)}\n`
      for (let count = 0; count < 200; count++) yield* output.write(line)
      yield* flush
      yield* flush
      assert.strictEqual(written[0], line)
      assert.isAtMost(written.length, 6)
      assert.strictEqual(written.join(""), line.repeat(200))
    })
  )

  it.effect("is written where the last write is long ago", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      const { output } = gathered.make(outputTo(written, false))
      yield* output.write("a")
      yield* output.write("b")
      assert.deepStrictEqual(written, ["a"])
      yield* TestClock.adjust("1 second")
      yield* output.write("c")
      assert.deepStrictEqual(written, ["a", "bc"])
    })
  )

  it.effect("does not wait where somebody looks at a terminal", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      const { output } = gathered.make(outputTo(written, true))
      yield* output.write("a")
      yield* output.write("b")
      assert.deepStrictEqual(written, ["a", "b"])
    })
  )
})
