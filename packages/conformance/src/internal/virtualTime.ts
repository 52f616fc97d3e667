/** Runs an effect under effect's TestClock and moves the clock on whenever everything waits for it. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { isDigesting, watchDigests } from "./digests.ts"
import { CaseFailure } from "./expect.ts"

/** 2026-03-14T09:26:53.580Z, the time at which every case starts. */
export const start = 1_773_480_413_580

const longest = Duration.toMillis("30 days")
/**
 * Turns of the event loop without a request on its way that show that everything waits for the clock. A store may take
 * some of its own between two requests, for the fibers it forks and the steps it yields.
 */
const quietTurns = 32
/** Real milliseconds. Without a backend that says whether it is busy, a long sleep is believed only after a while. */
const doubt = 20
const suspiciousSleep = 2000
const busyLimit = 10_000
const stuckLimit = 2000
const realLimit = 20_000

/** Tells the driving loop whether a request is on its way. */
export interface VirtualTime {
  readonly watch: (busy: () => boolean) => void
}

interface Sleeper {
  readonly due: number
}

/** A TestClock that knows what sleeps until when, and that ticks in whole milliseconds as a system's clock does. */
const watched = (clock: TestClock.TestClock, sleepers: Set<Sleeper>): TestClock.TestClock => ({
  ...clock,
  sleep: (duration) =>
    Effect.suspend(() => {
      const milliseconds = Math.ceil(Duration.toMillis(duration))
      const sleeper = { due: clock.currentTimeMillisUnsafe() + milliseconds }
      sleepers.add(sleeper)
      return Effect.ensuring(
        clock.sleep(Duration.millis(milliseconds)),
        Effect.sync(() => sleepers.delete(sleeper))
      )
    })
})

const soonest = (sleepers: ReadonlySet<Sleeper>): number => Math.min(...[...sleepers].map(({ due }) => due))

interface Run<A, E> {
  readonly fiber: Fiber.Fiber<A, E>
  readonly sleepers: ReadonlySet<Sleeper>
  readonly busy: () => boolean | undefined
}

/** Waits until nothing has happened for some turns; true once the fiber has ended. */
const settle = Effect.fnUntraced(function* <A, E>({ busy, fiber }: Run<A, E>, moved: number) {
  for (let turn = 0; turn < quietTurns;) {
    yield* Effect.yieldNow
    if (fiber.pollUnsafe() !== undefined) return true
    const isBusy = isDigesting() || busy() === true
    turn = isBusy && performance.now() - moved < busyLimit ? 0 : turn + 1
  }
  return false
})

const drive = Effect.fnUntraced(function* <A, E>(run: Run<A, E>): Effect.fn.Return<void, CaseFailure> {
  const begun = performance.now()
  let moved = begun
  while (!(yield* settle(run, moved))) {
    const now = yield* Clock.currentTimeMillis
    const next = soonest(run.sleepers)
    const real = performance.now() - moved
    if (next === Infinity) {
      if (real > stuckLimit) return yield* new CaseFailure({ message: "the call never ends: it waits for no clock" })
      continue
    }
    if (next - now > suspiciousSleep && run.busy() === undefined && real < doubt) continue
    if (next - start > longest || performance.now() - begun > realLimit) {
      return yield* new CaseFailure({ message: "the call does not end" })
    }
    yield* TestClock.adjust(Math.max(0, next - now))
    moved = performance.now()
  }
})

/** Real milliseconds that work which no clock rules, such as the abort of a request, may take. */
const patience = 500

/** Waits, without any virtual time passing, until a condition holds; false if it never does. */
export const eventually = Effect.fnUntraced(function* (condition: () => boolean): Effect.fn.Return<boolean> {
  const begun = performance.now()
  while (!condition()) {
    if (performance.now() - begun > patience) return false
    yield* Effect.yieldNow
  }
  return true
})

/** Runs an effect in virtual time; one that never ends fails instead of holding up the run. */
export const inVirtualTime = <A, E>(
  body: (time: VirtualTime) => Effect.Effect<A, E>
): Effect.Effect<A, E | CaseFailure> =>
  Effect.gen(function* () {
    watchDigests()
    yield* TestClock.setTime(start)
    const sleepers = new Set<Sleeper>()
    const clock = yield* TestClock.testClockWith((testClock) => Effect.succeed(watched(testClock, sleepers)))
    let busy = (): boolean | undefined => undefined
    const time: VirtualTime = {
      watch: (next) => {
        busy = next
      }
    }
    return yield* Effect.gen(function* () {
      // Detached, because a call that cannot be interrupted must not be waited for either.
      const fiber = yield* Effect.forkDetach(body(time))
      yield* Effect.onError(drive({ fiber, sleepers, busy: () => busy() }), () =>
        Effect.asVoid(Effect.forkDetach(Fiber.interrupt(fiber)))
      )
      return yield* Fiber.join(fiber)
    }).pipe(Effect.provideService(Clock.Clock, clock))
  }).pipe(Effect.provide(TestClock.layer({ warningDelay: "10 minutes" })))
