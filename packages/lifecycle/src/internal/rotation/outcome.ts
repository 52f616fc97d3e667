/** How a step of a rotation can end, and what that makes of the record. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { isUnderWay, NeedsAttention, Step, Undone, type Reason, type Status } from "../../Rotation.ts"
import type { RotationRecord } from "../../RotationStorage.ts"
import type { Timing } from "../../RotationTiming.ts"
import { oldKey } from "./environment.ts"

/** Fields to set; what is undefined is taken out. */
export type Changes = { readonly [Name in keyof RotationRecord]?: RotationRecord[Name] | undefined }

/**
 * Ends a step.
 *
 * - `go`: to another step. `wait`: until then (epoch milliseconds), then the same step again.
 * - `retry`: something went wrong; the same step again after a pause that grows, and not after `until`.
 * - `undo`: what was made is to be revoked. `attention`: stands still. `end`: is over.
 */
export type Outcome =
  | { readonly kind: "go"; readonly step: Step; readonly changes?: (now: number) => Changes }
  | { readonly kind: "wait"; readonly until: number; readonly changes?: Changes }
  | { readonly kind: "retry"; readonly problem: string; readonly until?: number; readonly status?: Status }
  | { readonly kind: "undo"; readonly failure: Undone }
  | { readonly kind: "attention"; readonly problem: string }
  | { readonly kind: "end"; readonly status: Status; readonly failure?: Reason; readonly changes?: Changes }

/** Tells the workflow what comes next: all that ever becomes part of its state. */
export const Turn = Schema.Struct({ step: Step, wait: Schema.Int })

/** The type of a turn. */
export type Turn = typeof Turn.Type

/** Applies changes to a record. */
export const applied = (record: RotationRecord, changes: Changes): RotationRecord => {
  const merged = { ...record, ...changes }
  // What `Changes` allows beyond the record is undefined, and that is taken out here.
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined)) as RotationRecord
}

/** The problem of a step that another attempt or an operator has to deal with. */
const attention = (record: RotationRecord, problem: string): Changes => ({
  status: "needsAttention",
  failure: new NeedsAttention({
    problem,
    old: oldKey(record),
    ...(record.custody === undefined ? {} : { new: record.custody })
  })
})

const pauseAfter = ({ firstRetry, longestRetry }: Timing, retries: number): number =>
  Math.min(Duration.toMillis(firstRetry) * 2 ** Math.min(retries, 40), Duration.toMillis(longestRetry))

const retried = (
  record: RotationRecord,
  { problem, status, until }: Extract<Outcome, { kind: "retry" }>,
  timing: Timing,
  now: number
): Changes => ({
  problem,
  retries: record.retries + 1,
  dueAt: Math.min(now + pauseAfter(timing, record.retries), until ?? Infinity),
  ...(status === undefined ? {} : { status })
})

/** An abort that was asked for while a step was at work takes the place of going on. */
const aborting = (record: RotationRecord, outcome: Outcome): Outcome => {
  const isOver = outcome.kind === "end" || outcome.kind === "attention" || outcome.kind === "undo"
  if (!record.abortRequested || isOver || record.step === "undo") return outcome
  const problem = "it was aborted"
  if (!record.handOffBegun) return { kind: "undo", failure: new Undone({ problem }) }
  return record.step === "revoke" || record.step === "confirm" ? outcome : { kind: "attention", problem }
}

const changesOf = (record: RotationRecord, outcome: Outcome, timing: Timing, now: number): Changes => {
  const fresh: Changes = { problem: undefined, retries: 0, dueAt: undefined }
  switch (outcome.kind) {
    case "go":
      return { ...fresh, status: "running", ...outcome.changes?.(now), step: outcome.step }
    case "wait":
      return { ...fresh, ...outcome.changes, dueAt: outcome.until }
    case "retry":
      return retried(record, outcome, timing, now)
    case "undo":
      return { ...fresh, step: "undo", failure: outcome.failure }
    case "attention":
      return { ...fresh, ...attention(record, outcome.problem) }
    case "end":
      return { ...fresh, ...outcome.changes, step: "end", status: outcome.status, failure: outcome.failure }
  }
}

/** The record after a step, given up by the process that worked on it. */
export const concluded = (
  record: RotationRecord,
  outcome: Outcome,
  { now, pause, timing }: { readonly now: number; readonly pause: number; readonly timing: Timing }
): RotationRecord =>
  applied(record, {
    ...changesOf(record, aborting(record, outcome), timing, now),
    pause,
    leaseUntil: now,
    updatedAt: now
  })

/** What the workflow does after a record was written, or found, like this. */
export const turnOf = (record: RotationRecord, now: number): Turn =>
  isUnderWay(record.status)
    ? { step: record.step, wait: Math.max(0, Math.ceil((record.dueAt ?? now) - now)) }
    : { step: "end", wait: 0 }
