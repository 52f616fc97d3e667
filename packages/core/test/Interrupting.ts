/** Interruptions at every step of some work: where it can be cut off, and what it leaves then. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { MixedScheduler, Scheduler } from "effect/Scheduler"

/**
 * Interrupts a fiber once so many steps were taken by it and by those that work for it: while they wait for their next turn, as
 * everything that comes from elsewhere does.
 */
class Interrupting extends MixedScheduler {
  target: Fiber.Fiber<unknown, unknown> | undefined
  private taken = 0
  private readonly step: number

  constructor(step: number) {
    super()
    this.step = step
  }

  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    const { target } = this
    if (target === undefined || ++this.taken !== this.step) return super.shouldYield(fiber)
    queueMicrotask(() => target.interruptUnsafe())
    return true
  }
}

/** Runs an effect that is interrupted at one of its steps; the first is 1. */
export const interruptedAt = Effect.fnUntraced(function* <A, E>(step: number, effect: Effect.Effect<A, E>) {
  const scheduler = new Interrupting(step)
  const watched = Effect.withFiber((fiber) => {
    scheduler.target = fiber
    return effect
  })
  return yield* Fiber.await(yield* Effect.forkDetach(Effect.provideService(watched, Scheduler, scheduler)))
})

const atOnce = 100

/** Runs some work once for each of its steps: more and more of them, until it is over before its interruption. */
export const atEveryStep = <A extends { readonly exit: Exit.Exit<unknown, unknown> }, E>(
  run: (step: number) => Effect.Effect<A, E>
): Effect.Effect<ReadonlyArray<A>, E> =>
  Effect.gen(function* () {
    const ends: Array<A> = []
    do {
      const steps = Array.from({ length: atOnce }, (_, index) => ends.length + index + 1)
      ends.push(...(yield* Effect.forEach(steps, run, { concurrency: "unbounded" })))
    } while (!ends.slice(-atOnce).every(({ exit }) => Exit.isSuccess(exit)))
    return ends
  })
