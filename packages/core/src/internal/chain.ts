/** The chain of a store's entries: each holds a keyed digest over itself and the digest before it. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Entry, Storage, Verified, JournalError, OperationRecord } from "../Journal.ts"
import * as crypto from "./crypto.ts"

/** Computes the digest of an entry. */
export type Digest = (entry: Omit<Entry, "digest">) => Effect.Effect<string>

/** Makes the digest function of one journal's key. */
export const digestWith =
  (key: CryptoKey): Digest =>
  (entry) =>
    Effect.map(
      Effect.promise(() =>
        crypto.hmac(
          key,
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
          ])
        )
      ),
      crypto.toBase64Url
    )

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

const readEntry = (digest: Digest, reading: Reading, entry: Entry, head: string | undefined) =>
  Effect.map(digest(entry), (expected) => {
    if (entry.sequence !== reading.sequence + 1) {
      reading.problem = `entry ${reading.sequence + 1} is missing`
    } else if (entry.previous !== reading.digest) {
      reading.problem = "it does not follow from the entry before it"
    } else if (entry.digest !== expected) {
      reading.problem = "it was changed after it was written, or the journal's secret is another"
    } else {
      reading.sequence = entry.sequence
      reading.digest = entry.digest
      reading.sawHead ||= entry.digest === head
      const { epoch, sequence, state } = entry
      reading.operations.set(operationKey(entry), { epoch, sequence, state })
    }
    return reading.problem === undefined
  })

/** Checks a store's chain from its first entry, and the operations against it. */
export const verify = Effect.fnUntraced(function* (
  storage: Storage,
  digest: Digest,
  store: string,
  head: string | undefined
): Effect.fn.Return<Verified, JournalError> {
  const reading: Reading = { sequence: 0, digest: "", sawHead: false, problem: undefined, operations: new Map() }
  const broken = (problem: string, sequence = reading.sequence + 1): Verified => ({
    intact: false,
    store,
    sequence,
    problem
  })
  yield* storage.entries({ store }).pipe(
    Stream.mapEffect((entry) => readEntry(digest, reading, entry, head)),
    Stream.takeWhile((intact) => intact),
    Stream.runDrain
  )
  if (reading.problem !== undefined) return broken(reading.problem)
  if (head !== undefined && !reading.sawHead) return broken("the entry with the digest that was kept is gone")
  const strange = yield* storage.operations({ store }).pipe(
    // What was written while the chain was read is not judged.
    Stream.filter((record) => {
      const folded = reading.operations.get(operationKey(record))
      reading.operations.delete(operationKey(record))
      return (
        record.sequence <= reading.sequence &&
        (folded?.state !== record.state || folded.epoch !== record.epoch || folded.sequence !== record.sequence)
      )
    }),
    Stream.runHead
  )
  if (strange._tag === "Some") {
    return broken(
      `the record of operation ${strange.value.operationId} is not what its entries say`,
      strange.value.sequence
    )
  }
  const [lost] = reading.operations.values()
  if (lost !== undefined) return broken("the record of its operation is missing", lost.sequence)
  return { intact: true, store, entries: reading.sequence, head: reading.digest }
})
