/** A gateway that rotates, over stores in memory and places that hold secrets. */
import type { IssuedKey, KeyId } from "@keyfold/core/ApiKey"
import * as Journal from "@keyfold/core/Journal"
import type { KeyStores } from "@keyfold/core/KeyStores"
import type { Sink } from "@keyfold/core/Sink"
import * as GatewayRotations from "@keyfold/gateway/GatewayRotations"
import { Unconfigured } from "@keyfold/lifecycle/Rotation"
import * as RotationResources from "@keyfold/lifecycle/RotationResources"
import type { Schedule } from "@keyfold/lifecycle/RotationSchedule"
import * as RotationStorage from "@keyfold/lifecycle/RotationStorage"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"

/** Where a holder reads its secret. */
export interface Place {
  holds: KeyId | undefined
  secret: string | undefined
}

const sinkOf = (name: string, place: Place): Sink => ({
  name: `file /var/lib/${name}`,
  open: Effect.succeed((issued: IssuedKey) =>
    Effect.sync(() => {
      place.holds = issued.key.id
      place.secret = Redacted.value(issued.secret)
      return { holds: Option.some(issued.key.id) }
    })
  ),
  holds: () => Effect.sync(() => Option.fromUndefinedOr(place.holds))
})

/** Makes the rotations of stores that use the journal in force, with places of these names. */
export const rotating = Effect.fnUntraced(function* (
  opened: Pick<KeyStores["Service"], "forTenant">,
  places: Readonly<Record<string, Place>>,
  {
    probing = Effect.succeed(true),
    schedules = []
  }: { readonly schedules?: ReadonlyArray<Schedule>; readonly probing?: Effect.Effect<boolean> } = {}
) {
  const storage = yield* RotationStorage.memory
  const named = RotationResources.make({
    stores: {},
    sinks: Object.fromEntries(Object.entries(places).map(([name, place]) => [name, () => sinkOf(name, place)])),
    probes: { api: { accepts: () => probing } }
  })
  const resources = RotationResources.RotationResources.of({
    ...named,
    store: (name, tenant) =>
      Effect.mapError(
        opened.forTenant(tenant ?? ""),
        ({ problem }) => new Unconfigured({ what: "store", name, problem })
      )
  })
  const services = yield* Layer.build(
    Layer.mergeAll(
      WorkflowEngine.layerMemory,
      Layer.succeed(RotationStorage.RotationStorage, storage),
      Layer.succeed(RotationResources.RotationResources, resources)
    )
  )
  const made = yield* GatewayRotations.make({
    refer: (sink) => Effect.succeed(Object.hasOwn(places, sink) ? sink : undefined),
    schedules: Effect.succeed(schedules)
  }).pipe(Effect.provideContext(services))
  return { rotations: made }
})

/** Has everything in it use one journal. */
export const journaled = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Journal.memory, (journal) => Effect.provideService(effect, Journal.Journal, journal))
