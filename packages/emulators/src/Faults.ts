/**
 * Random faults that a seed repeats: a plan chooses, for each request that reaches an emulator, whether and how to spoil it.
 *
 * A choice depends on the seed, the operation and the request's position among those of its operation, so that a run with
 * the same seed and the same requests in the same order repeats exactly, and more lists do not change the creates.
 *
 * @since 0.1.0
 */
import type { ArrivedRequest, Fault, FaultSource, HandlerRun } from "./Emulator.ts"
import { makeRandom } from "./internal/anyAnswer/random.ts"
import { drawFault } from "./internal/plan/draw.ts"
import { allKinds, chooseKind, faultKinds } from "./internal/plan/mix.ts"
import { allOperations, requireSettings, type Settings } from "./internal/plan/options.ts"

/**
 * Names a kind of fault.
 *
 * - `resetBefore`, `resetAfter`: the connection breaks before the handler runs, or after it.
 * - `abandoned`: the connection breaks at once, and the handler runs later.
 * - `late`: the handler runs and answers later; `slow`: it runs on arrival, and the answer is late.
 * - `cut`: the connection breaks within the body; `trickle`: the body arrives in pieces.
 * - `duplicate`: the handler runs twice, at once or later; the client gets the first answer, the second, or none.
 * - `stale`: a list or get is served from an earlier state; never happens to other operations.
 * - `skew`: the server's own clock is off for this request.
 * - `status429` to `status504`: that status, with a `Retry-After` in seconds, as a date, or none, and a body in JSON, HTML,
 *   plain text, or none. The handler never runs before a 429, and half the time before the others.
 * - `html`, `truncated`, `empty`, `text`: the handler runs, and its answer becomes a 200 that cannot be decoded.
 *
 * @category models
 * @since 0.1.0
 */
export type FaultKind =
  | "resetBefore"
  | "resetAfter"
  | "abandoned"
  | "late"
  | "slow"
  | "cut"
  | "trickle"
  | "duplicate"
  | "stale"
  | "skew"
  | "status429"
  | "status500"
  | "status502"
  | "status503"
  | "status504"
  | "html"
  | "truncated"
  | "empty"
  | "text"

/**
 * A kind of fault, or `none`.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "none" | FaultKind

/**
 * Names what a request does. `get` covers usage reports, `token` every way to an access token. Requests that do anything
 * else, such as using a created key, are left alone.
 *
 * @category models
 * @since 0.1.0
 */
export type Operation = "create" | "list" | "get" | "revoke" | "token"

/**
 * How often each kind is chosen, as weights of 0 or more. What is absent is never chosen.
 *
 * @category options
 * @since 0.1.0
 */
export type Mix = Readonly<Partial<Record<Kind, number>>>

/**
 * The least and the most of something, in milliseconds.
 *
 * @category options
 * @since 0.1.0
 */
export type Range = readonly [least: number, most: number]

/**
 * How long faults take, before they are scaled.
 *
 * @category options
 * @since 0.1.0
 */
export interface Times {
  /** How late the handler of an `abandoned` or `late` request runs. Default 1 to 50 s. */
  readonly late: Range
  /** How late the answer of a `slow` request is. Default 1 to 50 s. */
  readonly slow: Range
  /** How long a `trickle` takes. Default 0.5 to 20 s. */
  readonly trickle: Range
  /** How much later the second delivery comes, when it does not come at once. Default 0.1 to 50 s. */
  readonly duplicate: Range
  /**
   * How far behind a `stale` read is: up to what the backend declares. No default: a plan that may choose `stale` needs it.
   * `[0, 0]` leaves `stale` out.
   */
  readonly stale: Range
  /** What `Retry-After` asks for; on the wire in whole seconds, so that a small scale makes it 0. Default 0 to 5 s. */
  readonly retryAfter: Range
  /** How far off the server's clock is, in either direction; never scaled. Default 5 minutes behind to 5 ahead. */
  readonly skew: Range
}

/**
 * What a plan is made from.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** A whole number from 0 to 4,294,967,295. */
  readonly seed: number
  /** For every operation that `operations` does not name. */
  readonly mix: Mix
  readonly operations?: Partial<Readonly<Record<Operation, Mix>>>
  /** What every time but `skew` is multiplied by. Default 1. */
  readonly scale?: number
  readonly times?: Partial<Times>
}

/**
 * One fault a plan injected. The last three go on counting when a handler runs late, or twice.
 *
 * @category models
 * @since 0.1.0
 */
export interface InjectedFault {
  /** The request, as the log numbers it. */
  readonly sequence: number
  readonly operation: Operation
  /** The request's position among those of its operation, from 1. */
  readonly position: number
  readonly kind: FaultKind
  /** What was done, with its times as scaled. */
  readonly fault: Fault
  /** How often the handler ran. */
  readonly handled: number
  /** How often it took effect: it answered a 2xx, or created a key. */
  readonly committed: number
  /** The ids of the keys it created, oldest first. */
  readonly created: ReadonlyArray<string>
}

/**
 * Counts requests of one kind. `handled` and `committed` count requests, however often their handlers ran; both stay 0 for
 * `none`, which a plan does not watch.
 *
 * @category models
 * @since 0.1.0
 */
export interface Count {
  readonly requests: number
  readonly handled: number
  readonly committed: number
}

/**
 * A source of faults that keeps account of what it did. Belongs to one emulator: `emulator.setFaults(plan)`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Plan extends FaultSource {
  readonly seed: number
  /** Every fault so far, in order of arrival. Grows as requests come; one that met no fault is only counted. */
  readonly injected: ReadonlyArray<InjectedFault>
  /** Counts by kind, of one operation or of all. The requests of all kinds together are those the plan was asked about. */
  readonly counts: (operation?: Operation) => ReadonlyMap<Kind, Count>
}

const single = (kind: FaultKind): Mix => ({ none: 3, [kind]: 1 })

const each = (weight: number): Mix => Object.fromEntries(faultKinds.map((kind) => [kind, weight]))

/**
 * Ready mixes: `everything` spoils about a third of the requests with every kind alike, `none` spoils nothing, and each
 * other spoils a quarter of them with the one kind it is named after.
 *
 * @category options
 * @since 0.1.0
 */
export const mixes: Readonly<Record<"everything" | Kind, Mix>> = {
  everything: { none: 40, ...each(1) },
  none: { none: 1 },
  resetBefore: single("resetBefore"),
  resetAfter: single("resetAfter"),
  abandoned: single("abandoned"),
  late: single("late"),
  slow: single("slow"),
  cut: single("cut"),
  trickle: single("trickle"),
  duplicate: single("duplicate"),
  stale: single("stale"),
  skew: single("skew"),
  status429: single("status429"),
  status500: single("status500"),
  status502: single("status502"),
  status503: single("status503"),
  status504: single("status504"),
  html: single("html"),
  truncated: single("truncated"),
  empty: single("empty"),
  text: single("text")
}

const operationsByName: ReadonlyMap<string, Operation> = new Map([
  ["create", "create"],
  ["list", "list"],
  ["get", "get"],
  ["usage", "get"],
  ["revoke", "revoke"],
  ["exchange", "token"],
  ["login", "token"],
  ["refresh", "token"]
])

type Writable<Value> = { -readonly [Field in keyof Value]: Value[Field] }

type Entry = Writable<InjectedFault>

const record = (entry: Entry, { created, status }: HandlerRun): void => {
  entry.handled += 1
  // A key that a failing answer tells nothing about exists all the same.
  if (created !== undefined || (status >= 200 && status <= 299)) entry.committed += 1
  if (created !== undefined) entry.created = [...entry.created, created]
}

const countOf = (entries: ReadonlyArray<InjectedFault>): Count => ({
  requests: entries.length,
  handled: entries.filter((entry) => entry.handled > 0).length,
  committed: entries.filter((entry) => entry.committed > 0).length
})

const countsOf = (entries: ReadonlyArray<InjectedFault>, requests: number): ReadonlyMap<Kind, Count> => {
  const byKind = Map.groupBy(entries, ({ kind }): Kind => kind)
  const spared = { requests: requests - entries.length, handled: 0, committed: 0 }
  return new Map(allKinds.map((kind) => [kind, kind === "none" ? spared : countOf(byKind.get(kind) ?? [])]))
}

// Each operation has its own row of choices, far from those of neighbouring seeds.
const seedOf = (seed: number, operation: Operation): number =>
  seed ^ Math.imul(allOperations.indexOf(operation) + 1, 0x9e3779b9)

const choose = (settings: Settings, operation: Operation, position: number, { time }: ArrivedRequest) => {
  const { mixOf, scale, seed, times } = settings
  const random = makeRandom(seedOf(seed, operation), position)
  const canBeStale = (operation === "list" || operation === "get") && times.stale[1] > 0
  const kind = chooseKind(random, mixOf(operation), canBeStale)
  return kind === "none" ? undefined : { kind, fault: drawFault(kind, { random, times, scale, now: time }) }
}

/**
 * Makes a plan.
 *
 * Throws a `TypeError` that names the option when one is malformed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const plan = (options: Options): Plan => {
  const settings = requireSettings(options)
  const positions = new Map<Operation, number>()
  const injected: Array<Entry> = []
  return {
    seed: settings.seed,
    injected,
    counts: (operation) =>
      operation === undefined
        ? countsOf(
            injected,
            [...positions.values()].reduce((sum, count) => sum + count, 0)
          )
        : countsOf(
            injected.filter((entry) => entry.operation === operation),
            positions.get(operation) ?? 0
          ),
    next: (request) => {
      const operation = operationsByName.get(request.operation ?? "")
      if (operation === undefined) return undefined
      const position = (positions.get(operation) ?? 0) + 1
      positions.set(operation, position)
      const chosen = choose(settings, operation, position, request)
      if (chosen === undefined) return undefined
      const { sequence } = request
      const entry: Entry = { sequence, operation, position, ...chosen, handled: 0, committed: 0, created: [] }
      injected.push(entry)
      return { fault: chosen.fault, onHandled: (run) => record(entry, run) }
    }
  }
}
