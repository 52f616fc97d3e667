/** The keys that schedules mean, read once: those that are old enough, and the places that all of them go to. */
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { OwnedKey, Source } from "@keyfold/core/KeyStores"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { RotationId } from "../../Rotation.ts"
import type { Subject } from "../../RotationResources.ts"
import type { Left, Meant, Plan, Schedule, Unread } from "../../RotationSchedule.ts"
import { matches } from "../../Selector.ts"

/** A key that is old enough, before anybody has looked at its rotations and its sink. */
export interface Candidate extends Meant {
  readonly schedule: Schedule
  readonly since: DateTime.Utc
  readonly sink: string | undefined
}

/** What was read. `claims` counts, by the name of the place, the keys that are meant to go there. */
export interface Reading {
  readonly candidates: ReadonlyArray<Candidate>
  readonly told: ReadonlyArray<Left | Unread>
  readonly claims: ReadonlyMap<string, number>
}

interface Draft {
  readonly candidates: Array<Candidate>
  readonly told: Array<Left | Unread>
  readonly claims: Map<string, number>
}

/** Stands for the id of a rotation that may never be: sinks are asked for their names before. */
const noRotation = RotationId.make("schedule")

/** For whom a sink is looked up. */
export const subjectOf = ({ key, store, tenant }: Meant, rotationId: RotationId = noRotation): Subject => ({
  rotationId,
  store,
  tenant,
  key: { id: key.id, ...(key.owner === undefined ? {} : { owner: key.owner }) }
})

/** A tenant's own schedules go before those of its store. */
const schedulesFor = (
  schedules: Plan["schedules"],
  store: string,
  tenant: string | undefined
): ReadonlyArray<Schedule> => {
  const ofStore = schedules.filter((schedule) => schedule.store === store)
  const own = tenant === undefined ? [] : ofStore.filter((schedule) => schedule.tenant === tenant)
  return own.length > 0 ? own : ofStore.filter((schedule) => schedule.tenant === undefined)
}

/** The schedule that means a key. */
export const scheduleOf = (
  schedules: Plan["schedules"],
  { backend, capabilities, store }: Pick<Source, "backend" | "capabilities" | "store">,
  { key, tenant }: Pick<OwnedKey, "key" | "tenant">,
  now: DateTime.Utc
): Schedule | undefined =>
  schedulesFor(schedules, store, tenant).find(({ where }) => {
    const subject = { key, store, backend, ...(tenant === undefined ? {} : { tenant }), capabilities }
    return where === undefined || matches(where, subject, now)
  })

/** The sink that a schedule names for a key. */
export const sinkOf = ({ sink }: Schedule, key: ApiKey, tenant: string | undefined): string | undefined =>
  typeof sink === "string" ? sink : sink(key, tenant)

/** Keys that a rotation would take from the tenant they belong to, or that nobody can reach, are nobody's to rotate. */
const isRotatable = (owned: OwnedKey): boolean => owned.tenant !== undefined || owned.unassigned === "noTenants"

const nameOf = ({ resources }: Plan, meant: Meant, sink: string | undefined): Effect.Effect<string | undefined> =>
  sink === undefined
    ? Effect.undefined
    : resources.sink(sink, subjectOf(meant)).pipe(
        Effect.map(({ name }) => name),
        Effect.orElseSucceed(() => undefined),
        Effect.scoped
      )

const ageUnknown = (meant: Meant): Left => ({
  _tag: "Left",
  ...meant,
  reason: "ageUnknown",
  problem: "the backend does not say when it was made"
})

const take = Effect.fnUntraced(function* (
  plan: Plan,
  source: Source,
  owned: OwnedKey,
  draft: Draft,
  now: DateTime.Utc
) {
  const schedule = isRotatable(owned) ? scheduleOf(plan.schedules, source, owned, now) : undefined
  if (schedule === undefined) return
  const { key, tenant } = owned
  const meant: Meant = { store: source.store, tenant, key }
  const sink = sinkOf(schedule, key, tenant)
  const place = yield* nameOf(plan, meant, sink)
  if (place !== undefined) draft.claims.set(place, (draft.claims.get(place) ?? 0) + 1)
  if (plan.only !== undefined && plan.only !== source.store) return
  if (key.createdAt === undefined) return void draft.told.push(ageUnknown(meant))
  const since = DateTime.addDuration(key.createdAt, schedule.every)
  if (since.epochMilliseconds <= now.epochMilliseconds) draft.candidates.push({ ...meant, schedule, since, sink })
})

/** A failure of either kind may say what it is: it holds no secret. A defect may hold anything. */
const unread = ({ credential, store }: Source, error: { readonly message: string } | undefined): Unread => ({
  _tag: "Unread",
  store,
  ...(credential === undefined ? {} : { credential }),
  problem: error?.message ?? "something happened that must not happen; this is a bug"
})

const readSource = (plan: Plan, source: Source, draft: Draft, now: DateTime.Utc): Effect.Effect<void> =>
  Stream.runForEach(source.keys({ status: "active" }), (owned) => take(plan, source, owned, draft, now)).pipe(
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.interrupt
        : Effect.sync(() => {
            draft.told.push(unread(source, Option.getOrUndefined(Cause.findErrorOption(cause))))
          })
    )
  )

const concurrency = 8

/** Reads the stores that have schedules. */
export const read = Effect.fnUntraced(function* (plan: Plan): Effect.fn.Return<Reading> {
  const now = yield* DateTime.now
  const draft: Draft = { candidates: [], told: [], claims: new Map() }
  const stores = new Set(plan.schedules.map(({ store }) => store))
  const sources = plan.sources.filter(({ store }) => stores.has(store))
  yield* Effect.forEach(sources, (source) => readSource(plan, source, draft, now), { concurrency, discard: true })
  return draft
})
