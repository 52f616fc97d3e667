import { assert, describe, it } from "@effect/vitest"
import type { KeyId } from "@keyfold/core/ApiKey"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as Sink from "@keyfold/core/Sink"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { labelSecret } from "./DeadProcess.ts"
import * as Interrupting from "./Interrupting.ts"
import * as MarkerBackend from "./MarkerBackend.ts"
import { remembering } from "./RememberingSink.ts"

/**
 * A create on a backend that answers at once, interrupted at one step. Its store is closed before it is told which keys live,
 * and which one's secret the caller was given, or the sink.
 */
const interruptedAt = Effect.fnUntraced(function* (step: number, holder: "caller" | "sink") {
  const backend = MarkerBackend.make({ settle: "0 seconds", visibility: "0 seconds" })
  const box = remembering()
  let given: KeyId | undefined
  const exit = yield* Effect.scoped(
    Effect.gen(function* () {
      const store = yield* KeyStore.make(backend.driver, { labelSecret })
      const create = store.create({ name: "ci" })
      const toCaller = Effect.uninterruptibleMask((restore) =>
        Effect.map(restore(create), ({ key }) => (given = key.id))
      )
      const creating: Effect.Effect<unknown, unknown> = holder === "sink" ? Sink.deliverTo(box.sink)(create) : toCaller
      return yield* Interrupting.interruptedAt(step, creating)
    })
  )
  const held = holder === "sink" ? Option.getOrUndefined(box.held()) : given
  return { exit, isSent: backend.counts.create > 0, live: backend.live(), held }
})

const journals: ReadonlyArray<readonly [string, Effect.Effect<Journal.Journal | undefined>]> = [
  ["without a journal", Effect.undefined],
  ["with a journal", Journal.memory]
]

describe.each(journals)("a create %s that is interrupted at any of its steps", (_, opened) => {
  it.live.each(["caller", "sink"] as const)("leaves no live key, or one that its %s was given", (holder) =>
    Effect.gen(function* () {
      const journal = yield* opened
      const running = Interrupting.atEveryStep((step) => interruptedAt(step, holder))
      const ends = yield* journal === undefined ? running : Effect.provideService(running, Journal.Journal, journal)
      // The last one is between the store and its caller: neither can do anything about an interruption there.
      const steps = ends.findIndex(({ exit }) => Exit.isSuccess(exit)) - 1
      const damaged = ends.flatMap(({ held, live }, index) =>
        index === steps || live.join() === (held ?? "") ? [] : [`step ${index + 1} of ${steps}: ${live.join()} lives`]
      )
      assert.deepStrictEqual(damaged, [])
      assert.isTrue(ends.some(({ exit, held, isSent }) => isSent && Exit.isFailure(exit) && held === undefined))
    })
  )
})
