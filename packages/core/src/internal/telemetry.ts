/** Spans, metrics and log annotations of a store. Every name here is listed in docs/observability.md, and no others exist. */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ParentSpan, TracerKey } from "effect/Tracer"
import { isKeyStoreError, type Operation, type Reason } from "../KeyStoreError.ts"
import type { Priority } from "../RequestBudget.ts"
import type { Batches } from "./retry.ts"

/** What is measured as one call. */
export type Call = Operation | "recover" | "sweepOrphans"

/** What became of an attempt whose outcome nobody knew: no key, a key that was revoked, or not known to the end. */
export type Settlement = "nothing" | "revoked" | "left"

/** The store that something happened in. */
export interface Site {
  readonly store: string
  readonly backend: string
}

/** Counts and times what happens in one store. */
export interface Meter {
  readonly site: Site
  readonly called: (call: Call, error: string | undefined, seconds: number, context: Context.Context<never>) => void
  readonly attempted: (operation: Operation, error: string | undefined) => Effect.Effect<void>
  readonly retried: (operation: Operation, error: string) => Effect.Effect<void>
  readonly waited: (priority: Priority, seconds: number) => Effect.Effect<void>
  readonly settled: (settlement: Settlement) => Effect.Effect<void>
  readonly orphaned: (fate: "revoked" | "failed") => Effect.Effect<void>
}

const times = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30]

type Labels = Readonly<Record<string, string>>

const counter = (id: string, description: string, unit: string) => (attributes: Labels) =>
  Metric.counter(id, { description, incremental: true, attributes: { ...attributes, unit } })

const histogram = (id: string, description: string) => (attributes: Labels) =>
  Metric.histogram(id, { description, boundaries: times, attributes: { ...attributes, unit: "s" } })

const calls = counter("keyfold.calls", "Calls that ended", "{call}")
const durations = histogram("keyfold.call.duration", "How long calls took, with their retries and waits")
const attempts = counter("keyfold.attempts", "Requests made of a backend", "{attempt}")
const retries = counter("keyfold.retries", "Requests that were made again", "{retry}")
const waits = histogram("keyfold.budget.wait.duration", "How long requests waited for their turn")
const reconciliations = counter("keyfold.reconciliations", "Attempts of unknown outcome that were settled", "{attempt}")
const orphans = counter("keyfold.orphans", "Keys nobody held that recover or sweepOrphans tried to revoke", "{key}")

/** Makes one series for each key that is asked for. */
const series = <A>(make: (labels: Labels) => A, site: Labels, name: string): ((value: string | undefined) => A) => {
  const known = new Map<string | undefined, A>()
  return (value) => {
    const found = known.get(value)
    if (found !== undefined) return found
    const made = make(value === undefined ? site : { ...site, [name]: value })
    known.set(value, made)
    return made
  }
}

const errorType = "error.type"

/** Series of every operation, by the type of error. */
const byOperation = <A>(make: (labels: Labels) => A, site: Labels) => {
  const known: { [Name in Call]?: (error: string | undefined) => A } = {}
  return (operation: Call, error: string | undefined): A =>
    (known[operation] ??= series(make, { ...site, "keyfold.operation": operation }, errorType))(error)
}

/** As many stores have series of their own; what comes after them is counted together. */
const capacity = 2000

const registries = new WeakMap<object, Set<string>>()

/** Keeps the number of series bounded, also where somebody names a store after each of their customers. */
const bounded = (registry: object, store: string): string => {
  const known = registries.get(registry) ?? new Set<string>()
  registries.set(registry, known)
  if (!known.has(store) && known.size >= capacity) return "_OTHER"
  known.add(store)
  return store
}

const labelsOf = ({ backend, store }: Site): Labels => ({ "keyfold.store": store, "keyfold.backend": backend })

/** Makes the meter of one store. */
export const make = (site: Site): Effect.Effect<Meter> =>
  Effect.map(Metric.MetricRegistry, (registry) => {
    const labels = labelsOf({ ...site, store: bounded(registry, site.store) })
    const callsOf = byOperation(calls, labels)
    const durationsOf = byOperation(durations, labels)
    const attemptsOf = byOperation(attempts, labels)
    const retriesOf = byOperation(retries, labels)
    const waitsOf = series(waits, labels, "keyfold.priority")
    const reconciliationsOf = series(reconciliations, labels, "keyfold.settlement")
    const orphansOf = series(orphans, labels, "keyfold.fate")
    return {
      site,
      called: (call, error, seconds, context) => {
        callsOf(call, error).updateUnsafe(1, context)
        durationsOf(call, error).updateUnsafe(seconds, context)
      },
      attempted: (operation, error) => Metric.update(attemptsOf(operation, error), 1),
      retried: (operation, error) => Metric.update(retriesOf(operation, error), 1),
      waited: (priority, seconds) => Metric.update(waitsOf(priority), seconds),
      settled: (settlement) => Metric.update(reconciliationsOf(settlement), 1),
      orphaned: (fate) => Metric.update(orphansOf(fate), 1)
    }
  })

/** The type of error a call ended with: a reason's tag, or one of two more. */
const errorOf = <A, E>(exit: Exit.Exit<A, E>): string | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  if (isKeyStoreError(error)) return error.reason._tag
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "_OTHER"
}

const nanosecondsPerSecond = 1e9
const millisecondsPerSecond = 1e3

/** Begins to measure a call; the answer is run with the call's end. */
const begin = (meter: Meter, call: Call, context: Context.Context<never>) => {
  const clock = Context.get(context, Clock.Clock)
  const began = clock.monotonicTimeNanosUnsafe()
  return <A, E>(exit: Exit.Exit<A, E>): Effect.Effect<void> => {
    const seconds = Number(clock.monotonicTimeNanosUnsafe() - began) / nanosecondsPerSecond
    const error = errorOf(exit)
    meter.called(call, error, seconds, context)
    return error === undefined ? Effect.void : Effect.annotateCurrentSpan(errorType, error)
  }
}

/** Measures a call; run it within the call's span. */
const measured = <A, E>(meter: Meter, call: Call, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.contextWith((context: Context.Context<never>) => Effect.onExit(effect, begin(meter, call, context)))

/** The attributes of every span of a store: which store, backend and operation, and nothing about keys. */
const spanOptions = ({ site }: Meter, call: Call) => ({
  attributes: { ...labelsOf(site), "keyfold.operation": call },
  captureStackTrace: false
})

/** Whether anybody looks at spans: without a tracer they would be made for nobody. */
const isTraced = ({ mapUnsafe }: Context.Context<never>): boolean => mapUnsafe.has(TracerKey)

/** Measures a call and gives it a span. */
export const observed = <A, E>(meter: Meter, call: Call, effect: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  const measuring = measured(meter, call, effect)
  return Effect.contextWith((context: Context.Context<never>) =>
    isTraced(context) ? Effect.withSpan(measuring, `KeyStore.${call}`, spanOptions(meter, call)) : measuring
  )
}

/** Measures a list and gives it a span, from its first pull until it ends or its consumer stopped. */
export const observedPull = <A, E>(
  meter: Meter,
  call: Call,
  open: (scope: Scope.Scope) => Effect.Effect<Batches<A, E>, E>
): Stream.Stream<A, E> =>
  Stream.fromChannel(
    Channel.fromTransform((_, scope: Scope.Scope) =>
      Effect.contextWith((context: Context.Context<never>) => {
        const own = Scope.forkUnsafe(scope)
        let current: Batches<A, E> = Effect.flatMap(open(own), (pull) => (current = pull))
        const pull = Effect.onError(
          Effect.suspend(() => current),
          (cause) => Scope.close(own, Pull.doneExitFromCause(cause))
        )
        const end = begin(meter, call, context)
        if (!isTraced(context)) return Effect.as(Scope.addFinalizerExit(own, end), pull)
        return Effect.flatMap(
          Scope.provide(Effect.makeSpanScoped(`KeyStore.${call}`, spanOptions(meter, call)), own),
          (span) => {
            const spanned = Effect.provideService(ParentSpan, span)
            return Effect.as(
              Scope.addFinalizerExit(own, (exit) => spanned(end(exit))),
              spanned(pull)
            )
          }
        )
      })
    )
  )

/** The same for a list that is a stream already. */
export const observedStream = <A, E>(meter: Meter, call: Call, stream: Stream.Stream<A, E>): Stream.Stream<A, E> =>
  observedPull(meter, call, (scope) => Channel.toPullScoped(Stream.toChannel(stream), scope))

/** Gives work behind the scenes a span. */
export const behindTheScenes = <A, E, R>(
  meter: Meter,
  name: "reconcile" | "readBack",
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, ParentSpan>> =>
  Effect.withSpan(effect, `KeyStore.${name}`, { attributes: labelsOf(meter.site), captureStackTrace: false })

const noteOnSpan = (name: string, attributes: Readonly<Record<string, string | number>>): Effect.Effect<void> =>
  Effect.matchEffect(Effect.currentSpan, {
    onFailure: () => Effect.void,
    onSuccess: (span) => Effect.map(Clock.currentTimeNanos, (now) => span.event(name, now, attributes))
  })

/** Counts a request that is going to be made again after `pause`, and tells the call's span. */
export const retried = (
  meter: Meter,
  operation: Operation,
  attempt: number,
  { _tag: error }: Reason,
  pause: number
): Effect.Effect<void> =>
  Effect.andThen(
    meter.retried(operation, error),
    noteOnSpan("keyfold.retry", {
      "keyfold.operation": operation,
      "keyfold.attempt": attempt,
      "error.type": error,
      "keyfold.delay": pause / millisecondsPerSecond
    })
  )

/** Times a request that had to wait for its turn, and tells the call's span. */
export const waited = (meter: Meter, priority: Priority, milliseconds: number): Effect.Effect<void> => {
  const seconds = milliseconds / millisecondsPerSecond
  return Effect.andThen(
    meter.waited(priority, seconds),
    noteOnSpan("keyfold.budget.wait", { "keyfold.priority": priority, "keyfold.delay": seconds })
  )
}

/** Names what a log line says, for those who look for it, and the store it is about. */
export const logged = ({ site }: Pick<Meter, "site">, event: string, log: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.annotateLogs(log, { ...labelsOf(site), "keyfold.event": event })
