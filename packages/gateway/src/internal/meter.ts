/** What the gateway counts and times. Every name here is listed in docs/observability.md, and no others exist. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { Audit } from "../Audit.ts"
import * as Grant from "../Grant.ts"
import type { Callers } from "./callers.ts"
import type { Facts } from "./entry.ts"
import type { Limits } from "./limits.ts"
import type { Refusals } from "./refusals.ts"

type Labels = Readonly<Record<string, string>>

const times = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

const counter = (id: string, description: string, unit: string) => (labels: Labels) =>
  Metric.counter(id, { description, incremental: true, attributes: { ...labels, unit } })

const requests = counter("keyfold.gateway.requests", "Requests that were answered or left", "{request}")

const durations = (labels: Labels) =>
  Metric.histogram("keyfold.gateway.request.duration", {
    description: "How long requests took until their answer began",
    boundaries: times,
    attributes: { ...labels, unit: "s" }
  })

const active = Metric.gauge("keyfold.gateway.requests.active", {
  description: "Requests that are being answered",
  attributes: { unit: "{request}" }
})

const refused = counter(
  "keyfold.gateway.credentials.refused",
  "Requests whose credential was missing or not valid",
  "{request}"
)({})

const limited = counter("keyfold.gateway.limited", "Requests beyond a limit", "{request}")

const unwritten = counter("keyfold.gateway.audit.failures", "Entries that the audit could not take", "{entry}")

const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])

const operations: ReadonlySet<string> = new Set(Grant.Operation.literals)

interface Series {
  readonly count: ReturnType<typeof requests>
  readonly duration: ReturnType<typeof durations>
}

const known = new Map<string, Series>()

/** One series for each template, method, operation and class of statuses: nothing that a client can make up. */
const seriesOf = (method: string, { operation, route }: Facts, status: string): Series => {
  const labels = {
    "http.request.method": methods.has(method) ? method : "_OTHER",
    ...(route === undefined ? {} : { "http.route": route }),
    ...(operation === undefined || !operations.has(operation) ? {} : { "keyfold.operation": operation }),
    "keyfold.status": status
  }
  const name = JSON.stringify(labels)
  const found = known.get(name) ?? { count: requests(labels), duration: durations(labels) }
  known.set(name, found)
  return found
}

const counted = (method: string, facts: Facts, status: string, seconds: number) =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.sync(() => {
      const { count, duration } = seriesOf(method, facts, status)
      count.updateUnsafe(1, context)
      duration.updateUnsafe(seconds, context)
    })
  )

/** Counts a request that was answered. */
export const answered = (method: string, facts: Facts, status: number, seconds: number): Effect.Effect<void> =>
  counted(method, facts, `${Math.floor(status / 100)}xx`, seconds)

/** Counts a request whose client went away, or that was cut off at the end. */
export const left = (method: string, facts: Facts, seconds: number): Effect.Effect<void> =>
  counted(method, facts, "left", seconds)

/** Counts a request among those that are being answered for as long as it is. */
export const inFlight = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Metric.modify(active, 1),
    () => effect,
    () => Metric.modify(active, -1)
  )

/** Counts credentials that are refused. */
export const callers =
  (checked: Callers): Callers =>
  (credential) =>
    Effect.tapError(checked(credential), ({ name }) =>
      name === "unauthenticated" ? Metric.update(refused, 1) : Effect.void
    )

const [callerLimited, tenantLimited] = [limited({ "keyfold.limit": "caller" }), limited({ "keyfold.limit": "tenant" })]

const refusalsLimited = limited({ "keyfold.limit": "refusals" })

/** Counts requests of those who presented too many credentials that were refused. */
export const refusals = (counted: Refusals): Refusals => ({
  ...counted,
  check: Effect.tapError(counted.check, () => Metric.update(refusalsLimited, 1))
})

/** Counts requests beyond a limit. */
export const limits = ({ caller, tenant }: Limits): Limits => ({
  caller: (actor) =>
    Effect.tapError(caller(actor), ({ name }) =>
      name === "rate-limited" ? Metric.update(callerLimited, 1) : Effect.void
    ),
  tenant: (name) =>
    Effect.tapError(tenant(name), (failure) =>
      failure.name === "rate-limited" ? Metric.update(tenantLimited, 1) : Effect.void
    )
})

const [unbegun, unended] = [unwritten({ "keyfold.entry": "begun" }), unwritten({ "keyfold.entry": "ended" })]

/** Counts entries that cannot be written. */
export const audit = (written: Audit): Audit => ({
  ...written,
  append: (fact) =>
    Effect.tapError(written.append(fact), () => Metric.update(fact.outcome === "begun" ? unbegun : unended, 1))
})
