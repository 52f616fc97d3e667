/** Gates around everything a rotation does, one per run: they count its points, and hold it where its trap is. */
import type { Driver } from "@keyfold/core/Driver"
import type { Address, Journal } from "@keyfold/core/Journal"
import type { Sink } from "@keyfold/core/Sink"
import type { RotationId } from "@keyfold/lifecycle/Rotation"
import type { Decision, RotationRecord, RotationStorage, Snapshot } from "@keyfold/lifecycle/RotationStorage"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { FromWorker } from "./message.ts"
import type { Trap } from "./points.ts"

type Report = (message: FromWorker) => void

/** One run in one process. Once it is held nothing of it goes on, until it is thawed. */
export interface Gate {
  /** Lets a call through, and passes the point that `labelOf` names once it has succeeded. */
  readonly around: <A, E, R>(
    call: Effect.Effect<A, E, R>,
    labelOf: (value: A) => string | undefined
  ) => Effect.Effect<A, E, R>
  /** The same, with a name that begins with the step the rotation is at. */
  readonly at: <A, E, R>(call: Effect.Effect<A, E, R>, point?: string) => Effect.Effect<A, E, R>
  readonly arm: (trap: Trap | undefined) => void
  readonly hold: () => void
  readonly thaw: () => void
  step: RotationRecord["step"] | "start"
}

/** Makes the gate of one run. */
export const makeGate = (run: string, first: Trap | undefined, report: Report): Gate => {
  let trap = first
  let held: Deferred.Deferred<void> | undefined
  const passed = new Map<string, number>()
  const waiting = Effect.suspend(() => (held === undefined ? Effect.void : Deferred.await(held)))
  const hold = () => {
    held ??= Deferred.makeUnsafe()
  }
  const pass = (label: string | undefined): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (label === undefined) return waiting
      const times = (passed.get(label) ?? 0) + 1
      passed.set(label, times)
      if (held === undefined && trap?.point === label && (trap.nth ?? 1) === times) {
        hold()
        report({ kind: "at", run, point: label })
      }
      return waiting
    })
  const around: Gate["around"] = (call, labelOf) =>
    Effect.andThen(
      waiting,
      Effect.onExit(call, (exit) => (Exit.isSuccess(exit) ? pass(labelOf(exit.value)) : waiting))
    )
  const gate: Gate = {
    around,
    at: (call, point) => around(call, () => (point === undefined ? undefined : `${gate.step}/${point}`)),
    arm: (next) => (trap = next),
    hold,
    thaw: () => {
      if (held !== undefined) Deferred.doneUnsafe(held, Effect.void)
      held = undefined
      trap = undefined
    },
    step: "start"
  }
  return gate
}

/** Finds the gate of a run. */
export type GateOf = (run: string) => Gate

/** What a write did, in one word. */
const wordFor = (before: RotationRecord, after: RotationRecord, now: number): string => {
  if (after.run > before.run) return "decided"
  if (after.abortRequested && !before.abortRequested) return "aborted"
  if (after.epoch > before.epoch) return "claim"
  if (after.custody !== undefined && before.custody === undefined) return "custody"
  if (after.discarded.length > before.discarded.length) return "discard"
  if (after.discarded.some(({ revoked }, index) => revoked !== before.discarded[index]?.revoked)) return "discarded"
  if (after.handOffBegun && !before.handOffBegun) return "handOffBegun"
  if (after.handedOver && !before.handedOver) return "handedOver"
  if (after.revokeBegun && !before.revokeBegun) return "revokeBegun"
  return after.leaseUntil <= now ? "conclude" : "lease"
}

/** Passes a point for every record that is written, and tells the parent of it. */
export const gatedStorage = (
  storage: RotationStorage["Service"],
  gateOf: GateOf,
  report: Report
): RotationStorage["Service"] => ({
  ...storage,
  insert: (make) => {
    const { id } = make(0)
    return gateOf(id).around(storage.insert(make), ({ kind }) => (kind === "inserted" ? "start/insert" : undefined))
  },
  transact: <A>(id: RotationId, decide: (snapshot: Snapshot) => Decision<A>) => {
    const gate = gateOf(id)
    let written: { readonly label: string; readonly record: RotationRecord } | undefined
    const noting = (snapshot: Snapshot): Decision<A> => {
      const decision = decide(snapshot)
      const { record: before } = snapshot
      written =
        decision.record === undefined || before === undefined
          ? undefined
          : { label: `${before.step}/${wordFor(before, decision.record, snapshot.now)}`, record: decision.record }
      return decision
    }
    return gate.around(storage.transact(id, noting), () => {
      if (written === undefined) return undefined
      const { label, record } = written
      gate.step = record.step
      report({ kind: "record", run: id, status: record.status, step: record.step, label })
      return label
    })
  }
})

/** Passes a point for every entry of the journal. */
export const gatedJournal = (journal: Journal, gateOf: GateOf): Journal => {
  const gate = ({ store }: Pick<Address, "store">) => gateOf(store)
  return {
    ...journal,
    claim: (request) => gate(request).at(journal.claim(request), "journal.claim"),
    attempt: (lease, nonce, lasting) => gate(lease).at(journal.attempt(lease, nonce, lasting), "journal.attempt"),
    minted: (lease, nonce, key, lasting) =>
      gate(lease).at(journal.minted(lease, nonce, key, lasting), "journal.minted"),
    delivered: (lease, nonce, key) => gate(lease).at(journal.delivered(lease, nonce, key), "journal.delivered"),
    abandon: (lease) => gate(lease).at(journal.abandon(lease), "journal.abandon"),
    find: (address) => gate(address).at(journal.find(address))
  }
}

/** Passes a point for every answer of a backend. */
export const gatedDriver = (driver: Driver, gate: Gate): Driver => {
  const { findOperation, get, list, verify } = driver
  return {
    ...driver,
    create: (request) => gate.at(driver.create(request), "create"),
    revoke: (ref) => gate.at(driver.revoke(ref), "revoke"),
    ...(get === undefined ? {} : { get: (ref) => gate.at(get(ref), "read") }),
    ...(verify === undefined ? {} : { verify: (secret) => gate.at(verify(secret), "verify") }),
    ...(findOperation === undefined ? {} : { findOperation: (id) => gate.at(findOperation(id), "read") }),
    list:
      list.kind === "pages"
        ? { kind: "pages", page: (request) => gate.at(list.page(request), "read") }
        : {
            kind: "stream",
            open: (request) => {
              const collected = Stream.runCollect(list.open(request))
              return Stream.unwrap(Effect.map(gate.at(collected, "read"), (batches) => Stream.fromIterable(batches)))
            }
          }
  }
}

/** Passes a point when a secret was written, and when the sink was asked. */
export const gatedSink = (sink: Sink, gate: Gate): Sink => ({
  ...sink,
  open: Effect.map(gate.at(sink.open), (write) => (issued) => gate.at(write(issued), "written")),
  holds: (identify) => gate.at(sink.holds(identify), "holds")
})
