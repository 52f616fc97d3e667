/** A process that is killed in the middle of a create: its store gets no further, and nobody closes it. */
import type { Driver } from "@keyfold/core/Driver"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { OperationId } from "@keyfold/core/OperationId"
import * as Sink from "@keyfold/core/Sink"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type * as MarkerBackend from "./MarkerBackend.ts"
import { until } from "./Passing.ts"

/** The secret of marks that all processes of these tests share. */
export const labelSecret = Redacted.make("a secret for marks")

/** A store that dies before its journal says that a key was delivered. */
export const make = Effect.fnUntraced(function* (
  driver: Driver,
  journal: Journal.Journal,
  options: KeyStore.StoreOptions = {}
) {
  return yield* Effect.provideService(
    Scope.provide(KeyStore.make(driver, { labelSecret, ...options }), yield* Scope.make()),
    Journal.Journal,
    { ...journal, delivered: () => Effect.never }
  )
})

/** Leaves a key behind whose secret nobody got, and returns its id. */
export const leaveKey = Effect.fnUntraced(function* (
  backend: MarkerBackend.MarkerBackend,
  journal: Journal.Journal,
  operationId: OperationId
) {
  const dead = yield* make(backend.driver, journal)
  const before = backend.rows.length
  yield* Effect.forkDetach(dead.create({ name: "ci" }, { operationId }))
  yield* until(() => backend.rows.length > before)
  return backend.rows[before]?.id ?? (yield* Effect.die("the backend made no key"))
})

/** Leaves a key behind whose secret has reached its sink, and returns its id. */
export const leaveDelivered = Effect.fnUntraced(function* (
  backend: MarkerBackend.MarkerBackend,
  journal: Journal.Journal,
  operationId: OperationId
) {
  const dead = yield* make(backend.driver, journal)
  const kept: Array<string> = []
  const sink = Sink.callback("a list", ({ key }) => Effect.sync(() => kept.push(key.id)))
  yield* Effect.forkDetach(dead.create({ name: "ci" }, { operationId }).pipe(Sink.deliverTo(sink)))
  yield* until(() => kept.length === 1)
  return kept[0] ?? ""
})
