/** Creating a key: at most one live key for one operation, and none that nobody holds. */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { IssuedKey } from "../ApiKey.ts"
import { DriverError } from "../Driver.ts"
import type { CreateOptions, KeyStore } from "../KeyStore.ts"
import type { KeySpec } from "../KeySpec.ts"
import { InvalidRequest, type KeyStoreError, OutcomeUnknown, Timeout, Unsupported } from "../KeyStoreError.ts"
import * as OperationId from "../OperationId.ts"
import { CurrentDelivery } from "../Sink.ts"
import { checked, failed, guarded, present, refused, type Store } from "./calls.ts"
import * as handover from "./handover.ts"
import { isView } from "./ownership.ts"
import { retrying, type CallFailure } from "./retry.ts"
import * as senders from "./sender.ts"
import { resolveSpec, type ResolvedSpec } from "./spec.ts"
import { observed } from "./telemetry.ts"

const defaultWithin = Duration.seconds(30)

/** While an attempt may still leave a key behind, nothing more definite than that can be said. */
const settleFailure = (sender: senders.Sender, failure: CallFailure): CallFailure => {
  const { error } = failure
  const isSettled = sender.unsettled === 0 && sender.minted === undefined
  if (isSettled || error.reason._tag === "OutcomeUnknown") return failure
  const problem = `an earlier attempt may still be carried out; the last one failed: ${error.reason.message}`
  return {
    ...failure,
    error: new DriverError({
      reason: new OutcomeUnknown({ problem: failure.attempts > 1 ? problem : error.reason.message }),
      sent: "maybe",
      ...(error.requestId === undefined ? {} : { requestId: error.requestId })
    })
  }
}

const mint = Effect.fnUntraced(function* (
  sender: senders.Sender,
  within: Duration.Duration
): Effect.fn.Return<senders.Minted & Pick<CallFailure, "attempts">, CallFailure> {
  const { budget, meter, policy } = sender.store.engine
  // A wait that could not end in time is not begun; what `within` cuts off is a request in flight.
  const engine = { budget, meter, policy: { ...policy, budget: Duration.min(policy.budget, within) } }
  let attempts = 0
  let waiting: DriverError | undefined
  const attempt = (number: number) =>
    Effect.suspend(() => {
      attempts = number
      waiting = undefined
      return senders.attempt(sender, number)
    }).pipe(Effect.tapError((error) => Effect.sync(() => (waiting = error))))
  const minted = yield* retrying("create", engine, attempt).pipe(
    Effect.timeoutOrElse({
      duration: within,
      orElse: () => {
        const inFlight = new DriverError({ reason: new Timeout({ after: within }), sent: "maybe" })
        return Effect.fail({ error: waiting ?? inFlight, attempts, exhausted: true })
      }
    }),
    Effect.mapError((failure) => settleFailure(sender, failure))
  )
  return { ...minted, attempts }
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

/**
 * A program that asked for safe creates does not go on without them once marks turned out to get lost; nor does a tenant
 * whose keys nothing else tells from those of others.
 */
const refuseUnsafe = (store: Store): Effect.Effect<void, KeyStoreError> =>
  (store.options.require?.safeCreate === true || isView(store.driver.capabilities, store.options)) &&
  store.finder.survival() === "lost"
    ? Effect.fail(
        refused(
          store,
          "create",
          new Unsupported({
            capability: "createSafety",
            problem: "the backend does not keep the mark in a key's name, so a lost create could not be found again"
          })
        )
      )
    : Effect.void

const digestOf = (store: Store, { expiresAt, name, owner, provider, scopes, tags }: ResolvedSpec) =>
  store.journal === undefined
    ? Effect.succeed("")
    : store.codec.digest([name ?? null, owner ?? null, scopes, expiresAt?.epochMilliseconds ?? null, tags, provider])

/** A create that is under way, once it has begun. */
interface Begun {
  sender: senders.Sender | undefined
}

const send = Effect.fnUntraced(function* (
  store: Store,
  spec: ResolvedSpec,
  operationId: OperationId.OperationId,
  within: Duration.Duration,
  begun: Begun
): Effect.fn.Return<IssuedKey, CallFailure, Scope.Scope> {
  const delivery = yield* CurrentDelivery
  const put = delivery === undefined ? undefined : yield* handover.open(delivery)
  const deadline = (yield* Clock.currentTimeMillis) + Duration.toMillis(within)
  const sender: senders.Sender = {
    store,
    spec,
    operationId,
    digest: yield* digestOf(store, spec),
    deadline,
    superseded: [],
    inherited: undefined,
    lease: undefined,
    unsettled: 0,
    minted: undefined,
    isHeld: false,
    isOver: false
  }
  begun.sender = sender
  const minted = yield* mint(sender, within)
  yield* Effect.mapError(handover.handOver(sender, minted, put), (error) => ({
    error,
    attempts: minted.attempts,
    exhausted: false
  }))
  return minted.issued
}, Effect.scoped)

const create = Effect.fnUntraced(function* (
  store: Store,
  spec: KeySpec,
  options: CreateOptions,
  begun: Begun
): Effect.fn.Return<IssuedKey, KeyStoreError> {
  yield* guarded(store, "create")
  const { defaults = {}, scopeMap } = store.options
  const resolved = yield* checked(
    store,
    "create",
    resolveSpec(store.driver, defaults, scopeMap, spec, yield* DateTime.now)
  )
  const within = yield* readWithin(store, options)
  yield* refuseUnsafe(store)
  const operationId = options.operationId ?? (yield* OperationId.generate)
  const issued = yield* send(store, resolved, operationId, within, begun).pipe(
    Effect.mapError((failure) => failed(store, "create", failure, operationId))
  )
  const now = yield* DateTime.now
  store.recent.add(issued.key.id, now.epochMilliseconds)
  yield* store.reconciler.readBack(issued.key)
  return { key: present(store, issued.key, now), secret: issued.secret }
})

/** Makes `create` of a store. */
export const makeCreate =
  (store: Store): KeyStore["Service"]["create"] =>
  (spec, options = {}) =>
    Effect.suspend(() => {
      const begun: Begun = { sender: undefined }
      const creating = observed(store.engine.meter, "create", create(store, spec, options, begun))
      // Outside of all else: an interruption at any step before it leaves a key that nobody holds.
      return Effect.onExitPrimitive(creating, (exit) =>
        Exit.isSuccess(exit) || begun.sender === undefined ? undefined : handover.cleanUp(begun.sender)
      )
    })
