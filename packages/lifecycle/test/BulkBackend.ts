/** A backend with many keys, which remembers every request, and whose answers a test may spoil. */
import { assert } from "@effect/vitest"
import { KeyId, type ApiKey } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import { DriverError, type Driver } from "@keyfold/core/Driver"
import * as KeyStore from "@keyfold/core/KeyStore"
import { NotFound, type Reason } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { CurrentPriority, type Priority } from "@keyfold/core/RequestBudget"
import { RetryPolicy } from "@keyfold/core/RetryPolicy"
import * as BulkRevocation from "@keyfold/lifecycle/BulkRevocation"
import * as BulkStorage from "@keyfold/lifecycle/BulkStorage"
import * as Selector from "@keyfold/lifecycle/Selector"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

/** What a test may do to one request. */
export interface Spoiling {
  /** Called before a revocation; a reason is answered instead, and nothing is done. */
  readonly refuse?: (id: string, attempt: number) => Reason | undefined
  /** How long the backend takes for a revocation, in milliseconds. */
  readonly takes?: number
  /** Keys that a list leaves out; told the number of the list, from 1. */
  readonly hides?: (id: string, list: number) => boolean
}

export const key = (id: string, fields: Partial<ApiKey> = {}): ApiKey => ({
  id: KeyId.make(id),
  owner: "ci",
  scopes: [],
  status: "active",
  tags: {},
  provider: {},
  ...fields
})

/** Ids in order: `k0001` and so on. */
export const keys = (count: number, fields: Partial<ApiKey> = {}): ReadonlyArray<ApiKey> =>
  Array.from({ length: count }, (_, index) => key(`k${String(index + 1).padStart(5, "0")}`, fields))

export const makeBackend = (initial: ReadonlyArray<ApiKey>, flags: Partial<Capabilities> = {}) => {
  const shelf = new Map<string, ApiKey>(initial.map((one) => [one.id, one]))
  const accepted = new Map<string, number>()
  const attempts = new Map<string, number>()
  const priorities = new Set<Priority>()
  const state = { lists: 0, requests: 0, underWay: 0, most: 0, spoiling: {} as Spoiling }
  const note = Effect.map(CurrentPriority, (priority) => void priorities.add(priority))
  const revoke = Effect.fnUntraced(function* (id: string) {
    const { refuse, takes = 0 } = state.spoiling
    state.requests++
    const attempt = (attempts.get(id) ?? 0) + 1
    attempts.set(id, attempt)
    const refusal = refuse?.(id, attempt)
    if (takes > 0) yield* Effect.sleep(Duration.millis(takes))
    if (refusal !== undefined) return yield* new DriverError({ reason: refusal, sent: "maybe" })
    const found = shelf.get(id)
    if (found === undefined) return yield* new DriverError({ reason: new NotFound({}), sent: "maybe" })
    accepted.set(id, (accepted.get(id) ?? 0) + 1)
    shelf.set(id, { ...found, status: "revoked", revokedAt: DateTime.makeUnsafe(yield* Clock.currentTimeMillis) })
    const already = found.status === "revoked" ? { alreadyRevoked: true } : {}
    return { id: found.id, ...already, effectiveWithin: Duration.zero }
  })
  const driver: Driver = {
    ...MemoryDriver.make(),
    capabilities: { ...MemoryDriver.capabilities, pagination: "derived", tenancy: "none", ...flags },
    list: {
      kind: "stream",
      open: () =>
        Stream.unwrap(
          Effect.map(note, () => {
            const list = ++state.lists
            const shown = [...shelf.values()].filter(({ id }) => state.spoiling.hides?.(id, list) !== true)
            return Stream.rechunk(Stream.succeed(shown), 1)
          })
        )
    },
    revoke: ({ id }) =>
      Effect.andThen(
        note,
        Effect.acquireUseRelease(
          Effect.sync(() => void (state.most = Math.max(state.most, ++state.underWay))),
          () => revoke(id),
          () => Effect.sync(() => void state.underWay--)
        )
      ),
    identify: () => Option.none()
  }
  return {
    shelf,
    /** How often a revocation of each key was accepted. */
    accepted,
    priorities,
    state,
    open: (store = "local") => KeyStore.make(driver, { store }),
    put: (...more: ReadonlyArray<ApiKey>) => {
      for (const one of more) shelf.set(one.id, one)
    },
    live: () => [...shelf.values()].filter(({ status }) => status !== "revoked").map(({ id }): string => id),
    spoil: (spoiling: Spoiling) => {
      state.spoiling = spoiling
    }
  }
}

export const parsed = (text: string): Selector.Selector => Result.getOrThrow(Selector.parse(text))

export const ci = parsed('owner == "ci"')

export const day = 86_400_000

export const daysAgo = (days: number): DateTime.Utc => DateTime.makeUnsafe(1000 * day - days * day)

/** Backends with their stores open, a storage, and short words for what a test does with them. */
export const scene = Effect.fnUntraced(function* (...initial: ReadonlyArray<ReadonlyArray<ApiKey>>) {
  yield* TestClock.setTime(1000 * day)
  const backends = initial.map((some) => makeBackend(some))
  const stores = yield* Effect.forEach(backends, (backend, index) => once(backend.open(["local", "other"][index])))
  return { ...around(stores.map(BulkRevocation.fromStore)), backend: backends[0] ?? makeBackend([]), backends }
})

export const around = (sources: ReadonlyArray<BulkRevocation.Source>) => {
  const storage = BulkStorage.memory()
  const plan = (selector = ci, limit?: number) =>
    BulkRevocation.plan(sources, selector, { storage, ...(limit === undefined ? {} : { limit }) })
  const run = (digest: string, options: Partial<BulkRevocation.RunOptions> = {}, selector = ci) =>
    BulkRevocation.run(sources, selector, { digest, storage, ...options })
  return { storage, sources, plan, run }
}

/** One attempt each, so that what is injected is what a run sees. */
export const once = Effect.provideService(RetryPolicy, {
  attempts: 1,
  initialDelay: Duration.millis(100),
  maximumDelay: Duration.seconds(5),
  retryAfterCap: Duration.seconds(1),
  budget: Duration.seconds(30)
})

export const finish = <E>(events: Stream.Stream<BulkRevocation.Event, E>) =>
  Effect.map(Stream.runCollect(events), (all) => {
    const last = all.at(-1)
    assert.isTrue(last?._tag === "Finished", "a run ends with its report")
    const [started] = all.flatMap((event) => (event._tag === "Started" ? [event] : []))
    return {
      started,
      outcomes: all.flatMap((event) => (event._tag === "Settled" ? [event.outcome] : [])),
      report: last?._tag === "Finished" ? last.report : undefined
    }
  })

export const passing = Effect.fnUntraced(function* <A, E, R>(call: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(call)
  for (let step = 0; step < 2000 && fiber.pollUnsafe() === undefined; step++) yield* TestClock.adjust("1 second")
  return yield* Fiber.join(fiber)
})

/** Lets time pass in steps, so that what does not wait for it keeps up. */
export const pass = (milliseconds: number) =>
  Effect.repeat(TestClock.adjust("100 millis"), { times: milliseconds / 100 - 1 })

export const kinds = (outcomes: ReadonlyArray<BulkRevocation.Outcome>) =>
  outcomes.map(({ id, kind }) => `${id} ${kind}`).toSorted()

export const reasonOf = <A, E>(failing: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(failing), (error) => {
    assert.instanceOf(error, BulkRevocation.BulkRevocationError)
    return error.reason
  })
