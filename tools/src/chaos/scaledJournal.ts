/** A journal whose leases and times run on scaled time, over one that runs on its database's clock. */
import type { Claim, Journal, OperationRecord } from "@keyfold/core/Journal"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { toReal, toScaled, type Scale } from "./scale.ts"

/** Wraps a journal. What it stores stays as its database's clock tells it, so that its chain can be verified. */
export const scaled = (journal: Journal, scale: Scale): Journal => {
  const up = (real: number) => Math.round(toScaled(scale, real))
  const down = (duration: Duration.Duration) => Duration.millis(Math.ceil(Duration.toMillis(duration) / scale.factor))
  const recordOf = (record: OperationRecord): OperationRecord => ({
    ...record,
    at: up(record.at),
    leaseUntil: up(record.leaseUntil)
  })
  const claimOf = (claim: Claim): Claim => {
    if (claim.kind === "taken") return claim
    return claim.kind === "held"
      ? { ...claim, until: up(claim.until) }
      : { ...claim, lease: { ...claim.lease, until: up(claim.lease.until) } }
  }
  return {
    ...journal,
    claim: (request) => Effect.map(journal.claim({ ...request, lasting: down(request.lasting) }), claimOf),
    attempt: (lease, nonce, lasting) => journal.attempt(lease, nonce, down(lasting)),
    minted: (lease, nonce, key, lasting) => journal.minted(lease, nonce, key, down(lasting)),
    now: Effect.map(journal.now, up),
    find: (address) => Effect.map(journal.find(address), (found) => (found === undefined ? found : recordOf(found))),
    operations: (filter) =>
      Stream.map(
        journal.operations({
          ...filter,
          ...(filter.olderThan === undefined ? {} : { olderThan: toReal(scale, filter.olderThan) })
        }),
        recordOf
      )
  }
}
