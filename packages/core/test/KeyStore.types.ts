/** What the types promise, checked by the compiler: this file is never run, it must only compile. */
/* oxlint-disable typescript/no-unnecessary-type-parameters -- type parameters are the claims here */
import type * as Adapter from "@keyfold/core/Adapter"
import type { ApiKey, IssuedKey, KeyId, KeyRef, Revocation } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { CreateRequest, Driver, DriverError } from "@keyfold/core/Driver"
import type { Page } from "@keyfold/core/KeyList"
import type { KeySpec } from "@keyfold/core/KeySpec"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { KeyStoreError, Operation, RateLimited, Reason } from "@keyfold/core/KeyStoreError"
import type { KeyUsage } from "@keyfold/core/KeyUsage"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { OperationId } from "@keyfold/core/OperationId"
import type { Secret } from "@keyfold/core/Secret"
import type { Verification } from "@keyfold/core/Verification"
import type * as Config from "effect/Config"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"

/** True exactly where two types are the same, `any` and optionality told apart. */
type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false

/** Compiles only for `true`. */
const holds = <Claim extends true>(): Claim | undefined => undefined

type Service = KeyStore.KeyStore["Service"]

// The helper itself: what must differ differs.
holds<Same<string, string>>()
// @ts-expect-error a wider type is not the same
holds<Same<string, string | number>>()
// @ts-expect-error any is not the same as anything else
holds<Same<KeyStoreError, any>>() // oxlint-disable-line typescript/no-explicit-any

// Each operation: its answer, KeyStoreError and nothing else, and no requirement.
type Answer<Name extends keyof Service> = Service[Name] extends (...input: never) => infer Output ? Output : never

holds<Same<Answer<"create">, Effect.Effect<IssuedKey, KeyStoreError>>>()
holds<Same<Answer<"get">, Effect.Effect<ApiKey, KeyStoreError>>>()
holds<Same<Answer<"list">, Stream.Stream<ApiKey, KeyStoreError>>>()
holds<Same<Answer<"listPage">, Effect.Effect<Page, KeyStoreError>>>()
holds<Same<Answer<"revoke">, Effect.Effect<Revocation, KeyStoreError>>>()
holds<Same<Answer<"usage">, Effect.Effect<KeyUsage, KeyStoreError>>>()
holds<Same<Answer<"verify">, Effect.Effect<Verification, KeyStoreError>>>()
holds<Same<Answer<"identify">, Option.Option<KeyRef>>>()

type Operations = Exclude<keyof Service, "store" | "backend" | "tenant" | "capabilities" | "identify" | "list">
holds<Same<Effect.Error<Answer<Operations>>, KeyStoreError>>()
holds<Same<Effect.Services<Answer<Operations>>, never>>()
holds<Same<Stream.Error<Answer<"list">>, KeyStoreError>>()
holds<Same<Stream.Services<Answer<"list">>, never>>()

// The service has exactly these members, and its reserved names are free.
holds<
  Same<
    keyof Service,
    | "store"
    | "backend"
    | "tenant"
    | "capabilities"
    | "create"
    | "get"
    | "list"
    | "listPage"
    | "revoke"
    | "usage"
    | "verify"
    | "identify"
    | "recover"
    | "sweepOrphans"
  >
>()
holds<Same<Extract<keyof Service, "update" | "disable" | "enable">, never>>()
holds<Same<Operation, "create" | "get" | "list" | "revoke" | "usage" | "verify">>()
holds<Same<Service["capabilities"], Capabilities>>()

// Building a store fails with ConfigurationError only; a layer needs nothing.
holds<Same<ReturnType<typeof KeyStore.layer>, Layer.Layer<KeyStore.KeyStore, ConfigurationError>>>()
holds<Same<ReturnType<typeof MemoryDriver.layer>, Layer.Layer<KeyStore.KeyStore, ConfigurationError>>>()
holds<Same<Layer.Error<ReturnType<typeof KeyStore.layer>>, ConfigurationError>>()
holds<Same<Layer.Services<ReturnType<typeof KeyStore.layer>>, never>>()
holds<Same<Layer.Success<ReturnType<typeof KeyStore.layer>>, KeyStore.KeyStore>>()
holds<Same<ReturnType<typeof KeyStore.make>, Effect.Effect<Service, ConfigurationError, Scope.Scope>>>()
type Fake = Adapter.Adapter<{ readonly region: string }>
holds<Same<ReturnType<Fake["layer"]>, Layer.Layer<KeyStore.KeyStore, ConfigurationError>>>()
holds<Same<ReturnType<Fake["layerConfig"]>, Layer.Layer<KeyStore.KeyStore, ConfigurationError | Config.ConfigError>>>()

// A program needs the store and nothing of a vendor; provided with a layer it needs nothing at all.
const program = Effect.gen(function* () {
  const store = yield* KeyStore.KeyStore
  const { key } = yield* store.create({ name: "ci" })
  return yield* store.revoke(key)
})
holds<Same<typeof program, Effect.Effect<Revocation, KeyStoreError, KeyStore.KeyStore>>>()
const provided = program.pipe(Effect.provide(MemoryDriver.layer()))
holds<Same<typeof provided, Effect.Effect<Revocation, KeyStoreError | ConfigurationError>>>()

// Reasons are a closed union of 14, and catching one leaves the wrapper.
holds<
  Same<
    Reason["_tag"],
    | "NotFound"
    | "Conflict"
    | "InvalidRequest"
    | "Unauthenticated"
    | "PermissionDenied"
    | "QuotaExceeded"
    | "RateLimited"
    | "Unavailable"
    | "Timeout"
    | "Network"
    | "InvalidResponse"
    | "Unsupported"
    | "OutcomeUnknown"
    | "NotDelivered"
  >
>()
holds<Same<KeyStoreError["retryAfter"], Duration.Duration | undefined>>()
holds<Same<KeyStoreError["isRetryable"], boolean>>()
const caught = program.pipe(
  Effect.catchReason("KeyStoreError", "RateLimited", (reason) => {
    holds<Same<typeof reason, RateLimited>>()
    return Effect.succeed(reason.retryAfter)
  })
)
holds<Same<Effect.Error<typeof caught>, KeyStoreError>>()
// @ts-expect-error a reason that does not exist cannot be caught
program.pipe(Effect.catchReason("KeyStoreError", "Exploded", () => Effect.void))

// Keys, references and secrets.
holds<ApiKey extends KeyRef ? true : false>()
holds<Same<IssuedKey["secret"], Redacted.Redacted<string>>>()
holds<Same<Extract<keyof ApiKey, "secret">, never>>()
holds<Same<ApiKey["status"], "active" | "expired" | "revoked">>()
holds<Same<Secret, Redacted.Redacted<string> | Effect.Effect<Redacted.Redacted<string>, unknown>>>()
holds<Same<Verification["valid"], boolean>>()

// A driver sees scopes that are always explicit, and may fail with DriverError only.
holds<Same<CreateRequest["scopes"], ReadonlyArray<string>>>()
holds<Same<CreateRequest["expiresAt"], DateTime.Utc | undefined>>()
holds<Same<ReturnType<Driver["create"]>, Effect.Effect<IssuedKey, DriverError>>>()

// What must not compile.
declare const store: Service
declare const key: ApiKey
declare const id: KeyId

store.get(key)
store.get({ id })
store.create({ name: "ci" }, { operationId: OperationId.make("deploy-42"), within: "10 seconds" })
// @ts-expect-error a plain string is not a reference to a key
store.get("fh4dUNV3WQ")
// @ts-expect-error a plain string is not a key id
store.get({ id: "fh4dUNV3WQ" })
// @ts-expect-error a plain string is not an operation id
store.create({ name: "ci" }, { operationId: "deploy-42" })
// @ts-expect-error a secret to verify must be out of view
store.verify("kf_secret")
// @ts-expect-error a spec has no field of this name
store.create({ nmae: "ci" })
// @ts-expect-error an expiry is an instant, not a text
store.create({ expiresAt: "2027-01-01" })
// @ts-expect-error there is no such status
store.list({ status: "paused" })
// @ts-expect-error a requirement is stated as true or left out
KeyStore.layer(MemoryDriver.make(), { require: { usage: false } })
// @ts-expect-error there is no such requirement
KeyStore.layer(MemoryDriver.make(), { require: { teleport: true } })
// @ts-expect-error the secret that signs cursors must be out of view
KeyStore.layer(MemoryDriver.make(), { cursorSecret: "a literal" })
// @ts-expect-error exact optional properties: leave the owner out instead
;({ owner: undefined }) satisfies KeySpec
// @ts-expect-error a key cannot be changed in place
key.status = "revoked"
