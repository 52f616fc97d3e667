/** Several sources at the same time, as one stream. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/** Batches that wait for their consumer; each holds some hundred elements. */
const waiting = 4

/**
 * Reads so many sources at the same time, and as soon as one ends the next. Batches stay what
 * they are. A worker reads one source after the other: a stream of streams opens and closes a scope in its own for each, and
 * what it closed long ago would hold on to what is new.
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
        return Effect.andThen(reading, Effect.suspend(next))
      }
      const workers = Math.min(Math.max(1, concurrency), sources.length)
      return Effect.forEach(Arr.range(1, workers), () => Effect.suspend(next), {
        concurrency: workers,
        discard: true
      }).pipe(Effect.andThen(Queue.end(queue)))
    },
    { bufferSize: waiting }
  ).pipe(Stream.flattenArray)
