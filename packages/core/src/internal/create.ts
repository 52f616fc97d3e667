/** Creating a key: resolved before anything is sent, retried only where nothing can have happened. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { IssuedKey } from "../ApiKey.ts"
import { DriverError } from "../Driver.ts"
import type { CreateOptions } from "../KeyStore.ts"
import type { KeySpec } from "../KeySpec.ts"
import { InvalidRequest, type KeyStoreError, OutcomeUnknown, Timeout } from "../KeyStoreError.ts"
import * as OperationId from "../OperationId.ts"
import { isAmbiguous } from "../RetryPolicy.ts"
import { checked, failed, guarded, present, refused, spanOptions, type Store } from "./calls.ts"
import { randomText } from "./crypto.ts"
import { retrying, type CallFailure } from "./retry.ts"
import { resolveSpec, type ResolvedSpec } from "./spec.ts"

const defaultWithin = Duration.seconds(30)

const settleFailure = (failure: CallFailure): CallFailure =>
  isAmbiguous(failure.error)
    ? {
        ...failure,
        error: new DriverError({
          reason: new OutcomeUnknown({ problem: failure.error.reason.message }),
          sent: "maybe",
          ...(failure.error.requestId === undefined ? {} : { requestId: failure.error.requestId })
        })
      }
    : failure

const send = Effect.fnUntraced(function* (
  store: Store,
  spec: ResolvedSpec,
  operationId: OperationId.OperationId,
  within: Duration.Duration
): Effect.fn.Return<IssuedKey, CallFailure> {
  // A wait that could not end in time is not begun; what `within` cuts off is a request in flight.
  const policy = { ...store.policy, budget: Duration.min(store.policy.budget, within) }
  let attempts = 0
  let waiting: DriverError | undefined
  const attempt = (number: number) =>
    Effect.suspend(() => {
      attempts = number
      waiting = undefined
      return store.driver.create({ ...spec, label: spec.name, operationId, nonce: randomText(9), supersedes: [] })
    }).pipe(Effect.tapError((error) => Effect.sync(() => (waiting = error))))
  return yield* retrying("create", policy, attempt).pipe(
    Effect.timeoutOrElse({
      duration: within,
      orElse: () => {
        const inFlight = new DriverError({ reason: new Timeout({ after: within }), sent: "maybe" })
        return Effect.fail({ error: waiting ?? inFlight, attempts, exhausted: true })
      }
    }),
    Effect.mapError(settleFailure)
  )
})

const readWithin = (store: Store, options: CreateOptions): Effect.Effect<Duration.Duration, KeyStoreError> => {
  if (options.within === undefined) return Effect.succeed(defaultWithin)
  const within = Duration.fromInput(options.within)
  return within._tag === "Some" && Duration.isGreaterThan(within.value, Duration.zero)
    ? Effect.succeed(within.value)
    : Effect.fail(
        refused(store, "create", new InvalidRequest({ field: "within", problem: "expected a duration above zero" }))
      )
}

/** Makes `create` of a store. */
export const makeCreate = (store: Store) => {
  const create = Effect.fnUntraced(function* (
    spec: KeySpec,
    options: CreateOptions
  ): Effect.fn.Return<IssuedKey, KeyStoreError> {
    yield* guarded(store, "create")
    const { defaults = {}, scopeMap } = store.options
    const resolved = yield* checked(
      store,
      "create",
      resolveSpec(store.driver, defaults, scopeMap, spec, yield* DateTime.now)
    )
    const within = yield* readWithin(store, options)
    const operationId = options.operationId ?? (yield* OperationId.generate)
    const issued = yield* send(store, resolved, operationId, within).pipe(
      Effect.mapError((failure) => failed(store, "create", failure, operationId))
    )
    const now = yield* DateTime.now
    store.recent.add(issued.key.id, now.epochMilliseconds)
    return { key: present(store, issued.key, now), secret: issued.secret }
  })
  return (spec: KeySpec, options: CreateOptions = {}): Effect.Effect<IssuedKey, KeyStoreError> =>
    Effect.withSpan(create(spec, options), "KeyStore.create", spanOptions(store, "create"))
}
