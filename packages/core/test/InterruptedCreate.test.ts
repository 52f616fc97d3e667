import { assert, describe, it } from "@effect/vitest"
import type { KeyId } from "@keyfold/core/ApiKey"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as Sink from "@keyfold/core/Sink"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { MixedScheduler, Scheduler } from "effect/Scheduler"
import { labelSecret } from "./DeadProcess.ts"
import * as MarkerBackend from "./MarkerBackend.ts"

/** Interrupts a fiber once so many steps were taken by it and by those that work for it. */
class Interrupting extends MixedScheduler {
  target: Fiber.Fiber<unknown, unknown> | undefined
  private taken = 0
  private readonly step: number

  constructor(step: number) {
    super()
    this.step = step
  }

  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    if (this.target !== undefined && ++this.taken === this.step) this.target.interruptUnsafe()
    return super.shouldYield(fiber)
  }
}

type Kind = "caller" | "sink"

/** What a create that is interrupted at one of its steps came to. */
interface End {
  readonly isDone: boolean
  readonly isSent: boolean
  readonly live: ReadonlyArray<string>
  /** The key whose secret the caller was given, or the sink. */
  readonly held: string | undefined
}

/** A create on a backend that answers at once, interrupted at one step. Its store is closed before the end is told. */
const interruptedAt = Effect.fnUntraced(function* (step: number, holder: Kind) {
  const backend = MarkerBackend.make({ settle: "0 seconds", visibility: "0 seconds" })
  let held: KeyId | undefined
  const sink: Sink.Sink = {
    name: "a box",
    open: Effect.succeed(({ key }) => Effect.sync(() => ({ holds: Option.some((held = key.id)) }))),
    holds: () => Effect.sync(() => Option.fromUndefinedOr(held))
  }
  const scheduler = new Interrupting(step)
  const exit = yield* Effect.scoped(
    Effect.gen(function* () {
      const store = yield* KeyStore.make(backend.driver, { labelSecret })
      const create = store.create({ name: "ci" })
      const toCaller = Effect.uninterruptibleMask((restore) =>
        Effect.map(restore(create), ({ key }) => (held = key.id))
      )
      const creating: Effect.Effect<unknown, unknown> = holder === "sink" ? Sink.deliverTo(sink)(create) : toCaller
      const watched = Effect.withFiber((fiber) => {
        scheduler.target = fiber
        return creating
      })
      return yield* Fiber.await(yield* Effect.forkDetach(Effect.provideService(watched, Scheduler, scheduler)))
    })
  )
  const end: End = { isDone: Exit.isSuccess(exit), isSent: backend.counts.create > 0, live: backend.live(), held }
  return end
})

const atOnce = 100

/** A create for each of its steps: more of them until one is over before its interruption. */
const interruptedEverywhere = (holder: Kind) =>
  Effect.gen(function* () {
    const ends: Array<End> = []
    do {
      const steps = Array.from({ length: atOnce }, (_, index) => ends.length + index + 1)
      ends.push(...(yield* Effect.forEach(steps, (step) => interruptedAt(step, holder), { concurrency: "unbounded" })))
    } while (!ends.slice(-atOnce).every(({ isDone }) => isDone))
    return ends
  })

const journals: ReadonlyArray<readonly [string, Effect.Effect<Journal.Journal | undefined>]> = [
  ["without a journal", Effect.undefined],
  ["with a journal", Journal.memory]
]

describe.each(journals)("a create %s that is interrupted at any of its steps", (_, opened) => {
  it.live.each(["caller", "sink"] as const)("leaves no live key, or one that its %s was given", (holder) =>
    Effect.gen(function* () {
      const journal = yield* opened
      const running = interruptedEverywhere(holder)
      const ends = yield* journal === undefined ? running : Effect.provideService(running, Journal.Journal, journal)
      // The last one is between the store and its caller: neither can do anything about an interruption there.
      const steps = ends.findIndex(({ isDone }) => isDone) - 1
      const damaged = ends.flatMap(({ held, live }, index) =>
        index === steps || live.join() === (held ?? "") ? [] : [`step ${index + 1} of ${steps}: ${live.join()} lives`]
      )
      assert.deepStrictEqual(damaged, [])
      assert.isTrue(ends.some(({ held, isDone, isSent }) => isSent && !isDone && held === undefined))
    })
  )
})
