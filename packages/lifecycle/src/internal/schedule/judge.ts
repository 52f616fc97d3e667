/** Whether a key that is old enough is rotated now: what its rotations say, and what its sink holds. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { isUnderWay, RotationId, type RotationError } from "../../Rotation.ts"
import type { Due, Left, LeftReason, Meant, Plan, Schedule } from "../../RotationSchedule.ts"
import type { RotationRecord } from "../../RotationStorage.ts"
import { subjectOf, type Candidate, type Reading } from "./read.ts"

const encoder = new TextEncoder()

/** Begins the ids of the scheduled rotations of one key, whoever begins them; the number of the attempt ends them. */
const prefixOf = ({ key, store, tenant }: Meant): Effect.Effect<string> => {
  const address = JSON.stringify(["keyfold rotation schedule 1", store, tenant ?? null, key.id])
  return Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", encoder.encode(address))),
    (digest) => {
      const bytes = [...new Uint8Array(digest).subarray(0, 16)]
      return `due-${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}-`
    }
  )
}

const hour = 3_600_000

/** How long after so many attempts that came to nothing the next one is made. */
const pauseAfter = (attempts: number): number => hour * Math.min(2 ** (attempts - 1), 24)

const left = ({ key, store, tenant }: Meant, reason: LeftReason, problem: string, rotation?: RotationId): Left => ({
  _tag: "Left",
  store,
  tenant,
  key,
  reason,
  problem,
  ...(rotation === undefined ? {} : { rotation })
})

const standing = (candidate: Meant, record: RotationRecord): Left | undefined => {
  const { failure, id, old, problem, status } = record
  if (isUnderWay(status)) return left(candidate, "underWay", problem ?? `rotation ${id} has it`, id)
  if (status === "needsAttention") return left(candidate, "needsAttention", failure?.message ?? "it stands still", id)
  return status === "done" && old.id === candidate.key.id
    ? left(candidate, "rotated", "it was replaced and revoked; the list does not show that yet", id)
    : undefined
}

/** What the rotations of a key say: nothing may begin now, or the number of the next attempt. */
const fromRecords = (
  candidate: Meant,
  prefix: string,
  records: ReadonlyArray<RotationRecord>,
  now: number
): Left | number => {
  const found = records.flatMap((record) => standing(candidate, record) ?? [])
  // One that needs attention is told before all others.
  const obstacle = found.find(({ reason }) => reason === "needsAttention") ?? found[0]
  if (obstacle !== undefined) return obstacle
  const failed = records.filter(({ id, status }) => status === "undone" && id.startsWith(prefix))
  const last = failed.toSorted((one, other) => one.updatedAt - other.updatedAt).at(-1)
  if (last === undefined) return 1
  return now < last.updatedAt + pauseAfter(failed.length)
    ? left(candidate, "waiting", last.failure?.message ?? "it came to nothing", last.id)
    : failed.length + 1
}

/** What the sink says: nothing where the key may go there. */
const fromSink = Effect.fnUntraced(
  function* ({ resources }: Plan, candidate: Meant, name: string, { claims }: Pick<Reading, "claims">) {
    const { identify } = yield* resources.store(candidate.store, candidate.tenant)
    const sink = yield* resources.sink(name, subjectOf(candidate))
    const holds = yield* sink.holds(identify)
    if (holds._tag === "Some") {
      return holds.value === candidate.key.id
        ? undefined
        : left(candidate, "otherKey", `${sink.name} holds key ${holds.value}`)
    }
    const others = (claims.get(sink.name) ?? 1) - 1
    return others === 0
      ? undefined
      : left(
          candidate,
          "sharedSink",
          `${sink.name} does not tell which key it holds, and ${others} more of the schedules' keys ` +
            `${others === 1 ? "goes" : "go"} there`
        )
  },
  (effect, _, candidate) =>
    Effect.scoped(effect).pipe(
      Effect.catch((error: { readonly message: string }) => Effect.succeed(left(candidate, "noSink", error.message)))
    )
)

const optionsOf = (candidate: Candidate, schedule: Schedule, sink: string, rotationId: RotationId): Due["options"] => {
  const { expiry = "sameLifetime", holderCheck, holderCheckWithin, overlap, probe } = schedule
  return {
    rotationId,
    store: candidate.store,
    ...(candidate.tenant === undefined ? {} : { tenant: candidate.tenant }),
    overlap,
    sink,
    ...(probe === undefined ? {} : { probe }),
    ...(holderCheck === undefined ? {} : { holderCheck }),
    ...(holderCheckWithin === undefined ? {} : { holderCheckWithin }),
    expiry
  }
}

/** Judges a key that is old enough. */
export const judge = Effect.fnUntraced(function* (
  plan: Plan,
  candidate: Candidate,
  places: Pick<Reading, "claims">
): Effect.fn.Return<Due | Left, RotationError> {
  const { key, schedule, since, sink, store, tenant } = candidate
  const prefix = yield* prefixOf(candidate)
  const records = yield* Stream.runCollect(plan.rotations.list({ store, key: key.id }))
  const next = fromRecords(candidate, prefix, records, yield* Clock.currentTimeMillis)
  if (typeof next !== "number") return next
  if (sink === undefined) return left(candidate, "noSink", "no sink is named for it")
  const objection = yield* fromSink(plan, candidate, sink, places)
  if (objection !== undefined) return objection
  const options = optionsOf(candidate, schedule, sink, RotationId.make(`${prefix}${next}`))
  return { _tag: "Due", store, tenant, key, since, options }
})
