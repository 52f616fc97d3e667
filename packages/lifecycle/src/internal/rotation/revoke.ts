/** The last steps: revoking the key that is not kept, and looking whether it is refused. */
import type { KeyRef } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Undone, type Revocation } from "../../Rotation.ts"
import type { Probe } from "../../RotationResources.ts"
import type { RotationRecord } from "../../RotationStorage.ts"
import { heldBy, oldKey, subjectOf } from "./environment.ts"
import type { Outcome } from "./outcome.ts"
import { lookAt, revokeKey } from "./revocation.ts"
import { storeOf } from "./settle.ts"
import { now, retryLater, Stop, update, type Held } from "./worker.ts"

type Store = KeyStore["Service"]

const targetOf = (record: RotationRecord): KeyRef | undefined =>
  record.keep === "old" ? record.custody : oldKey(record)

const attention = (problem: string) => new Stop({ outcome: { kind: "attention", problem } })

/** What may have changed during the overlap: without a working new key in the sink the old one is not revoked. */
const checkHolder = Effect.fnUntraced(function* (held: Held, store: Store) {
  const { environment, record } = held
  const { custody } = record
  if (record.keep !== undefined) return
  if (custody === undefined || !record.handedOver) return yield* attention("the new key was not handed over")
  const { problem, seen } = yield* lookAt(store, custody)
  if (seen === "unknown") return yield* retryLater(problem)
  if (seen !== "active") return yield* attention(`${problem}, so the old one was not revoked`)
  const finding = environment.resources.sink(record.request.sink, subjectOf(record))
  const sink = yield* Effect.mapError(finding, ({ message }) => retryLater(message))
  const holds = yield* heldBy(sink, store)
  if (holds.problem !== undefined) return yield* retryLater(holds.problem)
  if (holds.id === undefined || holds.id === custody.id) return
  return yield* attention(`${sink.name} holds key ${holds.id}, and not key ${custody.id}`)
})

const lagOf = ({ environment }: Held, { capabilities }: Store): number =>
  Math.ceil(Duration.toMillis(Duration.sum(capabilities.revocationLag.within, environment.timing.margin)))

/** The step `revoke`, tried again until it succeeds. */
export const revoke = Effect.fnUntraced(function* (held: Held) {
  const store = yield* storeOf(held)
  yield* checkHolder(held, store)
  const target = targetOf(held.record)
  if (target !== undefined) {
    // From here on a process that stands still may revoke it at any time.
    if (held.record.keep !== "old" && !held.record.revokeBegun) yield* update(held, () => ({ revokeBegun: true }))
    yield* Effect.mapError(
      revokeKey(store, target, undefined),
      (problem) => new Stop({ outcome: { kind: "retry", problem, status: "revocationPending" } })
    )
  }
  const lag = lagOf(held, store)
  return { kind: "go", step: "confirm", changes: (now) => ({ confirmUntil: now + lag }) } satisfies Outcome
})

const probeOf = Effect.fnUntraced(function* ({ environment, record }: Held) {
  const { probe } = record.request
  if (probe === undefined) return undefined
  const finding = environment.resources.probe(probe, subjectOf(record))
  return yield* Effect.mapError(finding, ({ message }) => retryLater(message))
})

const isRefused = (probe: Probe | undefined, target: KeyRef): Effect.Effect<boolean> =>
  probe?.refuses === undefined
    ? Effect.succeed(false)
    : probe.refuses(target).pipe(
        Effect.orElseSucceed(() => false),
        Effect.catchDefect(() => Effect.succeed(false))
      )

const over = (record: RotationRecord, revocation: Revocation): Outcome =>
  record.keep === "old"
    ? {
        kind: "end",
        status: "undone",
        failure: new Undone({ problem: "it was decided to keep the old key" }),
        changes: { revocation }
      }
    : { kind: "end", status: "done", changes: { revocation } }

/** The step `confirm`: until the secret was seen refused, or the backend's bound is over. */
export const confirm = Effect.fnUntraced(function* (held: Held) {
  const { record } = held
  const target = targetOf(record)
  const store = yield* storeOf(held)
  const probe = yield* probeOf(held)
  const bound = Math.ceil(Duration.toMillis(store.capabilities.revocationLag.within))
  if (target === undefined) return over(record, { kind: "notConfirmed", bound, seen: "nothing" })
  if (yield* isRefused(probe, target)) return over(record, { kind: "confirmed" })
  const { seen } = yield* lookAt(store, target)
  const isEnded = seen === "revoked" || seen === "gone"
  const until = record.confirmUntil ?? 0
  // Where nobody can see the secret refused, what the backend says is all there is to wait for.
  const isOver = (yield* now(held)) >= until || (probe?.refuses === undefined && isEnded)
  return isOver
    ? over(record, { kind: "notConfirmed", bound, seen: isEnded ? seen : "nothing" })
    : ({ kind: "retry", problem: `key ${target.id} is not seen refused yet`, until } satisfies Outcome)
})
