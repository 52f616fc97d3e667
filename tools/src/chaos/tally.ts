/** What happened in a round, counted as it happens. */
import type { FromWorker, Point, Result } from "./message.ts"

type Counts = Map<string, number>

/** Counters of one round, or of several together. */
export interface Tally {
  /** Create calls, second calls for the same operation included, and how they ended. */
  readonly creates: Counts
  readonly recoveries: Counts
  readonly kills: Counts
  /** Processes that ended without finalizers. */
  abandoned: number
  readonly stops: Counts
  /** Creates that met a fault, and other requests that did, by kind. */
  readonly lost: Counts
  readonly otherLost: Counts
  /** When a worker gave an attempt up, by nonce, in the machine's milliseconds. */
  readonly gaveUp: Map<string, number>
  /** Secrets that callers hold, by operation. */
  readonly held: Map<string, Array<{ readonly id: string; readonly secret: string }>>
  /** How long the slowest delivery of an operation took, in the machine's milliseconds. */
  readonly deliveries: Map<string, number>
  readonly remarks: Array<string>
}

/** Makes an empty tally. */
export const makeTally = (): Tally => ({
  creates: new Map(),
  recoveries: new Map(),
  kills: new Map(),
  abandoned: 0,
  stops: new Map(),
  lost: new Map(),
  otherLost: new Map(),
  gaveUp: new Map(),
  held: new Map(),
  deliveries: new Map(),
  remarks: []
})

/** Adds one to a counter, or more. */
export const count = (counts: Counts, name: string, more = 1): void =>
  void counts.set(name, (counts.get(name) ?? 0) + more)

/** The sum of counters. */
export const total = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((sum, one) => sum + one, 0)

const noteResult = (tally: Tally, operationId: string, result: Result): void => {
  if (result.kind === "recovered") return count(tally.recoveries, result.outcome)
  count(tally.creates, result.kind === "held" ? "held" : result.reason)
  if (result.kind === "failed" && result.reason === "Defect") tally.remarks.push(`defect: ${result.problem}`)
  if (result.kind !== "held" || result.secret === undefined) return
  const { keyId: id, secret } = result
  tally.held.set(operationId, [...(tally.held.get(operationId) ?? []), { id, secret }])
}

/** Notes what a worker reports. */
export const note = (tally: Tally, message: FromWorker): void => {
  if (message.kind === "done") noteResult(tally, message.operationId, message.result)
  if (message.kind === "gaveUp") tally.gaveUp.set(message.nonce, message.at)
  if (message.kind === "lost") count(tally.lost, message.how)
  if (message.kind === "delivery") {
    const { operationId, took } = message
    tally.deliveries.set(operationId, Math.max(took, tally.deliveries.get(operationId) ?? 0))
  }
}

/** Notes a real kill at a point. */
export const noteKill = (tally: Tally, point: Point | "closing"): void => count(tally.kills, point)
