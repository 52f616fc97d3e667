import { assert, describe, it } from "@effect/vitest"
import * as KeyFormat from "@keyfold/sql/KeyFormat"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

const read = (text: string) => KeyFormat.parse(Redacted.make(text))

describe("KeyFormat", () => {
  it.effect("issues keys that carry their id and that a scanner finds in a text", () =>
    Effect.gen(function* () {
      const { id, secret } = yield* KeyFormat.generate
      const text = Redacted.value(secret)
      assert.match(text, /^kf_[0-9A-Za-z]{16}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}$/)
      assert.isTrue(text.startsWith(`kf_${id}_`))
      assert.deepStrictEqual(KeyFormat.parse(secret), Option.some(id))
      assert.strictEqual(KeyFormat.pattern.exec(`TOKEN="${text}";`)?.[0], text)
    })
  )

  it.effect("never issues the same id or secret twice", () =>
    Effect.gen(function* () {
      const keys = yield* Effect.replicateEffect(KeyFormat.generate, 1000)
      assert.strictEqual(new Set(keys.map((key) => key.id)).size, 1000)
      assert.strictEqual(new Set(keys.map((key) => Redacted.value(key.secret).slice(20, 52))).size, 1000)
    })
  )

  it.effect("uses every character of the alphabet about equally often", () =>
    Effect.gen(function* () {
      const keys = yield* Effect.replicateEffect(KeyFormat.generate, 2000)
      const counts = new Map<string, number>()
      for (const key of keys) {
        for (const character of Redacted.value(key.secret).slice(20, 52)) {
          counts.set(character, (counts.get(character) ?? 0) + 1)
        }
      }
      // 64 000 draws over 62 characters: 1032 expected, 32 the standard deviation. A modulo bias would show 1250.
      assert.strictEqual(counts.size, 62)
      assert.isAbove(Math.min(...counts.values()), 830)
      assert.isBelow(Math.max(...counts.values()), 1235)
    })
  )

  it.effect("refuses every typo of one character and every swap of neighbours", () =>
    Effect.gen(function* () {
      const text = Redacted.value((yield* KeyFormat.generate).secret)
      for (let index = 0; index < text.length; index++) {
        for (const character of "0Aaz_-") {
          const typo = text.slice(0, index) + character + text.slice(index + 1)
          assert.isTrue(typo === text || Option.isNone(read(typo)), `position ${index}`)
        }
        const swapped = text.slice(0, index) + text.charAt(index + 1) + text.charAt(index) + text.slice(index + 2)
        assert.isTrue(swapped === text || Option.isNone(read(swapped)), `swap at ${index}`)
      }
    })
  )

  it("reads nothing from texts that are not keys", () => {
    for (const text of ["", "kf_", "kf___", "sk-something", "kf_a_b_c", "x".repeat(100_000)]) {
      assert.isTrue(Option.isNone(read(text)))
    }
  })
})
