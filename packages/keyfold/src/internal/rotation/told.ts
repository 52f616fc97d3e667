/** Rotations in the words of the command line. */
import type { Status } from "@keyfold/lifecycle/Rotation"
import type { RotationRecord } from "@keyfold/lifecycle/RotationStorage"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import type { Output } from "../../Shell.ts"
import * as ExitCode from "../exitCode.ts"
import { time } from "../keys.ts"
import { type Cell, type Column, facts } from "../table.ts"
import { escape } from "../text.ts"
import { duration } from "../words.ts"

const at = (milliseconds: number | undefined): DateTime.Utc | undefined =>
  milliseconds === undefined ? undefined : DateTime.makeUnsafe(milliseconds)

const styles = {
  running: "yellow",
  revocationPending: "red",
  needsAttention: "red",
  done: "green",
  undone: "dim"
} as const

const statusCell = ({ status }: RotationRecord): Cell => ({ text: status, style: styles[status] })

/** What went wrong, or last went wrong. */
const problemOf = ({ failure, problem }: RotationRecord): string => failure?.message ?? problem ?? ""

/** When it goes on, where it waits. */
const nextAt = ({ dueAt, overlapUntil, status, step }: RotationRecord): DateTime.Utc | undefined =>
  status === "running" || status === "revocationPending"
    ? at(dueAt ?? (step === "overlap" ? overlapUntil : undefined))
    : undefined

/** The columns of a list of rotations. */
export const columns: ReadonlyArray<Column> = [
  { title: "ID" },
  { title: "STORE", flexible: true, spare: 3 },
  { title: "TENANT", flexible: true, spare: 4 },
  { title: "OLD KEY" },
  { title: "NEW KEY", spare: 2 },
  { title: "STATUS" },
  { title: "STEP", spare: 5 },
  { title: "NEXT", spare: 1 },
  { title: "PROBLEM", flexible: true }
]

/** One line of such a list. */
export const row = (record: RotationRecord): ReadonlyArray<Cell> => [
  record.id,
  record.store,
  record.tenant ?? "",
  record.old.id,
  record.custody?.id ?? "",
  statusCell(record),
  record.step === "end" ? "" : record.step,
  time(nextAt(record)),
  problemOf(record)
]

const revocationText = ({ revocation }: RotationRecord): string => {
  if (revocation === undefined) return ""
  if (revocation.kind === "confirmed") return "confirmed: the old secret was seen refused"
  const bound = duration(Duration.millis(revocation.bound))
  const seen = revocation.seen === "nothing" ? "" : `; the backend says that the key is ${revocation.seen}`
  return revocation.bound === 0
    ? `not confirmed: nobody saw the old secret refused${seen}`
    : `not confirmed: the old secret may be accepted for ${bound} longer${seen}`
}

/** All facts of one rotation, below one another. */
export const details = (record: RotationRecord, output: Output): string => {
  const { createdAt, custody, id, old, request, store, tenant, updatedAt, verified } = record
  return facts(
    [
      ["Rotation", id],
      ["Store", store],
      ["Tenant", tenant],
      ["Status", statusCell(record)],
      ["Step", record.step === "end" ? "" : record.step],
      ["Old key", old.id],
      ["New key", custody?.id],
      ["Sink", request.sink],
      ["Probe", request.probe],
      ["New key works", verified === undefined ? "" : verified === "verified" ? "seen to work" : "unverified"],
      ["Overlap", duration(Duration.millis(request.overlap))],
      ["Goes on", time(nextAt(record))],
      ["Revocation", revocationText(record)],
      ["Still in use", record.stillUsed ? "the old key was used shortly before it was revoked" : ""],
      ["Problem", problemOf(record)],
      ["Begun", time(at(createdAt))],
      ["Changed", time(at(updatedAt))]
    ],
    output
  )
}

/** A rotation as programs read it. */
export const plain = (record: RotationRecord) => {
  const { custody, failure, id, old, problem, request, revocation, status, step, stillUsed, store, tenant } = record
  return {
    id,
    store,
    tenant,
    status,
    step,
    old,
    new: custody,
    sink: request.sink,
    probe: request.probe,
    holderCheck: request.holderCheck,
    overlap: Duration.millis(request.overlap),
    verified: record.verified,
    revocation,
    stillUsed,
    nextAt: nextAt(record),
    problem,
    failure: failure === undefined ? undefined : { kind: failure._tag, message: failure.message },
    createdAt: at(record.createdAt),
    updatedAt: at(record.updatedAt)
  }
}

/** One line that says how far a rotation got. */
export const line = (record: RotationRecord): string => {
  const { id, old, status, step } = record
  const next = time(nextAt(record))
  const where = status === "running" ? step : status
  return escape(`rotation ${id} of key ${old.id}: ${where}${next === "" ? "" : ` until ${next}`}`)
}

/** What a person should know, and do next. */
export const remark = (record: RotationRecord, command: string): string => {
  const { custody, id, old, status, step } = record
  switch (status) {
    case "done":
      return ""
    case "undone":
      return `Key ${old.id} is as it was, and no new key is left.`
    case "needsAttention":
      return (
        `Key ${old.id}${custody === undefined ? "" : ` and key ${custody.id}`} stay live until you decide. Once the sink ` +
        `holds the new key: ${command} rotations resume ${id}. Or keep one of them: ${command} rotations resolve ${id} ` +
        "--keep old, or --keep new."
      )
    case "revocationPending":
      return `A key could not be revoked yet. It is tried again by the next ${command} rotate --due, or now: ${command} rotations resume ${id}`
    case "running":
      return step === "overlap"
        ? `Both keys work. The next ${command} rotate --due after ${time(nextAt(record))} revokes key ${old.id}, or a runner that stays.`
        : `It is not over. The next ${command} rotate --due goes on with it, or now: ${command} rotations resume ${id}`
  }
}

const codes: { readonly [Name in Status]: ExitCode.ExitCode } = {
  running: ExitCode.ok,
  done: ExitCode.ok,
  undone: ExitCode.failed,
  revocationPending: ExitCode.failed,
  needsAttention: ExitCode.attention
}

/** The exit code of a command that is about rotations: that of the worst of them. */
export const exitCode = (records: ReadonlyArray<RotationRecord>): ExitCode.ExitCode =>
  records.reduce<ExitCode.ExitCode>((worst, { status }) => {
    const code = codes[status]
    return code > worst ? code : worst
  }, ExitCode.ok)
