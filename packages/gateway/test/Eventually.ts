/** Waiting for what a gateway does in the background. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"

/** Looks again and again until it is so, for a minute; `problem` says of the last look what is missing. */
export const eventually = Effect.fnUntraced(function* <A, E, R>(
  look: Effect.Effect<A, E, R>,
  isSo: (found: A) => boolean,
  problem: (found: A) => string
) {
  for (let tries = 0; tries < 3000; tries++) {
    const found = yield* look
    if (isSo(found)) return found
    yield* Effect.sleep("20 millis")
  }
  return assert.fail(problem(yield* look))
})
