/** Putting the new secret where its holder reads it. From the first line on the new key is never revoked by itself. */
import type { IssuedKey, KeyId } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import { SinkError, type Receipt, type Sink } from "@keyfold/core/Sink"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { Undone } from "../../Rotation.ts"
import type { RotationRecord, RotationStorageError } from "../../RotationStorage.ts"
import { heldBy, sinkWithin } from "./environment.ts"
import type { Changes, Outcome } from "./outcome.ts"
import { retryLater, Stop, update, type Held, type Lost } from "./worker.ts"

/** A secret on its way. */
interface Parcel {
  readonly issued: IssuedKey
  readonly write: (issued: IssuedKey) => Effect.Effect<Receipt, SinkError>
}

/** Starts the overlap: the old key stays for as long as was asked for. */
export const overlapFrom = ({ request: { overlap } }: RotationRecord, now: number): Changes => ({
  overlapUntil: now + overlap,
  overlapLimit: now + 2 * overlap
})

/** The step after the holder has the new key. */
export const afterHandOff = (record: RotationRecord): Outcome =>
  record.request.holderCheck === undefined
    ? { kind: "go", step: "overlap", changes: (now) => overlapFrom(record, now) }
    : {
        kind: "go",
        step: "holderCheck",
        changes: (now) => ({ holderCheckUntil: now + record.request.holderCheckWithin })
      }

const begin = (held: Held, sink: Sink) =>
  update(held, (record, now) =>
    record.abortRequested
      ? new Stop({ outcome: { kind: "undo", failure: new Undone({ problem: "it was aborted" }) } })
      : {
          handOffBegun: true,
          leaseUntil: now + Math.ceil(Duration.toMillis(Duration.sum(sinkWithin(sink), held.environment.timing.margin)))
        }
  )

/** A process that stood still since it wrote the record must not believe that nobody has taken over meanwhile. */
const beginInTime = Effect.fnUntraced(function* (
  held: Held,
  sink: Sink
): Effect.fn.Return<void, Stop | Lost | RotationStorageError> {
  for (let tries = 0; tries < 3; tries++) {
    const began = yield* Clock.currentTimeMillis
    yield* begin(held, sink)
    if ((yield* Clock.currentTimeMillis) - began <= Duration.toMillis(held.environment.timing.margin)) return
  }
  return yield* retryLater("the storage of rotations answers too slowly for a secret to be handed over")
})

/** Writes within the sink's time. A fiber of its own: an interruption of the rotation does not cut it off. */
const write = Effect.fnUntraced(function* (sink: Sink, { issued, write }: Parcel) {
  const within = sinkWithin(sink)
  const late = new SinkError({ sink: sink.name, problem: `no confirmation within ${Duration.format(within)}.` })
  const writing = Effect.suspend(() => write(issued)).pipe(
    Effect.timeoutOrElse({ duration: within, orElse: () => Effect.fail(late) }),
    Effect.catchDefect(() => Effect.fail(new SinkError({ sink: sink.name, problem: "it broke off." }))),
    Effect.interruptible
  )
  return yield* Effect.flatMap(Effect.forkDetach(writing), (fiber) => Fiber.join(fiber))
})

const noted = (held: Held): Effect.Effect<Outcome, Stop | Lost | RotationStorageError> =>
  Effect.map(
    update(held, () => ({ handedOver: true })),
    afterHandOff
  )

const stray = (sink: Sink, id: KeyId, holds: string | undefined): string =>
  holds === undefined
    ? `${sink.name} cannot tell whether it holds key ${id}`
    : `${sink.name} holds key ${holds}, and not key ${id}`

/** Decides by what the sink holds now; a sink that cannot tell leaves both keys live. */
const bySink = Effect.fnUntraced(function* (
  held: Held,
  store: KeyStore["Service"],
  sink: Sink,
  before: string
): Effect.fn.Return<Outcome, Stop | Lost | RotationStorageError> {
  const { custody } = held.record
  if (custody === undefined) return { kind: "attention", problem: before }
  const holds = yield* heldBy(sink, store)
  if (holds.id === custody.id) return yield* noted(held)
  return { kind: "attention", problem: `${before}; ${holds.problem ?? stray(sink, custody.id, holds.id)}` }
})

/** Goes on after a process that may have handed the secret over and is gone. */
export const holdsAfterCrash = (held: Held, store: KeyStore["Service"], sink: Sink) =>
  held.record.handedOver
    ? Effect.succeed(afterHandOff(held.record))
    : bySink(held, store, sink, "the process that handed the new key over is gone")

/** Hands the secret over, whatever interrupts. */
export const handOff = (
  held: Held,
  store: KeyStore["Service"],
  sink: Sink,
  parcel: Parcel
): Effect.Effect<Outcome, Stop | Lost | RotationStorageError> =>
  Effect.gen(function* () {
    yield* beginInTime(held, sink)
    const written = yield* Effect.result(write(sink, parcel))
    if (written._tag === "Failure") return yield* bySink(held, store, sink, written.failure.message)
    const { holds } = written.success
    const isOther = Option.isSome(holds) && holds.value !== parcel.issued.key.id
    return isOther ? yield* bySink(held, store, sink, "the sink confirmed another key") : yield* noted(held)
  }).pipe(Effect.uninterruptible)
