/** Rotations on scaled time, over a storage and an engine that run on the machine's. */
import type { RotationStorage } from "@keyfold/lifecycle/RotationStorage"
import { Clock } from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import { onMachineTime } from "../chaos/drivers.ts"
import { toScaled, type Scale } from "../chaos/scale.ts"
import type { GateOf } from "./gates.ts"

/** Wraps a storage: what it keeps are scaled times, and its clock, the database's, is scaled. */
export const scaledStorage = (storage: RotationStorage["Service"], scale: Scale): RotationStorage["Service"] => {
  const up = (real: number) => Math.round(toScaled(scale, real))
  return {
    ...storage,
    insert: (make) => storage.insert((now) => make(up(now))),
    transact: (id, decide) => storage.transact(id, ({ now, record }) => decide({ now: up(now), record }))
  }
}

const rotationOf = (payload: unknown): string | undefined =>
  typeof payload === "object" && payload !== null && "rotationId" in payload && typeof payload.rotationId === "string"
    ? payload.rotationId
    : undefined

/**
 * Wraps an engine: workflows run on `clock`, and their timers end that much earlier. A timer that was set is a point of its
 * rotation.
 */
export const scaledEngine = (
  engine: WorkflowEngine["Service"],
  { factor }: Scale,
  clock: Clock,
  gateOf: GateOf
): WorkflowEngine["Service"] => {
  const rotations = new Map<string, string>()
  return {
    ...engine,
    register: (workflow, execute) =>
      onMachineTime(
        engine.register(workflow, (payload, executionId) =>
          Effect.suspend(() => {
            const rotation = rotationOf(payload)
            if (rotation !== undefined) rotations.set(executionId, rotation)
            return Effect.provideService(execute(payload, executionId), Clock, clock)
          })
        )
      ),
    execute: (workflow, options) => onMachineTime(engine.execute(workflow, options)),
    deferredDone: (deferred, options) => onMachineTime(engine.deferredDone(deferred, options)),
    scheduleClock: (workflow, options) => {
      const duration = Duration.millis(Duration.toMillis(options.clock.duration) / factor)
      const scheduled = onMachineTime(
        engine.scheduleClock(workflow, { ...options, clock: { ...options.clock, duration } })
      )
      const rotation = rotations.get(options.executionId)
      return rotation === undefined ? scheduled : gateOf(rotation).at(scheduled, "timer")
    }
  }
}
