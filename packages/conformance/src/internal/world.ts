/** What one run of a case has in hand: a fresh store, and whatever its subject gives to look behind it. */
import { KeyId, type ApiKey, type IssuedKey, type KeyRef } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import type { Filter } from "@keyfold/core/KeyList"
import type { KeySpec } from "@keyfold/core/KeySpec"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import { defaultPolicy, RetryPolicy } from "@keyfold/core/RetryPolicy"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Backend } from "../Backend.ts"
import type { Samples, Subject } from "../Contract.ts"
import type { Definition } from "./definition.ts"
import { broken, type CaseFailure, fails, same } from "./expect.ts"
import { inVirtualTime, type VirtualTime } from "./virtualTime.ts"

/** A built store. */
export type Store = KeyStore.KeyStore["Service"]

/** The hands of a case. `backend` and `driver` exist for cases that say they need them. */
export interface World {
  readonly capabilities: Capabilities
  readonly samples: Required<Samples>
  readonly credentials: ReadonlyArray<string>
  readonly store: Store
  readonly backend: Backend
  readonly driver: Effect.Effect<Driver, ConfigurationError, Scope.Scope>
  /** Builds another store over the same backend, with further options. */
  readonly open: (options: KeyStore.StoreOptions) => Effect.Effect<Store, ConfigurationError, Scope.Scope>
  /** How many requests were sent so far; 0 where no backend counts them. */
  readonly sent: () => number
}

const samplesOf = (samples: Samples = {}): Required<Samples> => ({
  scopes: ["read", "write"],
  owners: ["ann", "bob"],
  name: "Zoë's ключ 鍵 🔑 / a+b & c=d?",
  unknownId: "0000000000000000",
  malformedIds: [],
  foreignSecrets: [],
  ...samples
})

const absent = (what: string): never => {
  throw new Error(`a case uses ${what} without saying that it needs it`)
}

/** The options of a store that says nothing: a default owner where keys cannot do without one. */
export const baseOptions = (world: Pick<World, "capabilities" | "samples">): KeyStore.StoreOptions => ({
  store: "conformance",
  ...(world.capabilities.owners === "required" ? { defaults: { owner: world.samples.owners[0] } } : {})
})

const layerOf = <B extends Backend>(subject: Subject<B>, options: KeyStore.StoreOptions, backend: B | undefined) => {
  if (subject.backend !== undefined)
    return backend === undefined ? absent("a backend") : subject.layer(options, backend)
  return typeof subject.layer === "function" ? subject.layer(options) : subject.layer
}

const driverOf = <B extends Backend>(subject: Subject<B>, backend: B | undefined): World["driver"] => {
  if (subject.backend === undefined) return subject.driver?.() ?? Effect.sync(() => absent("a driver"))
  return backend === undefined || subject.driver === undefined
    ? Effect.sync(() => absent("a driver"))
    : subject.driver(backend)
}

const makeWorld = Effect.fnUntraced(function* <B extends Backend>(subject: Subject<B>, time: VirtualTime) {
  const { capabilities, credentials = [] } = subject
  const samples = samplesOf(subject.samples)
  const base = baseOptions({ capabilities, samples })
  const backend = subject.backend === undefined ? undefined : yield* subject.backend.make
  if (backend !== undefined) time.watch(backend.busy)
  const open: World["open"] = (options) =>
    Effect.map(
      Effect.suspend(() => Layer.build(Layer.fresh(layerOf(subject, { ...base, ...options }, backend)))),
      Context.get(KeyStore.KeyStore)
    )
  const world: World = {
    capabilities,
    samples,
    credentials,
    store: yield* open({}),
    get backend() {
      return backend ?? absent("a backend")
    },
    driver: driverOf(subject, backend),
    open,
    sent: () => backend?.requests().length ?? 0
  }
  return world
})

/** Runs a case on a fresh store, in virtual time and under the default retry policy. */
export const runCase = <B extends Backend>(subject: Subject<B>, definition: Definition): Effect.Effect<void, unknown> =>
  inVirtualTime((time) =>
    makeWorld(subject, time).pipe(
      Effect.flatMap(definition.run),
      Effect.asVoid,
      Effect.scoped,
      Effect.provideService(RetryPolicy, defaultPolicy)
    )
  )

/** The same world with another store in hand. */
export const on = (world: World, store: Store): World => Object.create(world, { store: { value: store } })

/** Points at a key by its id alone. */
export const bare = ({ id }: KeyRef): KeyRef => ({ id })

/** Points at a key that does not exist. */
export const unknownRef = (world: World): KeyRef => ({ id: KeyId.make(world.samples.unknownId) })

/**
 * Waits until every read sees what was written before. After the first create, a store that marks its keys reads the mark
 * back soon after that time; a second more leaves that behind.
 */
export const settled = ({ capabilities }: World): Effect.Effect<void> =>
  Effect.andThen(Effect.sleep(capabilities.consistency.visibility.within), Effect.sleep("1 second"))

/** Adds durations up. */
export const lasting = (...parts: ReadonlyArray<Duration.Duration>): Duration.Duration =>
  parts.reduce(Duration.sum, Duration.zero)

/** Waits until nothing that was sent before can show or arrive any more, and what it left has been cleared away. */
export const atRest = ({ capabilities: { consistency } }: World): Effect.Effect<void> =>
  Effect.sleep(lasting(consistency.visibility.within, consistency.settle.within, Duration.minutes(1)))

/** Waits until a revoked secret is refused everywhere. */
export const revoked = ({ capabilities }: World): Effect.Effect<void> =>
  Effect.sleep(Duration.max(capabilities.revocationLag.within, capabilities.consistency.visibility.within))

/** Creates a key, and waits until every read sees it. */
export const created = (world: World, spec: KeySpec = {}): Effect.Effect<IssuedKey, KeyStoreError> =>
  Effect.tap(world.store.create(spec), () => settled(world))

/** Creates keys one after the other, a second apart, and waits until every read sees them. */
export const createdMany = (
  world: World,
  specs: ReadonlyArray<KeySpec>
): Effect.Effect<ReadonlyArray<ApiKey>, KeyStoreError> =>
  Effect.tap(
    Effect.forEach(specs, (spec) =>
      Effect.tap(
        Effect.map(world.store.create(spec), (issued) => issued.key),
        () => Effect.sleep("1 second")
      )
    ),
    () => settled(world)
  )

/** Specs that differ by name. */
export const named = (count: number): ReadonlyArray<KeySpec> =>
  Array.from({ length: count }, (_, index) => ({ name: `key ${index + 1}` }))

/** Lists to the end. */
export const listed = (store: Store, filter?: Filter): Effect.Effect<ReadonlyArray<ApiKey>, KeyStoreError> =>
  Stream.runCollect(store.list(filter))

/** The ids of keys. */
export const idsOf = (keys: ReadonlyArray<KeyRef>): ReadonlyArray<KeyId> => keys.map(({ id }) => id)

/** Which of our keys a listing shows, in its order; a backend may hold keys that no case made. */
export const shown = (keys: ReadonlyArray<KeyRef>, ours: ReadonlyArray<KeyRef>): ReadonlyArray<KeyId> => {
  const known = new Set<string>(idsOf(ours))
  return idsOf(keys).filter((id) => known.has(id))
}

/** Runs an effect and fails the case if it sent a request. */
export const sendingNothing = <A, E, R>(
  world: World,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | CaseFailure, R> =>
  Effect.suspend(() => {
    const before = world.sent()
    return Effect.tap(effect, () => same(world.sent() - before, 0, "requests sent"))
  })

/** Expects a refusal before anything is sent. */
export const refusedUnsent = <A>(
  world: World,
  call: Effect.Effect<A, KeyStoreError>,
  tag: "Unsupported" | "InvalidRequest"
): Effect.Effect<KeyStoreError, CaseFailure> =>
  sendingNothing(
    world,
    Effect.tap(fails(call, tag), (error) => same(error.attempts, 0, "attempts of a call that was not sent"))
  )

/** Sends harmless requests first, so that a case counts none of those a store sends only once. */
export const warm = Effect.fnUntraced(function* (world: World): Effect.fn.Return<void, KeyStoreError> {
  if (world.capabilities.createSafety === "marker") {
    const { key } = yield* created(world, { name: "warm" })
    yield* world.store.revoke(key)
    yield* settled(world)
  }
  yield* world.store.listPage({ limit: 1 })
})

/** The times, in virtual milliseconds, of the requests an effect sends. */
export const timesOf = <A, E, R>(
  world: World,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<{ readonly value: A; readonly times: ReadonlyArray<number> }, E, R> =>
  Effect.suspend(() => {
    const before = world.sent()
    return Effect.map(effect, (value) => ({
      value,
      times: world.backend
        .requests()
        .slice(before)
        .map(({ time }) => time)
    }))
  })

/** Fails the case unless a key is present. */
export const found = (
  keys: ReadonlyArray<ApiKey>,
  { id }: KeyRef,
  where: string
): Effect.Effect<ApiKey, CaseFailure> => {
  const key = keys.find((candidate) => candidate.id === id)
  return key === undefined ? broken(`${where} does not show key ${id}`) : Effect.succeed(key)
}
