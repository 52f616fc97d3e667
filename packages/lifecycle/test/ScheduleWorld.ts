/** A store with schedules: what runners see of it, over one storage of rotations, one journal and one clock. */
import type { KeyId } from "@keyfold/core/ApiKey"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { Source } from "@keyfold/core/KeyStores"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { SinkError, type Sink } from "@keyfold/core/Sink"
import * as Resources from "@keyfold/lifecycle/RotationResources"
import type { Outcome, Plan, Schedule } from "@keyfold/lifecycle/RotationSchedule"
import { runDue } from "@keyfold/lifecycle/RotationSchedule"
import * as RotationStorage from "@keyfold/lifecycle/RotationStorage"
import * as Rotations from "@keyfold/lifecycle/Rotations"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"

/** A place that may refuse to be opened, or forget what it was given. */
export interface Place {
  holds: KeyId | undefined
  fault: "none" | "closed" | "forgetful"
}

const sinkOf = (name: string, place: Place): Sink => ({
  name,
  open: Effect.suspend(() =>
    place.fault === "closed"
      ? Effect.fail(new SinkError({ sink: name, problem: "it is closed." }))
      : Effect.succeed(({ key }) =>
          Effect.suspend(() => {
            if (place.fault === "forgetful") return Effect.fail(new SinkError({ sink: name, problem: "it forgot." }))
            place.holds = key.id
            return Effect.succeed({ holds: Option.some(key.id) })
          })
        )
  ),
  holds: () => Effect.sync(() => Option.fromNullishOr(place.holds))
})

/** What schedules of these tests say unless they say otherwise. */
export const schedule: Schedule = { store: "keys", every: "30 days", overlap: "1 day", sink: "place" }

/** A store, its places, and runners that share them. */
export const make = Effect.gen(function* () {
  const journal = yield* Journal.memory
  const storage = yield* RotationStorage.memory
  const store = yield* KeyStore.make(MemoryDriver.make(), { store: "keys" }).pipe(
    Effect.provideService(Journal.Journal, journal)
  )
  const places = new Map<string, Place>()
  const place = (name: string): Place => {
    const found = places.get(name) ?? { holds: undefined, fault: "none" }
    places.set(name, found)
    return found
  }
  const resources: Resources.RotationResources["Service"] = {
    ...Resources.make({ stores: { keys: () => Effect.succeed(store) }, sinks: {} }),
    sink: (name) => Effect.succeed(name === Resources.toAsker ? Resources.askerElsewhere : sinkOf(name, place(name)))
  }
  const source: Source = {
    store: "keys",
    credential: undefined,
    backend: store.backend,
    capabilities: store.capabilities,
    tenants: [],
    serves: () => false,
    keys: (filter) =>
      Stream.map(store.list(filter), (key) => ({ key, tenant: undefined, unassigned: "noTenants" as const }))
  }
  const launch = Effect.fnUntraced(function* (schedules: ReadonlyArray<Schedule> = [schedule]) {
    const layer = Rotations.layer.pipe(
      Layer.provide([
        WorkflowEngine.layerMemory,
        Layer.succeed(Resources.RotationResources, resources),
        Layer.succeed(RotationStorage.RotationStorage, storage)
      ]),
      Layer.provide(Journal.layer(Effect.succeed(journal)))
    )
    const rotations = Context.get(yield* Layer.build(layer), Rotations.Rotations)
    const plan: Plan = { sources: [source], schedules, rotations, resources }
    return plan
  })
  const live = Effect.map(Stream.runCollect(store.list({ status: "active" })), (keys) => keys.map(({ id }) => id))
  return { store, place, resources, launch, live }
})

/** One look of a runner. */
export const look = (plan: Plan) => Stream.runCollect(runDue(plan))

/** What a look told, in a word for each key. */
export const words = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<string> =>
  outcomes.map((outcome) => (outcome._tag === "Left" ? outcome.reason : outcome._tag))
