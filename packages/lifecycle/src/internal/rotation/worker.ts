/** Working on a rotation: one process at a time, and every write proves that it is still that one. */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { isUnderWay, Undone, type RotationId, type Step } from "../../Rotation.ts"
import type { Decision, RotationRecord, RotationStorageError, Snapshot } from "../../RotationStorage.ts"
import type { Environment } from "./environment.ts"
import { applied, concluded, turnOf, type Changes, type Outcome, type Turn } from "./outcome.ts"

/** Another process has the rotation now: it decides. */
export class Lost extends Data.TaggedError("Lost") {}

/** Ends a step from within. */
export class Stop extends Data.TaggedError("Stop")<{ readonly outcome: Outcome }> {}

/** Ends a step with a problem and tries it again later. */
export const retryLater = (problem: string): Stop => new Stop({ outcome: { kind: "retry", problem } })

/** A rotation that this process works on. */
export interface Held {
  readonly environment: Environment
  /** The record as it was last written. */
  record: RotationRecord
  /** Set once another process was found to have the rotation. */
  isLost: boolean
}

/** A step: what it ends with, unless it stops, loses the rotation, or cannot write. */
export type StepEffect = Effect.Effect<Outcome, Stop | Lost | RotationStorageError, Scope.Scope>

type Claim =
  | { readonly kind: "claimed"; readonly record: RotationRecord }
  | { readonly kind: "turn"; readonly turn: Turn }

const claim =
  (run: number, step: Step, lasting: Duration.Duration) =>
  ({ now, record }: Snapshot): Decision<Claim> => {
    const turn = (turn: Turn): Decision<Claim> => ({ answer: { kind: "turn", turn } })
    if (record === undefined || record.run !== run || !isUnderWay(record.status)) return turn({ step: "end", wait: 0 })
    if (record.leaseUntil > now) return turn({ step: record.step, wait: Math.ceil(record.leaseUntil - now) })
    if (record.step !== step) return turn(turnOf(record, now))
    const leaseUntil = now + Math.ceil(Duration.toMillis(lasting))
    const claimed = applied(record, { epoch: record.epoch + 1, leaseUntil, updatedAt: now })
    return { record: claimed, answer: { kind: "claimed", record: claimed } }
  }

/** Writes while the rotation is ours; `decide` may refuse by stopping. */
export const update = Effect.fnUntraced(function* (
  held: Held,
  decide: (record: RotationRecord, now: number) => Changes | Stop
): Effect.fn.Return<RotationRecord, Stop | Lost | RotationStorageError> {
  const { environment, record } = held
  const answer = yield* environment.storage.transact<RotationRecord | Stop | undefined>(record.id, (snapshot) => {
    const { now, record: current } = snapshot
    if (current?.epoch !== record.epoch || !isUnderWay(current.status)) return { answer: undefined }
    const changes = decide(current, now)
    if (changes instanceof Stop) return { answer: changes }
    const next = applied(current, { ...changes, updatedAt: now })
    return { record: next, answer: next }
  })
  if (answer instanceof Stop) return yield* answer
  if (answer === undefined) {
    held.isLost = true
    return yield* new Lost()
  }
  held.record = answer
  return answer
})

/** The time by the storage's clock. */
export const now = ({ environment, record }: Held): Effect.Effect<number, RotationStorageError> =>
  environment.storage.transact(record.id, (snapshot) => ({ answer: snapshot.now }))

const soon = Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 3 }))

/** Where the storage does not answer, the lease has to run out before anybody goes on. */
const later = ({ environment, record }: Held): Turn => ({
  step: record.step,
  wait: Math.ceil(Duration.toMillis(environment.timing.lease))
})

const conclude = (held: Held, outcome: Outcome, pause: number): Effect.Effect<Turn, RotationStorageError> => {
  const { environment, record } = held
  return environment.storage.transact(record.id, ({ now, record: current }): Decision<Turn> => {
    if (current === undefined) return { answer: { step: "end", wait: 0 } }
    if (current.epoch !== record.epoch || !isUnderWay(current.status)) return { answer: followed(current, now) }
    const next = concluded(current, outcome, { now, pause, timing: environment.timing })
    return { record: next, answer: turnOf(next, now) }
  })
}

/** The turn of a process that has lost the rotation: after the other one. */
const followed = (record: RotationRecord, now: number): Turn => {
  const turn = turnOf(record, now)
  return turn.step === "end" ? turn : { ...turn, wait: Math.max(turn.wait, Math.ceil(record.leaseUntil - now)) }
}

const release = ({ environment, record }: Held): Effect.Effect<void> =>
  environment.storage
    .transact(record.id, ({ now, record: current }): Decision<void> =>
      current?.epoch === record.epoch
        ? { record: applied(current, { leaseUntil: now }), answer: undefined }
        : { answer: undefined }
    )
    .pipe(Effect.ignore)

/** Before anything was handed over an abort needs no step any more. */
const isAborted = ({ abortRequested, handOffBegun, step }: RotationRecord): boolean =>
  abortRequested && !handOffBegun && (step === "plan" || step === "mint")

const aborted: StepEffect = Effect.succeed({ kind: "undo", failure: new Undone({ problem: "it was aborted" }) })

/** Runs one step of one rotation, where it is this step's turn and nobody else is at work. */
export const work = Effect.fnUntraced(function* (
  environment: Environment,
  at: { readonly id: RotationId; readonly run: number; readonly step: Step; readonly pause: number },
  step: (held: Held) => StepEffect,
  lasting: Duration.Duration
): Effect.fn.Return<Turn> {
  const claiming = environment.storage.transact(at.id, claim(at.run, at.step, lasting))
  const claimed = yield* Effect.result(Effect.retry(claiming, soon))
  const pause = Math.ceil(Duration.toMillis(environment.timing.lease))
  if (claimed._tag === "Failure") return { step: at.step, wait: pause }
  if (claimed.success.kind === "turn") return claimed.success.turn
  const held: Held = { environment, record: claimed.success.record, isLost: false }
  const outcome = yield* Effect.suspend(() => (isAborted(held.record) ? aborted : step(held))).pipe(
    Effect.scoped,
    Effect.catchTags({
      Stop: ({ outcome }) => Effect.succeed(outcome),
      // The rest is decided by whoever has it; `conclude` says when to look again.
      Lost: () => Effect.succeed<Outcome>({ kind: "retry", problem: "another process took over" }),
      RotationStorageError: ({ problem }) => Effect.succeed<Outcome>({ kind: "retry", problem })
    }),
    // A defect's own text may hold anything.
    Effect.catchDefect(() =>
      Effect.succeed<Outcome>({ kind: "retry", problem: `the step "${at.step}" broke off: this is a bug` })
    ),
    Effect.onInterrupt(() => release(held))
  )
  return yield* conclude(held, outcome, at.pause).pipe(
    Effect.retry(soon),
    Effect.catch(() => Effect.succeed(later(held)))
  )
})
