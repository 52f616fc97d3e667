/** The operations on one key, and what all operations of a store have in common. */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Result from "effect/Result"
import { settleStatus, type ApiKey, type KeyRef, type Revocation } from "../ApiKey.ts"
import { supports } from "../Capabilities.ts"
import type { Driver, DriverError } from "../Driver.ts"
import type { KeyStore, StoreOptions } from "../KeyStore.ts"
import { KeyStoreError, Unsupported, type Operation, type Reason } from "../KeyStoreError.ts"
import type { KeyUsage } from "../KeyUsage.ts"
import { isAmbiguous, type RetryPolicy } from "../RetryPolicy.ts"
import type { Verification } from "../Verification.ts"
import type { Cursors } from "./cursor.ts"
import type { Recent } from "./recent.ts"
import { retrying, type CallFailure } from "./retry.ts"
import { checkRef, portableScopes } from "./spec.ts"

/** One store under construction. */
export interface Store {
  readonly name: string
  readonly driver: Driver
  readonly options: StoreOptions
  readonly policy: RetryPolicy
  readonly recent: Recent
  readonly cursors: Cursors
  readonly get: (ref: KeyRef) => Effect.Effect<ApiKey, DriverError>
}

/** The attributes of every span of a store: which store, backend and operation, and nothing about keys. */
export const spanOptions = (store: Store, operation: Operation) => ({
  attributes: {
    "keystore.store": store.name,
    "keystore.backend": store.driver.backend,
    "keystore.operation": operation
  },
  captureStackTrace: false
})

/** Fails an operation that sent nothing. */
export const refused = (store: Store, operation: Operation, reason: Reason): KeyStoreError =>
  new KeyStoreError({
    store: store.name,
    backend: store.driver.backend,
    operation,
    reason,
    attempts: 0,
    exhausted: false
  })

/** Turns what the retry engine reports into the error callers see. */
export const failed = (
  store: Store,
  operation: Operation,
  failure: CallFailure,
  operationId?: string
): KeyStoreError => {
  const { attempts, error, exhausted } = failure
  return new KeyStoreError({
    store: store.name,
    backend: store.driver.backend,
    operation,
    reason: error.reason,
    // A lone attempt that provably was not sent made no request.
    attempts: attempts === 1 && error.sent === "no" && error.reason._tag === "InvalidRequest" ? 0 : attempts,
    exhausted,
    ...(operationId === undefined ? {} : { operationId }),
    ...(error.requestId === undefined ? {} : { requestId: error.requestId })
  })
}

/** Lifts a check into the operation's error. */
export const checked = <A>(
  store: Store,
  operation: Operation,
  result: Result.Result<A, Reason>
): Effect.Effect<A, KeyStoreError> =>
  result._tag === "Success" ? Effect.succeed(result.success) : Effect.fail(refused(store, operation, result.failure))

/** Refuses an operation the backend does not have. */
export const guarded = (store: Store, operation: Operation): Effect.Effect<void, KeyStoreError> =>
  supports(store.driver.capabilities, operation)
    ? Effect.void
    : Effect.fail(refused(store, operation, new Unsupported({ capability: operation })))

/** Shows a key the way callers see it: settled status, portable scope names. */
export const present = (store: Store, key: ApiKey, now: DateTime.Utc): ApiKey =>
  portableScopes(store.options.scopeMap, settleStatus(key, now))

const firstPause = 50
const longestPause = 1000

/**
 * Reads until a key that was made moments ago is visible: "not found" proves nothing about it before.
 *
 * Pauses double from 50 ms to 1 s and end with the backend's visibility bound.
 */
const untilVisible = <A>(
  store: Store,
  ref: KeyRef,
  call: Effect.Effect<A, CallFailure>
): Effect.Effect<A, CallFailure> => {
  const attempt = (pause: number): Effect.Effect<A, CallFailure> =>
    Effect.catch(call, (failure) =>
      failure.error.reason._tag !== "NotFound"
        ? Effect.fail(failure)
        : Effect.flatMap(Clock.currentTimeMillis, (now) => {
            const unsettled = store.recent.unsettledFor(ref, now)
            return unsettled <= 0
              ? Effect.fail(failure)
              : Effect.andThen(
                  Effect.sleep(Duration.millis(Math.min(pause, unsettled))),
                  attempt(Math.min(pause * 2, longestPause))
                )
          })
    )
  return attempt(firstPause)
}

const usageFromKey = (key: ApiKey): KeyUsage => ({
  id: key.id,
  precision: "lastUsedOnly",
  ...(key.lastUsedAt === undefined ? {} : { lastUsedAt: key.lastUsedAt }),
  provider: {}
})

/** Revokes once more only where that changes nothing, and reads what a lost answer left behind. */
const revokeAttempt = (store: Store, ref: KeyRef) => {
  const { capabilities, revoke } = store.driver
  let unsure = false
  const asRevoked: Revocation = {
    id: ref.id,
    alreadyRevoked: true,
    effectiveWithin: capabilities.revocationLag.within
  }
  const known = () => "status" in ref || store.recent.knows(ref.id)
  const gone = (error: DriverError): Effect.Effect<Revocation, DriverError> => {
    if (error.reason._tag !== "NotFound" || !unsure) return Effect.fail(error)
    if (known() && capabilities.revokeUnknown === "notFound") return Effect.succeed(asRevoked)
    return store.get(ref).pipe(
      Effect.flatMap((key) => (key.status === "revoked" ? Effect.succeed(asRevoked) : Effect.fail(error))),
      Effect.catchIf(
        (read) => read.reason._tag === "NotFound" && known(),
        () => Effect.succeed(asRevoked)
      )
    )
  }
  const send = revoke(ref).pipe(
    Effect.catch(gone),
    Effect.tapError((error) => Effect.sync(() => void (unsure ||= isAmbiguous(error))))
  )
  return (number: number): Effect.Effect<Revocation, DriverError> =>
    number === 1 || !unsure || capabilities.repeatedRevoke === "unchanged"
      ? send
      : Effect.flatMap(store.get(ref), (key) => (key.status === "revoked" ? Effect.succeed(asRevoked) : send))
}

/** Makes `verify` of a store: an outage stays an error and never reads as "not valid". */
const makeVerify = (store: Store): KeyStore["Service"]["verify"] => {
  const { policy } = store
  const { verify } = store.driver
  const call = (secret: Redacted.Redacted<string>): Effect.Effect<Verification, KeyStoreError> =>
    verify === undefined
      ? Effect.fail(refused(store, "verify", new Unsupported({ capability: "verify" })))
      : Effect.mapError(
          retrying("verify", policy, () => verify(secret)),
          (failure) => failed(store, "verify", failure)
        )
  return (secret) =>
    guarded(store, "verify").pipe(
      Effect.andThen(call(secret)),
      Effect.zipWith(DateTime.now, (verification, now) =>
        verification.valid && verification.key !== undefined
          ? { ...verification, key: present(store, verification.key, now) }
          : verification
      ),
      Effect.withSpan("KeyStore.verify", spanOptions(store, "verify"))
    )
}

/** Makes `get`, `revoke`, `usage`, `verify` and `identify` of a store. */
export const makeCalls = (
  store: Store
): Pick<KeyStore["Service"], "get" | "revoke" | "usage" | "verify" | "identify"> => {
  const { driver, policy } = store

  const call = <A>(operation: Operation, ref: KeyRef, attempt: (number: number) => Effect.Effect<A, DriverError>) =>
    guarded(store, operation).pipe(
      Effect.andThen(checked(store, operation, checkRef(ref))),
      Effect.andThen(
        untilVisible(store, ref, retrying(operation, policy, attempt)).pipe(
          Effect.mapError((failure) => failed(store, operation, failure))
        )
      ),
      Effect.withSpan(`KeyStore.${operation}`, spanOptions(store, operation))
    )

  const usage = driver.usage ?? ((ref: KeyRef) => Effect.map(store.get(ref), usageFromKey))

  return {
    get: (ref) =>
      Effect.zipWith(
        call("get", ref, () => store.get(ref)),
        DateTime.now,
        (key, now) => present(store, key, now)
      ),
    revoke: (ref) => Effect.suspend(() => call("revoke", ref, revokeAttempt(store, ref))),
    usage: (ref) => call("usage", ref, () => usage(ref)),
    verify: makeVerify(store),
    identify: (secret) => driver.identify?.(secret) ?? Option.none()
  }
}
