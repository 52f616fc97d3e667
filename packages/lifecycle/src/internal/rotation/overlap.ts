/** The steps while both keys work: the holder's check, and the overlap. */
import type { KeyStore } from "@keyfold/core/KeyStore"
import * as Effect from "effect/Effect"
import { oldKey, subjectOf } from "./environment.ts"
import { overlapFrom } from "./handOff.ts"
import type { Outcome } from "./outcome.ts"
import { storeOf } from "./settle.ts"
import { now, retryLater, type Held } from "./worker.ts"

/** The step `holderCheck`, tried again until its time is over. */
export const holderCheck = Effect.fnUntraced(function* (held: Held) {
  const { environment, record } = held
  const { custody, holderCheckUntil = 0, request } = record
  const onwards: Outcome = { kind: "go", step: "overlap", changes: (now) => overlapFrom(record, now) }
  if (request.holderCheck === undefined || custody === undefined) return onwards
  const finding = environment.resources.holderCheck(request.holderCheck, subjectOf(record))
  const check = yield* Effect.mapError(finding, ({ message }) => retryLater(message))
  const problem = yield* Effect.suspend(() => check({ ...subjectOf(record), old: oldKey(record), new: custody })).pipe(
    Effect.match({ onFailure: ({ problem }) => problem, onSuccess: () => undefined }),
    Effect.catchDefect(() => Effect.succeed("the check broke off")),
    Effect.timeoutOrElse({
      duration: environment.timing.lease,
      orElse: () => Effect.succeed("the check has no answer")
    })
  )
  if (problem === undefined) return onwards
  const told = `the holder does not work with the new key: ${problem}`
  return (yield* now(held)) >= holderCheckUntil
    ? ({ kind: "attention", problem: told } satisfies Outcome)
    : ({ kind: "retry", problem: told, until: holderCheckUntil } satisfies Outcome)
})

/** Whether the old key was used since `since`: only exact numbers count, and where they are missing nothing does. */
const isUsed = (store: KeyStore["Service"], held: Held, since: number): Effect.Effect<boolean> =>
  store.capabilities.usage === "exact"
    ? Effect.match(store.usage(oldKey(held.record)), {
        onFailure: () => false,
        onSuccess: ({ lastUsedAt }) => lastUsedAt !== undefined && lastUsedAt.epochMilliseconds > since
      })
    : Effect.succeed(false)

/**
 * The step `overlap`. Where the backend counts exactly, an old key that was used during the last quarter stays for another
 * quarter, up to twice the overlap in all.
 */
export const overlap = Effect.fnUntraced(function* (held: Held) {
  const { overlapLimit = 0, overlapUntil = 0, request } = held.record
  const at = yield* now(held)
  if (at < overlapUntil) return { kind: "wait", until: overlapUntil } satisfies Outcome
  const store = yield* storeOf(held)
  const quarter = Math.ceil(request.overlap / 4)
  const stillUsed = request.overlap > 0 && (yield* isUsed(store, held, at - quarter))
  const until = Math.min(at + quarter, overlapLimit)
  if (stillUsed && until > at) return { kind: "wait", until, changes: { overlapUntil: until } } satisfies Outcome
  return { kind: "go", step: "revoke", changes: () => ({ stillUsed }) } satisfies Outcome
})
