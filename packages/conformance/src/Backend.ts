/**
 * What cases need of the fake behind a store: to see its requests, to make it fail, and to know its true state.
 *
 * @since 0.1.0
 */
import { KeyId, type IssuedKey, type KeyRef } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import type { Emulator, Failure as EmulatorFailure, StoredKey } from "@keyfold/emulators/Emulator"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { addUnknown } from "./internal/addUnknown.ts"
import * as instrument from "./internal/instrument.ts"
import * as tracking from "./internal/tracking.ts"

/**
 * One request the store sent. `time` is virtual, in epoch milliseconds; `pending` ends with an answer, a failure or an
 * abort.
 *
 * @category models
 * @since 0.1.0
 */
export interface SentRequest {
  readonly time: number
  readonly pending: boolean
}

/**
 * A failure in place of the backend's own answer: an answer with a status, or no connection at all.
 *
 * `retryAfter` is in seconds. `refused` connections were never sent; a `reset` one may have been.
 *
 * @category models
 * @since 0.1.0
 */
export type Failure =
  | { readonly status: number; readonly retryAfter?: number; readonly body?: string; readonly location?: string }
  | { readonly network: "refused" | "reset" }

/**
 * A way to spoil the body of an answered success.
 *
 * @category models
 * @since 0.1.0
 */
export type Garbling = "truncated" | "html" | "empty" | "text"

/**
 * The fake behind one store.
 *
 * - `fail`, `lose`, `hang`, `garble`, `hold` apply to the next `count` requests (1 when omitted), in the order they were
 *   asked for. `fail` and `hang` keep the backend from acting, unless `acts` is true; `lose` and `garble` let it act and
 *   spoil the answer. `hold` breaks the connection and holds the request up.
 * - `release` lets requests arrive that were held up, or that hang and did not act: late, whatever became of their clients.
 * - `recover` drops what was asked for and not used up.
 * - `busy` tells whether a request is on its way that will end by itself.
 * - `live` gives the ids of the keys this store created that are not revoked, without any lag.
 * - `addUnknown` adds fields and enum values that nobody has heard of to every coming answer.
 * - `foreignKey` makes a key that this store did not create. `use` makes use of a key's secret.
 *
 * @category models
 * @since 0.1.0
 */
export interface Backend {
  readonly requests: () => ReadonlyArray<SentRequest>
  readonly busy: () => boolean
  readonly fail: (failure: Failure, count?: number, acts?: boolean) => void
  readonly lose: (count?: number) => void
  readonly hang: (count?: number, acts?: boolean) => void
  readonly garble: (garbling: Garbling, count?: number) => void
  readonly hold: (count?: number) => void
  readonly release: Effect.Effect<void>
  readonly recover: () => void
  readonly live: Effect.Effect<ReadonlyArray<KeyId>>
  readonly addUnknown?: () => void
  readonly foreignKey?: Effect.Effect<KeyRef>
  readonly use?: (issued: IssuedKey) => Effect.Effect<void>
}

/**
 * What a backend can do beyond what every backend can: `wire` answers a protocol (and has `addUnknown`), the others name
 * the function that is present.
 *
 * @category models
 * @since 0.1.0
 */
export type Offer = "wire" | "foreignKey" | "use"

/**
 * Makes the backend of each case, and says beforehand what it will offer.
 *
 * Cases that need what is not offered are not registered, and the run says so.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fake<B extends Backend> {
  readonly offers: ReadonlyArray<Offer>
  readonly make: Effect.Effect<B, ConfigurationError, Scope.Scope>
}

/**
 * A backend made from an emulator.
 *
 * Give the store `fetch`. Where the emulator is served on a socket, serve `emulator.fetch` and give the store
 * `track(globalThis.fetch)`.
 *
 * @category models
 * @since 0.1.0
 */
export interface EmulatorBackend<E> extends Backend {
  readonly emulator: E
  readonly fetch: typeof globalThis.fetch
  readonly track: (fetch: typeof globalThis.fetch) => typeof globalThis.fetch
}

const emulatorFailure = (failure: Exclude<Failure, { readonly network: "refused" }>): EmulatorFailure => {
  if ("network" in failure) return { network: "reset" }
  const { body, location, retryAfter, status } = failure
  return {
    status,
    headers: {
      ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
      ...(location === undefined ? {} : { location })
    },
    ...(body === undefined ? {} : { body, contentType: "application/json" })
  }
}

type Interventions = Pick<
  Emulator<never, StoredKey>,
  "failNext" | "loseNextResponse" | "garbleNext" | "answerNext" | "clearInterventions" | "keys"
>

type Deliver = () => Promise<unknown>

/** What keeps requests from being answered: some hang, some are cut off; those that have not acted may still arrive. */
const holding = (emulator: Interventions, tracker: tracking.Tracker): Pick<Backend, "hang" | "hold" | "release"> => {
  const held: Array<Deliver> = []
  return {
    hang: (count = 1, acts = false) =>
      emulator.answerNext(
        async ({ proceed, request }) => {
          if (acts) await proceed()
          else held.push(proceed)
          return tracker.hang(request.signal)
        },
        { count }
      ),
    hold: (count = 1) =>
      emulator.answerNext(
        ({ proceed }) => {
          held.push(proceed)
          throw tracking.brokenConnection("read ECONNRESET", "ECONNRESET")
        },
        { count }
      ),
    release: Effect.promise(async () => {
      for (const deliver of held.splice(0)) await deliver()
    })
  }
}

const controls = (
  emulator: Interventions,
  tracker: tracking.Tracker
): Pick<Backend, "fail" | "lose" | "garble" | "recover" | "live" | "addUnknown"> => ({
  fail: (failure, count = 1, acts = false) => {
    // A server cannot refuse the connection it was reached by.
    if ("network" in failure && failure.network === "refused") tracker.refuse(count)
    else emulator.failNext(emulatorFailure(failure), { count, commit: acts })
  },
  lose: (count = 1) => emulator.loseNextResponse({ count }),
  garble: (garbling, count = 1) => emulator.garbleNext(garbling, { count }),
  recover: () => {
    tracker.recover()
    emulator.clearInterventions()
  },
  live: Effect.sync(() =>
    emulator.keys().flatMap((key) => (key.origin === "created" && !key.revoked ? [KeyId.make(key.id)] : []))
  ),
  addUnknown: () => emulator.answerNext(({ proceed }) => proceed().then(addUnknown), { count: 100_000 })
})

/**
 * Says how to do to one emulator what differs from backend to backend.
 *
 * @category options
 * @since 0.1.0
 */
export interface EmulatorOffers<E> {
  readonly foreignKey?: (emulator: E) => Effect.Effect<KeyRef>
  readonly use?: (emulator: E, issued: IssuedKey) => Effect.Effect<void>
}

/**
 * Makes backends from emulators whose clock is the test's own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromEmulator = <E extends Interventions & Pick<Emulator<never, StoredKey>, "fetch">>(
  make: (clock: () => number) => E,
  { foreignKey, use }: EmulatorOffers<E> = {}
): Fake<EmulatorBackend<E>> => ({
  offers: [
    "wire",
    ...(foreignKey === undefined ? [] : (["foreignKey"] as const)),
    ...(use === undefined ? [] : (["use"] as const))
  ],
  make: Effect.map(Clock.Clock, (clock) => {
    const now = () => clock.currentTimeMillisUnsafe()
    const emulator = make(now)
    const tracker = tracking.make(now)
    return {
      emulator,
      requests: tracker.requests,
      busy: tracker.busy,
      fetch: tracker.track(emulator.fetch),
      track: tracker.track,
      ...controls(emulator, tracker),
      ...holding(emulator, tracker),
      ...(foreignKey === undefined ? {} : { foreignKey: Effect.suspend(() => foreignKey(emulator)) }),
      ...(use === undefined ? {} : { use: (issued: IssuedKey) => use(emulator, issued) })
    }
  })
})

/**
 * A backend that stands between core and a driver: a call of the driver counts as a request.
 *
 * @category models
 * @since 0.1.0
 */
export interface DriverBackend extends Backend {
  readonly driver: Driver
}

/**
 * Makes backends from drivers, for stores that have no wire: build the store from the backend's `driver`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromDriver = (make: Effect.Effect<Driver, ConfigurationError, Scope.Scope>): Fake<DriverBackend> => ({
  offers: ["foreignKey"],
  make: Effect.zipWith(make, Clock.Clock, (driver, clock) =>
    instrument.make(driver, () => clock.currentTimeMillisUnsafe())
  )
})
