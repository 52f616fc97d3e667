/** `recover` and `sweepOrphans`: finishing what creates left behind. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ApiKey, KeyRef } from "../ApiKey.ts"
import type { Address, Claim, Journal, JournalError, OperationRecord } from "../Journal.ts"
import type { KeyStore } from "../KeyStore.ts"
import { KeyStoreError, Unavailable, Unsupported, type Reason } from "../KeyStoreError.ts"
import * as Label from "../Label.ts"
import type { OperationId } from "../OperationId.ts"
import type { Orphan, RecoverOptions, Recovery, Sweep, SweepOptions } from "../Recovery.ts"
import type { Sink } from "../Sink.ts"
import { failed, guarded, present, refused, type Store } from "./calls.ts"
import type { Marked } from "./finder.ts"
import type { CallFailure } from "./retry.ts"
import { canFind, refOf, revokeOrGone } from "./sender.ts"
import { observed } from "./telemetry.ts"

const fail = (store: Store, reason: Reason, operationId?: OperationId) =>
  new KeyStoreError({
    store: store.name,
    backend: store.driver.backend,
    operation: "create",
    reason,
    attempts: 0,
    exhausted: false,
    ...(operationId === undefined ? {} : { operationId })
  })

const journaled = <A>(store: Store, effect: Effect.Effect<A, JournalError>): Effect.Effect<A, KeyStoreError> =>
  Effect.mapError(effect, ({ problem }) => fail(store, new Unavailable({ problem })))

const asked = <A>(store: Store, effect: Effect.Effect<A, CallFailure>): Effect.Effect<A, KeyStoreError> =>
  Effect.mapError(effect, (failure) => failed(store, "create", failure))

const addressOf = ({ name, options: { tenant } }: Store, operationId: OperationId): Address => ({
  store: name,
  ...(tenant === undefined ? {} : { tenant }),
  operationId
})

/** What is left to settle of an operation whose sender's lease has run out. */
interface Case {
  readonly store: Store
  readonly journal: Journal
  readonly record: OperationRecord
  readonly sink: Sink | undefined
}

/** How long a lease of tidying up lasts: listing and revoking, with retries. */
const lasting = Duration.minutes(5)

/** Takes an operation over; its own nonce never reaches the backend. */
const takeOver = ({ journal, record, store }: Case): Effect.Effect<Claim, KeyStoreError> =>
  Effect.flatMap(Label.nonce, (nonce) =>
    journaled(store, journal.claim({ ...addressOf(store, record.operationId), nonce, spec: record.spec, lasting }))
  )

/** The key the sink holds, where it is one of this operation's. */
const heldBySink = ({ record, sink, store }: Case): Effect.Effect<KeyRef | undefined> =>
  sink === undefined
    ? Effect.undefined
    : sink.holds(store.driver.identify ?? (() => Option.none())).pipe(
        Effect.map((holds) => record.minted.find((key) => Option.isSome(holds) && holds.value === key.id)),
        Effect.orElseSucceed(() => undefined)
      )

/** Live keys of an operation, as the backend shows them now. */
const liveKeys = ({ record, store }: Case): Effect.Effect<ReadonlyArray<ApiKey>, KeyStoreError> => {
  const { driver, finder } = store
  const { nonces, operationId } = record
  return driver.findOperation === undefined
    ? Effect.map(
        asked(
          store,
          Effect.forEach(nonces, (nonce) => finder.marked(nonce), { concurrency: "unbounded" })
        ),
        (found) => found.flat()
      )
    : Effect.map(asked(store, finder.operation(operationId)), (found) =>
        found !== undefined && nonces.includes(found.nonce) && found.key.status !== "revoked" ? [found.key] : []
      )
}

const withUnlisted = (keys: ReadonlyArray<KeyRef>, minted: ReadonlyArray<KeyRef>): ReadonlyArray<KeyRef> => [
  ...keys.map(refOf),
  ...minted.filter(({ id }) => !keys.some((key) => key.id === id))
]

type Settled =
  | { readonly kind: "delivered"; readonly key: KeyRef }
  | { readonly kind: "underWay"; readonly until: number }
  | { readonly kind: "cleared"; readonly revoked: ReadonlyArray<KeyRef>; readonly failures: ReadonlyArray<Orphan> }

const revokeOrphan = (store: Store, operationId: OperationId, key: KeyRef): Effect.Effect<Orphan> =>
  Effect.match(revokeOrGone(store, key), {
    onSuccess: (): Orphan => ({ key, operationId, fate: "revoked" }),
    onFailure: ({ reason }): Orphan => ({ key, operationId, fate: "failed", problem: reason.message })
  }).pipe(Effect.tap(({ fate }) => store.engine.meter.orphaned(fate === "revoked" ? "revoked" : "failed")))

/** Settles one operation: its key is held by the sink, or whatever it left is revoked. */
const settle = Effect.fnUntraced(function* (
  subject: Case,
  live: Effect.Effect<ReadonlyArray<KeyRef>, KeyStoreError>
): Effect.fn.Return<Settled, KeyStoreError> {
  const { journal, record, store } = subject
  const claim = yield* takeOver(subject)
  if (claim.kind === "held") return { kind: "underWay", until: claim.until }
  if (claim.kind === "taken") {
    return claim.key === undefined
      ? { kind: "cleared", revoked: [], failures: [] }
      : { kind: "delivered", key: claim.key }
  }
  const held = yield* heldBySink(subject)
  if (held !== undefined) {
    yield* journaled(store, journal.delivered(claim.lease, record.nonces.at(-1) ?? "", held))
    return { kind: "delivered", key: held }
  }
  const keys = withUnlisted(yield* live, record.minted)
  const orphans = yield* Effect.forEach(keys, (key) => revokeOrphan(store, record.operationId, key))
  const failures = orphans.filter(({ fate }) => fate === "failed")
  // What could not be revoked keeps the operation open, so that the next sweep comes back to it.
  if (failures.length === 0) yield* journaled(store, journal.abandon(claim.lease))
  return { kind: "cleared", revoked: orphans.filter(({ fate }) => fate === "revoked").map(({ key }) => key), failures }
})

const candidates = Effect.fnUntraced(function* (
  store: Store,
  operationId: OperationId
): Effect.fn.Return<Recovery, KeyStoreError> {
  const { driver, finder } = store
  if (!canFind(store)) {
    const problem = `${store.driver.backend} keeps no mark of a create; look for the key by its name and time`
    return yield* refused(store, "create", new Unsupported({ capability: "createSafety", problem }))
  }
  const now = yield* DateTime.now
  const fingerprint = yield* store.codec.fingerprint(operationId)
  const keys =
    driver.findOperation === undefined
      ? (yield* asked(store, finder.all)).filter(([, mark]) => mark.operation === fingerprint).map(([key]) => key)
      : [yield* asked(store, finder.operation(operationId))].flatMap((found) =>
          found === undefined || found.key.status === "revoked" ? [] : [found.key]
        )
  return keys.length === 0
    ? { kind: "unknown" }
    : { kind: "candidates", keys: keys.map((key) => present(store, key, now)) }
})

const recover = Effect.fnUntraced(function* (
  store: Store,
  operationId: OperationId,
  { sink }: RecoverOptions
): Effect.fn.Return<Recovery, KeyStoreError> {
  yield* guarded(store, "create")
  const { journal } = store
  if (journal === undefined) return yield* candidates(store, operationId)
  const record = yield* journaled(store, journal.find(addressOf(store, operationId)))
  if (record?.state === "delivered") return { kind: "delivered", key: record.key }
  if (record?.state === "abandoned") return { kind: "cleared", revoked: [] }
  if (record === undefined || !canFind(store)) return yield* candidates(store, operationId)
  const subject: Case = { store, journal, record, sink }
  const { visibility } = store.driver.capabilities.consistency
  // A key committed at the lease's very end is visible only this much later.
  const live = Effect.andThen(Effect.sleep(visibility.within), liveKeys(subject))
  const settled = yield* settle(subject, live)
  if (settled.kind === "underWay") return { kind: "underWay", until: DateTime.makeUnsafe(settled.until) }
  if (settled.kind === "delivered") return settled
  const [failure] = settled.failures
  if (failure !== undefined) {
    const problem = `key ${failure.key.id} could not be revoked: ${failure.problem}`
    return yield* fail(store, new Unavailable({ problem }), operationId)
  }
  return { kind: "cleared", revoked: settled.revoked }
})

/** What a sweep has found so far. */
interface Report {
  readonly orphans: Array<Orphan>
  readonly delivered: Array<OperationId>
  readonly underWay: Array<OperationId>
}

interface Sweeping {
  readonly store: Store
  readonly journal: Journal
  readonly options: SweepOptions
  /** The journal's time before anything was listed. */
  readonly began: number
  readonly byNonce: ReadonlyMap<string, ReadonlyArray<Marked>>
  readonly known: Set<string>
  readonly report: Report
}

const note = ({ options, report }: Sweeping, orphans: ReadonlyArray<Orphan>): Effect.Effect<void> =>
  Effect.forEach(
    orphans,
    (orphan) => {
      report.orphans.push(orphan)
      return options.onOrphan?.(orphan) ?? Effect.void
    },
    { discard: true }
  )

const closed: ReadonlySet<OperationRecord["state"]> = new Set(["delivered", "abandoned"])

/** Revokes keys that an operation, long over, should not have: a request that was carried out twice, or very late. */
const sweepClosed = Effect.fnUntraced(function* (
  sweeping: Sweeping,
  record: OperationRecord,
  keys: ReadonlyArray<ApiKey>
): Effect.fn.Return<void> {
  const { options, store } = sweeping
  const good = record.state === "delivered" ? record.key?.id : undefined
  const orphans = keys.filter(({ id }) => id !== good).map(refOf)
  for (const key of orphans) {
    const { operationId } = record
    yield* note(sweeping, [
      options.dryRun === true ? { key, operationId, fate: "found" } : yield* revokeOrphan(store, operationId, key)
    ])
  }
})

const sweepOpen = Effect.fnUntraced(function* (
  sweeping: Sweeping,
  record: OperationRecord,
  keys: ReadonlyArray<ApiKey>
): Effect.fn.Return<void, KeyStoreError> {
  const { began, journal, options, report, store } = sweeping
  const { operationId } = record
  const { visibility } = store.driver.capabilities.consistency
  // What cannot be found is not settled, and the list must be younger than the last key this operation can have made.
  if (!canFind(store) || record.leaseUntil + Duration.toMillis(visibility.within) > began)
    return void report.underWay.push(operationId)
  const subject: Case = { store, journal, record, sink: options.sink }
  const live = store.driver.findOperation === undefined ? Effect.succeed(keys) : liveKeys(subject)
  if (options.dryRun === true) {
    const held = yield* heldBySink(subject)
    if (held !== undefined) return void report.delivered.push(operationId)
    const found = withUnlisted(yield* live, record.minted)
    return yield* note(
      sweeping,
      found.map((key): Orphan => ({ key, operationId, fate: "found" }))
    )
  }
  const settled = yield* settle(subject, live)
  if (settled.kind === "underWay") report.underWay.push(operationId)
  if (settled.kind === "delivered") report.delivered.push(operationId)
  if (settled.kind === "cleared") {
    yield* note(sweeping, settled.failures)
    yield* note(
      sweeping,
      settled.revoked.map((key): Orphan => ({ key, operationId, fate: "revoked" }))
    )
  }
})

const sweepOperation = (sweeping: Sweeping, record: OperationRecord): Effect.Effect<void, KeyStoreError> =>
  Effect.suspend(() => {
    const { began, byNonce, known, options } = sweeping
    const keys = record.nonces.flatMap((nonce) => {
      if (byNonce.has(nonce)) known.add(nonce)
      return (byNonce.get(nonce) ?? []).map(([key]) => key)
    })
    const age = options.olderThan === undefined ? 0 : Duration.toMillis(Duration.fromInputUnsafe(options.olderThan))
    if (record.at > began - age) return Effect.void
    return closed.has(record.state) ? sweepClosed(sweeping, record, keys) : sweepOpen(sweeping, record, keys)
  })

const sweep = Effect.fnUntraced(function* (
  store: Store,
  options: SweepOptions
): Effect.fn.Return<Sweep, KeyStoreError> {
  yield* guarded(store, "create")
  const { finder, journal, options: storeOptions } = store
  if (journal === undefined) {
    const problem = "sweepOrphans needs a journal: only it knows which keys reached a holder"
    return yield* refused(store, "create", new Unsupported({ capability: "journal", problem }))
  }
  const began = yield* journaled(store, journal.now)
  const marked = yield* asked(store, finder.all)
  const byNonce = Map.groupBy(marked, ([, mark]) => mark.nonce)
  const report: Report = { orphans: [], delivered: [], underWay: [] }
  const sweeping: Sweeping = { store, journal, options, began, byNonce, known: new Set(), report }
  yield* journal.operations({ store: store.name }).pipe(
    Stream.mapError(({ problem }) => fail(store, new Unavailable({ problem }))),
    Stream.filter((record) => record.tenant === storeOptions.tenant),
    Stream.runForEach((record) => sweepOperation(sweeping, record))
  )
  const strangers = marked.filter(([, { nonce }]) => !sweeping.known.has(nonce)).map(([key]) => refOf(key))
  return { dryRun: options.dryRun === true, scanned: marked.length, ...report, strangers }
})

/** Makes `recover` and `sweepOrphans` of a store. */
export const makeRecovery = (store: Store): Pick<KeyStore["Service"], "recover" | "sweepOrphans"> => ({
  recover: (operationId, options = {}) => observed(store.engine.meter, "recover", recover(store, operationId, options)),
  sweepOrphans: (options = {}) => observed(store.engine.meter, "sweepOrphans", sweep(store, options))
})
