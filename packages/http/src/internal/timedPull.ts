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

type Handover<A, E> = ReturnType<typeof makeHandover<Effect.Effect<A, E | DriverError>>>

/** Pulls whenever somebody waits, until there is nothing more. */
const pullAll = <A, E>(handover: Handover<A, E>, pull: Effect.Effect<A, E>): Effect.Effect<void> =>
  Effect.suspend(() => {
    let isOver = false
    const awaited = Effect.callback<void>((resume) => handover.whenAwaited(() => resume(Effect.void)))
    return Effect.whileLoop({
      while: () => !isOver,
      body: () => Effect.andThen(awaited, Effect.exit(pull)),
      step: (exit) => {
        isOver = Exit.isFailure(exit)
        handover.answer(exit)
      }
    })
  })

/** Answers who waits once the time is over. */
const watch = <A, E>(
  handover: Handover<A, E>,
  after: Duration.Duration,
  deadline: () => number
): Effect.Effect<void> => {
  const over = Effect.suspend(() => Effect.fail(new DriverError({ reason: new Timeout({ after }), sent: "maybe" })))
  const look: Effect.Effect<void> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const left = handover.isAwaited() ? deadline() - now : Duration.toMillis(after)
    return left > 0
      ? Effect.andThen(Effect.sleep(Duration.millis(left)), look)
      : Effect.sync(() => handover.answer(over))
  })
  return look
}

/**
 * Fails a pull with `Timeout` where it takes longer than `after`, each time anew.
 *
 * Two fibers do that for all pulls until the scope closes: a race for each of them, and there are as many as a long body has
 * pieces, would cost more than reading the piece, and what it leaves behind holds on to what was read.
 */
export const make = <A, E>(
  after: Duration.Duration,
  pull: Effect.Effect<A, E>,
  scope: Scope.Scope
): Effect.Effect<A, E | DriverError> => {
  const handover: Handover<A, E> = makeHandover()
  let deadline = 0
  let isRunning = false
  const begin = Effect.suspend(() => {
    if (isRunning) return Effect.void
    isRunning = true
    return Effect.andThen(
      Effect.forkIn(pullAll(handover, pull), scope),
      Effect.forkIn(
        watch(handover, after, () => deadline),
        scope
      )
    )
  })
  const wait = Effect.callback<A, E | DriverError>((resume) => {
    handover.await(resume)
    return Effect.sync(handover.leave)
  })
  return Effect.flatMap(Clock.currentTimeMillis, (now) => {
    deadline = now + Duration.toMillis(after)
    return Effect.andThen(begin, wait)
  })
}
