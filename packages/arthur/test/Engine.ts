/** Stores over an in-process Arthur emulator whose clock is the test's own. */
import { KeyId, type KeyRef } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Arthur from "@keyfold/arthur/Arthur"
import * as Emulators from "@keyfold/emulators/Arthur"
import type { SeenRequest } from "@keyfold/emulators/Emulator"
import { Fetch } from "@keyfold/http/Fetch"
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
import { inspect } from "node:util"

export type Options = Arthur.Options & KeyStore.StoreOptions
export type Store = KeyStore.KeyStore["Service"]

export const baseUrl = "http://localhost:3030"
export const keysPath = "/auth/api_keys/"
export const keyId = "3f0c9a52-6d1e-4b7a-9c35-1f2e8d7a6b90"
export const otherId = "b7d5e2c4-08af-4e61-8d3b-5c9a7f10e246"
export const unknownId = "00000000-0000-4000-8000-000000000000"

/** Virtual time at the start of every test, and the start of the emulated server process. */
export const start = Date.UTC(2026, 2, 14, 9, 26, 53, 589)
/** How the server writes that time: no zone, six digits. */
export const startOnTheWire = "2026-03-14T09:26:53.589000"

export const ref = (id: string): KeyRef => ({ id: KeyId.make(id) })

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** Lets work that does not wait for a clock finish. */
export const settle = Effect.gen(function* () {
  for (let turns = 0; turns < 20; turns++) yield* turn
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
  Arthur.layer(options).pipe(
    Layer.provide(Layer.succeed(Fetch, fetch)),
    Layer.build,
    Effect.map(Context.get(KeyStore.KeyStore)),
    Effect.tap(() => Effect.addFinalizer(() => closing))
  )

/** Makes an emulator on the test's clock, and stores on it. */
export const engine = Effect.fnUntraced(function* (options: Emulators.Options = {}) {
  yield* TestClock.setTime(start)
  const clock = yield* Clock.Clock
  const master = Emulators.makeCredential()
  const emulator = Emulators.make({
    clock: () => clock.currentTimeMillisUnsafe(),
    ...options,
    credentials: [{ kind: "master", value: master }, ...(options.credentials ?? [])]
  })
  return {
    emulator,
    master,
    make: (changes: Partial<Options> = {}) =>
      storeOver(emulator.fetch, { apiKey: Redacted.make(master), baseUrl, ...changes })
  }
})

/** As `engine`, with one key that is already there and a store. */
export const seeded = Effect.fnUntraced(function* (options: Emulators.Options = {}) {
  const made = yield* engine(options)
  made.emulator.seed({ id: keyId, description: "billing worker" })
  return { ...made, store: yield* made.make() }
})

/** The two kinds of deployment: they differ in what a wrong slash or path answers. */
export const deployments = [
  ["with the bundled UI", true],
  ["without UI", false]
] as const

/** What a request looked like on the wire: method, path, query in order. */
export const wireOf = ({ method, path, query }: SeenRequest) => ({ method, path, query })

/** Every request so far, as `METHOD path`, with the query there must never be. */
export const lines = (emulator: Emulators.ArthurEmulator): ReadonlyArray<string> =>
  emulator.requests.all.map(({ method, path, query }) => {
    const text = query.map(([name, value]) => `${name}=${value}`).join("&")
    return `${method} ${path}${text === "" ? "" : `?${text}`}`
  })

/** The statuses answered so far. */
export const statuses = (emulator: Emulators.ArthurEmulator): ReadonlyArray<number | undefined> =>
  emulator.requests.all.map(({ status }) => status)

/** The keys of a listing, as an array. */
export const listed = (store: Store, filter?: Parameters<Store["list"]>[0]) => Stream.runCollect(store.list(filter))

/** What an error says anywhere, for searching. */
export const wholeText = (error: KeyStoreError) =>
  `${error.message}\n${inspect(error, { depth: Infinity, showHidden: true })}\n${JSON.stringify(error)}`

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

/** Each operation that sends something, in one call. */
export const operations: ReadonlyArray<readonly [string, (store: Store) => Effect.Effect<unknown, KeyStoreError>]> = [
  ["create", (store) => store.create({})],
  ["get", (store) => store.get(ref(keyId))],
  ["list", (store) => listed(store)],
  ["revoke", (store) => store.revoke(ref(keyId))]
]
