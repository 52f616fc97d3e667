/** What the steps of a rotation work with. */
import type { KeyRef } from "@keyfold/core/ApiKey"
import type { Address, Journal } from "@keyfold/core/Journal"
import type { KeyStore } from "@keyfold/core/KeyStore"
import { OperationId } from "@keyfold/core/OperationId"
import type { Sink } from "@keyfold/core/Sink"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RotationResources, Subject } from "../../RotationResources.ts"
import type { RotationRecord, RotationStorage } from "../../RotationStorage.ts"
import type { Timing } from "../../RotationTiming.ts"

/** The services and settings of one `Rotations`. */
export interface Environment {
  readonly storage: RotationStorage["Service"]
  readonly resources: RotationResources["Service"]
  readonly journal: Journal | undefined
  readonly timing: Timing
}

/** For whom something is looked up. */
export const subjectOf = ({ id, old, store, tenant }: RotationRecord): Subject => ({
  rotationId: id,
  store,
  tenant,
  key: old
})

/** The old key, with its owner where planning has learned it: WhyLabs wants to know it to revoke. */
export const oldKey = ({ old, plan }: RotationRecord): KeyRef => {
  const owner = old.owner ?? plan?.owner
  return owner === undefined ? { id: old.id } : { id: old.id, owner }
}

/** The operation id of the create of the attempt at hand. */
export const operationOf = ({ attempt, id }: RotationRecord): OperationId =>
  OperationId.make(`rotation-${id}-${attempt}`)

/** Where the core's journal keeps that create. */
export const addressOf = (store: KeyStore["Service"], record: RotationRecord): Address => ({
  store: store.store,
  ...Option.match(store.tenant, { onNone: () => ({}), onSome: (tenant) => ({ tenant }) }),
  operationId: operationOf(record)
})

/** The time a sink may take. */
export const sinkWithin = ({ within }: Sink): Duration.Duration =>
  within === undefined ? Duration.seconds(30) : Duration.fromInputUnsafe(within)

/** Asks a sink which key it holds; a sink that dies cannot tell. */
export const heldBy = (
  sink: Sink,
  store: KeyStore["Service"]
): Effect.Effect<{ readonly id: string | undefined; readonly problem?: string }> =>
  sink.holds(store.identify).pipe(
    Effect.match({
      onFailure: ({ message }) => ({ id: undefined, problem: message }),
      onSuccess: (holds) => ({ id: Option.getOrUndefined(holds) })
    }),
    Effect.catchDefect(() => Effect.succeed({ id: undefined, problem: `${sink.name}: it could not be asked.` }))
  )
