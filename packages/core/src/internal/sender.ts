/** One create under way: its lease on the operation, its attempts, and what they may have left. */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { IssuedKey, KeyRef } from "../ApiKey.ts"
import { DriverError } from "../Driver.ts"
import type { Journal, JournalError, Lease, OperationRecord } from "../Journal.ts"
import { Conflict, OutcomeUnknown, Unavailable, type Reason } from "../KeyStoreError.ts"
import * as Label from "../Label.ts"
import type { OperationId } from "../OperationId.ts"
import { isAmbiguous } from "../RetryPolicy.ts"
import { revokeVisible, type Store } from "./calls.ts"
import type { Watch } from "./reconcile.ts"
import type { ResolvedSpec } from "./spec.ts"
import { logged } from "./telemetry.ts"

/** What was minted, by which attempt. */
export interface Minted {
  readonly issued: IssuedKey
  readonly nonce: string
}

/** One create. */
export interface Sender {
  readonly store: Store
  readonly spec: ResolvedSpec
  readonly operationId: OperationId
  /** A keyed digest of the spec, for the journal. */
  readonly digest: string
  /** When the create must be over, in epoch milliseconds. */
  readonly deadline: number
  /** Nonces of attempts whose keys nobody will hold. */
  readonly superseded: Array<string>
  /** What an earlier sender left and this one has yet to revoke before it may send. */
  inherited: Pick<OperationRecord, "nonces" | "minted"> | undefined
  lease: Lease | undefined
  /** Attempts that nobody watches or whose watch is not over, and what was inherited and is not revoked yet. */
  unsettled: number
  /** The key, from the moment it is known: an interruption may come before anybody else hears of it. */
  minted: Minted | undefined
  /** Set once somebody holds the secret, or the key was revoked again. */
  isHeld: boolean
  isOver: boolean
}

/** Fails an attempt that was not sent. */
const unsent = (reason: Reason) => Effect.fail(new DriverError({ reason, sent: "no" }))

/** A journal that cannot be written keeps anything from being sent. */
export const journalFailure = (error: JournalError): DriverError =>
  new DriverError({ reason: new Unavailable({ problem: error.problem }), sent: "no" })

const lasting = (sender: Sender, now: number): Duration.Duration => {
  const { settle } = sender.store.driver.capabilities.consistency
  return Duration.sum(Duration.millis(Math.max(0, sender.deadline - now)), settle.within)
}

/** Reference to a key, without what only a presented key has. */
export const refOf = ({ id, owner }: KeyRef): KeyRef => ({ id, ...(owner === undefined ? {} : { owner }) })

/** Revokes a key that must be visible if it is there at all: one the backend does not know counts as revoked. */
export const revokeOrGone = (store: Store, key: KeyRef): Effect.Effect<void, DriverError> =>
  revokeVisible(store, refOf(key)).pipe(
    Effect.mapError(({ error }) => error),
    Effect.catchIf(
      ({ reason }) => reason._tag === "NotFound",
      () => Effect.void
    ),
    Effect.asVoid
  )

/** Whether a key can be found by the attempt that made it. */
export const canFind = ({ driver, finder }: Store): boolean =>
  driver.capabilities.createSafety !== "none" && finder.survival() !== "lost"

const unfindable =
  "an earlier create under this operation id was never settled, and this backend keeps no mark to find its key by"

const isMarked = ({ store }: Sender): boolean => store.driver.capabilities.createSafety === "marker"

/** Revokes what an earlier sender left whose lease has run out, so that its operation can be done anew. */
const takeOver = Effect.fnUntraced(
  function* (sender: Sender): Effect.fn.Return<void, DriverError> {
    const { inherited, store } = sender
    if (inherited === undefined) return
    yield* Effect.sleep(store.driver.capabilities.consistency.visibility.within)
    const found = yield* Effect.forEach(inherited.nonces, (nonce) => store.finder.marked(nonce), {
      concurrency: "unbounded"
    }).pipe(Effect.mapError(({ error }) => error))
    const listed = found.flat()
    const keys = [...listed, ...inherited.minted.filter(({ id }) => !listed.some((key) => key.id === id))]
    yield* Effect.forEach(keys, (key) => revokeOrGone(store, key), { discard: true })
    sender.inherited = undefined
    sender.unsettled--
  },
  // Nothing of this create was sent, whatever became of the looking.
  Effect.mapError(
    ({ reason, requestId }) =>
      new DriverError({ reason, sent: "no", ...(requestId === undefined ? {} : { requestId }) })
  )
)

const claim = Effect.fnUntraced(function* (
  sender: Sender,
  journal: Journal,
  nonce: string
): Effect.fn.Return<void, DriverError> {
  const { digest, operationId, store } = sender
  const now = yield* Clock.currentTimeMillis
  const { tenant } = store.options
  const request = {
    store: store.name,
    ...(tenant === undefined ? {} : { tenant }),
    operationId,
    nonce,
    spec: digest,
    lasting: lasting(sender, now)
  }
  const answer = yield* Effect.mapError(journal.claim(request), journalFailure)
  if (answer.kind === "taken") {
    return yield* unsent(new Conflict(answer.key === undefined ? {} : { existing: answer.key }))
  }
  if (answer.kind === "held") {
    const until = DateTime.formatIso(DateTime.makeUnsafe(answer.until))
    const problem = `a create under this operation id is under way elsewhere, until ${until} at the latest`
    return yield* unsent(new Conflict({ problem, ...(answer.key === undefined ? {} : { existing: answer.key }) }))
  }
  sender.lease = answer.lease
  sender.superseded.push(...answer.earlier.nonces)
  if (answer.settled) return
  sender.unsettled++
  if (!canFind(store)) return yield* unsent(new OutcomeUnknown({ problem: unfindable }))
  // A backend that knows operation ids replaces what was inherited when it makes the key.
  if (isMarked(sender)) sender.inherited = answer.earlier
})

const lost = new DriverError({
  reason: new Conflict({ problem: "another create under this operation id took over" }),
  sent: "no"
})

/** Makes sure that this sender, and no other, may send now, and that the attempt is on record before it is sent. */
const permit = Effect.fnUntraced(function* (sender: Sender, nonce: string): Effect.fn.Return<void, DriverError> {
  const { journal } = sender.store
  if (journal === undefined) return
  if (sender.lease === undefined) yield* claim(sender, journal, nonce)
  else {
    const now = yield* Clock.currentTimeMillis
    const held = yield* Effect.mapError(journal.attempt(sender.lease, nonce, lasting(sender, now)), journalFailure)
    if (!held) return yield* lost
  }
  yield* takeOver(sender)
})

/** Ends the journal's record once it is certain that no live key is left. */
const abandonIfSettled = (sender: Sender): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { lease, store } = sender
    if (!sender.isOver || sender.unsettled > 0 || lease === undefined || store.journal === undefined) return Effect.void
    sender.lease = undefined
    return store.journal
      .abandon(lease)
      .pipe(
        Effect.catch(({ problem }) =>
          logged(
            store.engine.meter,
            "journal.note.failed",
            Effect.logWarning(`operation ${lease.operationId}: ${problem}`)
          )
        )
      )
  })

/** Has an attempt watched that may have left a key nobody holds. */
export const suspect = Effect.fnUntraced(function* (
  sender: Sender,
  nonce: string,
  key?: KeyRef
): Effect.fn.Return<Watch | undefined> {
  sender.unsettled++
  sender.superseded.push(nonce)
  if (sender.store.driver.capabilities.createSafety === "none") return undefined
  const settled = Effect.suspend(() => {
    sender.unsettled--
    return abandonIfSettled(sender)
  })
  const { operationId } = sender
  return yield* sender.store.reconciler.watch(
    { operationId, nonce, ...(key === undefined ? {} : { key: refOf(key) }) },
    settled
  )
})

/** Ends a create that gave nobody a key. */
export const giveUp = (sender: Sender): Effect.Effect<void> =>
  Effect.suspend(() => {
    sender.isOver = true
    return abandonIfSettled(sender)
  })

const unknown = (error: DriverError): DriverError =>
  new DriverError({
    reason: new OutcomeUnknown({ problem: error.reason.message }),
    sent: "maybe",
    ...(error.requestId === undefined ? {} : { requestId: error.requestId })
  })

/** The same failure, after its attempt was settled: minting anew is safe now. */
const settledFailure = ({ reason, requestId }: DriverError): DriverError =>
  new DriverError({
    reason: reason._tag === "InvalidResponse" ? new Unavailable({ problem: reason.problem }) : reason,
    sent: "no",
    ...(requestId === undefined ? {} : { requestId })
  })

/**
 * Decides what an attempt with an unknown outcome ends as: a failure that may be followed by another attempt, once what
 * it may have left is revoked or watched, or an unknown outcome.
 */
const resolve = Effect.fnUntraced(function* (
  sender: Sender,
  error: DriverError,
  watch: Watch | undefined,
  isLast: boolean
): Effect.fn.Return<never, DriverError> {
  const { createSafety, consistency } = sender.store.driver.capabilities
  if (createSafety === "idempotent" && watch !== undefined) return yield* settledFailure(error)
  const left = sender.deadline - (yield* Clock.currentTimeMillis)
  const tooLate = left <= Duration.toMillis(consistency.visibility.within)
  if (watch === undefined || isLast || tooLate) return yield* unknown(error)
  yield* Deferred.await(watch.looked)
  return yield* !canFind(sender.store) || !sender.store.reconciler.canWatch() ? unknown(error) : settledFailure(error)
})

/** Sends one attempt, under a nonce of its own. */
export const attempt = Effect.fnUntraced(function* (
  sender: Sender,
  number: number
): Effect.fn.Return<Minted, DriverError> {
  const { operationId, spec, store, superseded } = sender
  const nonce = yield* Label.nonce
  yield* permit(sender, nonce)
  const label = isMarked(sender) ? yield* store.codec.write(spec.name, operationId, nonce) : spec.name
  let watch: Watch | undefined
  const request = { ...spec, label, operationId, nonce, supersedes: [...superseded] }
  const issued = yield* store.driver.create(request).pipe(
    Effect.onExit(
      Effect.fnUntraced(function* (exit) {
        if (Exit.isSuccess(exit)) return void (sender.minted = { issued: exit.value, nonce })
        const failure = Exit.findErrorOption(exit)
        const isRefused = failure._tag === "Some" && !isAmbiguous(failure.value)
        if (!isRefused) watch = yield* suspect(sender, nonce)
      })
    ),
    Effect.catch((error) =>
      isAmbiguous(error) ? resolve(sender, error, watch, number >= store.engine.policy.attempts) : Effect.fail(error)
    )
  )
  return { issued, nonce }
})
