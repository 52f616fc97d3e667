/** Claims, keys and secrets for the tests of journals; loads no test framework, so that child processes start quickly. */
import { KeyId, type KeyRef } from "@keyfold/core/ApiKey"
import type { Claim, ClaimRequest, Journal, Lease } from "@keyfold/core/Journal"
import { OperationId } from "@keyfold/core/OperationId"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

export const journalSecret = Redacted.make("a journal secret for tests that is long enough")

export const otherSecret = Redacted.make("quite another journal secret, long enough as well")

/** A claim for a minute, of one operation unless told otherwise. */
export const claimOf = (changes: Partial<Omit<ClaimRequest, "operationId">> & { operationId?: string } = {}) => ({
  store: "monitoring",
  nonce: "nonce-1",
  spec: "spec-1",
  lasting: Duration.minutes(1),
  ...changes,
  operationId: OperationId.make(changes.operationId ?? "deploy-1")
})

/** The lease of a claim that must succeed. */
export const leased = (claim: Effect.Effect<Claim, unknown>) =>
  Effect.map(claim, (answer): Lease => {
    if (answer.kind !== "claimed") throw new Error(`expected a lease, but the operation is ${answer.kind}`)
    return answer.lease
  })

export const keyOf = (id: string, owner?: string): KeyRef => ({
  id: KeyId.make(id),
  ...(owner === undefined ? {} : { owner })
})

export const entriesOf = (journal: Journal, filter: Parameters<Journal["entries"]>[0] = {}) =>
  Stream.runCollect(journal.entries(filter))

export const operationsOf = (journal: Journal, filter: Parameters<Journal["operations"]>[0] = {}) =>
  Stream.runCollect(journal.operations(filter))
