/** Stores over an in-process Occam emulator whose clock is the test's own. */
import { KeyId, type KeyRef } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Emulators from "@keyfold/emulators/Occam"
import { Fetch } from "@keyfold/http/Fetch"
import * as Occam from "@keyfold/occam/Occam"
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

export type Options = Occam.Options & KeyStore.StoreOptions
export type Store = KeyStore.KeyStore["Service"]

export const email = "ann@example.com"
export const password = "p&ss word+1"
export const baseUrl = "http://localhost:8000"

/** Virtual time at the start of every test. */
export const start = Date.UTC(2026, 2, 14, 9, 26, 53, 580)

/** A well-formed id that no key has. */
export const unknownId = "8c1f4b7e-2d93-4a06-b5e8-71f0c39a6d24"

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
  Occam.layer(options).pipe(
    Layer.provide(Layer.succeed(Fetch, fetch)),
    Layer.build,
    Effect.map(Context.get(KeyStore.KeyStore)),
    Effect.tap(() => Effect.addFinalizer(() => closing))
  )

/** Makes an emulator on the test's clock with one user, and the stores of both logins on it. */
export const host = Effect.fnUntraced(function* (options: Emulators.Options = {}) {
  yield* TestClock.setTime(start)
  const clock = yield* Clock.Clock
  const credential = Emulators.makeCredential()
  const emulator = Emulators.make({
    users: [{ email, password, keys: [credential] }],
    clock: () => clock.currentTimeMillisUnsafe(),
    ...options
  })
  return {
    emulator,
    credential,
    byKey: (changes: Partial<Options> = {}) =>
      storeOver(emulator.fetch, { apiKey: Redacted.make(credential), baseUrl, ...changes }),
    byPassword: (changes: Partial<Options> = {}) =>
      storeOver(emulator.fetch, { username: email, password: Redacted.make(password), baseUrl, ...changes })
  }
})

/** Every request so far, as `METHOD path`. */
export const lines = (emulator: Emulators.OccamEmulator): ReadonlyArray<string> =>
  emulator.requests.all.map(({ method, path }) => `${method} ${path}`)

/** Every request so far, as its operation. */
export const sent = (emulator: Emulators.OccamEmulator): ReadonlyArray<string | undefined> =>
  emulator.requests.all.map(({ operation }) => operation)

/** The keys that came to be over the wire. */
export const created = (emulator: Emulators.OccamEmulator) =>
  emulator.keys().filter(({ origin }) => origin === "created")

/** The keys of a listing, as an array. */
export const listed = (store: Store) => Stream.runCollect(store.list())

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
  ["create", (store) => store.create({ name: "one" })],
  ["get", (store) => store.get(ref(unknownId))],
  ["list", (store) => listed(store)],
  ["usage", (store) => store.usage(ref(unknownId))],
  ["revoke", (store) => store.revoke(ref(unknownId))]
]
