/** Keeping outcomes: those that wait for a write together are written together. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { BulkRevocationError, Outcome } from "../../BulkRevocation.ts"
import type { BulkStorage } from "../../BulkStorage.ts"
import { stored } from "./planning.ts"

/** Ends when the outcome is kept. */
export type Record = (outcome: Outcome) => Effect.Effect<void, BulkRevocationError>

/** Makes a recorder of one run. */
export const makeRecorder = ({ record }: BulkStorage, digest: string): Record => {
  const turn = Semaphore.makeUnsafe(1)
  const pending: Array<Outcome> = []
  const write = (outcome: Outcome) =>
    Effect.suspend(() => {
      // Written with those of others already; what came since is for those who wait for it.
      if (!pending.includes(outcome)) return Effect.void
      const batch = [...pending]
      // What cannot be written stays, so that nobody who waits for it believes that it was.
      return Effect.tap(stored(record(digest, batch)), () => Effect.sync(() => void pending.splice(0, batch.length)))
    })
  return (outcome) =>
    Effect.suspend(() => {
      pending.push(outcome)
      return turn.withPermit(write(outcome))
    })
}
