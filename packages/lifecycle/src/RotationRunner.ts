/**
 * Rotations that go on by themselves: a runner that stays, and one that does what there is to do and ends.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { isUnderWay, type RotationError, type RotationId } from "./Rotation.ts"
import type { Rotations } from "./Rotations.ts"
import { runDue, type Left, type LeftReason, type Outcome, type Plan } from "./RotationSchedule.ts"
import type { RotationRecord } from "./RotationStorage.ts"

/**
 * Says how a runner that stays works.
 *
 * - `every`: how long after a look at all keys the next one comes, an hour when omitted.
 * - `onOutcome`: is told of everything; it cannot fail.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly every?: Duration.Input
  readonly onOutcome?: (outcome: Outcome) => Effect.Effect<void>
}

const expected: ReadonlySet<LeftReason> = new Set(["underWay", "rotated", "waiting"])

const whose = ({ key, store, tenant }: Pick<Left, "key" | "store" | "tenant">): string =>
  `key ${key.id} of ${tenant === undefined ? "" : `tenant ${tenant} in `}store ${store}`

const logged = (event: string, log: Effect.Effect<void>) => Effect.annotateLogs(log, "keyfold.event", event)

const tell = (outcome: Outcome): Effect.Effect<void> => {
  switch (outcome._tag) {
    case "Started":
      return logged("rotation.started", Effect.logInfo(`rotation ${outcome.record.id} of ${whose(outcome)} has begun`))
    case "Refused":
      return logged("rotation.refused", Effect.logError(`${whose(outcome)} is due: ${outcome.error.message}`))
    case "Left": {
      const line = `${whose(outcome)} is not rotated: ${outcome.problem}`
      const log = expected.has(outcome.reason) ? Effect.logDebug(line) : Effect.logWarning(line)
      return logged("rotation.left", log)
    }
    case "Unread":
      return logged(
        "rotation.unread",
        Effect.logError(`keys of store ${outcome.store} were not read: ${outcome.problem}`)
      )
  }
}

/** What an engine of a process that lives would have gone on with by itself long ago. */
const longAgo = 60_000

const isForgotten = ({ dueAt, leaseUntil, updatedAt }: RotationRecord, now: number): boolean =>
  leaseUntil <= now && (dueAt ?? updatedAt) + longAgo < now

/**
 * Has rotations go on that should have gone on a minute ago and that nobody is at: those whose process died before an
 * engine knew of them. It returns those.
 *
 * @category combinators
 * @since 0.1.0
 */
export const revive = Effect.fnUntraced(function* (
  rotations: Rotations["Service"]
): Effect.fn.Return<ReadonlyArray<RotationRecord>, RotationError> {
  const now = yield* Clock.currentTimeMillis
  const underWay = rotations.list({ statuses: ["running", "revocationPending"] })
  const forgotten = yield* Stream.runCollect(Stream.filter(underWay, (record) => isForgotten(record, now)))
  return yield* Effect.forEach(forgotten, ({ id }) => rotations.resume(id))
})

const defaultEvery = Duration.hours(1)

/**
 * Begins what is due, again and again, for as long as it runs, and has go on what was forgotten. The plan is made anew for each look, so that a
 * configuration may change meanwhile; a scope is open for as long as the look takes.
 *
 * One line in the log tells each rotation that was begun or refused, and what it had to leave alone; what fails is logged
 * too, and tried again at the next look. Any number of runners may share one storage of rotations.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = <R>(
  plan: Effect.Effect<Plan, { readonly message: string }, R>,
  { every = defaultEvery, onOutcome = () => Effect.void }: Options = {}
): Effect.Effect<never, never, Exclude<R, Scope.Scope>> =>
  Effect.flatMap(plan, (plan) =>
    Effect.andThen(
      revive(plan.rotations),
      Stream.runForEach(runDue(plan), (outcome) => Effect.andThen(tell(outcome), onOutcome(outcome)))
    )
  ).pipe(
    Effect.scoped,
    Effect.catch(({ message }: { readonly message: string }) =>
      logged("rotation.unread", Effect.logError(`due rotations could not be looked for: ${message}`))
    ),
    Effect.andThen(Effect.sleep(every)),
    Effect.forever
  )

/**
 * Says what `settle` waits for.
 *
 * - `ids`: only these rotations; all when omitted.
 * - `patience`: a rotation that goes on by itself within this time is waited for, 10 seconds when omitted.
 * - `within`: how long it waits in all, 10 minutes when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface SettleOptions {
  readonly ids?: ReadonlyArray<RotationId>
  readonly patience?: Duration.Input
  readonly within?: Duration.Input
}

const firstLook = 50

/** Many rotations are looked at less often than few. */
const longestLook = (rotations: number): number => Math.min(300 + rotations * 10, 5000)

/** Later than that the engine would have gone on by itself. */
const grace = 5000

const isBusy = (record: RotationRecord, now: number, patience: number): boolean =>
  isUnderWay(record.status) && (record.leaseUntil > now || record.dueAt === undefined || record.dueAt <= now + patience)

/** What nobody is at although its time has come, and revocations that failed, are begun again at once. */
const isToResume = ({ dueAt, leaseUntil, status, updatedAt }: RotationRecord, now: number): boolean =>
  leaseUntil <= now && (status === "revocationPending" || (dueAt ?? updatedAt) + grace < now)

type Known = Rotations["Service"]

const readAll = (
  rotations: Known,
  ids: SettleOptions["ids"]
): Effect.Effect<ReadonlyArray<RotationRecord>, RotationError> =>
  ids === undefined
    ? Stream.runCollect(rotations.list({ statuses: ["running", "revocationPending"] }))
    : Effect.forEach(ids, (id) => rotations.status(id))

/** Looks at rotations again and again until none of them is busy, and emits those that have changed. */
const watch = (
  rotations: Known,
  first: ReadonlyArray<RotationRecord>,
  patience: number
): Stream.Stream<RotationRecord, RotationError> => {
  let busy = first
  let pause = firstLook
  const look = Effect.gen(function* () {
    yield* Effect.sleep(pause)
    pause = Math.min(pause * 2, longestLook(busy.length))
    const next = yield* Effect.forEach(busy, ({ id }) => rotations.status(id), { concurrency: 8 })
    const now = yield* Clock.currentTimeMillis
    // Two changes of one millisecond may show as one; how it is in the end always shows.
    const isNews = (record: RotationRecord, index: number) =>
      record.updatedAt !== busy[index]?.updatedAt || !isBusy(record, now, patience)
    const news = next.filter(isNews)
    busy = next.filter((record) => isBusy(record, now, patience))
    return news
  })
  return Stream.flatMap(
    Stream.takeUntil(Stream.fromEffectRepeat(Effect.suspend(() => look)), () => busy.length === 0),
    (news) => Stream.fromIterable(news)
  )
}

/**
 * Has rotations go on that can go on now: overlaps that are over, revocations that failed, steps that a dead process was
 * at. It emits each rotation as it is and again when it has changed, and ends once all of them are over, stand still or
 * wait for longer than `patience`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const settle = (
  rotations: Known,
  { ids, patience = Duration.seconds(10), within = Duration.minutes(10) }: SettleOptions = {}
): Stream.Stream<RotationRecord, RotationError> => {
  const patient = Duration.toMillis(Duration.fromInputUnsafe(patience))
  return Stream.unwrap(
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const records = yield* Effect.forEach(yield* readAll(rotations, ids), (record) =>
        isUnderWay(record.status) && isToResume(record, now) ? rotations.resume(record.id) : Effect.succeed(record)
      )
      const busy = records.filter((record) => isBusy(record, now, patient))
      const rest = busy.length === 0 ? Stream.empty : watch(rotations, busy, patient)
      return Stream.concat(Stream.fromIterable(records), Stream.interruptWhen(rest, Effect.sleep(within)))
    })
  )
}
