/**
 * Rotating keys when they have reached an age: which are due, and beginning their rotations.
 *
 * Several runners may look at the same time and as often as they like: a key's rotation has an id that follows from the
 * key, so that all of them begin the same one. What was missed is caught up once, because the new key's age counts from
 * its own making.
 *
 * @since 0.1.0
 */
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { Source } from "@keyfold/core/KeyStores"
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { judge } from "./internal/schedule/judge.ts"
import { read, scheduleOf, sinkOf } from "./internal/schedule/read.ts"
import type { Options, RotationError, RotationId } from "./Rotation.ts"
import type { RotationResources } from "./RotationResources.ts"
import type { Rotations } from "./Rotations.ts"
import type { RotationRecord } from "./RotationStorage.ts"
import type { Selector } from "./Selector.ts"

/**
 * Says which keys are rotated how often, and how.
 *
 * - `store`: whose keys. `tenant`: only this tenant's; without it those of all tenants that have no schedule of their own
 *   here, and those of a store without tenants.
 * - `where`: only keys that it certainly means; all when omitted. Of several schedules that mean a key the first counts.
 * - `every`: a key is due once it is this old. `overlap`, shorter than that, and the rest are as for any rotation, but
 *   `expiry` is `sameLifetime` when omitted.
 * - `sink`: the name of the sink, or a function that names one for each key, and `undefined` where there is none for it.
 *
 * A sink holds one key. A key is rotated only into a sink that holds that very key or, where the sink cannot tell, into
 * one that no other key of any schedule goes to: all others are left alone and told of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Schedule extends Pick<Options, "overlap" | "probe" | "holderCheck" | "holderCheckWithin"> {
  readonly store: string
  readonly tenant?: string
  readonly where?: Selector
  readonly every: Duration.Input
  readonly sink: string | ((key: ApiKey, tenant: string | undefined) => string | undefined)
  readonly expiry?: "keep" | "sameLifetime"
}

/**
 * Holds what looking for due keys needs: where keys are read, the schedules, and the rotations that would be begun.
 *
 * With `only`, no key of another store is rotated or told of. They are read all the same, because a sink that cannot tell
 * which key it holds may be meant for them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Plan {
  readonly sources: ReadonlyArray<Source>
  readonly schedules: ReadonlyArray<Schedule>
  readonly rotations: Rotations["Service"]
  readonly resources: RotationResources["Service"]
  readonly only?: string
}

/**
 * Holds a key that a schedule means, and whose it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Meant {
  readonly store: string
  readonly tenant: string | undefined
  readonly key: ApiKey
}

/**
 * Tells of a key that is due since a time, and how it is to be rotated.
 *
 * @category models
 * @since 0.1.0
 */
export interface Due extends Meant {
  readonly _tag: "Due"
  readonly since: DateTime.Utc
  readonly options: Options & { readonly rotationId: RotationId }
}

/**
 * Says why a key that a schedule means is not rotated now.
 *
 * - `ageUnknown`: the backend does not say when it was made.
 * - `noSink`: no sink is named for it, or the sink is not set up or cannot be asked.
 * - `otherKey`: the sink holds another key.
 * - `sharedSink`: the sink cannot tell which key it holds, and other keys go there too.
 * - `underWay`: a rotation has the key. `needsAttention`: one has it and stands still.
 * - `rotated`: it was replaced and revoked, and the backend's list does not show that yet.
 * - `waiting`: its last scheduled rotation came to nothing, and it is too early to try again: an hour after that, then two,
 *   then four, a day at the most.
 *
 * @category models
 * @since 0.1.0
 */
export type LeftReason =
  | "ageUnknown"
  | "noSink"
  | "otherKey"
  | "sharedSink"
  | "underWay"
  | "needsAttention"
  | "rotated"
  | "waiting"

/**
 * Tells of a key that is left alone, and why. `rotation` names the rotation that it is about.
 *
 * @category models
 * @since 0.1.0
 */
export interface Left extends Meant {
  readonly _tag: "Left"
  readonly reason: LeftReason
  readonly problem: string
  readonly rotation?: RotationId
}

/**
 * Tells that the keys of a store could not be read, or not all of them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Unread {
  readonly _tag: "Unread"
  readonly store: string
  readonly credential?: string
  readonly problem: string
}

/**
 * What looking for due keys tells.
 *
 * @category models
 * @since 0.1.0
 */
export type Event = Due | Left | Unread

/**
 * Looks for keys that are due. Each backend's list is read once, in the background of its budget. Nothing is changed.
 *
 * A store that cannot be read hides no other. Keys that are not due yet are not told of. Fails where the rotations cannot
 * be read.
 *
 * @category combinators
 * @since 0.1.0
 */
export const due = (plan: Plan): Stream.Stream<Event, RotationError> =>
  Stream.unwrap(
    Effect.map(read(plan), ({ candidates, told, ...places }) =>
      Stream.concat(
        Stream.fromIterable<Event>(told),
        Stream.mapEffect(Stream.fromIterable(candidates), (candidate) => judge(plan, candidate, places), {
          concurrency: 8
        })
      )
    )
  )

/**
 * Tells how a schedule would rotate a key, however old the key is: the first schedule that means it, with the sink that it
 * names for this key. Undefined where none means it.
 *
 * @category combinators
 * @since 0.1.0
 */
export const meaning = (
  schedules: ReadonlyArray<Schedule>,
  place: Pick<Source, "backend" | "capabilities" | "store">,
  owned: Pick<Meant, "key" | "tenant">
): Effect.Effect<(Omit<Schedule, "sink"> & { readonly sink: string | undefined }) | undefined> =>
  Effect.map(DateTime.now, (now) => {
    const schedule = scheduleOf(schedules, place, owned, now)
    return schedule === undefined ? undefined : { ...schedule, sink: sinkOf(schedule, owned.key, owned.tenant) }
  })

/**
 * Tells of a rotation that was begun, or that another runner had begun at the same time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Started extends Meant {
  readonly _tag: "Started"
  readonly record: RotationRecord
}

/**
 * Tells of a rotation that could not be begun.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refused extends Meant {
  readonly _tag: "Refused"
  readonly error: RotationError
}

/**
 * What beginning due rotations tells.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = Started | Refused | Left | Unread

const begin = ({ rotations }: Plan, { key, options, store, tenant }: Due): Effect.Effect<Outcome> =>
  Effect.match(rotations.start({ id: key.id, ...(key.owner === undefined ? {} : { owner: key.owner }) }, options), {
    onSuccess: (record): Outcome => ({ _tag: "Started", store, tenant, key, record }),
    onFailure: (error): Outcome =>
      error.reason._tag === "Conflict"
        ? { _tag: "Left", store, tenant, key, reason: "underWay", problem: error.message }
        : { _tag: "Refused", store, tenant, key, error }
  })

/**
 * Looks for keys that are due, and begins their rotations. The engine of the rotations does the rest.
 *
 * @category combinators
 * @since 0.1.0
 */
export const runDue = (plan: Plan): Stream.Stream<Outcome, RotationError> =>
  Stream.mapEffect(due(plan), (event) => (event._tag === "Due" ? begin(plan, event) : Effect.succeed(event)), {
    concurrency: 4
  })
