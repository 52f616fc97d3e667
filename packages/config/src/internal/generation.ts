/** A configuration in force with what is open of it: used until nobody needs it any more, then closed once. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { KeyStores } from "@keyfold/core/KeyStores"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as RcMap from "effect/RcMap"
import type * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type { Complete, Configuration, Options, Settings, StoreDefinition } from "../Configuration.ts"
import * as Stores from "../Stores.ts"
import * as Tenants from "../Tenants.ts"
import { accept, judge } from "./judge.ts"
import type { Purses } from "./policies.ts"

type Store = KeyStore["Service"]

/** What is open of a configuration. */
export interface Generation {
  readonly configuration: Configuration
  readonly purses: Purses
  readonly tenants: KeyStores["Service"]
  readonly stores: RcMap.RcMap<string, Store, ConfigurationError>
  readonly scope: Scope.Closeable
  readonly closed: Deferred.Deferred<void>
  users: number
  isRetired: boolean
  isClosing: boolean
}

/** What all generations of one program share. */
export interface Shared {
  readonly context: Context.Context<never>
  /** Signs the page cursors of stores that state no secret for them, so that they outlast a reload. */
  readonly cursorSecret: Redacted.Redacted<string>
}

const signing = <A extends Settings>(settings: A, cursorSecret: Redacted.Redacted<string>): A => ({
  ...settings,
  store: { cursorSecret, ...settings.store }
})

const signed = (definition: StoreDefinition, { cursorSecret }: Shared): StoreDefinition => ({
  ...definition,
  complete: Effect.map(definition.complete, (complete: Complete) => signing(complete, cursorSecret)),
  settings: Effect.map(definition.settings, (settings) => signing(settings, cursorSecret))
})

/** Who opens a store first must not decide what others get: all are opened with what the program started with. */
const isolated =
  ({ context }: Shared) =>
  <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E, Scope.Scope> =>
    Effect.updateContext(effect, (current: Context.Context<Scope.Scope>) =>
      Context.add(context, Scope.Scope, Context.get(current, Scope.Scope))
    )

const defaultIdle = Duration.minutes(5)

const populate = Effect.fnUntraced(function* (
  configuration: Configuration,
  shared: Shared
): Effect.fn.Return<Pick<Generation, "tenants" | "stores">, ConfigurationError, Scope.Scope> {
  return {
    tenants: yield* Tenants.open(configuration),
    stores: yield* RcMap.make({
      lookup: (name: string) => isolated(shared)(Stores.open(configuration, name)),
      idleTimeToLive: configuration.idle ?? defaultIdle
    })
  }
})

/** What a reading starts from: the budgets before, which go on, and what lets it be interrupted. */
export interface Start {
  readonly before: Purses
  readonly restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * Reads the file with all of its secrets and prepares what it describes. It is called where it cannot be interrupted but
 * by `restore`, so that what it opens is in somebody's hands.
 */
export const read = Effect.fnUntraced(function* (
  options: Options,
  shared: Shared,
  { before, restore }: Start
): Effect.fn.Return<Generation, ConfigurationError> {
  const outcome = yield* restore(judge({ ...options, secrets: "now" }, before))
  const accepted = yield* accept(outcome)
  const stores = new Map([...accepted.stores].map(([name, definition]) => [name, signed(definition, shared)]))
  const configuration: Configuration = { ...accepted, stores }
  const scope = yield* Scope.make()
  const open = yield* restore(Scope.provide(isolated(shared)(populate(configuration, shared)), scope)).pipe(
    Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)))
  )
  const closed = yield* Deferred.make<void>()
  const state = { users: 0, isRetired: false, isClosing: false }
  return { configuration, purses: outcome.purses, ...open, scope, closed, ...state }
})

/** Closes a generation, once; it is told by `closed`. */
const close = (generation: Generation): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (generation.isClosing) return Effect.void
    generation.isClosing = true
    // Closing may wait for creates that are being settled; who was the last user does not wait for that.
    return Scope.close(generation.scope, Exit.void).pipe(
      Effect.ensuring(Deferred.succeed(generation.closed, undefined)),
      Effect.uninterruptible,
      Effect.forkDetach({ startImmediately: true }),
      Effect.asVoid
    )
  })

const closeUnused = (generation: Generation): Effect.Effect<void> =>
  Effect.suspend(() => (generation.isRetired && generation.users === 0 ? close(generation) : Effect.void))

/** Lets nobody in any more, so that the end of the last user closes it. */
export const retire = (generation: Generation): Effect.Effect<void> =>
  Effect.suspend(() => {
    generation.isRetired = true
    return closeUnused(generation)
  })

/** Closes a generation whoever uses it, and waits for that. */
const end = (generation: Generation): Effect.Effect<void> =>
  Effect.andThen(close(generation), Deferred.await(generation.closed))

const leave = (generation: Generation): Effect.Effect<void> =>
  Effect.suspend(() => {
    generation.users -= 1
    return closeUnused(generation)
  })

/** Takes something of the current generation, which stays open for it until the scope closes. */
export const use = <A>(
  current: () => Generation,
  take: (generation: Generation) => Effect.Effect<A, ConfigurationError, Scope.Scope>
): Effect.Effect<A, ConfigurationError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.scope, (outer) =>
      Effect.flatMap(Scope.fork(outer), (scope) => {
        const generation = current()
        generation.users += 1
        return Scope.addFinalizer(scope, leave(generation)).pipe(
          Effect.andThen(restore(Scope.provide(take(generation), scope))),
          Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)))
        )
      })
    )
  )

/** Opens a store by name or joins those who have it open. What failed to open is not kept: the next one tries again. */
export const takeStore = (
  { configuration, stores }: Generation,
  name: string | undefined
): Effect.Effect<Store, ConfigurationError, Scope.Scope> =>
  Effect.flatMap(Stores.find(configuration, name), (definition) =>
    Effect.onExit(RcMap.get(stores, definition.name), (exit) =>
      Exit.isSuccess(exit) || Exit.hasInterrupts(exit) ? Effect.void : RcMap.invalidate(stores, definition.name)
    )
  )

/** The generations that are not closed yet; the scope's end closes them. */
export const family: Effect.Effect<Set<Generation>, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => new Set<Generation>()),
  (open) => Effect.forEach(open, end, { concurrency: "unbounded", discard: true })
)

/** Waits until nobody uses these generations any more. */
export const awaitClosed = (generations: ReadonlyArray<Generation>, open: Set<Generation>): Effect.Effect<void> =>
  Effect.forEach(
    generations,
    (generation) =>
      Effect.andThen(
        Deferred.await(generation.closed),
        Effect.sync(() => open.delete(generation))
      ),
    { concurrency: "unbounded", discard: true }
  )
