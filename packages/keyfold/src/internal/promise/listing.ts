/** A listing as an async iterable: opened by the first `next`, one pull at a time, ended by `return`. */
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CallOptions } from "../../store.ts"
import type { Call, Runner } from "./runner.ts"

type Batch<A> = ReadonlyArray<A>

/** One pass through a listing. */
interface Pass<A> {
  /** Reads the next batch; undefined at the end. */
  readonly pull: () => Promise<Batch<A> | undefined>
  readonly end: () => Promise<void>
}

const begin = <A>(runner: Runner, open: Call<Stream.Stream<A, KeyStoreError>>, { signal }: CallOptions): Pass<A> => {
  const scope = Scope.makeUnsafe()
  const stop = new AbortController()
  const signals = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  let ending: Promise<void> | undefined
  // The store stays open from the first batch to the end of the pass, and not for one call only.
  let next: Call<Batch<A> | undefined> = Effect.flatMap(Effect.flatMap(open, Stream.toPull), (pull) => {
    next = Pull.catchDone(pull, () => Effect.undefined)
    return next
  }).pipe(Scope.provide(scope))
  const end = (): Promise<void> => (ending ??= Effect.runPromise(Scope.close(scope, Exit.void)).finally(forget))
  const forget = runner.onClose(end)
  return {
    pull: () =>
      runner.run(
        Effect.suspend(() => next),
        { signal: signals }
      ),
    end: () => {
      stop.abort()
      return end()
    }
  }
}

const done = { done: true, value: undefined } as const

/** How far an iterator has got. */
interface Progress<A> {
  pass: Pass<A> | undefined
  batch: Iterator<A> | undefined
  isOver: boolean
}

const finish = async (progress: Progress<unknown>): Promise<void> => {
  progress.isOver = true
  progress.batch = undefined
  await progress.pass?.end()
}

/** Gives the next item. What stopped the listing shows before the items that were read already. */
const step = async <A>(
  progress: Progress<A>,
  begin: () => Pass<A>,
  isStopped: () => boolean
): Promise<IteratorResult<A, undefined>> => {
  while (!progress.isOver) {
    const item = isStopped() ? undefined : progress.batch?.next()
    if (item?.done === false) return item
    progress.pass ??= begin()
    const pulled = await progress.pass.pull()
    if (pulled === undefined) await finish(progress)
    else progress.batch = pulled[Symbol.iterator]()
  }
  return done
}

const makeIterator = <A>(begin: () => Pass<A>, isStopped: () => boolean): AsyncIterator<A, undefined> => {
  const progress: Progress<A> = { pass: undefined, batch: undefined, isOver: false }
  let last: Promise<unknown> = Promise.resolve()
  const following = async (before: Promise<unknown>): Promise<IteratorResult<A, undefined>> => {
    await before
    try {
      return await step(progress, begin, isStopped)
    } catch (error) {
      const wasEnded = progress.isOver
      await finish(progress)
      if (wasEnded) return done
      throw error
    }
  }
  return {
    next: () => {
      const answer = following(last)
      last = answer.catch(() => undefined)
      return answer
    },
    return: async () => {
      await finish(progress)
      return done
    }
  }
}

/** Makes a listing that can be gone through more than once; each time it is read anew. */
export const makeListing = <A>(
  runner: Runner,
  open: Call<Stream.Stream<A, KeyStoreError>>,
  options: CallOptions
): AsyncIterable<A> => ({
  [Symbol.asyncIterator]: () =>
    makeIterator(
      () => begin(runner, open, options),
      () => options.signal?.aborted === true || runner.isClosed()
    )
})
