/** The durable workflow that drives a rotation. Its state holds names of steps and times to wait, nothing else. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import * as DurableClock from "effect/workflow/DurableClock"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import { isUnderWay, RotationId, type Step } from "../../Rotation.ts"
import type { Decision } from "../../RotationStorage.ts"
import type { Environment } from "./environment.ts"
import { claimed, mint } from "./mint.ts"
import { Turn, turnOf } from "./outcome.ts"
import { holderCheck, overlap } from "./overlap.ts"
import { plan } from "./plan.ts"
import { confirm, revoke } from "./revoke.ts"
import { undo } from "./settle.ts"
import { work, type Held, type StepEffect } from "./worker.ts"

/** One execution of one rotation. The engine derives the execution id from both fields. */
export const Rotation = Workflow.make("keyfold/Rotation", {
  payload: { rotationId: RotationId, run: Schema.Int },
  idempotencyKey: ({ rotationId, run }) => `${rotationId}/${run}`
})

type Running = Exclude<Step, "end">

const steps: { readonly [Name in Running]: (held: Held) => StepEffect } = {
  plan,
  mint,
  holderCheck,
  overlap,
  revoke,
  confirm,
  undo
}

/** So many steps are replayed at the most; then another execution goes on. */
const turnsPerRun = 50

const Renewal = Schema.Literals(["renewed", "over", "later"])

const clockName = (pause: number): string => `pause/${pause}`

const clock = (pause: number) => DurableClock.make({ name: clockName(pause), duration: Duration.zero })

/** Ends the wait of a rotation early: its next step looks at the record again. */
export const wake = (rotationId: RotationId, run: number, pause: number) =>
  Effect.flatMap(Rotation.executionId({ rotationId, run }), (executionId) => {
    const { deferred } = clock(pause)
    const token = DurableDeferred.tokenFromExecutionId(deferred, { workflow: Rotation, executionId })
    return DurableDeferred.succeed(deferred, { token, value: undefined })
  })

type At = (typeof Rotation)["payloadSchema"]["Type"]

const stepActivity = (environment: Environment, { rotationId: id, run }: At, step: Running, pause: number) =>
  Activity.make({
    name: `${step}/${pause}`,
    success: Turn,
    execute: Effect.suspend(() => {
      const { lease } = environment.timing
      const lasting = step === "mint" ? Duration.max(lease, claimed(environment.timing)) : lease
      return work(environment, { id, run, step, pause }, (held) => steps[step](held), lasting)
    })
  })

/** Where the rotation is; asked again until the storage answers. */
const begin = ({ storage, timing }: Environment, { rotationId, run }: At) =>
  Activity.make({
    name: "begin",
    success: Turn,
    execute: storage
      .transact<Turn>(rotationId, ({ now, record }) => ({
        answer: record === undefined || record.run !== run ? { step: "end", wait: 0 } : turnOf(record, now)
      }))
      .pipe(Effect.orElseSucceed((): Turn => ({ step: "plan", wait: Duration.toMillis(timing.lease) })))
  })

/** Counts the execution up, so that the next one goes on; says where there is nothing to go on with, or no answer. */
const renew = ({ storage }: Environment, { rotationId, run }: At, pause: number) =>
  Activity.make({
    name: `renew/${pause}`,
    success: Renewal,
    execute: storage
      .transact(rotationId, ({ now, record }): Decision<typeof Renewal.Type> => {
        if (record?.run === run + 1) return { answer: "renewed" }
        return record?.run === run && isUnderWay(record.status)
          ? { record: { ...record, run: run + 1, updatedAt: now }, answer: "renewed" }
          : { answer: "over" }
      })
      .pipe(Effect.orElseSucceed(() => "later" as const))
  })

/** What an execution does: a step, a wait, the next step, until there is none. */
export const drive = (environment: Environment) =>
  Effect.fnUntraced(function* (at: At) {
    let turn: Turn = yield* begin(environment, at)
    for (let pause = 1; turn.step !== "end"; pause++) {
      const renewal = pause > turnsPerRun ? yield* renew(environment, at, pause) : "later"
      if (renewal === "over") return
      if (renewal === "renewed") {
        yield* Rotation.execute({ rotationId: at.rotationId, run: at.run + 1 }, { discard: true, detached: true })
        return
      }
      const duration = Duration.millis(turn.wait)
      // In memory a wait would hold the process, and an abort could not end it.
      yield* DurableClock.sleep({ name: clockName(pause), duration, inMemoryThreshold: Duration.zero })
      turn = yield* stepActivity(environment, at, turn.step, pause + 1)
    }
  })
