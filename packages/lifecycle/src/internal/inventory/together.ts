/** Several sources at the same time, as one stream. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/** Batches that wait for their consumer; each holds some hundred elements. */
const waiting = 4

/**
 * Runs an effect in a fiber of its own, interrupted with this one. What a fiber that lives long forks and forgets stays
 * linked in the engine's young generation: it would be copied again and again, and kept until the next full collection.
 */
const apart = <E>(effect: Effect.Effect<void, E>): Effect.Effect<void, E> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDetach(restore(effect)), (fiber) =>
      Effect.onInterrupt(restore(Fiber.join(fiber)), () => Fiber.interrupt(fiber))
    )
  )

/**
 * Reads so many sources at the same time, and as soon as one ends the next. Batches stay what they are, and the end of one
 * source leaves nothing behind.
 */
export const together = <Source, A, E>(
  sources: ReadonlyArray<Source>,
  read: (source: Source) => Stream.Stream<A, E>,
  concurrency: number
): Stream.Stream<A, E> =>
  Stream.callback<Arr.NonEmptyReadonlyArray<A>, E>(
    (queue) => {
      const left = sources.values()
      const next = (): Effect.Effect<void, E> => {
        const { done, value } = left.next()
        if (done === true) return Effect.void
        const reading = Stream.runForEachArray(read(value), (batch) => Queue.offer(queue, batch))
        return Effect.andThen(apart(reading), Effect.suspend(next))
      }
      const workers = Math.min(Math.max(1, concurrency), sources.length)
      return Effect.forEach(Arr.range(1, workers), () => Effect.suspend(next), {
        concurrency: workers,
        discard: true
      }).pipe(Effect.asVoid)
    },
    { bufferSize: waiting }
  ).pipe(Stream.flattenArray)
