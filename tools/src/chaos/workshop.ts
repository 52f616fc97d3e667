/** A worker's store: a driver and a journal from the packages, on scaled time, with traps around them. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { Journal } from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as SqlJournal from "@keyfold/sql/SqlJournal"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { isDatabase } from "./backend.ts"
import { defaultsOf, driverOf, onMachineTime } from "./drivers.ts"
import { losing } from "./losses.ts"
import type { FromWorker, Setup } from "./message.ts"
import { scaled } from "./scaledJournal.ts"
import type { Traps } from "./traps.ts"

/** What all stores of the campaign are called in their journals. */
export const storeName = "chaos"

/** A worker's store and its journal, unwrapped, for the audit. */
export interface Workshop {
  readonly keys: KeyStore.KeyStore["Service"]
  readonly journal: Journal | undefined
}

/** Opens connections and has code compiled, which on scaled time would take many seconds of the first creates. */
const warmUp = ({ journal, keys }: Workshop): Effect.Effect<void> => {
  const reads = [Effect.ignore(keys.listPage({ limit: 1 })), Effect.ignore(journal?.now ?? Effect.void)]
  const all = Effect.all([...reads, ...reads, ...reads], { concurrency: "unbounded", discard: true })
  return onMachineTime(Effect.asVoid(Effect.timeoutOption(all, "500 millis")))
}

/** Opens the store; the scope's end closes it. */
export const open = Effect.fnUntraced(function* (
  setup: Setup,
  traps: Traps,
  report: (message: FromWorker) => void
): Effect.fn.Return<Workshop, ConfigurationError, Scope.Scope> {
  const plain = yield* onMachineTime(driverOf(setup))
  const { journal: database, labelSecret, losses: probability, lost: certain, scale, seed } = setup
  const wire = isDatabase(setup.backend)
    ? losing(plain, { seed, probability, certain, lost: (how) => report({ kind: "lost", how }) })
    : plain
  const journal =
    database === undefined
      ? undefined
      : yield* onMachineTime(SqlJournal.make({ url: database.url, secret: Redacted.make(database.secret) }))
  const keys = yield* KeyStore.make(traps.aroundDriver(wire), {
    store: storeName,
    defaults: defaultsOf(setup),
    labelSecret: Redacted.make(labelSecret)
  }).pipe(
    Effect.provideService(Journal, journal === undefined ? undefined : traps.aroundJournal(scaled(journal, scale)))
  )
  yield* warmUp({ keys, journal })
  return { keys, journal }
})
