/** Beginning a rotation, and what people may decide about one: resume, abort, resolve. */
import type { KeyRef } from "@keyfold/core/ApiKey"
import { Conflict, InvalidRequest, NotFound, Unavailable } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import * as Rotation from "../../Rotation.ts"
import type { RotationId } from "../../Rotation.ts"
import type { Decision, RotationRecord, RotationStorageError } from "../../RotationStorage.ts"
import { heldBy, oldKey, subjectOf, type Environment } from "./environment.ts"
import type { Executions } from "./executions.ts"
import { afterHandOff } from "./handOff.ts"
import { applied, concluded, type Changes } from "./outcome.ts"
import { isSame, recordOf, requestOf } from "./request.ts"
import { lookAt } from "./revocation.ts"
import { noJournal } from "./settle.ts"

const { isUnderWay, NeedsAttention, RotationError, Undone } = Rotation

/** What controlling rotations needs. */
export interface Control {
  readonly environment: Environment
  readonly executions: Executions
}

type Failing<A> = Effect.Effect<A, Rotation.RotationError>

/** Fails with a reason. */
export const fail = (rotationId: string | undefined, reason: Rotation.Reason) =>
  new RotationError({ ...(rotationId === undefined ? {} : { rotationId }), reason })

/** Lifts what the storage fails with. */
export const stored = <A>(id: string | undefined, effect: Effect.Effect<A, RotationStorageError>): Failing<A> =>
  Effect.mapError(effect, ({ problem }) => fail(id, new Unavailable({ problem })))

/** Reads a rotation. */
export const read = ({ environment: { storage } }: Control, id: RotationId): Failing<RotationRecord> =>
  Effect.flatMap(
    stored(
      id,
      storage.transact(id, ({ record }) => ({ answer: record }))
    ),
    (record) =>
      record === undefined
        ? Effect.fail(fail(id, new NotFound({ problem: "no such rotation" })))
        : Effect.succeed(record)
  )

/** Looks everything up by its name, so that a missing one is told before anything is written. */
const checkNames = ({ environment: { journal, resources } }: Control, record: RotationRecord) =>
  Effect.gen(function* () {
    if (journal === undefined) return yield* noJournal
    const { holderCheck, probe, sink } = record.request
    const subject = subjectOf(record)
    yield* resources.store(record.store, record.tenant)
    yield* resources.sink(sink, subject)
    if (probe !== undefined) yield* resources.probe(probe, subject)
    if (holderCheck !== undefined) yield* resources.holderCheck(holderCheck, subject)
  }).pipe(
    Effect.scoped,
    Effect.mapError((reason) => fail(record.id, reason))
  )

const conflict = (id: RotationId, problem: string) => fail(id, new Conflict({ problem }))

/** Begins a rotation, or finds the one that was begun under its id. */
export const start = Effect.fnUntraced(function* (
  control: Control,
  ref: KeyRef,
  options: Rotation.Options
): Effect.fn.Return<RotationRecord, Rotation.RotationError> {
  const { environment, executions } = control
  const asked = requestOf(ref, options)
  if (asked._tag === "Failure") return yield* fail(options.rotationId, asked.failure)
  const id = options.rotationId ?? (yield* Rotation.generateId)
  const make = recordOf(id, ref, options, asked.success)
  const known = yield* stored(
    id,
    environment.storage.transact(id, ({ record }) => ({ answer: record }))
  )
  if (known === undefined) yield* checkNames(control, make(0))
  const { kind, record } = yield* stored(id, environment.storage.insert(make))
  if (kind === "busy") {
    return yield* conflict(id, `rotation ${record.id} has key ${ref.id} and is not over; resume or resolve it`)
  }
  if (!isSame(record, make(0))) return yield* conflict(id, "this id was used before, for another request")
  yield* executions.ensure(record)
  return record
})

/** Changes a rotation that nobody has changed since it was read; answers undefined where somebody has. */
const changeIf = (
  { environment: { storage } }: Control,
  read: RotationRecord,
  changes: (record: RotationRecord, now: number) => Changes
) =>
  stored(
    read.id,
    storage.transact(read.id, ({ now, record }): Decision<RotationRecord | undefined> => {
      const isSame = record?.epoch === read.epoch && record.run === read.run && record.status === read.status
      if (record === undefined || !isSame || (isUnderWay(record.status) && record.leaseUntil > now)) {
        return { answer: undefined }
      }
      const next = applied(record, {
        ...changes(record, now),
        run: record.run + 1,
        epoch: record.epoch + 1,
        updatedAt: now
      })
      return { record: next, answer: next }
    })
  )

const changedMeanwhile = (id: RotationId) => conflict(id, "somebody else decided about it just now; look at it again")

/** Opens the store and the sink of a rotation, and asks the sink which key it holds. */
const ask = ({ environment: { resources } }: Control, record: RotationRecord) =>
  Effect.gen(function* () {
    const store = yield* resources.store(record.store, record.tenant)
    const sink = yield* resources.sink(record.request.sink, subjectOf(record))
    return { store, sink: sink.name, holds: yield* heldBy(sink, store) }
  }).pipe(Effect.mapError((reason) => fail(record.id, reason)))

const running: Changes = {
  status: "running",
  abortRequested: false,
  failure: undefined,
  problem: undefined,
  retries: 0,
  dueAt: undefined
}

const resumed = (record: RotationRecord, now: number): Changes => {
  const next = afterHandOff(record)
  return next.kind === "go" ? { ...running, handedOver: true, step: next.step, ...next.changes?.(now) } : running
}

const unsettled = ({ failure }: RotationRecord): Changes => ({
  ...running,
  step: "undo",
  failure: new Undone({ problem: failure?._tag === "NeedsAttention" ? failure.problem : "it was not settled" })
})

/** Goes on with a rotation that stands still, where the sink holds the new key now. */
const resumeStalled = Effect.fnUntraced(function* (control: Control, record: RotationRecord) {
  const { custody, id } = record
  const isHandedOver = custody !== undefined && record.handOffBegun
  if (isHandedOver) {
    const { holds, sink } = yield* Effect.scoped(ask(control, record))
    if (holds.id !== custody.id) {
      const problem =
        holds.problem ??
        `${sink} ${holds.id === undefined ? "cannot tell which key it holds" : `holds key ${holds.id}`}`
      return yield* fail(id, new NeedsAttention({ problem, old: oldKey(record), new: custody }))
    }
  }
  const changed = yield* changeIf(control, record, isHandedOver ? resumed : unsettled)
  return changed ?? (yield* changedMeanwhile(id))
})

/** Has a rotation go on. */
export const resume = Effect.fnUntraced(function* (
  control: Control,
  id: RotationId
): Effect.fn.Return<RotationRecord, Rotation.RotationError> {
  const { executions } = control
  const record = yield* read(control, id)
  if (record.status === "done" || record.status === "undone") return record
  const isStalled = record.status === "needsAttention"
  // Where somebody is at work on it, the engine has to be told at the most.
  const next = isStalled
    ? yield* resumeStalled(control, record)
    : ((yield* changeIf(control, record, () => ({ dueAt: undefined }))) ?? record)
  yield* executions.ensure(next)
  // The execution before, if there is one, finds that it is over.
  if (next.run !== record.run && !isStalled) yield* executions.wake(record)
  return next
})

const tooLate = ({ keep, status, step }: RotationRecord): string | undefined => {
  if (status === "done" || status === "undone") return `it is over: ${status}`
  if (keep !== undefined) return `it was decided already to keep the ${keep} key`
  return step === "revoke" || step === "confirm" ? "the old key is being revoked" : undefined
}

/** Asks for the end of a rotation. */
export const abort = Effect.fnUntraced(function* (
  { environment, executions }: Control,
  id: RotationId
): Effect.fn.Return<RotationRecord, Rotation.RotationError> {
  const { storage, timing } = environment
  const decide = storage.transact(id, ({ now, record }): Decision<RotationRecord | Rotation.RotationError> => {
    if (record === undefined) return { answer: fail(id, new NotFound({ problem: "no such rotation" })) }
    if (record.status === "needsAttention") return { answer: record }
    const problem = tooLate(record)
    if (problem !== undefined) return { answer: conflict(id, `${problem}; it cannot be aborted`) }
    const asked = applied(record, { abortRequested: true, updatedAt: now })
    if (record.leaseUntil > now) return { record: asked, answer: asked }
    // Nobody is at work. A process whose lease ran out must not go on, though: hence the epoch.
    const next = concluded(
      { ...asked, epoch: record.epoch + 1 },
      { kind: "wait", until: now },
      { now, pause: record.pause, timing }
    )
    return { record: next, answer: next }
  })
  const answer = yield* stored(id, decide)
  if (answer instanceof RotationError) return yield* answer
  yield* executions.ensure(answer)
  yield* executions.wake(answer)
  return answer
})

/** Whether the key an operator wants to keep is one its holder can work with. */
const checkKept = Effect.fnUntraced(function* (control: Control, record: RotationRecord, kept: KeyRef, other: KeyRef) {
  const { id } = record
  const { holds, sink, store } = yield* ask(control, record)
  const { problem, seen } = yield* lookAt(store, kept)
  if (seen !== "active") return yield* conflict(id, `${problem}; force this to keep it all the same`)
  if (record.revokeBegun && other.id === record.custody?.id) {
    return yield* conflict(id, `the revocation of key ${kept.id} has begun; force this to keep it all the same`)
  }
  if (holds.id === other.id) {
    return yield* conflict(
      id,
      `${sink} holds key ${other.id}, which would be revoked; force this to do so all the same`
    )
  }
}, Effect.scoped)

/** Decides about a rotation that stands still. */
export const resolve = Effect.fnUntraced(function* (
  control: Control,
  id: RotationId,
  keep: "old" | "new",
  force: boolean
): Effect.fn.Return<RotationRecord, Rotation.RotationError> {
  const record = yield* read(control, id)
  if (record.status !== "needsAttention") {
    return yield* conflict(id, `it is ${record.status}; only one that needs attention can be resolved`)
  }
  const { custody } = record
  if (custody === undefined && keep === "new") {
    return yield* fail(id, new InvalidRequest({ field: "keep", problem: "there is no new key that could be kept" }))
  }
  if (custody !== undefined && !force) {
    const [kept, other] = keep === "old" ? [oldKey(record), custody] : [custody, oldKey(record)]
    yield* checkKept(control, record, kept, other)
  }
  const failure = new Undone({ problem: "it was decided to keep the old key" })
  const changed = yield* changeIf(control, record, () =>
    custody === undefined
      ? { ...running, keep, status: "undone", step: "end", failure }
      : { ...running, keep, step: "revoke" }
  )
  if (changed === undefined) return yield* changedMeanwhile(id)
  yield* control.executions.ensure(changed)
  return changed
})
