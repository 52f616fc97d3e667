/** Stores over an in-process WhyLabs emulator whose clock is the test's own. */
import { KeyId, type KeyRef } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Label from "@keyfold/core/Label"
import type { SeenRequest } from "@keyfold/emulators/Emulator"
import * as Emulators from "@keyfold/emulators/WhyLabs"
import { Fetch } from "@keyfold/http/Fetch"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

export type Options = WhyLabs.Options & KeyStore.StoreOptions
export type Store = KeyStore.KeyStore["Service"]

export const organization = "org-7Kd3mQ"
export const freeOrganization = "org-free"
/** The organization of the administrator key that the v1 stores call with. */
export const callerOrganization = "org-4Wx8nT"
export const owner = "user-123"
export const baseUrl = "http://localhost:8080"
export const keysPath = `/v0/organizations/${organization}/api-key`

/** Virtual time at the start of every test. */
export const start = Date.UTC(2026, 2, 14, 9, 26, 53, 580)

export const ref = (id: string, owner?: string): KeyRef => ({
  id: KeyId.make(id),
  ...(owner === undefined ? {} : { owner })
})

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

// Web Crypto works in the order it was asked: a digest of our own is done after those of a store.
const digested = Effect.promise(() => crypto.subtle.digest("SHA-256", new Uint8Array(1)))

/** Lets work that does not wait for a clock finish. */
export const settle = Effect.gen(function* () {
  for (let turns = 0; turns < 20; turns++) yield* turns % 4 === 0 ? Effect.andThen(digested, turn) : turn
})

const passing = (step: Duration.Input, times: number) =>
  Effect.repeat(Effect.andThen(settle, TestClock.adjust(step)), { times })

/**
 * Lets time pass as a store closes: two minutes before, after which it has nothing left to look for, and the ten seconds
 * that closing waits where it cannot look.
 */
const closing = Effect.andThen(passing("15 seconds", 8), Effect.forkDetach(passing("5 seconds", 4)))

/** Builds the store of some options over a `fetch` of the test's choice. */
export const storeOver = (
  fetch: typeof globalThis.fetch,
  options: Options
): Effect.Effect<Store, ConfigurationError, Scope.Scope> =>
  WhyLabs.layer(options).pipe(
    Layer.provide(Layer.succeed(Fetch, fetch)),
    Layer.build,
    Effect.map(Context.get(KeyStore.KeyStore)),
    Effect.tap(() => Effect.addFinalizer(() => closing))
  )

/** Makes an emulator on the test's clock, and the stores of both dialects on it. */
export const songbird = Effect.fnUntraced(function* (options: Emulators.Options = {}) {
  yield* TestClock.setTime(start)
  const clock = yield* Clock.Clock
  const system = Emulators.makeCredential()
  const administrator = Emulators.makeCredential(callerOrganization)
  const emulator = Emulators.make({
    organizations: [
      { id: organization, tier: "PAID" },
      { id: callerOrganization, tier: "PAID", resources: ["model-1"] },
      { id: freeOrganization, tier: "FREE" },
      { id: "org-gone", deleted: true }
    ],
    clock: () => clock.currentTimeMillisUnsafe(),
    ...options,
    lag: { visibility: 0, revocation: 0, ...options.lag },
    credentials: [
      { kind: "system", value: system },
      { kind: "caller", value: administrator, organization: callerOrganization, scopes: [":administrator"] },
      ...(options.credentials ?? [])
    ]
  })
  return {
    emulator,
    system,
    administrator,
    v0: (changes: Partial<Options> = {}) =>
      storeOver(emulator.fetch, {
        apiKey: Redacted.make(system),
        organization,
        baseUrl,
        defaults: { owner },
        ...changes
      }),
    v1: (changes: Partial<Options> = {}) =>
      storeOver(emulator.fetch, { apiKey: Redacted.make(administrator), dialect: "v1", baseUrl, ...changes })
  }
})

export type Songbird = Effect.Success<ReturnType<typeof songbird>>

/** A query whose alias shows `<mark>` for the mark, which is another in each attempt. */
const readable = (query: SeenRequest["query"]): SeenRequest["query"] =>
  query.map(([name, value]) => {
    const { mark, name: alias } = Label.read(value)
    if (name !== "alias" || mark === undefined) return [name, value]
    return [name, alias === undefined ? "<mark>" : `${alias} <mark>`]
  })

/** What a request looked like on the wire: method, path, query in order. */
export const wireOf = ({ method, path, query }: SeenRequest) => ({ method, path, query: readable(query) })

/** Every request so far, as `METHOD path?name=value`, decoded. */
export const lines = (emulator: Emulators.WhyLabsEmulator): ReadonlyArray<string> =>
  emulator.requests.all.map(wireOf).map(({ method, path, query }) => {
    const text = query.map(([name, value]) => `${name}=${value}`).join("&")
    return `${method} ${path}${text === "" ? "" : `?${text}`}`
  })

/** The keys of a listing, as an array. */
export const listed = (store: Store, filter?: Parameters<Store["list"]>[0]) => Stream.runCollect(store.list(filter))

/** Runs an effect while moving the test's clock, and the emulator's with it, whenever it waits for time. */
export const advancing = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>, milliseconds = 50) {
  const fiber = yield* Effect.forkChild(effect)
  yield* settle
  while (fiber.pollUnsafe() === undefined) {
    yield* TestClock.adjust(milliseconds)
    yield* settle
  }
  return yield* Fiber.join(fiber)
})

/** Runs a test that waits for seconds and minutes. */
export const toTheEnd = <A, E, R>(test: Effect.Effect<A, E, R>) => advancing(test, 1000)

/** Each operation of v0 that sends something, in one call. */
export const operations: ReadonlyArray<readonly [string, (store: Store) => Effect.Effect<unknown, KeyStoreError>]> = [
  ["create", (store) => store.create({})],
  ["get", (store) => store.get(ref("aaaaaaaaaa"))],
  ["list", (store) => listed(store)],
  ["usage", (store) => store.usage(ref("aaaaaaaaaa"))],
  ["revoke", (store) => store.revoke(ref("aaaaaaaaaa", owner))]
]
