/** Watching what an abandoned attempt may have left, until it is certain that no live key of it is left. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { KeyRef } from "../ApiKey.ts"
import type { Driver } from "../Driver.ts"
import type { OperationId } from "../OperationId.ts"
import { CurrentPriority, type Priority } from "../RequestBudget.ts"
import type { Finder } from "./finder.ts"
import type { CallFailure } from "./retry.ts"
import { behindTheScenes, logged, type Meter } from "./telemetry.ts"

/** Keeps a store's memory bounded: beyond it nothing new is watched, and so nothing is minted anew either. */
const capacity = 10_000

/** How long closing a store waits for what is under way. */
const patience = Duration.seconds(10)

const firstPause = 1000
const longestPause = 30_000

/** One attempt whose outcome nobody knows, or whose key nobody holds: `key` where that is known already. */
export interface Suspect {
  readonly operationId: OperationId
  readonly nonce: string
  readonly key?: KeyRef
}

/** A suspect being watched. `looked` ends with the first look that succeeded, `done` when nothing can come any more. */
export interface Watch {
  readonly looked: Deferred.Deferred<void>
  readonly done: Deferred.Deferred<void>
}

/** Watches suspects for one store. */
export interface Reconciler {
  /** Watches an attempt; none where that is impossible because too many are watched or the store is closing. */
  readonly watch: (suspect: Suspect, whenDone: Effect.Effect<void>) => Effect.Effect<Watch | undefined>
  readonly canWatch: () => boolean
  /** Reads the mark of the first key that was made back, once it must be visible, and warns where it got lost. */
  readonly readBack: (key: KeyRef) => Effect.Effect<void>
}

/** What watching needs of a store. */
export interface Tools {
  readonly driver: Driver
  readonly finder: Finder
  readonly meter: Meter
  readonly revoke: (ref: KeyRef) => Effect.Effect<unknown, CallFailure>
}

interface Watching {
  readonly suspect: Suspect
  readonly fiber: Fiber.Fiber<void>
}

/** What one suspect's pursuit knows: the key to revoke without having been listed, the times of the looks, their result. */
interface Pursuit {
  readonly suspect: Suspect
  readonly first: number
  readonly last: number
  known: KeyRef | undefined
  hasRevoked: boolean
}

/** Revokes whatever an attempt made; true where the look succeeded and nothing live is left of what it saw. */
const look = (tools: Tools, pursuit: Pursuit, now: number): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const { known, suspect } = pursuit
    const { finder } = tools
    const revoke = (key: KeyRef) => Effect.tap(tools.revoke(key), () => Effect.sync(() => (pursuit.hasRevoked = true)))
    const made = yield* finder.made(suspect.operationId, suspect.nonce)
    const unlisted = known === undefined || made.some(({ id }) => id === known.id) ? [] : [known]
    const listed = yield* Effect.forEach(made, (key) => Effect.isSuccess(revoke(key)))
    const rest = yield* Effect.forEach(unlisted, (key) =>
      // A key that must be visible by now, and is neither listed nor found, is gone.
      Effect.match(revoke(key), {
        onFailure: ({ error }) => error.reason._tag === "NotFound" && now >= pursuit.first,
        onSuccess: () => true
      })
    )
    if (rest.every(Boolean)) pursuit.known = undefined
    return [...listed, ...rest].every(Boolean)
  }).pipe(Effect.orElseSucceed(() => false))

const pursue = Effect.fnUntraced(function* (
  tools: Tools,
  pursuit: Pursuit,
  looked: Deferred.Deferred<void>,
  closing: Deferred.Deferred<void>
): Effect.fn.Return<void> {
  const { first, last } = pursuit
  let pause = firstPause
  let priority: Priority = "foreground"
  let next = pursuit.known === undefined ? first : Number.NEGATIVE_INFINITY
  for (;;) {
    const wait = next - (yield* Clock.currentTimeMillis)
    if (wait > 0) yield* Effect.raceFirst(Effect.sleep(Duration.millis(wait)), Deferred.await(closing))
    const began = yield* Clock.currentTimeMillis
    const isClear = yield* Effect.provideService(look(tools, pursuit, began), CurrentPriority, priority)
    if (isClear && began >= first) {
      priority = "background"
      yield* Deferred.succeed(looked, undefined)
    }
    if (isClear && began >= last) return
    next = isClear ? (began < first ? first : last) : (yield* Clock.currentTimeMillis) + pause
    pause = Math.min(pause * 2, longestPause)
    // A store that closes looks at once; after that it does not spin.
    if (Deferred.isDoneUnsafe(closing)) yield* Effect.sleep(Duration.millis(firstPause))
  }
})

/** Starts the time of a suspect now; the answer pursues it to its end. */
const begin = Effect.fnUntraced(function* (
  tools: Tools,
  suspect: Suspect,
  { looked }: Watch,
  closing: Deferred.Deferred<void>
): Effect.fn.Return<Effect.Effect<void>> {
  const { driver, meter } = tools
  const { settle, visibility } = driver.capabilities.consistency
  const first = (yield* Clock.currentTimeMillis) + Duration.toMillis(visibility.within)
  const last = first + Duration.toMillis(settle.within)
  const pursuit: Pursuit = { suspect, first, last, known: suspect.key, hasRevoked: false }
  const settled = Effect.suspend(() => meter.settled(pursuit.hasRevoked ? "revoked" : "nothing"))
  return Effect.andThen(behindTheScenes(meter, "reconcile", pursue(tools, pursuit, looked, closing)), settled)
})

const report = ({ meter }: Tools, left: ReadonlyArray<Suspect>) => {
  if (left.length === 0) return Effect.void
  const operations = [...new Set(left.map(({ operationId }) => operationId))]
  const warning = Effect.logWarning(
    `store "${meter.site.store}" closed before it was certain what these operations left: ${operations.join(", ")}. ` +
      "Run recover for each, or sweepOrphans with the journal."
  )
  const count = Effect.forEach(left, () => meter.settled("left"), { discard: true })
  return Effect.andThen(count, logged(meter, "store.closed.early", warning))
}

const lost = (store: string): string =>
  `store "${store}": the backend does not keep the mark in a key's name; ` +
  "a create whose answer is lost cannot be found again and will be OutcomeUnknown"

const makeReadBack = ({ driver, finder, meter }: Tools, scope: Scope.Scope): Reconciler["readBack"] => {
  const { consistency, createSafety } = driver.capabilities
  let isDone = createSafety !== "marker"
  const work = ({ id }: KeyRef) =>
    Effect.sleep(consistency.visibility.within).pipe(
      Effect.andThen(finder.readBack(id)),
      Effect.tap((survival) =>
        survival === "lost" ? logged(meter, "mark.lost", Effect.logWarning(lost(meter.site.store))) : Effect.void
      ),
      Effect.provideService(CurrentPriority, "background"),
      (reading) => behindTheScenes(meter, "readBack", reading),
      Effect.ignore
    )
  return (key) =>
    Effect.suspend(() => {
      if (isDone) return Effect.void
      isDone = true
      return Effect.asVoid(Effect.forkIn(work(key), scope))
    })
}

/**
 * Makes the reconciler of one store. The scope's end waits up to 10 s for what is being watched and then names the
 * operations it must leave.
 */
export const make = Effect.fnUntraced(function* (tools: Tools): Effect.fn.Return<Reconciler, never, Scope.Scope> {
  const watching = new Set<Watching>()
  const closing = yield* Deferred.make<void>()
  const canWatch = () => watching.size < capacity && !Deferred.isDoneUnsafe(closing)
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      yield* Deferred.succeed(closing, undefined)
      const all = [...watching]
      // In a fiber of its own: where an interruption closes the scope, this fiber could not wait interruptibly any more.
      const waiting = yield* Effect.forEach(all, ({ fiber }) => Fiber.await(fiber), { discard: true }).pipe(
        Effect.timeoutOption(patience),
        Effect.interruptible,
        Effect.forkDetach
      )
      yield* Fiber.await(waiting)
      yield* report(
        tools,
        [...watching].map(({ suspect }) => suspect)
      )
      yield* Effect.forEach([...watching], ({ fiber }) => Fiber.interrupt(fiber), { discard: true })
    })
  )
  const watch: Reconciler["watch"] = Effect.fnUntraced(function* (suspect, whenDone) {
    if (!canWatch()) return undefined
    const watch: Watch = { looked: Deferred.makeUnsafe(), done: Deferred.makeUnsafe() }
    const work = Effect.andThen(yield* begin(tools, suspect, watch, closing), whenDone)
    const fiber = yield* Effect.forkDetach(Effect.interruptible(work))
    const entry = { suspect, fiber }
    watching.add(entry)
    fiber.addObserver(() => {
      watching.delete(entry)
      Deferred.doneUnsafe(watch.done, Effect.void)
    })
    return watch
  })
  return { watch, canWatch, readBack: makeReadBack(tools, yield* Effect.scope) }
})
