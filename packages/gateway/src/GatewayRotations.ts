/**
 * Rotations through the gateway: what a program gives it to rotate with, and the runner that stays and does the rest.
 *
 * A new secret goes to a sink of the configuration or, once, into the answer to whoever asked. An answer can be lost, so
 * that both keys stay live until the asker says that it has the secret.
 *
 * @since 0.1.0
 */
import type { Configuration } from "@keyfold/config/Configuration"
import type { LiveConfiguration } from "@keyfold/config/LiveConfiguration"
import * as RotationSetup from "@keyfold/config/RotationSetup"
import { openJournal } from "@keyfold/config/Stores"
import { BaseFolder } from "@keyfold/core/Adapter"
import type { IssuedKey, KeyRef } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { Journal } from "@keyfold/core/Journal"
import type { Options, RotationError, RotationId } from "@keyfold/lifecycle/Rotation"
import { RotationResources } from "@keyfold/lifecycle/RotationResources"
import type { Rotations } from "@keyfold/lifecycle/Rotations"
import type { Schedule } from "@keyfold/lifecycle/RotationSchedule"
import type { RotationRecord, RotationStorage } from "@keyfold/lifecycle/RotationStorage"
import * as SqlRotations from "@keyfold/sql/SqlRotations"
import * as SqlWorkflow from "@keyfold/sql/SqlWorkflow"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import * as handingOver from "./internal/rotations/handingOver.ts"
import { reside } from "./internal/rotations/residing.ts"

/**
 * Asks for a rotation whose new secret goes into the answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface HandOver extends Omit<Options, "sink" | "rotationId"> {
  readonly rotationId: RotationId
}

/**
 * Holds how such a rotation stands, and the new key with its secret, where it came as far as that.
 *
 * @category models
 * @since 0.1.0
 */
export interface HandedOver {
  readonly record: RotationRecord
  readonly issued: IssuedKey | undefined
}

/**
 * What the gateway rotates with.
 *
 * - `rotations` go on after the answer, in this process or another.
 * - `handOver` begins a rotation whose secret goes into the answer and waits until it stands still. Interrupted before the
 *   secret is handed over, it is aborted.
 * - `confirm` has such a rotation go on: the asker says that it has the secret.
 * - `resources` find what rotations need by name; `refer` names the sink for a key of this name, undefined where there is
 *   none; `schedules` say how keys are rotated where a request does not.
 *
 * @category models
 * @since 0.1.0
 */
export interface GatewayRotations {
  readonly rotations: Rotations["Service"]
  readonly handOver: (ref: KeyRef, asked: HandOver) => Effect.Effect<HandedOver, RotationError>
  readonly confirm: (record: RotationRecord) => Effect.Effect<RotationRecord, RotationError>
  readonly resources: RotationResources["Service"]
  readonly refer: (sink: string, keyName: string | undefined) => Effect.Effect<string | undefined>
  readonly schedules: Effect.Effect<ReadonlyArray<Schedule>>
}

/**
 * Says what the configuration knows beside the resources; all sinks are known by their own names, and there are no schedules,
 * where it is omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface MakeOptions extends Partial<Pick<GatewayRotations, "refer" | "schedules">> {}

/**
 * Makes what the gateway rotates with, over the engine, the storage and the resources it is given, and the journal the
 * stores are built with.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = ({
  refer = (sink) => Effect.succeed(sink),
  schedules = Effect.succeed([])
}: MakeOptions = {}): Effect.Effect<
  GatewayRotations,
  never,
  WorkflowEngine | RotationStorage | RotationResources | Scope.Scope
> => Effect.map(handingOver.make, (made) => ({ ...made, refer, schedules }))

const referIn = ({ rotations }: Configuration, sink: string, keyName: string | undefined): string | undefined => {
  const definition = rotations?.sinks.get(sink)
  return definition === undefined ? undefined : RotationSetup.sinkFor(definition, keyName)
}

/**
 * Opens the rotations of a configuration, and begins and goes on with what is due for as long as the scope is open: any
 * number of processes may do so. Undefined where the configuration has no member `rotations`.
 *
 * Sinks, probes, checks and schedules are those of the configuration in force; the database is the one of the start.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromConfiguration = Effect.fnUntraced(function* (
  live: LiveConfiguration
): Effect.fn.Return<GatewayRotations | undefined, ConfigurationError, Scope.Scope> {
  const configuration = yield* live.current
  if (configuration.rotations === undefined) return undefined
  const database = yield* configuration.rotations.database
  const journal = yield* openJournal(configuration)
  const resources = RotationSetup.resources(live)
  const layer = Layer.mergeAll(
    Layer.succeed(RotationResources, resources),
    SqlRotations.layer(database),
    SqlWorkflow.layer(database)
  ).pipe(Layer.provide(Layer.succeed(BaseFolder, configuration.folder)))
  const services = yield* Layer.build(layer)
  const schedules = Effect.map(live.current, ({ rotations }) => rotations?.schedules ?? [])
  const made = yield* make({
    refer: (sink, keyName) => Effect.map(live.current, (current) => referIn(current, sink, keyName)),
    schedules
  }).pipe(Effect.provideContext(services), Effect.provideService(Journal, journal))
  yield* reside({ ...made, sources: live.sources })
  return made
})
