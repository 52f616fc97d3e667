/** One run at a time: a claim that is renewed while the run lasts, and ends by itself where its process dies. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { UnderWay, type BulkRevocationError } from "../../BulkRevocation.ts"
import type { BulkStorage } from "../../BulkStorage.ts"
import { randomName } from "./address.ts"
import { refuse, stored } from "./planning.ts"

const lasting = Duration.seconds(15)
const renewal = Duration.seconds(5)

/** Fails once the claim may be somebody else's. */
export interface Hold {
  readonly check: Effect.Effect<void, BulkRevocationError>
}

/** Claims a plan until the scope closes. */
export const hold = Effect.fnUntraced(function* (
  storage: BulkStorage,
  digest: string
): Effect.fn.Return<Hold, BulkRevocationError, Scope.Scope> {
  const runner = randomName()
  let until = 0
  const claim = Effect.fnUntraced(function* () {
    const asked = yield* Clock.currentTimeMillis
    const answer = yield* stored(storage.claim(digest, runner, lasting))
    if (!answer.held) return yield* refuse(new UnderWay({ until: answer.until }))
    until = asked + Duration.toMillis(lasting)
  })
  yield* Effect.acquireRelease(claim(), () => Effect.ignore(storage.release(digest, runner)))
  // A storage that is away for a moment costs the claim only once it has run out.
  yield* Effect.forkScoped(Effect.forever(Effect.delay(Effect.ignore(claim()), renewal)))
  const check = Effect.flatMap(Clock.currentTimeMillis, (now) => (now < until ? Effect.void : Effect.asVoid(claim())))
  return { check }
})
