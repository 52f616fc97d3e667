/** The time that each wait for more of a body may take. */
import { DriverError } from "@keyfold/core/Driver"
import { Timeout } from "@keyfold/core/KeyStoreError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"

/** Who waits for what is pulled, and the other way round who pulls for somebody to wait. */
const makeHandover = <A>() => {
  let waiting: ((answer: A) => void) | undefined
  let pulling: (() => void) | undefined
  return {
    isAwaited: () => waiting !== undefined,
    await: (resume: (answer: A) => void): void => {
      waiting = resume
      const pull = pulling
      pulling = undefined
      pull?.()
    },
    leave: (): void => {
      waiting = undefined
    },
    answer: (answer: A): void => {
      const resume = waiting
      waiting = undefined
      resume?.(answer)
    },
    whenAwaited: (pull: () => void): void => {
      if (waiting === undefined) pulling = pull
      else pull()
    }
  }
}

/**
 * Fails a pull with `Timeout` where it takes longer than `after`, each time anew.
 *
 * Two fibers do that for all pulls until the scope closes: a race for each of them, and there are as many as a long body has
 * pieces, would cost more than reading the piece, and what it leaves behind holds on to what was read.
 */
export const make = Effect.fnUntraced(function* <A, E>(
  after: Duration.Duration,
  pull: Effect.Effect<A, E>
): Effect.fn.Return<Effect.Effect<A, E | DriverError>, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const handover = makeHandover<Effect.Effect<A, E | DriverError>>()
  const millis = Duration.toMillis(after)
  let deadline = 0
  let isRunning = false
  let isOver = false
  const pullOnce = Effect.andThen(
    Effect.callback<void>((resume) => handover.whenAwaited(() => resume(Effect.void))),
    Effect.exit(pull)
  )
  const pullAll = Effect.whileLoop({
    while: () => !isOver,
    body: () => pullOnce,
    step: (exit) => {
      isOver = Exit.isFailure(exit)
      handover.answer(exit)
    }
  })
  const watch: Effect.Effect<void> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    if (!handover.isAwaited()) return Effect.andThen(Effect.sleep(after), watch)
    if (now < deadline) return Effect.andThen(Effect.sleep(Duration.millis(deadline - now)), watch)
    return Effect.sync(() =>
      handover.answer(Effect.fail(new DriverError({ reason: new Timeout({ after }), sent: "maybe" })))
    )
  })
  const begin = Effect.suspend(() => {
    if (isRunning) return Effect.void
    isRunning = true
    return Effect.andThen(Effect.forkIn(pullAll, scope), Effect.forkIn(watch, scope))
  })
  const wait = Effect.callback<A, E | DriverError>((resume) => {
    handover.await(resume)
    return Effect.sync(handover.leave)
  })
  return Effect.flatMap(Clock.currentTimeMillis, (now) => {
    deadline = now + millis
    return Effect.andThen(begin, wait)
  })
})
