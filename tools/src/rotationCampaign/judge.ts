/** The judgement over one round: how each rotation ended, and whether that is what the backend and the holder have. */
import type { RotationRecord } from "@keyfold/lifecycle/RotationStorage"
import * as SqlRotations from "@keyfold/sql/SqlRotations"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { secretIn, writtenAt } from "./holders.ts"
import type { House } from "./house.ts"
import type { Run } from "./message.ts"

/** Everything that must be none. */
export interface Damage {
  /** Holders that were without a working key at some instant. */
  readonly outages: number
  /** Live keys that no rotation knows of and nobody holds. */
  readonly untracked: number
  /** Rotations that did not end fully done, fully undone, or standing still with both keys live and listed. */
  readonly unended: number
  /** Old keys that were revoked before the overlap was over. */
  readonly early: number
}

/** What a judgement is about. */
export interface Case {
  readonly house: House
  readonly folder: string
  /** The database of the rotations. */
  readonly state: string
  readonly runs: ReadonlyArray<Run>
  /** How long both keys work, in the machine's milliseconds. */
  readonly overlap: number
}

/** The judgement but for what the prober saw. */
export interface Judgement extends Omit<Damage, "outages"> {
  readonly statuses: ReadonlyMap<string, number>
  readonly details: ReadonlyArray<string>
}

const recordsIn = (state: string): Promise<ReadonlyArray<RotationRecord>> =>
  Effect.runPromise(
    Effect.scoped(Effect.flatMap(SqlRotations.make({ url: state }), (storage) => Stream.runCollect(storage.query({}))))
  )

/** The keys that must be live, and no others: the new one, the old one, or both. */
const expectedOf = ({ custody, old, status }: RotationRecord): ReadonlyArray<string> | undefined => {
  if (status === "done") return custody === undefined ? undefined : [custody.id]
  if (status === "undone") return [old.id]
  return status === "needsAttention" && custody !== undefined ? [old.id, custody.id] : undefined
}

interface Sight {
  readonly record: RotationRecord | undefined
  readonly live: ReadonlyArray<string>
  readonly held: string | undefined
  readonly written: number
  readonly revokedAt: number | undefined
}

/** A clock of whole milliseconds, and a file's time that is its own. */
const grain = 20

const problemsOf = (run: Run, { held, live, record, revokedAt, written }: Sight, overlap: number) => {
  const problems = { untracked: 0, unended: 0, early: 0, details: new Array<string>() }
  const say = (problem: string) => void problems.details.push(`${run.name}: ${problem}`)
  if (record === undefined) {
    problems.unended = 1
    say("there is no rotation")
    return problems
  }
  const { custody, discarded, failure, id, old, problem, status, step } = record
  const known = new Set([old.id, custody?.id, held, ...discarded.flatMap((key) => (key.revoked ? [] : [key.id]))])
  const untracked = live.filter((key) => !known.has(key))
  problems.untracked = untracked.length
  if (untracked.length > 0) say(`${status} at ${step}, and nobody knows of live key ${untracked.join(", ")}`)
  const expected = expectedOf(record)
  if (expected === undefined || expected.length !== live.length || !expected.every((key) => live.includes(key))) {
    problems.unended = 1
    const reason = failure === undefined ? (problem ?? "") : failure.message
    say(
      `${id} is ${status} at ${step} with ${live.length} live keys: ${live.join(", ")}; old ${old.id}, new ${custody?.id ?? "none"}; ${reason}`
    )
  }
  if (status === "done" && revokedAt !== undefined && revokedAt < written + overlap - grain) {
    problems.early = 1
    say(`the old key was revoked ${Math.round(revokedAt - written)} ms after the hand-over`)
  }
  return problems
}

const sightOf = async (
  { folder, house }: Case,
  run: Run,
  record: RotationRecord | undefined,
  live: ReadonlyArray<string>,
  revocations: ReadonlyMap<string, number>
): Promise<Sight> => ({
  record,
  live,
  held: await house.idOf(secretIn(folder, run)),
  written: writtenAt(folder, run),
  revokedAt: revocations.get(run.old.id)
})

/** Judges a round that is over. */
export const judge = async (about: Case): Promise<Judgement> => {
  const { house, overlap, runs, state } = about
  const records = new Map((await recordsIn(state)).map((record) => [String(record.id), record]))
  const [live, keys, revocations] = [await house.live(), await house.keys(), await house.revocations()]
  const statuses = new Map<string, number>()
  let [untracked, unended, early] = [0, 0, 0]
  const details: Array<string> = []
  for (const run of runs) {
    const record = records.get(run.name)
    const own = (keys.get(run.name) ?? []).filter((id) => live.has(id))
    const problems = problemsOf(run, await sightOf(about, run, record, own, revocations), overlap)
    untracked += problems.untracked
    unended += problems.unended
    early += problems.early
    details.push(...problems.details)
    const status = record?.status ?? "none"
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  return { untracked, unended, early, statuses, details }
}
