/** Several sources at the same time. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/**
 * Reads so many sources at the same time, and as soon as one ends the next, and gives each element to `handle`. A worker
 * reads one source after the other: a stream of streams opens and closes a scope in its own for each, and what it closed
 * long ago would hold on to what is new.
 */
export const each = <Source, A, E, E2, R>(
  sources: ReadonlyArray<Source>,
  read: (source: Source) => Stream.Stream<A, E>,
  concurrency: number,
  handle: (element: A) => Effect.Effect<unknown, E2, R>
): Effect.Effect<void, E | E2, R> => {
  const left = sources.values()
  const next = (): Effect.Effect<void, E | E2, R> => {
    const { done, value } = left.next()
    if (done === true) return Effect.void
    return Effect.andThen(Stream.runForEach(read(value), handle), Effect.suspend(next))
  }
  const workers = Math.min(Math.max(1, concurrency), sources.length)
  return Effect.forEach(Arr.range(1, workers), () => Effect.suspend(next), { concurrency: workers, discard: true })
}

/** Batches that wait for their consumer; each holds some hundred elements. */
const waiting = 4

/** Reads so many sources at the same time, as one stream of what is in their batches. */
export const together = <Source, Batch, A, E>(
  sources: ReadonlyArray<Source>,
  read: (source: Source) => Stream.Stream<Batch, E>,
  concurrency: number,
  elementsOf: (batch: Batch) => ReadonlyArray<A>
): Stream.Stream<A, E> =>
  Stream.callback<Arr.NonEmptyReadonlyArray<A>, E>(
    (queue) =>
      each(sources, read, concurrency, (batch) => {
        const elements = elementsOf(batch)
        return Arr.isReadonlyArrayNonEmpty(elements) ? Queue.offer(queue, elements) : Effect.void
      }).pipe(Effect.andThen(Queue.end(queue))),
    { bufferSize: waiting }
  ).pipe(Stream.flattenArray)
