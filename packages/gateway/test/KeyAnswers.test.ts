/** The answers that are written by hand, beside what their schemas make of the same. The seed is fixed. */
import { assert, describe, it } from "@effect/vitest"
import { Verification } from "@keyfold/core/Verification"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import * as keyAnswers from "../src/internal/keyAnswers.ts"
import * as wire from "../src/internal/wire.ts"

const settings = { arbitrary: { seed: 20260701, runs: process.env["KEYFOLD_THOROUGH"] === undefined ? 200 : 5_000 } }

const bodyOf = (response: HttpServerResponse.HttpServerResponse): Effect.Effect<unknown> => {
  const web = HttpServerResponse.toWeb(response)
  assert.strictEqual(web.status, 200)
  assert.strictEqual(web.headers.get("content-type"), "application/json")
  return Effect.promise(() => web.json())
}

const encoded = <A>(schema: Schema.Codec<A, unknown>, value: A): unknown =>
  JSON.parse(JSON.stringify(Schema.encodeUnknownSync(schema)(value)))

describe("an answer that is written by hand", () => {
  it.effect.prop(
    "is a key as its schema encodes it",
    [wire.Key],
    Effect.fnUntraced(function* ([key]) {
      assert.deepStrictEqual(yield* bodyOf(keyAnswers.ofKey(key)), encoded(wire.Key, key))
    }),
    settings
  )

  it.effect.prop(
    "is a page as its schema encodes it",
    [wire.Page],
    Effect.fnUntraced(function* ([page]) {
      const { lagMillis, ...completeness } = page.completeness
      const lag = Duration.millis(Math.abs(lagMillis))
      const written = yield* bodyOf(keyAnswers.ofPage({ ...page, completeness: { ...completeness, lag } }))
      const expected = { ...page, completeness: { ...completeness, lagMillis: Duration.toMillis(lag) } }
      assert.deepStrictEqual(written, encoded(wire.Page, expected))
    }),
    settings
  )

  it.effect.prop(
    "is a verification as its schema encodes it",
    [Verification],
    Effect.fnUntraced(function* ([verification]) {
      const written = yield* bodyOf(keyAnswers.ofVerification(verification))
      assert.deepStrictEqual(written, encoded(wire.Verification, verification))
    }),
    settings
  )

  it.effect("holds nothing that the schema does not name", () =>
    Effect.gen(function* () {
      const key = { id: "k1", scopes: [], status: "active", tags: {}, provider: {}, secret: "kept" } as never
      assert.notProperty(yield* bodyOf(keyAnswers.ofKey(key)), "secret")
    })
  )
})
