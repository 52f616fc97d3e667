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
import type { Journal } from "../Journal.ts"
import { KeyStoreError, Unsupported, type Operation, type Reason } from "../KeyStoreError.ts"
import type { KeyUsage } from "../KeyUsage.ts"
import { read, type Codec, type Label } from "../Label.ts"
import { isAmbiguous } from "../RetryPolicy.ts"
import type { Verification } from "../Verification.ts"
import type { Cursors } from "./cursor.ts"
import type { Finder } from "./finder.ts"
import { trusting, verifyOwn, type Confirm } from "./ownership.ts"
import type { Reconciler } from "./reconcile.ts"
import type { Recent } from "./recent.ts"
import { retrying, type CallFailure, type Engine } from "./retry.ts"
import { checkRef, portableScopes } from "./spec.ts"
import { observed } from "./telemetry.ts"

/** One store under construction. */
export interface Store {
  readonly name: string
  readonly driver: Driver
  readonly options: StoreOptions
  readonly engine: Engine
  readonly recent: Recent
  readonly cursors: Cursors
  readonly codec: Codec
  readonly journal: Journal | undefined
  readonly finder: Finder
  readonly reconciler: Reconciler
  /** One attempt to read a key, natively or from a list. */
  readonly get: (ref: KeyRef) => Effect.Effect<ApiKey, DriverError>
  /** The same with retries; lookups that wait together share them. */
  readonly read: (operation: "get" | "usage", ref: KeyRef) => Effect.Effect<ApiKey, CallFailure>
  /** Asked before the backend is: what it would do to any key must be done to the tenant's own only. */
  readonly confirm: Confirm
}

/** What errors say about a store. */
export type Named = Pick<Store, "name" | "driver">

/** Fails an operation that sent nothing. */
export const refused = (store: Named, operation: Operation, reason: Reason): KeyStoreError =>
  new KeyStoreError({
    store: store.name,
    backend: store.driver.backend,
    operation,
    reason,
    attempts: 0,
    exhausted: false
  })

/** Reasons that, unsent, come from a check before any attempt. */
const local: ReadonlySet<Reason["_tag"]> = new Set(["InvalidRequest", "Unsupported"])

/** Turns what the retry engine reports into the error callers see. */
export const failed = (
  store: Named,
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
    attempts: attempts === 1 && error.sent === "no" && local.has(error.reason._tag) ? 0 : attempts,
    exhausted,
    ...(operationId === undefined ? {} : { operationId }),
    ...(error.requestId === undefined ? {} : { requestId: error.requestId })
  })
}

/** Lifts a check into the operation's error. */
export const checked = <A>(
  store: Named,
  operation: Operation,
  result: Result.Result<A, Reason>
): Effect.Effect<A, KeyStoreError> =>
  result._tag === "Success" ? Effect.succeed(result.success) : Effect.fail(refused(store, operation, result.failure))

/** Refuses an operation the backend does not have. */
export const guarded = (store: Named, operation: Operation): Effect.Effect<void, KeyStoreError> =>
  supports(store.driver.capabilities, operation)
    ? Effect.void
    : Effect.fail(refused(store, operation, new Unsupported({ capability: operation })))

/** Gives a key the name that its label holds. */
const named = (key: ApiKey, { name }: Label): ApiKey => {
  if (name === key.name) return key
  if (name !== undefined) return { ...key, name }
  const { name: _, ...nameless } = key
  return nameless
}

/** A key's label, where keys of this backend have one. */
export const labelOf = ({ capabilities }: Driver, { name }: ApiKey): Label | undefined =>
  name === undefined || capabilities.createSafety !== "marker" ? undefined : read(name)

/** Shows a key whose label was read the way callers see it. */
export const presentAs = (
  key: ApiKey,
  label: Label | undefined,
  { scopeMap }: Pick<StoreOptions, "scopeMap">,
  now: DateTime.Utc
): ApiKey => portableScopes(scopeMap, settleStatus(label === undefined ? key : named(key, label), now))

/** Shows a key the way callers see it: settled status, portable scope names, a name without its mark. */
export const present = ({ driver, options }: Store, key: ApiKey, now: DateTime.Utc): ApiKey =>
  presentAs(key, labelOf(driver, key), options, now)

const firstPause = 50
const longestPause = 1000

/**
 * Reads until a key that was made moments ago is visible: "not found" proves nothing about it before.
 *
 * Pauses double from 50 ms to 1 s and end with the backend's visibility bound.
 */
const untilVisible = Effect.fnUntraced(function* <A>(
  store: Pick<Store, "recent">,
  ref: KeyRef,
  call: Effect.Effect<A, CallFailure>
): Effect.fn.Return<A, CallFailure> {
  const start = yield* Clock.currentTimeMillis
  const deadline = start + store.recent.unsettledFor(ref, start)
  let attempts = 0
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    const result = yield* Effect.result(call)
    if (result._tag === "Success") return result.success
    attempts += result.failure.attempts
    const left = deadline - (yield* Clock.currentTimeMillis)
    if (result.failure.error.reason._tag !== "NotFound" || left <= 0) {
      return yield* Effect.fail({ ...result.failure, attempts })
    }
    yield* Effect.sleep(Duration.millis(Math.min(pause, left)))
  }
})

const usageFromKey = (key: ApiKey): KeyUsage => ({
  id: key.id,
  precision: "lastUsedOnly",
  ...(key.lastUsedAt === undefined ? {} : { lastUsedAt: key.lastUsedAt }),
  provider: {}
})

/** What revoking needs of a store. */
export type Revoking = Pick<Store, "driver" | "recent" | "get" | "engine">

const revoked = ({ driver }: Revoking, { id }: KeyRef): Revocation => ({
  id,
  alreadyRevoked: true,
  effectiveWithin: driver.capabilities.revocationLag.within
})

/** Revokes once more only where that changes nothing, and reads what a lost answer left behind. */
const revokeAttempt = (store: Revoking, ref: KeyRef) => {
  const { capabilities, revoke } = store.driver
  let unsure = false
  const asRevoked = revoked(store, ref)
  const known = () => "status" in ref || store.recent.knows(ref.id)
  // Undefined where the key is still there. A missing key proves nothing before it must have become visible.
  const read: Effect.Effect<Revocation | undefined, DriverError> = store.get(ref).pipe(
    Effect.map((key) => (key.status === "revoked" ? asRevoked : undefined)),
    Effect.catchIf(
      (error) => error.reason._tag === "NotFound" && known(),
      (error) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          store.recent.unsettledFor(ref, now) > 0 ? Effect.fail(error) : Effect.succeed(asRevoked)
        )
    )
  )
  const gone = (error: DriverError): Effect.Effect<Revocation, DriverError> => {
    if (error.reason._tag !== "NotFound" || !unsure) return Effect.fail(error)
    if (known() && capabilities.revokeUnknown === "notFound") return Effect.succeed(asRevoked)
    return Effect.flatMap(read, (answer) => (answer === undefined ? Effect.fail(error) : Effect.succeed(answer)))
  }
  const send = revoke(ref).pipe(
    Effect.catch(gone),
    Effect.tapError((error) => Effect.sync(() => void (unsure ||= isAmbiguous(error))))
  )
  return Effect.suspend(() =>
    !unsure || capabilities.repeatedRevoke === "unchanged"
      ? send
      : Effect.flatMap(read, (answer) => (answer === undefined ? send : Effect.succeed(answer)))
  )
}

/** Revokes with retries; run again, it remembers that an answer may have been lost. */
const revocation = (store: Revoking, ref: KeyRef): Effect.Effect<Revocation, CallFailure> => {
  const attempt = revokeAttempt(store, ref)
  return Effect.tap(
    retrying("revoke", store.engine, () => attempt),
    () => Effect.sync(() => store.recent.settle(ref.id))
  )
}

/** Revokes with retries, once. */
export const revokeNow = (store: Revoking, ref: KeyRef): Effect.Effect<Revocation, CallFailure> =>
  Effect.suspend(() => revocation(store, ref))

/** Revokes with retries, and again while a key made moments ago is not visible yet. */
export const revokeVisible = (store: Revoking, ref: KeyRef): Effect.Effect<Revocation, CallFailure> =>
  Effect.suspend(() => untilVisible(store, ref, revocation(store, ref)))

/** Revokes the tenant's own key; run again while it is not visible yet, it goes on where it was. */
const revokeOwn = (store: Store, ref: KeyRef): Effect.Effect<Revocation, CallFailure> => {
  let begun: Effect.Effect<Revocation, CallFailure> | undefined
  return Effect.suspend(
    () =>
      begun ??
      Effect.flatMap(store.confirm(ref), (key) => {
        if (key?.status === "revoked") return Effect.succeed(revoked(store, ref))
        begun = revocation(store, key ?? ref)
        return begun
      })
  )
}

/** Makes `verify` of a store: an outage stays an error and never reads as "not valid". */
const makeVerify = (store: Store): KeyStore["Service"]["verify"] => {
  const { engine } = store
  const { verify } = store.driver
  const call = (secret: Redacted.Redacted<string>): Effect.Effect<Verification, KeyStoreError> => {
    if (verify === undefined) return Effect.fail(refused(store, "verify", new Unsupported({ capability: "verify" })))
    const ask = retrying("verify", engine, () => verify(secret))
    return Effect.mapError(store.confirm === trusting ? ask : verifyOwn(store, secret, ask), (failure) =>
      failed(store, "verify", failure)
    )
  }
  return (secret) =>
    guarded(store, "verify").pipe(
      Effect.andThen(call(secret)),
      Effect.zipWith(DateTime.now, (verification, now) =>
        verification.valid && verification.key !== undefined
          ? { ...verification, key: present(store, verification.key, now) }
          : verification
      ),
      (verifying) => observed(engine.meter, "verify", verifying)
    )
}

/** Makes `get`, `revoke`, `usage`, `verify` and `identify` of a store. */
export const makeCalls = (
  store: Store
): Pick<KeyStore["Service"], "get" | "revoke" | "usage" | "verify" | "identify"> => {
  const { driver, engine } = store

  const call = <A>(operation: Operation, ref: KeyRef, run: Effect.Effect<A, CallFailure>) =>
    guarded(store, operation).pipe(
      Effect.andThen(checked(store, operation, checkRef(ref))),
      Effect.andThen(
        untilVisible(store, ref, run).pipe(Effect.mapError((failure) => failed(store, operation, failure)))
      ),
      (calling) => observed(engine.meter, operation, calling)
    )

  const { usage } = driver

  return {
    get: (ref) =>
      Effect.zipWith(call("get", ref, store.read("get", ref)), DateTime.now, (key, now) => present(store, key, now)),
    revoke: (ref) => Effect.suspend(() => call("revoke", ref, revokeOwn(store, ref))),
    usage: (ref) =>
      call(
        "usage",
        ref,
        usage === undefined
          ? Effect.map(store.read("usage", ref), usageFromKey)
          : Effect.flatMap(store.confirm(ref), (key) => retrying("usage", engine, () => usage(key ?? ref)))
      ),
    verify: makeVerify(store),
    identify: (secret) => driver.identify?.(secret) ?? Option.none()
  }
}
