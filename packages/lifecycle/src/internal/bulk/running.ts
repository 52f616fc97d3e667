/** Revoking what was planned. */
import type { KeyStoreError, RateLimited } from "@keyfold/core/KeyStoreError"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import {
  OtherSelector,
  StoreMissing,
  UnknownPlan,
  type BulkRevocationError,
  type Event,
  type Failure,
  type Outcome,
  type Plan,
  type RunOptions,
  type Source,
  type Target
} from "../../BulkRevocation.ts"
import type { Saved } from "../../BulkStorage.ts"
import { print, type Selector } from "../../Selector.ts"
import { addressOf } from "./address.ts"
import { hold, type Hold } from "./claim.ts"
import * as finishing from "./finishing.ts"
import { lookFor, type Look } from "./looking.ts"
import { find, refuse, stored, usualLimit } from "./planning.ts"
import { inBackground, type Seen } from "./reading.ts"
import { makeRecorder, type Record } from "./recorder.ts"
import { makeTally } from "./tally.ts"

const outcomeOf = ({ id, store, tenant }: Target, kind: Outcome["kind"], at: number, problem?: string): Outcome => ({
  store,
  ...(tenant === undefined ? {} : { tenant }),
  id,
  kind,
  at,
  ...(problem === undefined ? {} : { problem })
})

const problemOf = (error: Failure): string => {
  if (error._tag !== "KeyStoreError") return error.message
  const { attempts, reason }: KeyStoreError = error
  return `${reason._tag}: ${reason.message} (${attempts === 1 ? "1 attempt" : `${attempts} attempts`})`
}

const attempt = Effect.fnUntraced(function* ({ source, target }: Seen): Effect.fn.Return<Outcome | RateLimited> {
  const { id, owner, tenant } = target
  const ref = owner === undefined ? { id } : { id, owner }
  const result = yield* Effect.result(inBackground(source.revoke(ref, tenant)))
  const at = yield* Clock.currentTimeMillis
  if (Result.isSuccess(result)) {
    return outcomeOf(target, result.success.alreadyRevoked === true ? "alreadyRevoked" : "revoked", at)
  }
  const error = result.failure
  const reason = error._tag === "KeyStoreError" ? error.reason : undefined
  if (reason?._tag === "RateLimited") return reason
  // Elsewhere the same answer means a wrong owner, or a key that another replica does not show yet.
  return reason?._tag === "NotFound" && source.capabilities.revokeUnknown === "notFound"
    ? outcomeOf(target, "gone", at)
    : outcomeOf(target, "failed", at, problemOf(error))
})

interface Work {
  readonly held: Hold
  readonly record: Record
  readonly giveUpAfter: number
}

type Settled = Effect.Effect<ReadonlyArray<Outcome>, BulkRevocationError>

type Kept = ReadonlyArray<Outcome> | RateLimited

const usualWait = Duration.seconds(5)
const mostWaits = 100

/**
 * Revokes one key and keeps what became of it; an interruption waits for both, and not for the backend's leave to send.
 * Nothing is returned once the run has given up.
 */
const makeSettle = ({ giveUpAfter, held, record }: Work) => {
  const finish = finishing.make()
  let failures = 0
  const keep = (outcome: Outcome): Settled => {
    failures = outcome.kind === "failed" ? failures + 1 : 0
    return Effect.as(record(outcome), [outcome])
  }
  const once = (seen: Seen): Effect.Effect<Kept, BulkRevocationError> =>
    Effect.flatMap(attempt(seen), (result): Effect.Effect<Kept, BulkRevocationError> =>
      "_tag" in result ? Effect.succeed(result) : keep(result)
    )
  const settle = (seen: Seen, waits = 0): Settled =>
    Effect.suspend(() => {
      if (failures >= giveUpAfter) return Effect.succeed([])
      const again = ({ message, retryAfter = usualWait }: RateLimited): Settled =>
        waits < mostWaits
          ? Effect.andThen(Effect.sleep(retryAfter), settle(seen, waits + 1))
          : Effect.flatMap(Clock.currentTimeMillis, (at) => keep(outcomeOf(seen.target, "failed", at, message)))
      return Effect.flatMap(Effect.andThen(held.check, finish(once(seen))), (kept) =>
        "_tag" in kept ? again(kept) : Effect.succeed(kept)
      )
    })
  return (seen: Seen): Settled => settle(seen)
}

const planFor = Effect.fnUntraced(function* (
  sources: ReadonlyArray<Source>,
  selector: Selector,
  { digest, limit = usualLimit, storage }: RunOptions
): Effect.fn.Return<Saved, Failure> {
  const saved = yield* stored(storage.load(digest))
  if (saved !== undefined) {
    return saved.plan.selector === print(selector)
      ? saved
      : yield* refuse(new OtherSelector({ planned: saved.plan.selector }))
  }
  const plan = yield* find(sources, selector, yield* DateTime.now, limit)
  if (plan.digest !== digest) return yield* refuse(new UnknownPlan({ digest }))
  yield* stored(storage.save(plan))
  return { plan, outcomes: [] }
})

const checkStores = (sources: ReadonlyArray<Source>, { targets }: Plan): Effect.Effect<void, BulkRevocationError> => {
  const given = new Set(sources.map(({ store }) => store))
  const missing = targets.find(({ store }) => !given.has(store))
  return missing === undefined ? Effect.void : refuse(new StoreMissing({ store: missing.store }))
}

/** What is certain before anything is revoked: needs no request, then needs one. */
const outcomesOf = (
  { absent, live, spared }: Look,
  now: number,
  { held, record, giveUpAfter }: Work,
  concurrency: number
): Stream.Stream<Outcome, BulkRevocationError> => {
  const certain = [
    ...absent.map((target) => outcomeOf(target, "gone", now)),
    ...spared.map((target) => outcomeOf(target, "spared", now))
  ]
  const settle = makeSettle({ held, record, giveUpAfter })
  return Stream.concat(
    Stream.mapEffect(Stream.fromIterable(certain), (outcome) => Effect.as(record(outcome), outcome)),
    Stream.fromIterable(live).pipe(Stream.mapEffect(settle, { concurrency, unordered: true }), Stream.flattenIterable)
  )
}

const prepare = Effect.fnUntraced(function* (
  sources: ReadonlyArray<Source>,
  selector: Selector,
  options: RunOptions
): Effect.fn.Return<Stream.Stream<Event, Failure>, Failure, Scope.Scope> {
  const { concurrency = 8, digest, giveUpAfter = 100, leaveAdded = false, storage } = options
  const held = yield* hold(storage, digest)
  const { outcomes, plan } = yield* planFor(sources, selector, options)
  yield* checkStores(sources, plan)
  const known = new Map(outcomes.map((outcome) => [addressOf(outcome), outcome]))
  const found = yield* lookFor(sources, selector, plan, known, leaveAdded)
  const tally = makeTally(plan, known)
  const planned = plan.targets.length
  const done = planned - found.live.length - found.absent.length - found.spared.length
  const started: Event = { _tag: "Started", digest, planned, done, added: found.added }
  const work = { held, record: makeRecorder(storage, digest), giveUpAfter }
  const settled = outcomesOf(found, yield* Clock.currentTimeMillis, work, concurrency).pipe(
    Stream.map((outcome): Event => {
      tally.add(outcome)
      return { _tag: "Settled", outcome }
    })
  )
  const finished = Stream.suspend(() => Stream.succeed<Event>({ _tag: "Finished", report: tally.report() }))
  return Stream.concat(Stream.concat(Stream.succeed(started), settled), finished)
})

/** Runs a plan. */
export const runPlan = (
  sources: ReadonlyArray<Source>,
  selector: Selector,
  options: RunOptions
): Stream.Stream<Event, Failure> => Stream.unwrap(prepare(sources, selector, options))
