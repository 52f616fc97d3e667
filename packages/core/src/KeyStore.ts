/**
 * The portable store of API keys: what people call, whichever backend is behind it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { ApiKey, IssuedKey, KeyRef, Revocation } from "./ApiKey.ts"
import { unmet, type Capabilities, type Requirements } from "./Capabilities.ts"
import { ConfigurationError } from "./ConfigurationError.ts"
import type { Driver } from "./Driver.ts"
import { makeCalls, revokeNow, type Store } from "./internal/calls.ts"
import { makeCreate } from "./internal/create.ts"
import * as crypto from "./internal/crypto.ts"
import * as cursor from "./internal/cursor.ts"
import { getFromDriver, getFromList } from "./internal/derive.ts"
import { makeListing } from "./internal/listing.ts"
import * as finders from "./internal/finder.ts"
import * as ownership from "./internal/ownership.ts"
import * as recent from "./internal/recent.ts"
import * as reconcile from "./internal/reconcile.ts"
import { makeRecovery } from "./internal/recover.ts"
import { mapScopes } from "./internal/spec.ts"
import * as telemetry from "./internal/telemetry.ts"
import { Journal } from "./Journal.ts"
import type { Filter, Page, PageRequest } from "./KeyList.ts"
import type { KeySpec } from "./KeySpec.ts"
import type { KeyStoreError } from "./KeyStoreError.ts"
import type { KeyUsage } from "./KeyUsage.ts"
import * as Label from "./Label.ts"
import type { OperationId } from "./OperationId.ts"
import type { RecoverOptions, Recovery, Sweep, SweepOptions } from "./Recovery.ts"
import * as RequestBudget from "./RequestBudget.ts"
import { RetryPolicy } from "./RetryPolicy.ts"
import type { Verification } from "./Verification.ts"

/**
 * Names one create.
 *
 * `operationId` is generated when omitted. `within` (30 seconds when omitted) bounds the whole call: what cannot be
 * settled by then fails `OutcomeUnknown`.
 *
 * @category options
 * @since 0.1.0
 */
export interface CreateOptions {
  readonly operationId?: OperationId
  readonly within?: Duration.Input
}

/**
 * Configures one store, whatever its backend.
 *
 * - `store`: the name used in errors and spans; the backend's name when omitted.
 * - `tenant`: whose keys these are, on a backend that partitions natively. Where keys have marks instead, the store shows
 *   those the tenant made with this `labelSecret` (or journal) and no others, and looks a key up before it does anything to
 *   it. Refused elsewhere.
 * - `defaults`: owner and scopes for specs that leave them out.
 * - `scopeMap`: portable scope name → the backend's own scopes. With a map, only its names are accepted. On a backend
 *   without scopes a name must map to `[]`: so the operator accepts that such a key may do everything.
 * - `require`: what the program needs; the store refuses to boot where the backend cannot meet it.
 * - `cursorSecret`: lets several processes read each other's cursors; random per store when omitted.
 * - `labelSecret`: keys the marks in labels, so that several processes and a restarted one know each other's creates. The
 *   journal's secret when omitted, and random per store without a journal.
 * - `budget`: how many requests the store's credential may send; share one between all stores that use the credential.
 *   Without one only the backend's own limits count.
 *
 * @category options
 * @since 0.1.0
 */
export interface StoreOptions {
  readonly store?: string
  readonly tenant?: string
  readonly defaults?: { readonly owner?: string; readonly scopes?: ReadonlyArray<string> }
  readonly scopeMap?: Readonly<Record<string, ReadonlyArray<string>>>
  readonly require?: Requirements
  readonly cursorSecret?: Redacted.Redacted<string>
  readonly labelSecret?: Redacted.Redacted<string>
  readonly budget?: RequestBudget.RequestBudget
}

/**
 * Manages the API keys of one backend.
 *
 * Every operation exists on every store and fails with `KeyStoreError` and nothing else. What the backend cannot do
 * fails `Unsupported` before anything is sent.
 *
 * - `create` returns the key with its secret, once. Where an answer is lost, the key it may have made is found by its
 *   mark, revoked, and made anew; an outcome that cannot be settled in time is `OutcomeUnknown`, never a second key.
 * - `recover` tells what became of one create, and `sweepOrphans` finds keys that nobody holds; with a journal both
 *   finish what a dead process left.
 * - `get` finds one key, or fails `NotFound`.
 * - `list` streams keys to the end and stops requesting when its consumer stops; `listPage` serves stateless callers.
 * - `revoke` withdraws a key for good and says how long its secret may still be accepted. Revoking twice
 *   succeeds where the backend still knows the key.
 * - `usage` reports the backend's numbers with their precision.
 * - `verify` asks the backend whether a secret is valid. An outage is an error, never `valid: false`.
 * - `identify` reads the key's id from the secret's own format, without any request, where the format carries it.
 *
 * @category services
 * @since 0.1.0
 */
export class KeyStore extends Context.Service<
  KeyStore,
  {
    readonly store: string
    readonly backend: string
    readonly tenant: Option.Option<string>
    readonly capabilities: Capabilities
    readonly create: (spec: KeySpec, options?: CreateOptions) => Effect.Effect<IssuedKey, KeyStoreError>
    readonly get: (ref: KeyRef) => Effect.Effect<ApiKey, KeyStoreError>
    readonly list: (filter?: Filter) => Stream.Stream<ApiKey, KeyStoreError>
    readonly listPage: (request?: PageRequest) => Effect.Effect<Page, KeyStoreError>
    readonly revoke: (ref: KeyRef) => Effect.Effect<Revocation, KeyStoreError>
    readonly usage: (ref: KeyRef) => Effect.Effect<KeyUsage, KeyStoreError>
    readonly verify: (secret: Redacted.Redacted<string>) => Effect.Effect<Verification, KeyStoreError>
    readonly recover: (operationId: OperationId, options?: RecoverOptions) => Effect.Effect<Recovery, KeyStoreError>
    readonly sweepOrphans: (options?: SweepOptions) => Effect.Effect<Sweep, KeyStoreError>
    readonly identify: (secret: Redacted.Redacted<string>) => Option.Option<KeyRef>
  }
>()("@keyfold/core/KeyStore") {}

type Backend = Pick<Driver, "backend" | "capabilities">

type Mistake = Pick<ConfigurationError, "field" | "problem" | "fix">

const ownerMistakes = ({ backend, capabilities }: Backend, options: StoreOptions): ReadonlyArray<Mistake> => {
  const field = "defaults.owner"
  const owner = options.defaults?.owner
  if (capabilities.owners === "unsupported") {
    return owner === undefined
      ? []
      : [{ field, problem: `${backend} keys have no owner.`, fix: "Remove defaults.owner." }]
  }
  if (owner === "") return [{ field, problem: "the owner is empty.", fix: "Name a user, or remove it." }]
  if (capabilities.owners === "optional" || owner !== undefined) return []
  const fix = "Set defaults.owner to the user who owns keys created without an owner."
  return [{ field, problem: `every ${backend} key needs an owner, and the store names no default.`, fix }]
}

const scopeMistakes = ({ backend, capabilities }: Backend, options: StoreOptions): ReadonlyArray<Mistake> => {
  const scopes = options.defaults?.scopes ?? []
  if (!capabilities.scopes) {
    const mapped = Object.entries(options.scopeMap ?? {}).find(([, targets]) => targets.length > 0)?.[0]
    const unmapped = scopes.find((scope) => !Object.hasOwn(options.scopeMap ?? {}, scope))
    const problem = `${backend} keys have no scopes and may do everything.`
    const fix = (name: string) => `Write scopeMap: { ${name}: [] } to accept that, or remove ${name}.`
    return [
      ...(mapped === undefined ? [] : [{ field: `scopeMap.${mapped}`, problem, fix: fix(mapped) }]),
      ...(unmapped === undefined ? [] : [{ field: "defaults.scopes", problem, fix: fix(unmapped) }]),
      ...(options.defaults?.scopes?.length === 0
        ? [{ field: "defaults.scopes", problem, fix: "Remove defaults.scopes." }]
        : [])
    ]
  }
  const mapped = mapScopes(options.scopeMap, scopes)
  return mapped._tag === "Failure" ? [{ field: "defaults.scopes", problem: `${mapped.failure.message}.` }] : []
}

const tenantMistakes = ({ backend, capabilities }: Backend, options: StoreOptions): ReadonlyArray<Mistake> => {
  const field = "tenant"
  if (options.tenant === "") return [{ field, problem: "the tenant is empty.", fix: "Name it, or remove it." }]
  return options.tenant === undefined || capabilities.tenancy === "native" || ownership.tellsApart(capabilities)
    ? []
    : [{ field, problem: `${backend} does not keep tenants apart.`, fix: "Remove tenant, or choose another backend." }]
}

const unmetRequirements = ({ backend, capabilities }: Backend, options: StoreOptions): ReadonlyArray<Mistake> => {
  const seen = ownership.isView(capabilities, options) ? ownership.capabilitiesOfView(capabilities) : capabilities
  const missing = unmet(seen, options.require ?? {})
  const fix = "Choose another backend for this store, or drop the requirement."
  return missing.length === 0
    ? []
    : [{ field: "require", problem: `${backend} cannot meet: ${missing.join(", ")}.`, fix }]
}

/**
 * Lists everything about a store's options that cannot work on a backend with these capabilities.
 *
 * @category guards
 * @since 0.1.0
 */
export const check = (backend: Backend, options: StoreOptions): ReadonlyArray<ConfigurationError> => {
  const unnamed = { field: "store", problem: "the store's name is empty.", fix: "Give it a name." }
  const signing = "Give it at least 16 random characters, or leave it out."
  const isEmpty = (secret: Redacted.Redacted<string> | undefined) =>
    secret !== undefined && Redacted.value(secret) === ""
  const unsigned = { field: "cursorSecret", problem: "the secret for cursors is empty.", fix: signing }
  const unmarked = { field: "labelSecret", problem: "the secret for marks in labels is empty.", fix: signing }
  const mistakes: ReadonlyArray<Mistake> = [
    ...(options.store === "" ? [unnamed] : []),
    ...(isEmpty(options.cursorSecret) ? [unsigned] : []),
    ...(isEmpty(options.labelSecret) ? [unmarked] : []),
    ...tenantMistakes(backend, options),
    ...ownerMistakes(backend, options),
    ...scopeMistakes(backend, options),
    ...unmetRequirements(backend, options)
  ]
  return mistakes.map((mistake) => told(backend, options, mistake))
}

const told = ({ backend }: Backend, options: StoreOptions, { field, fix, problem }: Mistake): ConfigurationError =>
  new ConfigurationError({
    store: options.store ?? backend,
    ...(field === undefined ? {} : { field }),
    problem,
    ...(fix === undefined ? {} : { fix })
  })

/** What would leave a tenant with the keys of others, or with none of its own after a restart. */
const isolationMistake = (driver: Driver, options: StoreOptions, isKeyed: boolean): Mistake | undefined => {
  const { backend, capabilities, partition } = driver
  if (options.tenant === undefined) return undefined
  if (capabilities.tenancy === "native" && partition === undefined) {
    return { field: "tenant", problem: `${backend} says that it keeps tenants apart, and has no way to.` }
  }
  return isKeyed || !ownership.isView(capabilities, options)
    ? undefined
    : {
        field: "labelSecret",
        problem: `tenants of ${backend} are told apart by keyed marks, and the store has no secret for them.`,
        fix: "Set labelSecret to at least 16 random characters, the same in every process, or use a journal."
      }
}

/** A store, and what its tenant sees of it: the same where nobody has to be told apart. */
interface Built {
  readonly store: Store
  readonly view: Store
}

const makeStore = Effect.fnUntraced(function* (
  name: string,
  driver: Driver,
  options: StoreOptions
): Effect.fn.Return<Built, never, Scope.Scope> {
  const { backend } = driver
  const meter = yield* telemetry.make({ store: name, backend })
  const engine = { policy: yield* RetryPolicy, budget: options.budget ?? RequestBudget.unlimited(), meter }
  const reading = (driver: Driver) => ({
    driver,
    ...(driver.get === undefined ? getFromList(driver, engine) : getFromDriver(driver.get, engine))
  })
  const known = { engine, recent: recent.make(driver.capabilities.consistency.visibility) }
  const journal = yield* Journal
  const secret = options.labelSecret ?? journal?.secret ?? crypto.randomBytes(32)
  const codec = yield* Label.make({ secret, backend, tenant: options.tenant })
  const finder = finders.make(driver, engine, codec)
  const revoking = { ...known, ...reading(driver) }
  const store: Store = {
    ...revoking,
    name,
    options,
    codec,
    journal,
    finder,
    confirm: ownership.trusting,
    reconciler: yield* reconcile.make({ driver, finder, meter, revoke: (ref) => revokeNow(revoking, ref) }),
    cursors: cursor.make({ store: name, backend, tenant: options.tenant }, options.cursorSecret)
  }
  if (!ownership.isView(driver.capabilities, options)) return { store, view: store }
  const own = reading(ownership.view(driver, codec))
  return { store, view: { ...store, ...own, confirm: ownership.confirming({ ...known, read: own.read }) } }
})

/**
 * Builds a store from a driver.
 *
 * It adds what every backend needs: input checks and capability guards before any request, store defaults and scope
 * maps, retries, safe creates, derived operations, authenticated cursors, settled statuses, spans
 * `KeyStore.<operation>` and metrics (docs/observability.md names them all). The scope owns what outlives a call: closing
 * it waits up to 10 seconds for creates whose outcome is being settled. Fails with the first `ConfigurationError` that
 * `check` finds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  whole: Driver,
  options: StoreOptions = {}
): Effect.fn.Return<KeyStore["Service"], ConfigurationError, Scope.Scope> {
  const [mistake] = check(whole, options)
  if (mistake !== undefined) return yield* mistake
  const isKeyed = options.labelSecret !== undefined || (yield* Journal) !== undefined
  const unsafe = isolationMistake(whole, options, isKeyed)
  if (unsafe !== undefined) return yield* told(whole, options, unsafe)
  const driver = options.tenant === undefined ? whole : (whole.partition?.(options.tenant) ?? whole)
  const { store, view } = yield* makeStore(options.store ?? driver.backend, driver, options)
  return KeyStore.of({
    store: store.name,
    backend: driver.backend,
    tenant: Option.fromUndefinedOr(options.tenant),
    get capabilities() {
      return store.finder.survival() === "lost"
        ? { ...view.driver.capabilities, createSafety: "none" as const }
        : view.driver.capabilities
    },
    create: makeCreate(store),
    ...makeRecovery(store),
    ...makeListing(view),
    ...makeCalls(view)
  })
})

/**
 * Provides a store built from a driver.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (driver: Driver, options: StoreOptions = {}): Layer.Layer<KeyStore, ConfigurationError> =>
  Layer.effect(KeyStore, make(driver, options))
