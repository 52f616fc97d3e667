/**
 * A configuration that can change while the program runs.
 *
 * @since 0.1.0
 */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { Source } from "@keyfold/core/KeyStores"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { randomBytes } from "node:crypto"
import type * as Configuration from "./Configuration.ts"
import { between } from "./internal/changes.ts"
import * as generations from "./internal/generation.ts"

/**
 * Says which file is read, as for `Configuration.load`, and how long a reload waits.
 *
 * Every secret is obtained when the file is read. `drain` (30 seconds when omitted) is how long `reload` waits for those
 * who still use what was there before.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Omit<Configuration.Options, "secrets"> {
  readonly drain?: Duration.Input
}

/**
 * Tells what a reload changed.
 *
 * - `stores` and `tenants` name what was added, removed or changed; a secret with another value counts.
 * - `drained` says that nobody uses what was there before any more. It is false where somebody still did when the time
 *   was over.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reloaded {
  readonly configuration: Configuration.Configuration
  readonly stores: ReadonlyArray<string>
  readonly tenants: ReadonlyArray<string>
  readonly drained: boolean
}

/**
 * Gives stores of the configuration in force, which is read again on demand.
 *
 * - `current` is the configuration in force.
 * - `forTenant` gives a tenant's store; open one for each request or piece of work.
 * - `store` gives a store of the file by name, or the default store: the operator's whole view, shared by all who have it
 *   open.
 * - `sources` are all stores with the tenants they serve, for as long as the scope is open: see `KeyStores`.
 * - `reload` reads the file and every secret again. A file with mistakes changes nothing and fails with all of them. Else
 *   who comes next gets the new configuration, and who has a store open finishes on it; it returns once nobody can use the
 *   old one any more, or once `drain` is over.
 *
 * @category models
 * @since 0.1.0
 */
export interface LiveConfiguration {
  readonly current: Effect.Effect<Configuration.Configuration>
  readonly forTenant: (tenant: string) => Effect.Effect<KeyStore["Service"], ConfigurationError, Scope.Scope>
  readonly store: (name?: string) => Effect.Effect<KeyStore["Service"], ConfigurationError, Scope.Scope>
  readonly sources: Effect.Effect<ReadonlyArray<Source>, ConfigurationError, Scope.Scope>
  readonly reload: Effect.Effect<Reloaded, ConfigurationError>
}

const defaultDrain = Duration.seconds(30)

/** The generation that who comes next gets, and how it is replaced. */
const makeCurrent = Effect.fnUntraced(function* (source: Configuration.Options) {
  const shared: generations.Shared = {
    context: yield* Effect.context<never>(),
    cursorSecret: Redacted.make(randomBytes(32).toString("base64url"))
  }
  const open = yield* generations.family
  const read = (start: generations.Start) =>
    Effect.tap(generations.read(source, shared, start), (next) => Effect.sync(() => open.add(next)))
  let current = yield* Effect.uninterruptibleMask((restore) => read({ before: new Map(), restore }))
  const replace = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const before = current
      const older = [...open]
      const next = yield* read({ before: before.purses, restore })
      const changes = yield* between(before.configuration, next.configuration)
      current = next
      yield* generations.retire(before)
      const closed = generations.awaitClosed(older, open)
      return { closed, reloaded: { configuration: next.configuration, ...changes } }
    })
  )
  const oneAtATime = yield* Semaphore.make(1)
  return { current: () => current, replace: oneAtATime.withPermit(replace) }
})

/**
 * Reads a configuration file and every secret it refers to. Stores are opened when they are first used; the scope's end
 * closes what is open.
 *
 * The budget of a credential goes on across reloads while both stay as they are.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<LiveConfiguration, ConfigurationError, Scope.Scope> {
  const { drain = defaultDrain, ...source } = options
  const { current, replace } = yield* makeCurrent(source)
  return {
    current: Effect.sync(() => current().configuration),
    forTenant: (tenant) => generations.use(current, ({ tenants }) => tenants.forTenant(tenant)),
    store: (name) => generations.use(current, (generation) => generations.takeStore(generation, name)),
    sources: generations.use(current, ({ tenants }) => Effect.succeed(tenants.sources)),
    reload: Effect.flatMap(replace, ({ closed, reloaded }) =>
      Effect.map(Effect.timeoutOption(closed, drain), (outcome) => ({ ...reloaded, drained: Option.isSome(outcome) }))
    )
  }
})

/**
 * Emits at each SIGHUP that the process gets. While it runs, the signal does not end the process.
 *
 * @category constructors
 * @since 0.1.0
 */
export const hangups: Stream.Stream<void> = Stream.callback<void>(
  (queue) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const listener = () => void Queue.offerUnsafe(queue, undefined)
        process.on("SIGHUP", listener)
        return listener
      }),
      (listener) => Effect.sync(() => process.off("SIGHUP", listener))
    ),
  // One more reload is as good as several.
  { bufferSize: 1, strategy: "sliding" }
)

const named = (what: string, names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.length === 0 ? [] : [`${what} ${names.join(", ")}`]

const describe = ({ configuration, drained, stores, tenants }: Reloaded): string => {
  const changes = [...named("stores", stores), ...named("tenants", tenants)]
  const changed = changes.length === 0 ? "no store or tenant changed" : `changed: ${changes.join("; ")}`
  const rest = drained ? "" : "; what was there before is still in use"
  return `${configuration.file} was read again, ${changed}${rest}`
}

/** Names what a log line says, for those who look for it. */
const event = (name: string, log: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.annotateLogs(log, "keyfold.event", name)

/**
 * Reloads at each signal, for as long as it runs. One line in the log tells each outcome: what changed, or what is wrong
 * with the file, which then changes nothing.
 *
 * @category combinators
 * @since 0.1.0
 */
export const reloadOn = (live: LiveConfiguration, signals: Stream.Stream<unknown> = hangups): Effect.Effect<void> =>
  Stream.runDrain(
    Stream.mapEffect(
      signals,
      () =>
        Effect.matchEffect(live.reload, {
          onFailure: ({ message }) =>
            event("configuration.refused", Effect.logError(`the configuration was not changed: ${message}`)),
          onSuccess: (reloaded) =>
            event(
              "configuration.reloaded",
              reloaded.drained ? Effect.logInfo(describe(reloaded)) : Effect.logWarning(describe(reloaded))
            )
        }),
      // Who still waits for users of the configuration before does not keep the next signal waiting.
      { concurrency: 4, unordered: true }
    )
  )
