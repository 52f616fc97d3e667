/** A journal's storage in memory. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { Address, Decision, Entry, Filter, OperationRecord, Snapshot, Storage } from "../Journal.ts"

interface Shelf {
  readonly turn: Semaphore.Semaphore
  readonly entries: Array<Entry>
  readonly operations: Map<string, OperationRecord>
}

const matches = (filter: Filter, at: Address & Pick<Entry, "at" | "state">): boolean =>
  (filter.tenant === undefined || filter.tenant === at.tenant) &&
  (filter.operationId === undefined || filter.operationId === at.operationId) &&
  (filter.states === undefined || filter.states.includes(at.state)) &&
  (filter.olderThan === undefined || at.at < filter.olderThan)

const keyOf = ({ operationId, tenant }: Address): string => JSON.stringify([tenant ?? null, operationId])

const transaction = Effect.fnUntraced(function* <A>(
  shelf: Shelf,
  address: Address,
  decide: (snapshot: Snapshot) => Effect.Effect<Decision<A>>
): Effect.fn.Return<A> {
  const now = yield* Clock.currentTimeMillis
  const last = shelf.entries.at(-1) ?? { sequence: 0, digest: "" }
  const operation = shelf.operations.get(keyOf(address))
  const decision = yield* decide({ now, operation, last })
  shelf.entries.push(...decision.entries)
  if (decision.operation !== undefined) shelf.operations.set(keyOf(address), decision.operation)
  return decision.answer
}, Effect.uninterruptible)

const select = <A extends Address & Pick<Entry, "at" | "state" | "sequence">>(
  records: Iterable<A>,
  filter: Filter
): ReadonlyArray<A> =>
  [...records].filter((record) => matches(filter, record)).toSorted((left, right) => left.sequence - right.sequence)

/** Makes an empty storage. */
export const make = (): Storage => {
  const shelves = new Map<string, Shelf>()
  const shelfOf = (store: string): Shelf => {
    const shelf = shelves.get(store) ?? { turn: Semaphore.makeUnsafe(1), entries: [], operations: new Map() }
    shelves.set(store, shelf)
    return shelf
  }
  const chosen = ({ store }: Filter): ReadonlyArray<Shelf> =>
    [...shelves].flatMap(([name, shelf]) => (store === undefined || store === name ? [shelf] : []))
  return {
    transact: (address, decide) =>
      Effect.suspend(() => {
        const shelf = shelfOf(address.store)
        return shelf.turn.withPermit(transaction(shelf, address, decide))
      }),
    operations: (filter) =>
      Stream.suspend(() =>
        Stream.fromIterable(chosen(filter).flatMap(({ operations }) => select(operations.values(), filter)))
      ),
    entries: (filter) =>
      Stream.suspend(() => Stream.fromIterable(chosen(filter).flatMap(({ entries }) => select(entries, filter)))),
    stores: Effect.sync(() => [...shelves].flatMap(([name, { entries }]) => (entries.length > 0 ? [name] : [])))
  }
}
