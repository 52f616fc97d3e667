/**
 * Rotating keys so that nobody is ever locked out, whatever fails, on any backend.
 *
 * A rotation is a durable workflow on Effect's workflow engine: on one process, or on several over one PostgreSQL. What it
 * knows about keys is in a record of the `RotationStorage`, so that every step can be repeated, by any process, and so
 * that no key is forgotten.
 *
 * @since 0.1.0
 */
import type { KeyRef } from "@keyfold/core/ApiKey"
import { Journal } from "@keyfold/core/Journal"
import { Unavailable } from "@keyfold/core/KeyStoreError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import * as control from "./internal/rotation/control.ts"
import type { Environment } from "./internal/rotation/environment.ts"
import * as executions from "./internal/rotation/executions.ts"
import { drive, Rotation as RotationWorkflow } from "./internal/rotation/workflow.ts"
import { isUnderWay, Undone, type Options, type RotationError, type Result, type RotationId } from "./Rotation.ts"
import { RotationResources } from "./RotationResources.ts"
import { RotationStorage, type Filter, type RotationRecord } from "./RotationStorage.ts"
import { RotationTiming } from "./RotationTiming.ts"

/**
 * Adjusts an operator's decision. `force` skips the checks that keep the holder from losing its key.
 *
 * @category options
 * @since 0.1.0
 */
export interface ResolveOptions {
  readonly force?: boolean
}

/**
 * Rotates keys. Every function answers with the rotation's record as it is then.
 *
 * - `rotate` rotates one key and waits for the end, overlap included. It fails `Undone` where the old key is as it was, and
 *   `NeedsAttention` where both are live. `start` does the same and waits for nothing.
 * - `status` reads one rotation, `list` many; `follow` reads one again and again, as it changes, until it stands still.
 * - `resume` has a rotation go on: one whose process is gone, one that waits to try something again, and one that needs
 *   attention where the sink turns out to hold the new key now. It is safe to call at any time.
 * - `abort` ends a rotation. Before the hand-off the new key is revoked: `undone`. After it both keys stay live:
 *   `needsAttention`. Once the old key is being revoked it is too late: `Conflict`. A step at work finishes first.
 * - `resolve` decides about a rotation that needs attention: the other key is revoked, however long that takes. It is
 *   refused, unless forced, where the sink holds the key to be revoked or the one to be kept is not active.
 *
 * Without a journal nothing is rotated. The same rotation id with the same request is the same rotation; with another
 * request it is a `Conflict`, and so is a second rotation of a key whose first is not over.
 *
 * @category services
 * @since 0.1.0
 */
export class Rotations extends Context.Service<
  Rotations,
  {
    readonly rotate: (ref: KeyRef, options: Options) => Effect.Effect<Result, RotationError>
    readonly start: (ref: KeyRef, options: Options) => Effect.Effect<RotationRecord, RotationError>
    readonly status: (id: RotationId) => Effect.Effect<RotationRecord, RotationError>
    readonly list: (filter?: Filter) => Stream.Stream<RotationRecord, RotationError>
    readonly follow: (id: RotationId) => Stream.Stream<RotationRecord, RotationError>
    readonly resume: (id: RotationId) => Effect.Effect<RotationRecord, RotationError>
    readonly abort: (id: RotationId) => Effect.Effect<RotationRecord, RotationError>
    readonly resolve: (
      id: RotationId,
      keep: "old" | "new",
      options?: ResolveOptions
    ) => Effect.Effect<RotationRecord, RotationError>
  }
>()("@keyfold/lifecycle/Rotations") {}

const firstLook = 100
const longestLook = 5000

/** Reads until the record is another one than before. */
const changed = Effect.fnUntraced(function* (
  own: control.Control,
  id: RotationId,
  before: number | undefined
): Effect.fn.Return<RotationRecord, RotationError> {
  for (let pause = firstLook; ; pause = Math.min(pause * 2, longestLook)) {
    const record = yield* control.read(own, id)
    // Two changes of one millisecond may show as one; the end always shows.
    if (record.updatedAt !== before || !isUnderWay(record.status)) return record
    yield* Effect.sleep(pause)
  }
})

const follow = (own: control.Control, id: RotationId): Stream.Stream<RotationRecord, RotationError> =>
  Stream.paginate<number | undefined, RotationRecord, RotationError>(undefined, (before) =>
    Effect.map(changed(own, id, before), (record) => [
      [record],
      isUnderWay(record.status) ? Option.some(record.updatedAt) : Option.none()
    ])
  )

const resultOf = ({
  custody,
  failure,
  id,
  old,
  revocation,
  status,
  stillUsed,
  verified = "unverified"
}: RotationRecord): Effect.Effect<Result, RotationError> =>
  status === "done" && custody !== undefined && revocation !== undefined
    ? Effect.succeed({ rotationId: id, old, new: custody, verified, revocation, stillUsed })
    : Effect.fail(control.fail(id, failure ?? new Undone({ problem: "it was given up" })))

const rotate = Effect.fnUntraced(function* (
  own: control.Control,
  ref: KeyRef,
  options: Options
): Effect.fn.Return<Result, RotationError> {
  const { id } = yield* control.start(own, ref, options)
  const last = yield* Stream.runLast(follow(own, id))
  return Option.isNone(last)
    ? yield* control.fail(id, new Unavailable({ problem: "no answer" }))
    : yield* resultOf(last.value)
})

const span =
  (name: string, store?: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, never>> =>
    Effect.withSpan(effect, `Rotations.${name}`, {
      attributes: store === undefined ? {} : { "keystore.store": store },
      captureStackTrace: false
    })

/**
 * Makes the rotations of one process and has the engine run their workflow for as long as the scope is open.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<
  Rotations["Service"],
  never,
  WorkflowEngine.WorkflowEngine | RotationStorage | RotationResources | Scope.Scope
> = Effect.gen(function* () {
  const engine = yield* WorkflowEngine.WorkflowEngine
  const environment: Environment = {
    storage: yield* RotationStorage,
    resources: yield* RotationResources,
    journal: yield* Journal,
    timing: yield* RotationTiming
  }
  yield* engine.register(RotationWorkflow, drive(environment))
  const own: control.Control = { environment, executions: executions.make(engine) }
  return Rotations.of({
    rotate: (ref, options) => span("rotate", options.store)(rotate(own, ref, options)),
    start: (ref, options) => span("start", options.store)(control.start(own, ref, options)),
    status: (id) => control.read(own, id),
    list: (filter = {}) =>
      Stream.mapError(environment.storage.query(filter), ({ problem }) =>
        control.fail(undefined, new Unavailable({ problem }))
      ),
    follow: (id) => follow(own, id),
    resume: (id) => span("resume")(control.resume(own, id)),
    abort: (id) => span("abort")(control.abort(own, id)),
    resolve: (id, keep, { force = false } = {}) => span("resolve")(control.resolve(own, id, keep, force))
  })
})

/**
 * Provides rotations. They need an engine, a storage and resources, and the journal the stores are built with.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Rotations, never, WorkflowEngine.WorkflowEngine | RotationStorage | RotationResources> =
  Layer.effect(Rotations, make)
