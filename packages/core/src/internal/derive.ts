/** Operations a backend does not have, made from those it has. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { ApiKey } from "../ApiKey.ts"
import { DriverError, type Driver, type DriverPage, type ListRequest } from "../Driver.ts"
import { statuses } from "../KeyList.ts"
import { NotFound } from "../KeyStoreError.ts"
import type { Store } from "./calls.ts"
import { retrying, type Batches, type Engine } from "./retry.ts"

/** The keys of native pages, one batch a page, requested as they are pulled. */
export const pulledPages = <E>(
  page: (position: string | undefined) => Effect.Effect<DriverPage, E>
): Batches<ReadonlyArray<ApiKey>, E> => {
  let position: string | undefined
  let isOver = false
  return Effect.suspend((): Batches<ReadonlyArray<ApiKey>, E> =>
    isOver
      ? Cause.done()
      : Effect.map(page(position), ({ keys, next }) => {
          position = next
          isOver = next === undefined
          return Arr.of(keys)
        })
  )
}

/** Every key of one listing, natively paged or not, in the driver's order. */
export const listAll = ({ list }: Driver, request: ListRequest): Stream.Stream<ReadonlyArray<ApiKey>, DriverError> =>
  list.kind === "stream"
    ? list.open(request)
    : Stream.fromPull(Effect.sync(() => pulledPages((position) => list.page({ ...request, limit: 500, position }))))

type Found<A> = ReadonlyMap<string, A>

interface Batch<A, E> {
  readonly wanted: Set<string>
  readonly fiber: Fiber.Fiber<Found<A>, E>
  waiting: number
}

/** Begins a run once those who ask at the same time have asked. */
export type Gather = <A, E>(run: Effect.Effect<A, E>) => Effect.Effect<A, E>

const atOnce: Gather = (run) => Effect.andThen(Effect.yieldNow, run)

/**
 * Answers all lookups that wait together from one run of `load`, which stops when nobody waits any more. A lookup that
 * comes once `load` has started gets a run of its own: what it asks for may be newer.
 */
export const together = <A, E>(
  load: (wanted: ReadonlySet<string>) => Effect.Effect<Found<A>, E>,
  gather: Gather = atOnce
) => {
  let open: Batch<A, E> | undefined
  const start = Effect.suspend(() => {
    const wanted = new Set<string>()
    const collected = gather(
      Effect.suspend(() => {
        open = undefined
        return load(wanted)
      })
    )
    return Effect.map(Effect.forkDetach(Effect.interruptible(collected)), (fiber): Batch<A, E> => {
      open = { wanted, fiber, waiting: 0 }
      return open
    })
  })
  const leave = (batch: Batch<A, E>) =>
    Effect.suspend(() => {
      if (--batch.waiting > 0) return Effect.void
      if (open === batch) open = undefined
      return Fiber.interrupt(batch.fiber)
    })
  return (id: string): Effect.Effect<A | undefined, E> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        Effect.suspend(() => (open === undefined ? start : Effect.succeed(open))),
        (batch) => {
          batch.waiting++
          batch.wanted.add(id)
          return restore(Fiber.join(batch.fiber)).pipe(
            Effect.onExit(() => leave(batch)),
            Effect.map((found) => found.get(id))
          )
        }
      )
    )
}

const missing = new DriverError({ reason: new NotFound({}), sent: "maybe" })

/** `get` for backends that only list, as one attempt and with the engine's retries. */
export const getFromList = (driver: Driver, engine: Engine): Pick<Store, "get" | "read"> => {
  const { getsRevoked, listsRevoked } = driver.capabilities
  const request: ListRequest = {
    owner: undefined,
    statuses: getsRevoked && listsRevoked === "always" ? ["active", "expired", "revoked"] : statuses({})
  }
  // The rest of a long list says nothing about keys that were found.
  const load = (wanted: ReadonlySet<string>) =>
    Effect.suspend(() => {
      const found = new Map<string, ApiKey>()
      const look = (keys: ReadonlyArray<ApiKey>) =>
        Effect.sync(() => {
          for (const key of keys) if (wanted.has(key.id)) found.set(key.id, key)
          return found.size < wanted.size
        })
      return Effect.as(Stream.runForEachWhile(listAll(driver, request), look), found)
    })
  const once = together(load)
  const retried = {
    get: together((wanted) => retrying("get", engine, () => load(wanted))),
    usage: together((wanted) => retrying("usage", engine, () => load(wanted)))
  }
  return {
    get: (ref) =>
      Effect.flatMap(once(ref.id), (key) => (key === undefined ? Effect.fail(missing) : Effect.succeed(key))),
    read: (operation, ref) =>
      Effect.flatMap(retried[operation](ref.id), (key) =>
        key === undefined ? Effect.fail({ error: missing, attempts: 1, exhausted: false }) : Effect.succeed(key)
      )
  }
}

/** `get` for backends that have one. */
export const getFromDriver = (get: NonNullable<Driver["get"]>, engine: Engine): Pick<Store, "get" | "read"> => ({
  get,
  read: (operation, ref) => retrying(operation, engine, () => get(ref))
})

/** A slice of a fresh list in id order, for backends that do not page. */
export const pageFromKeys = (keys: ReadonlyArray<ApiKey>, position: string | undefined, limit: number): DriverPage => {
  const sorted = keys
    .filter((key) => position === undefined || key.id > position)
    .toSorted((left, right) => (left.id < right.id ? -1 : left.id > right.id ? 1 : 0))
  const page = sorted.slice(0, limit)
  const last = page.at(-1)
  return last !== undefined && sorted.length > limit ? { keys: page, next: last.id } : { keys: page }
}
