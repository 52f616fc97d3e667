/** What may be written about an operation, given what was written before: the rules every journal shares. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { KeyRef } from "../ApiKey.ts"
import type { Address, Claim, ClaimRequest, Decision, Entry, Lease, OperationRecord, Snapshot } from "../Journal.ts"
import type { Digest } from "./chain.ts"

type Change = Pick<Entry, "state" | "epoch" | "nonce" | "spec" | "leaseUntil"> & { readonly key?: KeyRef }

const addressOf = ({ operationId, store, tenant }: Address): Address => ({
  store,
  ...(tenant === undefined ? {} : { tenant }),
  operationId
})

const none: Pick<OperationRecord, "nonces" | "minted"> = { nonces: [], minted: [] }

const fold = (record: OperationRecord | undefined, entry: Entry): OperationRecord => {
  const { at, epoch, key, leaseUntil, nonce, sequence, spec, state } = entry
  const { minted, nonces } = record ?? none
  return {
    ...addressOf(entry),
    sequence,
    at,
    state,
    epoch,
    spec,
    leaseUntil,
    nonces: nonces.includes(nonce) ? nonces : [...nonces, nonce],
    minted: key === undefined || minted.some(({ id }) => id === key.id) ? minted : [...minted, key],
    ...(key === undefined ? {} : { key })
  }
}

const append = <A>(
  digest: Digest,
  address: Address,
  snapshot: Snapshot,
  changes: ReadonlyArray<Change>,
  answer: A
): Effect.Effect<Decision<A>> => {
  const entries: Array<Entry> = []
  let { last, operation } = snapshot
  for (const change of changes) {
    const unsigned = {
      ...addressOf(address),
      sequence: last.sequence + 1,
      at: snapshot.now,
      ...change,
      previous: last.digest
    }
    const entry: Entry = { ...unsigned, digest: digest(unsigned) }
    entries.push(entry)
    operation = fold(operation, entry)
    last = entry
  }
  return Effect.succeed({ entries, operation, answer })
}

const nothing = <A>(answer: A): Effect.Effect<Decision<A>> =>
  Effect.succeed({ entries: [], operation: undefined, answer })

/** Decides a claim. */
export const claim =
  (digest: Digest, request: ClaimRequest) =>
  (snapshot: Snapshot): Effect.Effect<Decision<Claim>> => {
    const { now, operation } = snapshot
    if (operation?.state === "delivered") return nothing({ kind: "taken", key: operation.key })
    const settled = operation === undefined || operation.state === "abandoned"
    if (!settled && now < operation.leaseUntil) {
      return nothing({ kind: "held", until: operation.leaseUntil, key: operation.key })
    }
    const epoch = (operation?.epoch ?? 0) + 1
    const until = now + Math.ceil(Duration.toMillis(request.lasting))
    const { minted, nonces } = operation ?? none
    return append(
      digest,
      request,
      snapshot,
      [{ state: "intended", epoch, nonce: request.nonce, spec: request.spec, leaseUntil: until }],
      { kind: "claimed", lease: { ...addressOf(request), epoch, until }, settled, earlier: { nonces, minted } }
    )
  }

/** Whether the lease's sender still holds the operation: nobody took over, and nobody ended it. */
const holds = (lease: Lease, operation: OperationRecord | undefined): operation is OperationRecord =>
  operation?.epoch === lease.epoch && (operation.state === "intended" || operation.state === "minted")

const whileHeld =
  (digest: Digest, lease: Lease, changes: (operation: OperationRecord, now: number) => ReadonlyArray<Change>) =>
  (snapshot: Snapshot): Effect.Effect<Decision<boolean>> =>
    holds(lease, snapshot.operation)
      ? append(digest, lease, snapshot, changes(snapshot.operation, snapshot.now), true)
      : nothing(false)

const carried = ({ epoch, leaseUntil, spec }: OperationRecord) => ({ epoch, leaseUntil, spec })

const extended = (operation: OperationRecord, now: number, lasting: Duration.Duration) => ({
  ...carried(operation),
  leaseUntil: Math.max(operation.leaseUntil, now + Math.ceil(Duration.toMillis(lasting)))
})

/** Decides another attempt under a lease. */
export const attempt = (digest: Digest, lease: Lease, nonce: string, lasting: Duration.Duration) =>
  whileHeld(digest, lease, (operation, now) => [{ ...extended(operation, now, lasting), state: "intended", nonce }])

/** Decides that a key was made. */
export const minted = (digest: Digest, lease: Lease, nonce: string, key: KeyRef, lasting: Duration.Duration) =>
  whileHeld(digest, lease, (operation, now) => [{ ...extended(operation, now, lasting), state: "minted", nonce, key }])

/** Decides that somebody holds the secret; the key's making is written too where it was not. */
export const delivered = (digest: Digest, lease: Lease, nonce: string, key: KeyRef) =>
  whileHeld(digest, lease, (operation) => {
    const change = { ...carried(operation), nonce, key }
    const isMinted = operation.state === "minted" && operation.key?.id === key.id
    return [...(isMinted ? [] : [{ ...change, state: "minted" as const }]), { ...change, state: "delivered" as const }]
  })

/** Decides that no live key is left. */
export const abandon = (digest: Digest, lease: Lease) =>
  whileHeld(digest, lease, (operation) => [
    { ...carried(operation), state: "abandoned", nonce: operation.nonces.at(-1) ?? "" }
  ])
