/** Tenants of a backend that does not know them: each sees the keys whose marks prove that they are its own. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { ApiKey, KeyRef } from "../ApiKey.ts"
import type { Capabilities } from "../Capabilities.ts"
import { DriverError, type Driver, type ListRequest } from "../Driver.ts"
import type { StoreOptions } from "../KeyStore.ts"
import { NotFound } from "../KeyStoreError.ts"
import type { Codec } from "../Label.ts"
import type { Verification } from "../Verification.ts"
import type { Store } from "./calls.ts"
import { listAll } from "./derive.ts"
import type { CallFailure } from "./retry.ts"

/** Whether one tenant's keys can be told from another's by their marks. */
export const tellsApart = ({ createSafety, tenancy }: Capabilities): boolean =>
  tenancy === "label" && createSafety === "marker"

/** Whether a store shows one tenant's keys of a backend that does not know tenants. */
export const isView = (capabilities: Capabilities, { tenant }: Pick<StoreOptions, "tenant">): boolean =>
  tenant !== undefined && tellsApart(capabilities)

/** What a store of one tenant can do where its keys are told apart by their marks. */
export const capabilitiesOfView = (capabilities: Capabilities): Capabilities => {
  const { operations, ...flags } = capabilities
  return {
    ...flags,
    // Whose key a secret is must be known before the backend is asked about it.
    operations: { ...operations, verify: capabilities.identify ? operations.verify : "unsupported" },
    // The backend's own pages would show, by their number and length, how many keys the others have.
    pagination: "derived"
  }
}

/** The same for a key of another tenant and for one that is not there. */
const missing = new DriverError({ reason: new NotFound({}), sent: "maybe" })

const isTrusted = (codec: Codec, { name }: ApiKey): Effect.Effect<boolean> =>
  name === undefined || !codec.claims(name)
    ? Effect.succeed(false)
    : Effect.map(codec.trusted(name), (mark) => mark !== undefined)

const onlyTrusted = (codec: Codec, keys: ReadonlyArray<ApiKey>): Effect.Effect<ReadonlyArray<ApiKey>> =>
  Effect.filter(
    keys.filter(({ name }) => name !== undefined && codec.claims(name)),
    (key) => isTrusted(codec, key)
  )

const getTrusted = (codec: Codec, get: NonNullable<Driver["get"]>) =>
  Effect.fnUntraced(function* ({ id }: KeyRef): Effect.fn.Return<ApiKey, DriverError> {
    // By the id alone: with an owner a backend may take another way for keys that are there than for others.
    const key = yield* Effect.catchIf(
      get({ id }),
      ({ reason }) => reason._tag === "NotFound",
      () => Effect.fail(missing)
    )
    return (yield* isTrusted(codec, key)) ? key : yield* missing
  })

/**
 * The driver of one tenant: `get` and `list` show its own keys and no others. `revoke`, `usage` and `verify` are the
 * backend's and reach every key: ask `confirming` first.
 */
export const view = (driver: Driver, codec: Codec): Driver => {
  const { get, verify, ...rest } = driver
  const capabilities = capabilitiesOfView(driver.capabilities)
  const open = (request: ListRequest) => Stream.mapEffect(listAll(driver, request), (keys) => onlyTrusted(codec, keys))
  return {
    ...rest,
    capabilities,
    list: { kind: "stream", open },
    ...(get === undefined ? {} : { get: getTrusted(codec, get) }),
    ...(verify === undefined || capabilities.operations.verify === "unsupported" ? {} : { verify })
  }
}

/**
 * Proves that a key is the tenant's own, or fails as for a key that is not there. Answers with the key where it had to be
 * read for that.
 */
export type Confirm = (ref: KeyRef) => Effect.Effect<ApiKey | undefined, CallFailure>

/** Where nobody else uses the backend, every key is one's own. */
export const trusting: Confirm = () => Effect.undefined

/** Reads a key before anything is done to it, but for keys this very store made or revoked not long ago. */
export const confirming =
  ({ read, recent }: Pick<Store, "read" | "recent">): Confirm =>
  (ref) =>
    Effect.suspend(() => (recent.knows(ref.id) ? Effect.undefined : read("get", { id: ref.id })))

const unknown: Verification = { valid: false, reason: "unknown" }

/** Asks about a secret only where the key it belongs to is the tenant's own; any other is unknown to the tenant. */
export const verifyOwn = Effect.fnUntraced(function* (
  { confirm, driver }: Pick<Store, "confirm" | "driver">,
  secret: Redacted.Redacted<string>,
  ask: Effect.Effect<Verification, CallFailure>
): Effect.fn.Return<Verification, CallFailure> {
  const ref = Option.getOrUndefined(driver.identify?.(secret) ?? Option.none())
  if (ref === undefined) return unknown
  const isOwn = yield* confirm(ref).pipe(
    Effect.as(true),
    Effect.catchIf(
      ({ error }) => error.reason._tag === "NotFound",
      () => Effect.succeed(false)
    )
  )
  if (!isOwn) return unknown
  const answer = yield* ask
  // A backend that reads the id loosely must not answer for another key.
  return answer.valid && answer.key !== undefined && answer.key.id !== ref.id ? unknown : answer
})
