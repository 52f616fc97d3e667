/** A storage of rotations in memory. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Decision, Filter, Insertion, RotationRecord, RotationStorage, Snapshot } from "../../RotationStorage.ts"

const hasKey = ({ custody, old }: RotationRecord, id: string): boolean => old.id === id || custody?.id === id

const matches = (record: RotationRecord, filter: Filter): boolean =>
  (filter.statuses === undefined || filter.statuses.includes(record.status)) &&
  (filter.store === undefined || filter.store === record.store) &&
  (filter.tenant === undefined || filter.tenant === record.tenant) &&
  (filter.key === undefined || hasKey(record, filter.key)) &&
  (filter.dueBefore === undefined || (record.dueAt !== undefined && record.dueAt < filter.dueBefore))

const isBusyWith = (record: RotationRecord, { old, store }: RotationRecord): boolean =>
  record.store === store && record.status !== "done" && record.status !== "undone" && hasKey(record, old.id)

const inOrder = (left: RotationRecord, right: RotationRecord): number =>
  left.createdAt - right.createdAt || (left.id < right.id ? -1 : 1)

const insertInto = (records: Map<string, RotationRecord>, record: RotationRecord): Insertion => {
  const existing = records.get(record.id)
  if (existing !== undefined) return { kind: "exists", record: existing }
  const busy = [...records.values()].find((other) => isBusyWith(other, record))
  if (busy !== undefined) return { kind: "busy", record: busy }
  records.set(record.id, record)
  return { kind: "inserted", record }
}

/** Makes an empty storage. A record's transactions exclude each other because nothing in them waits. */
export const make: Effect.Effect<RotationStorage["Service"]> = Effect.sync(() => {
  const records = new Map<string, RotationRecord>()
  return {
    insert: (make) => Effect.map(Clock.currentTimeMillis, (now) => insertInto(records, make(now))),
    transact: <A>(id: string, decide: (snapshot: Snapshot) => Decision<A>) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const decision = decide({ now, record: records.get(id) })
        if (decision.record !== undefined) records.set(id, decision.record)
        return decision.answer
      }),
    query: (filter) =>
      Stream.suspend(() =>
        Stream.fromIterable([...records.values()].filter((record) => matches(record, filter)).toSorted(inOrder))
      )
  }
})
