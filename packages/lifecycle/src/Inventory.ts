/**
 * Every key of every tenant and store: as a stream, with what is to be said about each, and at the end of each store how
 * complete the picture is.
 *
 * A finding is made only where the backend's data proves it. What they cannot tell is said, too.
 *
 * @since 0.1.0
 */
import type { ApiKey, KeyStatus } from "@keyfold/core/ApiKey"
import type { Bound } from "@keyfold/core/Capabilities"
import type { Filter } from "@keyfold/core/KeyList"
import type { Source, Unassigned } from "@keyfold/core/KeyStores"
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { alone, limitsOf } from "./internal/inventory/classify.ts"
import { readSource } from "./internal/inventory/source.ts"
import { each, together } from "./internal/inventory/together.ts"

/**
 * Names what may be said about a key. Only a key that is `active` is judged.
 *
 * - `expiring`: it runs out within `expiringWithin`.
 * - `overAge`: it was created longer ago than `olderThan`.
 * - `unused`: the backend keeps each key's last use, and says that it was longer ago than `unusedFor`.
 * - `unusedUnknown`: no use within `unusedFor` is known, and the backend's data do not prove that there was none: it tells
 *   nothing about use, or only approximately, or knows of no use at all.
 * - `noOwner`: nobody is named as its owner, on a backend whose keys have owners.
 * - `overScoped`: it has a scope beyond `allowedScopes`; where none are given, one that `isBroad`. On a backend without
 *   scopes a key may do everything, which is beyond any `allowedScopes`.
 * - `duplicateName`: another active key of the same tenant and source has the same name. The first of them is not told of.
 * - `unassigned`: it belongs to no tenant of a store that serves tenants.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Class = Schema.Literals([
  "expiring",
  "overAge",
  "unused",
  "unusedUnknown",
  "noOwner",
  "overScoped",
  "duplicateName",
  "unassigned"
])

/**
 * The type of a class of findings.
 *
 * @category models
 * @since 0.1.0
 */
export type Class = typeof Class.Type

/**
 * Says something about one key, and by what it is known.
 *
 * @category models
 * @since 0.1.0
 */
export interface Finding {
  readonly class: Class
  readonly evidence: string
}

/**
 * Says what must be known before findings can be made. Omitted, all keys of all sources are read.
 *
 * - `expiringWithin` is 30 days, `olderThan` and `unusedFor` are 90 days, where they are omitted.
 * - `allowedScopes` are portable names where a store has a `scopeMap`. `isBroad` (`defaultBroad` when omitted) judges scopes
 *   where there are none.
 * - `status` are the states to read: all where it is omitted. One that a backend does not list is told as missing.
 * - `tenant` narrows everything to one tenant. Sources that do not serve it are left out.
 * - `only` narrows everything to the keys of some tenants, undefined for those of nobody; all sources are read.
 * - `classes` narrows what is told of: only keys with such a finding, and no other finding. What is counted stays the same.
 * - `concurrency` is how many sources are read at the same time, 8 when omitted.
 * - `nameLimit` is how many different names of a source are compared, a million when omitted: 32 bytes of memory for each,
 *   while the source is read.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly expiringWithin?: Duration.Input
  readonly olderThan?: Duration.Input
  readonly unusedFor?: Duration.Input
  readonly allowedScopes?: ReadonlyArray<string>
  readonly isBroad?: (scope: string) => boolean
  readonly status?: Filter["status"]
  readonly tenant?: string
  readonly only?: (tenant: string | undefined) => boolean
  readonly classes?: ReadonlyArray<Class>
  readonly concurrency?: number
  readonly nameLimit?: number
}

/**
 * Says where keys were read: a store, and one of its credentials where each has keys of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Origin {
  readonly store: string
  readonly credential?: string
  readonly backend: string
}

/**
 * Tells of one key: whose it is, and what is to be said about it. Without a tenant, `unassigned` says why, and `partition`
 * how the backend names the tenant that nobody configured.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyEvent {
  readonly _tag: "Key"
  readonly origin: Origin
  readonly tenant: string | undefined
  readonly unassigned?: Unassigned
  readonly partition?: string
  readonly key: ApiKey
  readonly findings: ReadonlyArray<Finding>
}

/**
 * Says how much of a store was seen.
 *
 * - `complete`: every key in the states asked for, as of now.
 * - `statesMissing`: the backend does not list keys in these states; `lag` bounds how old its answer may be, too.
 * - `lagging`: every key, as of some time not longer ago than `lag`.
 * - `failed`: reading ended early. Keys that were told of before are true all the same.
 *
 * @category models
 * @since 0.1.0
 */
export type Completeness =
  | { readonly _tag: "complete" }
  | { readonly _tag: "statesMissing"; readonly states: ReadonlyArray<KeyStatus>; readonly lag: Bound }
  | { readonly _tag: "lagging"; readonly lag: Bound }
  | { readonly _tag: "failed"; readonly reason: string; readonly problem: string }

/**
 * Says what could not be judged in a source, of how many of its active keys, and why.
 *
 * @category models
 * @since 0.1.0
 */
export interface Gap {
  readonly class: Class
  readonly keys: number
  readonly reason: string
}

/**
 * Ends a source: how many keys it had, what was found, what could not be judged, and how complete all that is.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoreDone {
  readonly _tag: "StoreDone"
  readonly origin: Origin
  readonly tenants: ReadonlyArray<string>
  readonly keys: number
  readonly findings: Readonly<Record<Class, number>>
  readonly gaps: ReadonlyArray<Gap>
  readonly completeness: Completeness
}

/**
 * What an inventory tells, one thing after the other. Events of different sources are mixed; a source's `StoreDone` is its
 * last.
 *
 * @category models
 * @since 0.1.0
 */
export type Event = KeyEvent | StoreDone

const wordBegins = /(?:^|[^a-z])(?:admin|root|superuser)/i

/**
 * Tells whether a scope lets its key do more than most need: a wildcard, or a word that begins with `admin`, `root` or
 * `superuser`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const defaultBroad = (scope: string): boolean => scope.includes("*") || wordBegins.test(scope)

/**
 * Holds some events of one source, and how many keys they were read from: more than there are events where `classes` narrows
 * what is told of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Batch {
  readonly keys: number
  readonly events: ReadonlyArray<Event>
}

const defaultConcurrency = 8

const meant = (sources: ReadonlyArray<Source>, { tenant }: Options): ReadonlyArray<Source> =>
  tenant === undefined ? sources : sources.filter((source) => source.serves(tenant))

const reading = (options: Options) =>
  Effect.map(DateTime.now, ({ epochMilliseconds }) => {
    const limits = limitsOf(options, epochMilliseconds)
    return (source: Source) => readSource(source, options, limits)
  })

/**
 * Reads every key of the sources, each backend's list once, several sources at the same time, and never more than some
 * hundred keys of each ahead of the consumer. It stops requesting when its consumer stops.
 *
 * It never fails: where a source does, its `StoreDone` says so, and the others go on.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stream = (sources: ReadonlyArray<Source>, options: Options = {}): Stream.Stream<Event> => {
  const { concurrency = defaultConcurrency } = options
  const eventsOf = ({ events }: Batch) => events
  return Stream.unwrap(
    Effect.map(reading(options), (read) => together(meant(sources, options), read, concurrency, eventsOf))
  )
}

/**
 * Reads as `stream` does and hands over each batch where it was read, one at a time: nothing waits in between, so that what
 * is done with a batch is done before another is made. That is the fastest way through millions of keys.
 *
 * It fails where `handle` does.
 *
 * @category combinators
 * @since 0.1.0
 */
export const forEachBatch = <E, R>(
  sources: ReadonlyArray<Source>,
  options: Options,
  handle: (batch: Batch) => Effect.Effect<void, E, R>
): Effect.Effect<void, E, R> =>
  Effect.gen(function* () {
    const read = yield* reading(options)
    const turn = yield* Semaphore.make(1)
    const { concurrency = defaultConcurrency } = options
    yield* each(meant(sources, options), read, concurrency, (batch) => turn.withPermit(handle(batch)))
  })

/**
 * Returns what tells what is to be said about single keys of a source, as of `now`: everything but `duplicateName` and
 * `unassigned`, which only the other keys of the source show.
 *
 * @category combinators
 * @since 0.1.0
 */
export const findingsOf = (
  source: Pick<Source, "backend" | "capabilities">,
  options: Pick<Options, "expiringWithin" | "olderThan" | "unusedFor" | "allowedScopes" | "isBroad">,
  now: DateTime.Utc
): ((key: ApiKey) => ReadonlyArray<Finding>) => alone(source, options, now.epochMilliseconds)

/**
 * What an inventory comes to.
 *
 * `sources` are in the order of their ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface Summary {
  readonly keys: number
  readonly findings: Readonly<Record<Class, number>>
  readonly sources: ReadonlyArray<StoreDone>
}

const none: Readonly<Record<Class, number>> = {
  expiring: 0,
  overAge: 0,
  unused: 0,
  unusedUnknown: 0,
  noOwner: 0,
  overScoped: 0,
  duplicateName: 0,
  unassigned: 0
}

const plus = (left: Summary["findings"], right: Summary["findings"]): Summary["findings"] => ({
  expiring: left.expiring + right.expiring,
  overAge: left.overAge + right.overAge,
  unused: left.unused + right.unused,
  unusedUnknown: left.unusedUnknown + right.unusedUnknown,
  noOwner: left.noOwner + right.noOwner,
  overScoped: left.overScoped + right.overScoped,
  duplicateName: left.duplicateName + right.duplicateName,
  unassigned: left.unassigned + right.unassigned
})

/**
 * Sums up the ends of sources; they say all that a summary needs.
 *
 * @category combinators
 * @since 0.1.0
 */
export const summaryOf = (sources: ReadonlyArray<StoreDone>): Summary => ({
  keys: sources.reduce((sum, { keys }) => sum + keys, 0),
  findings: sources.reduce((sum, { findings }) => plus(sum, findings), none),
  sources
})

/**
 * Runs an inventory to its end and sums it up. No key is kept.
 *
 * @category combinators
 * @since 0.1.0
 */
export const summarize = <E, R>(events: Stream.Stream<Event, E, R>): Effect.Effect<Summary, E, R> =>
  Effect.suspend(() => {
    const ends: Array<StoreDone> = []
    const note = (batch: ReadonlyArray<Event>) =>
      Effect.sync(() => {
        for (const event of batch) if (event._tag === "StoreDone") ends.push(event)
      })
    return Effect.map(Stream.runForEachArray(events, note), () => summaryOf(ends))
  })
