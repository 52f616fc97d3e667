/** The chain of a store's entries: each holds a keyed digest over itself and the digest before it. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Entry, Storage, Verified, JournalError, OperationRecord } from "../Journal.ts"
import * as hmac from "./hmac.ts"

/** Computes the digest of an entry. */
export type Digest = (entry: Omit<Entry, "digest">) => string

/** Makes the digest function of one journal's secret. */
export const digestWith = (secret: string): Digest => {
  const sign = hmac.make(new TextEncoder().encode(secret))
  return (entry) =>
    sign(
      JSON.stringify([
        "keyfold journal 1",
        entry.store,
        entry.tenant ?? null,
        entry.operationId,
        entry.sequence,
        entry.at,
        entry.state,
        entry.epoch,
        entry.nonce,
        entry.spec,
        entry.leaseUntil,
        entry.key === undefined ? null : [entry.key.id, entry.key.owner ?? null],
        entry.previous
      ]),
      hmac.longest
    )
}

/** What was folded of one operation while its store's chain is read: enough to hold its record against. */
type Folded = Pick<OperationRecord, "state" | "epoch" | "sequence">

const operationKey = (at: { readonly tenant?: string; readonly operationId: string }): string =>
  JSON.stringify([at.tenant ?? null, at.operationId])

interface Reading {
  sequence: number
  digest: string
  sawHead: boolean
  problem: string | undefined
  readonly operations: Map<string, Folded>
}

/** Takes an entry in, and tells whether the chain is intact up to it. */
const readEntry = (digest: Digest, reading: Reading, entry: Entry, head: string | undefined): boolean => {
  if (entry.sequence !== reading.sequence + 1) {
    reading.problem = `entry ${reading.sequence + 1} is missing`
  } else if (entry.previous !== reading.digest) {
    reading.problem = "it does not follow from the entry before it"
  } else if (entry.digest !== digest(entry)) {
    reading.problem = "it was changed after it was written, or the journal's secret is another"
  } else {
    reading.sequence = entry.sequence
    reading.digest = entry.digest
    reading.sawHead ||= entry.digest === head
    const { epoch, sequence, state } = entry
    reading.operations.set(operationKey(entry), { epoch, sequence, state })
  }
  return reading.problem === undefined
}

/** Finds a record that is not what its entries add up to; what was written while the chain was read is not judged. */
const findStrange = Effect.fnUntraced(function* (
  storage: Storage,
  reading: Reading,
  store: string
): Effect.fn.Return<readonly [sequence: number, problem: string] | undefined, JournalError> {
  const { operations } = reading
  const strange = yield* storage.operations({ store }).pipe(
    Stream.filter((record) => {
      const folded = operations.get(operationKey(record))
      operations.delete(operationKey(record))
      return (
        record.sequence <= reading.sequence &&
        (folded?.state !== record.state || folded.epoch !== record.epoch || folded.sequence !== record.sequence)
      )
    }),
    Stream.runHead
  )
  if (strange._tag === "Some") {
    const { operationId, sequence } = strange.value
    return [sequence, `the record of operation ${operationId} is not what its entries say`]
  }
  const [lost] = operations.values()
  return lost === undefined ? undefined : [lost.sequence, "the record of its operation is missing"]
})

/** Checks a store's chain from its first entry, and the operations against it. */
export const verify = Effect.fnUntraced(function* (
  storage: Storage,
  digest: Digest,
  store: string,
  head: string | undefined
): Effect.fn.Return<Verified, JournalError> {
  const reading: Reading = { sequence: 0, digest: "", sawHead: false, problem: undefined, operations: new Map() }
  yield* storage.entries({ store }).pipe(
    Stream.takeWhile((entry) => readEntry(digest, reading, entry, head)),
    Stream.runDrain
  )
  const isCut = head !== undefined && !reading.sawHead
  const problem = reading.problem ?? (isCut ? "the entry with the digest that was kept is gone" : undefined)
  const [sequence, found] =
    problem === undefined ? ((yield* findStrange(storage, reading, store)) ?? []) : [reading.sequence + 1, problem]
  return sequence === undefined || found === undefined
    ? { intact: true, store, entries: reading.sequence, head: reading.digest }
    : { intact: false, store, sequence, problem: found }
})
