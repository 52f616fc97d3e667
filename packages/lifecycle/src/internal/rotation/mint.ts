/** The step `mint`: a new key, in custody until it works, and then in the sink. Its secret stays in this function. */
import type { IssuedKey } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { KeySpec } from "@keyfold/core/KeySpec"
import * as Sink from "@keyfold/core/Sink"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { Undone, type Verified } from "../../Rotation.ts"
import type { Probe } from "../../RotationResources.ts"
import type { Plan, RotationStorageError } from "../../RotationStorage.ts"
import type { Timing } from "../../RotationTiming.ts"
import { addressOf, operationOf, subjectOf } from "./environment.ts"
import { untilEffective } from "./effective.ts"
import { handOff, holdsAfterCrash } from "./handOff.ts"
import type { Outcome } from "./outcome.ts"
import { journalOf, settle, storeOf } from "./settle.ts"
import { Lost, retryLater, Stop, update, type Held } from "./worker.ts"

type Store = KeyStore["Service"]

/** What minting needs beside the store. */
interface Tools {
  readonly store: Store
  readonly sink: Sink.Sink
  readonly probe: Probe | undefined
}

/** A new key in custody, and how its secret gets into the real sink. */
interface Custody {
  issued: IssuedKey | undefined
  write: ((issued: IssuedKey) => Effect.Effect<Sink.Receipt, Sink.SinkError>) | undefined
}

const effectiveWithin = ({ effectiveWithin }: Timing, { capabilities }: Store): Duration.Duration =>
  Duration.sum(capabilities.consistency.visibility.within, effectiveWithin)

/** How long minting takes at the most: creating, waiting until the key works, and noting it. */
const lasting = (timing: Timing, store: Store): number =>
  [timing.within, effectiveWithin(timing, store), timing.margin, timing.margin]
    .map((duration) => Duration.toMillis(duration))
    .reduce((sum, part) => sum + part, 0)

const specOf = ({ expiresAt, ...plan }: Plan): KeySpec => ({
  ...plan,
  ...(expiresAt === undefined ? {} : { expiresAt: DateTime.makeUnsafe(expiresAt) })
})

const inCustody = "rotation"

const notInCustody = (problem: string) => new Sink.SinkError({ sink: inCustody, problem })

/** A store with another journal would leave keys that nobody could settle after a crash. */
const checkJournal = Effect.fnUntraced(function* (held: Held, store: Store, { key }: IssuedKey) {
  const journal = yield* journalOf(held)
  const entry = yield* journal.find(addressOf(store, held.record))
  if (entry?.key?.id === key.id) return
  return yield* Effect.fail({ problem: "the store was built without the journal of the rotations." })
})

const describe = (error: Stop | Lost | RotationStorageError | { readonly problem: string }): string => {
  if ("problem" in error) return error.problem
  return error._tag === "Lost" ? "another process took over." : "it was aborted."
}

const takeIntoCustody = (held: Held, issued: IssuedKey, verified: Verified) =>
  update(held, (record, now) =>
    record.abortRequested
      ? new Stop({ outcome: { kind: "undo", failure: new Undone({ problem: "it was aborted" }) } })
      : {
          custody: { id: issued.key.id, ...(issued.key.owner === undefined ? {} : { owner: issued.key.owner }) },
          custodyAt: now,
          verified
        }
  )

/** The sink the core's create delivers to: it takes the secret once the key works and the record knows of it. */
const custodySink = (held: Held, { probe, sink, store }: Tools, scope: Scope.Scope, custody: Custody): Sink.Sink => {
  const { timing } = held.environment
  const within = effectiveWithin(timing, store)
  const take = (issued: IssuedKey): Effect.Effect<Sink.Receipt, Sink.SinkError> =>
    Effect.gen(function* () {
      yield* Effect.mapError(checkJournal(held, store, issued), (error) => notInCustody(describe(error)))
      const verified = yield* Effect.mapError(untilEffective(store, probe, issued, within), notInCustody)
      yield* Effect.mapError(takeIntoCustody(held, issued, verified), (error) => notInCustody(describe(error)))
      custody.issued = issued
      return { holds: Option.some(issued.key.id) }
    })
  return {
    name: inCustody,
    within: Duration.sum(within, timing.margin),
    // The real sink stays open until the key is handed over, and nothing is made that could not be put there.
    open: Effect.map(Scope.provide(sink.open, scope), (write) => {
      custody.write = write
      return take
    }),
    holds: () => Effect.sync(() => Option.map(Option.fromUndefinedOr(custody.issued), ({ key }) => key.id))
  }
}

const create = Effect.fnUntraced(function* (held: Held, tools: Tools) {
  const { environment, record } = held
  const { plan } = record
  if (plan === undefined) return { kind: "go", step: "plan" } satisfies Outcome
  const { store } = tools
  const custody: Custody = { issued: undefined, write: undefined }
  const sink = custodySink(held, tools, yield* Effect.scope, custody)
  yield* update(held, (_, now) => ({ leaseUntil: now + lasting(environment.timing, store) }))
  const options = { operationId: operationOf(record), within: environment.timing.within }
  const created = yield* store.create(specOf(plan), options).pipe(Sink.deliverTo(sink), Effect.result)
  if (held.isLost) return yield* new Lost()
  if (created._tag === "Failure") {
    const { reason } = created.failure
    return { kind: "undo", failure: new Undone({ problem: reason.message, reason }) } satisfies Outcome
  }
  const { issued, write } = custody
  // A delivery that the core counts as made has been through custody.
  if (issued === undefined || write === undefined) return yield* retryLater("the new key did not reach custody")
  return yield* handOff(held, tools.store, tools.sink, { issued, write })
})

const toolsOf = Effect.fnUntraced(function* (held: Held, store: Store) {
  const { environment, record } = held
  const missing = ({ message }: { readonly message: string }) => retryLater(message)
  const sink = yield* Effect.mapError(environment.resources.sink(record.request.sink, subjectOf(record)), missing)
  const { probe } = record.request
  const found = probe === undefined ? undefined : environment.resources.probe(probe, subjectOf(record))
  return { store, sink, probe: found === undefined ? undefined : yield* Effect.mapError(found, missing) }
})

/** The step. */
export const mint = Effect.fnUntraced(function* (held: Held) {
  yield* journalOf(held)
  const store = yield* storeOf(held)
  const tools = yield* toolsOf(held, store)
  if (held.record.handOffBegun) return yield* holdsAfterCrash(held, store, tools.sink)
  yield* settle(held, store)
  return yield* create(held, tools)
})

/** The longest that a claim on this step has to last before it knows its store. */
export const claimed = ({ margin, within }: Timing): Duration.Duration => Duration.sum(within, margin)
