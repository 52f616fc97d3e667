/**
 * What becomes of every create, written down before it happens, so that nothing a dead process left is lost.
 *
 * An operation goes `intended → minted → delivered`, or ends `abandoned` once it is certain that it left no live key. One
 * sender at a time holds it, by a lease that outlives every request sent under it. Entries hold ids, nonces and keyed
 * digests, never a secret, and each store's entries are one chain: what is changed or taken out later shows in `verify`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { KeyRef } from "./ApiKey.ts"
import * as chain from "./internal/chain.ts"
import * as crypto from "./internal/crypto.ts"
import * as lease from "./internal/lease.ts"
import * as memoryStorage from "./internal/memoryStorage.ts"
import { OperationId } from "./OperationId.ts"

/**
 * The journal could not be read or written.
 *
 * @category errors
 * @since 0.1.0
 */
export class JournalError extends Schema.TaggedError<JournalError>("@keyfold/core/JournalError")("JournalError", {
  problem: Schema.String
}) {
  override get message(): string {
    return this.problem
  }
}

/**
 * Says how far an operation got.
 *
 * `intended`: about to be sent, or sent. `minted`: the key exists and its secret is on its way. `delivered`: somebody
 * holds it. `abandoned`: certainly no live key is left.
 *
 * @category schemas
 * @since 0.1.0
 */
export const State = Schema.Literals(["intended", "minted", "delivered", "abandoned"])

/**
 * The type of an operation's state.
 *
 * @category models
 * @since 0.1.0
 */
export type State = typeof State.Type

/**
 * Names one operation of one store and tenant.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Address = Schema.Struct({
  store: Schema.String,
  tenant: Schema.optionalKey(Schema.String),
  operationId: OperationId
})

/**
 * The type of an operation's address.
 *
 * @category models
 * @since 0.1.0
 */
export interface Address extends Schema.Schema.Type<typeof Address> {}

/**
 * Holds one link of a store's chain.
 *
 * - `sequence` counts from 1 within the store; `at` and `leaseUntil` are epoch milliseconds by the journal's own clock.
 * - `epoch` counts the senders that held the operation, one after the other.
 * - `nonce` is the attempt's, `spec` a keyed digest of what was asked for, `key` the key once one is known.
 * - `digest` is keyed, over this entry and the `digest` before it (`previous`, empty for the first).
 *
 * @category schemas
 * @since 0.1.0
 */
export const Entry = Schema.Struct({
  ...Address.fields,
  sequence: Schema.Int,
  at: Schema.Int,
  state: State,
  epoch: Schema.Int,
  nonce: Schema.String,
  spec: Schema.String,
  leaseUntil: Schema.Int,
  key: Schema.optionalKey(KeyRef),
  previous: Schema.String,
  digest: Schema.String
})

/**
 * The type of one entry.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry extends Schema.Schema.Type<typeof Entry> {}

/**
 * Holds what the entries of one operation add up to.
 *
 * `nonces` are those of every attempt, the newest last; `minted` every key that was ever made for it. `key` is the one
 * that was minted or delivered last. `sequence` is that of the newest entry.
 *
 * @category schemas
 * @since 0.1.0
 */
export const OperationRecord = Schema.Struct({
  ...Address.fields,
  sequence: Schema.Int,
  at: Schema.Int,
  state: State,
  epoch: Schema.Int,
  spec: Schema.String,
  leaseUntil: Schema.Int,
  nonces: Schema.Array(Schema.String),
  minted: Schema.Array(KeyRef),
  key: Schema.optionalKey(KeyRef)
})

/**
 * The type of an operation's record.
 *
 * @category models
 * @since 0.1.0
 */
export interface OperationRecord extends Schema.Schema.Type<typeof OperationRecord> {}

/**
 * Narrows a reading. `olderThan` is epoch milliseconds: only what was last written before it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Filter {
  readonly store?: string | undefined
  readonly tenant?: string | undefined
  readonly operationId?: string | undefined
  readonly states?: ReadonlyArray<State> | undefined
  readonly olderThan?: number | undefined
}

/**
 * Shows a transaction what is there: the time by the journal's clock, the operation, and the end of the store's chain.
 *
 * @category models
 * @since 0.1.0
 */
export interface Snapshot {
  readonly now: number
  readonly operation: OperationRecord | undefined
  readonly last: { readonly sequence: number; readonly digest: string }
}

/**
 * Says what a transaction writes (nothing, or entries in order with what they add up to) and what it answers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Decision<A> {
  readonly entries: ReadonlyArray<Entry>
  readonly operation: OperationRecord | undefined
  readonly answer: A
}

/**
 * What an implementation supplies; `make` builds the journal on it.
 *
 * - `transact` reads a snapshot, asks `decide`, and writes what it says, all in one transaction that excludes other
 *   transactions on the same store and holds up no other store's longer than its database must. `decide` does no I/O.
 *   Without `entries` nothing is written.
 * - `operations` and `entries` read in order of `sequence`, store by store, as they are consumed.
 * - `stores` names the stores that have entries.
 *
 * @category models
 * @since 0.1.0
 */
export interface Storage {
  readonly transact: <A>(
    address: Address,
    decide: (snapshot: Snapshot) => Effect.Effect<Decision<A>>
  ) => Effect.Effect<A, JournalError>
  readonly operations: (filter: Filter) => Stream.Stream<OperationRecord, JournalError>
  readonly entries: (filter: Filter) => Stream.Stream<Entry, JournalError>
  readonly stores: Effect.Effect<ReadonlyArray<string>, JournalError>
}

/**
 * Proves that its holder may send for an operation: until `until` by the journal's clock, or until somebody with a
 * higher `epoch` took over.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lease extends Address {
  readonly epoch: number
  readonly until: number
}

/**
 * Answers a claim.
 *
 * - `claimed`: the caller holds the operation. `earlier` are the nonces and keys of attempts before, which nobody will
 *   deliver any more; `settled` is true where it is known that none of them left a live key.
 * - `taken`: the operation was delivered; `key` is the key that belongs to it.
 * - `held`: another sender is at work on it until `until` at the latest.
 *
 * @category models
 * @since 0.1.0
 */
export type Claim =
  | {
      readonly kind: "claimed"
      readonly lease: Lease
      readonly settled: boolean
      readonly earlier: Pick<OperationRecord, "nonces" | "minted">
    }
  | { readonly kind: "taken"; readonly key: KeyRef | undefined }
  | { readonly kind: "held"; readonly until: number; readonly key: KeyRef | undefined }

/**
 * Asks for an operation. `lasting` must cover everything that may happen under the lease: sending, waiting and the
 * backend's settle bound.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClaimRequest extends Address {
  readonly nonce: string
  readonly spec: string
  readonly lasting: Duration.Duration
}

/**
 * Reports the check of one store's chain: how many entries it has and the digest of the last, to be kept elsewhere, or
 * the first entry that is not as it was written.
 *
 * @category models
 * @since 0.1.0
 */
export type Verified =
  | { readonly intact: true; readonly store: string; readonly entries: number; readonly head: string }
  | { readonly intact: false; readonly store: string; readonly sequence: number; readonly problem: string }

/**
 * The journal of one or more stores.
 *
 * - `claim` gives an operation to one sender at a time. A lease that has run out can be claimed by anybody.
 * - `attempt` notes the next attempt and extends the lease; `minted` and `delivered` note how far it got; `abandon` ends
 *   it. Each answers false, and writes nothing, where the lease was lost to another sender.
 * - `minted` extends the lease by `lasting`, the time the delivery may take.
 * - `now` is the time by the journal's own clock, in epoch milliseconds.
 * - `find`, `operations` and `entries` read. `verify` checks a store's chain; with `head`, a digest kept from an earlier
 *   check, it also notices a chain that was cut off at its end.
 * - `secret` is what marks in labels are keyed with where the store names no secret of its own.
 *
 * @category services
 * @since 0.1.0
 */
export interface Journal {
  readonly secret: Redacted.Redacted<string>
  readonly claim: (request: ClaimRequest) => Effect.Effect<Claim, JournalError>
  readonly attempt: (lease: Lease, nonce: string, lasting: Duration.Duration) => Effect.Effect<boolean, JournalError>
  readonly minted: (
    lease: Lease,
    nonce: string,
    key: KeyRef,
    lasting: Duration.Duration
  ) => Effect.Effect<boolean, JournalError>
  readonly delivered: (lease: Lease, nonce: string, key: KeyRef) => Effect.Effect<boolean, JournalError>
  readonly abandon: (lease: Lease) => Effect.Effect<boolean, JournalError>
  readonly now: Effect.Effect<number, JournalError>
  readonly find: (address: Address) => Effect.Effect<OperationRecord | undefined, JournalError>
  readonly operations: Storage["operations"]
  readonly entries: Storage["entries"]
  readonly stores: Storage["stores"]
  readonly verify: (store: string, head?: string) => Effect.Effect<Verified, JournalError>
}

/**
 * Holds the journal of every store built below it; none by default.
 *
 * @category services
 * @since 0.1.0
 */
export const Journal: Context.Reference<Journal | undefined> = Context.Reference<Journal | undefined>(
  "@keyfold/core/Journal",
  { defaultValue: () => undefined }
)

const makeJournal = (storage: Storage, secret: Redacted.Redacted<string>): Journal => {
  const digest = chain.digestWith(Redacted.value(secret))
  const peek = <A>(address: Address, answer: (snapshot: Snapshot) => A) =>
    storage.transact(address, (snapshot) =>
      Effect.succeed({ entries: [], operation: undefined, answer: answer(snapshot) })
    )
  return {
    secret,
    claim: (request) => storage.transact(request, lease.claim(digest, request)),
    attempt: (held, nonce, lasting) => storage.transact(held, lease.attempt(digest, held, nonce, lasting)),
    minted: (held, nonce, ref, lasting) => storage.transact(held, lease.minted(digest, held, nonce, ref, lasting)),
    delivered: (held, nonce, ref) => storage.transact(held, lease.delivered(digest, held, nonce, ref)),
    abandon: (held) => storage.transact(held, lease.abandon(digest, held)),
    now: peek({ store: "", operationId: OperationId.make("now") }, ({ now }) => now),
    find: (address) => peek(address, ({ operation }) => operation),
    operations: storage.operations,
    entries: storage.entries,
    stores: storage.stores,
    verify: (store, head) => chain.verify(storage, digest, store, head)
  }
}

/**
 * Builds a journal on an implementation's storage. `secret` keys the chain's digests and stays the same for good.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (storage: Storage, secret: Redacted.Redacted<string>): Effect.Effect<Journal> =>
  Effect.sync(() => makeJournal(storage, secret))

/**
 * Makes a journal that lives as long as the program: for tests, and for programs that must not create the same key twice
 * at once but keep nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const memory: Effect.Effect<Journal> = Effect.suspend(() =>
  make(memoryStorage.make(), Redacted.make(crypto.randomText(32), { label: "journal secret" }))
)

/**
 * Provides a journal to the stores built below it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(journal: Effect.Effect<Journal, E, R>): Layer.Layer<never, E, Exclude<R, Scope.Scope>> =>
  Layer.effect(Journal, journal)
