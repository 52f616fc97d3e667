/** What an attempt at minting left, before anybody could hold it: found and revoked. */
import type { KeyRef } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { Unconfigured } from "../../Rotation.ts"
import type { RotationStorageError } from "../../RotationStorage.ts"
import { addressOf, operationOf } from "./environment.ts"
import { revokeKey } from "./revocation.ts"
import { now, retryLater, Stop, update, type Held, type Lost } from "./worker.ts"

/** The journal, without which nothing is sent. */
export const journalOf = ({ environment }: Held) =>
  environment.journal === undefined ? Effect.fail(retryLater(noJournal.message)) : Effect.succeed(environment.journal)

/** Says how to get a journal. */
export const noJournal = new Unconfigured({
  what: "journal",
  problem: "rotations need one: only it tells what became of a create that a dead process sent.",
  fix: 'Provide one to the stores and to Rotations, "@keyfold/sql/SqlJournal" for instance.'
})

/** Opens the rotation's store; where it is not set up here, another process or a later attempt may have it. */
export const storeOf = ({ environment, record }: Held) =>
  Effect.mapError(environment.resources.store(record.store, record.tenant), ({ message }) => retryLater(message))

const pending = (problem: string) => new Stop({ outcome: { kind: "retry", problem, status: "revocationPending" } })

/**
 * Gives a key up that nobody holds, before it is revoked: a process that stood still and thinks it has the rotation can
 * neither hand it over afterwards nor revoke any other.
 */
const discard = (held: Held, key: KeyRef) =>
  update(held, ({ attempt, custodyAt, discarded }, now) => ({
    attempt: attempt + 1,
    custody: undefined,
    custodyAt: undefined,
    verified: undefined,
    discarded: [...discarded, { ...key, at: custodyAt ?? now, revoked: false }]
  }))

const revokeDiscarded = Effect.fnUntraced(function* (
  held: Held,
  store: KeyStore["Service"]
): Effect.fn.Return<void, Stop | Lost | RotationStorageError> {
  for (const { at, id, owner, revoked } of held.record.discarded) {
    if (revoked) continue
    const key: KeyRef = { id, ...(owner === undefined ? {} : { owner }) }
    yield* Effect.mapError(revokeKey(store, key, (yield* now(held)) - at), pending)
    yield* update(held, ({ discarded }) => ({
      discarded: discarded.map((entry) => (entry.id === id ? { ...entry, revoked: true } : entry))
    }))
  }
})

/** A create that can neither be found nor be waited for. */
const lost = (problem: string) =>
  new Stop({ outcome: { kind: "attention", problem: `a new key may exist that nobody holds: ${problem}` } })

/** Finds what the create of the attempt at hand left; a key nobody holds is discarded. */
const find = Effect.fnUntraced(function* (
  held: Held,
  store: KeyStore["Service"]
): Effect.fn.Return<void, Stop | Lost | RotationStorageError> {
  const journal = yield* journalOf(held)
  const { record } = held
  if (record.custody !== undefined) return void (yield* discard(held, record.custody))
  const entry = yield* Effect.mapError(journal.find(addressOf(store, record)), ({ problem }) => retryLater(problem))
  // What is not in the journal was never sent.
  if (entry === undefined || entry.state === "abandoned") return
  const recovery = yield* Effect.mapError(store.recover(operationOf(record)), ({ reason }) =>
    reason._tag === "Unsupported" ? lost(reason.message) : retryLater(reason.message)
  )
  if (recovery.kind === "underWay") {
    // The journal's clock need not agree with the storage's.
    const until = Math.max(DateTime.toEpochMillis(recovery.until), (yield* now(held)) + 1000)
    return yield* new Stop({ outcome: { kind: "wait", until } })
  }
  if (recovery.kind === "candidates") return yield* lost(`look for the key of operation ${operationOf(record)}`)
  // Delivered, but not to us: a key that is not in custody has not been proved, and nobody has its secret.
  if (recovery.kind === "delivered" && recovery.key !== undefined) yield* discard(held, recovery.key)
})

/** Settles the attempt at hand: afterwards certainly no live key is left of it, nor of those before. */
export const settle = (held: Held, store: KeyStore["Service"]) =>
  Effect.andThen(find(held, store), revokeDiscarded(held, store))

/** The step `undo`: ends once nothing is left. */
export const undo = Effect.fnUntraced(function* (held: Held) {
  const store = yield* storeOf(held)
  yield* settle(held, store)
  const { failure } = held.record
  return { kind: "end" as const, status: "undone" as const, ...(failure === undefined ? {} : { failure }) }
})
