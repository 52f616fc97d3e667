/** Having the workflow engine work on rotations. */
import * as Effect from "effect/Effect"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import { isUnderWay } from "../../Rotation.ts"
import type { RotationRecord } from "../../RotationStorage.ts"
import { Rotation, wake } from "./workflow.ts"

/** The executions of one engine. */
export interface Executions {
  /** Has the engine go on with a rotation, where it does not do so already. */
  readonly ensure: (record: RotationRecord) => Effect.Effect<void>
  /** Ends the wait a rotation is in. */
  readonly wake: (record: RotationRecord) => Effect.Effect<void>
}

/** Makes the executions of an engine. */
export const make = (engine: WorkflowEngine.WorkflowEngine["Service"]): Executions => {
  const within = Effect.provideService(WorkflowEngine.WorkflowEngine, engine)
  return {
    ensure: ({ id, run, status }) =>
      isUnderWay(status)
        ? Rotation.execute({ rotationId: id, run }, { discard: true }).pipe(Effect.asVoid, within)
        : Effect.void,
    wake: ({ id, pause, run }) => (pause === 0 ? Effect.void : within(wake(id, run, pause)))
  }
}
