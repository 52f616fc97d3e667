/** From a minted key to somebody who holds it, or back to no key. */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { IssuedKey } from "../ApiKey.ts"
import { DriverError } from "../Driver.ts"
import type { JournalError } from "../Journal.ts"
import { Conflict, NotDelivered, OutcomeUnknown, Unavailable, type Reason } from "../KeyStoreError.ts"
import { SinkError, type Delivery, type Receipt, type Sink } from "../Sink.ts"
import { present } from "./calls.ts"
import type { CallFailure } from "./retry.ts"
import { giveUp, journalFailure, refOf, revokeOrGone, suspect, type Minted, type Sender } from "./sender.ts"

/** An open sink, ready for one secret. */
export interface Put {
  readonly delivery: Delivery
  readonly sink: Sink
  readonly within: Duration.Duration
  readonly write: (issued: IssuedKey) => Effect.Effect<Receipt, SinkError>
}

const defaultWithin = Duration.seconds(30)

/** What the journal's lease covers beyond the time a sink may take. */
const margin = Duration.seconds(10)

/** Opens a sink before anything is sent, so that no key is made that could not be put there. */
export const open = Effect.fnUntraced(function* (delivery: Delivery): Effect.fn.Return<Put, CallFailure, Scope.Scope> {
  const { sink } = delivery
  const write = yield* Effect.mapError(sink.open, ({ message }) => ({
    error: new DriverError({ reason: new NotDelivered({ problem: message, revoked: false }), sent: "no" }),
    attempts: 0,
    exhausted: false
  }))
  const within = sink.within === undefined ? defaultWithin : Duration.fromInputUnsafe(sink.within)
  return { delivery, sink, within, write }
})

const soon = Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 3 }))

const noted = (
  sender: Sender,
  write: (
    journal: NonNullable<Sender["store"]["journal"]>,
    lease: NonNullable<Sender["lease"]>
  ) => Effect.Effect<boolean, JournalError>
): Effect.Effect<boolean, DriverError> => {
  const { journal } = sender.store
  return journal === undefined || sender.lease === undefined
    ? Effect.succeed(true)
    : Effect.mapError(Effect.retry(write(journal, sender.lease), soon), journalFailure)
}

const refusal = (reason: Reason) => new DriverError({ reason, sent: "maybe" })

/** Revokes a key that nobody will hold; where that fails now, it is watched until it is gone. */
const takeBack = (sender: Sender, { issued, nonce }: Minted): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const { store } = sender
    store.recent.add(issued.key.id, yield* Clock.currentTimeMillis)
    const isRevoked = yield* Effect.isSuccess(revokeOrGone(store, issued.key))
    sender.isHeld = true
    if (!isRevoked) yield* suspect(sender, nonce, issued.key)
    return isRevoked
  }).pipe(Effect.uninterruptible)

const takenBack = Effect.fnUntraced(function* (
  sender: Sender,
  minted: Minted,
  reason: Reason
): Effect.fn.Return<never, DriverError> {
  const isRevoked = yield* takeBack(sender, minted)
  const problem = `${reason.message}; key ${minted.issued.key.id} could not be revoked yet`
  return yield* refusal(isRevoked ? reason : new OutcomeUnknown({ problem }))
})

const overtaken = new Conflict({
  problem: "another create under this operation id took over; this one's key was revoked"
})

/** Asks the sink what it holds; a sink that was cut off may have put the secret there all the same. */
const holdsIt = (put: Put, { store }: Sender, issued: IssuedKey): Effect.Effect<Option.Option<Receipt>> =>
  put.sink.holds(store.driver.identify ?? (() => Option.none())).pipe(
    Effect.orElseSucceed(() => Option.none()),
    Effect.map((holds) =>
      Option.isSome(holds) && holds.value === issued.key.id ? Option.some({ holds }) : Option.none()
    )
  )

const write = (put: Put, issued: IssuedKey, sender: Sender): Effect.Effect<Receipt, SinkError> =>
  Effect.flatMap(DateTime.now, (now) => put.write({ ...issued, key: present(sender.store, issued.key, now) })).pipe(
    Effect.timeoutOrElse({
      duration: put.within,
      orElse: () =>
        Effect.fail(
          new SinkError({ sink: put.sink.name, problem: `no confirmation within ${Duration.format(put.within)}.` })
        )
    }),
    Effect.catch((error) =>
      Effect.flatMap(holdsIt(put, sender, issued), (receipt) =>
        Option.isSome(receipt) ? Effect.succeed(receipt.value) : Effect.fail(error)
      )
    )
  )

const tooSlow = refusal(new Unavailable({ problem: "the journal answers too slowly for a secret to be handed over" }))

/** Extends the lease, again where that took longer than the lease's margin. */
const inTime = Effect.fnUntraced(function* (
  extend: Effect.Effect<boolean, DriverError>
): Effect.fn.Return<boolean, DriverError> {
  for (let tries = 0; tries < 3; tries++) {
    const began = yield* Clock.currentTimeMillis
    if (!(yield* extend)) return false
    if ((yield* Clock.currentTimeMillis) - began <= Duration.toMillis(margin)) return true
  }
  return yield* tooSlow
})

const toSink = Effect.fnUntraced(function* (
  sender: Sender,
  minted: Minted,
  put: Put
): Effect.fn.Return<void, DriverError> {
  const { issued, nonce } = minted
  const key = refOf(issued.key)
  const lasting = Duration.sum(put.within, margin)
  const extend = noted(sender, (journal, lease) => journal.minted(lease, nonce, key, lasting))
  // A process that stood still since it extended its lease must not believe that it still covers the delivery.
  const isOurs = yield* Effect.catch(inTime(extend), ({ reason }) => takenBack(sender, minted, reason))
  if (!isOurs) return yield* takenBack(sender, minted, overtaken)
  const hold = (receipt: Receipt) =>
    Effect.sync(() => {
      put.delivery.receipt = receipt
      sender.isHeld = true
    })
  const confirmed = confirmSink(sender, minted)
  yield* Effect.uninterruptibleMask((restore) =>
    restore(write(put, issued, sender)).pipe(
      Effect.onInterrupt(() =>
        Effect.flatMap(holdsIt(put, sender, issued), (receipt) =>
          Option.isSome(receipt) ? Effect.andThen(hold(receipt.value), Effect.ignore(confirmed)) : Effect.void
        )
      ),
      Effect.tap(hold),
      Effect.catch(({ message }) =>
        Effect.flatMap(takeBack(sender, minted), (revoked) =>
          Effect.fail(refusal(new NotDelivered({ problem: message, key, revoked })))
        )
      ),
      Effect.andThen(confirmed)
    )
  )
})

/** Who decides about a key whose sender could not note that it was delivered: `open` as long as another process may. */
type Owner = "ours" | "theirs" | "open"

/** Asks the journal. It may know of the delivery already: from `recover`, or from a note whose answer got lost. */
const ownerOf = ({ lease, store: { journal } }: Sender, { issued }: Minted): Effect.Effect<Owner, DriverError> =>
  journal === undefined || lease === undefined
    ? Effect.succeed("theirs")
    : Effect.retry(journal.find(lease), soon).pipe(
        Effect.mapBoth({
          onFailure: journalFailure,
          onSuccess: (record): Owner => {
            if (record === undefined || record.state === "abandoned") return "theirs"
            if (record.state !== "delivered") return "open"
            return record.key?.id === issued.key.id ? "ours" : "theirs"
          }
        })
      )

/** Fails, and keeps the operation open: its key is live, and the sink holds it. */
const undecided = (sender: Sender, problem: string) =>
  Effect.suspend(() => {
    sender.unsettled++
    return Effect.fail(refusal(new OutcomeUnknown({ problem: `the sink has the secret, but ${problem}` })))
  })

/** Notes that the sink has the secret. From then on the key is revoked only where another process has decided so. */
const confirmSink = Effect.fnUntraced(function* (sender: Sender, minted: Minted): Effect.fn.Return<void, DriverError> {
  const noting = noted(sender, (journal, lease) => journal.delivered(lease, minted.nonce, refOf(minted.issued.key)))
  const asking = Effect.repeat(ownerOf(sender, minted), { schedule: soon, while: (owner) => owner === "open" })
  const owner = yield* Effect.flatMap(noting, (isNoted) => (isNoted ? Effect.succeed<Owner>("ours") : asking)).pipe(
    Effect.catch(({ reason }) => undecided(sender, reason.message))
  )
  if (owner === "theirs") return yield* takenBack(sender, minted, overtaken)
  if (owner === "open") return yield* undecided(sender, "another process is at work; recover tells what it decided")
})

const confirmCaller = (sender: Sender, minted: Minted): Effect.Effect<void, DriverError> =>
  noted(sender, (journal, lease) => journal.delivered(lease, minted.nonce, refOf(minted.issued.key))).pipe(
    Effect.flatMap((isNoted) => (isNoted ? Effect.succeed<Owner>("ours") : ownerOf(sender, minted))),
    Effect.catch(({ reason }) => takenBack(sender, minted, reason)),
    Effect.flatMap((owner) => (owner === "ours" ? Effect.void : takenBack(sender, minted, overtaken)))
  )

/** Has the secret held by whom it is for: the sink, or the caller. A key that cannot be handed over is revoked again. */
export const handOver = (sender: Sender, minted: Minted, put: Put | undefined): Effect.Effect<void, DriverError> =>
  put === undefined ? confirmCaller(sender, minted) : toSink(sender, minted, put)

/** Ends a create that did not succeed: a key that was made and that nobody holds is revoked in the background. */
export const cleanUp = (sender: Sender): Effect.Effect<void> => {
  const { isHeld, minted } = sender
  return Effect.andThen(
    minted === undefined || isHeld ? Effect.void : suspect(sender, minted.nonce, minted.issued.key),
    giveUp(sender)
  )
}
