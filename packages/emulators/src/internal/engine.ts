/** The part every emulator has: a fetch function that logs, intervenes and lets the backend answer. */
import type { Emulator, Exchange, HandlerRun } from "../Emulator.ts"
import { untilAborted } from "./abort.ts"
import { isCut } from "./bodies.ts"
import type { WaitingClock } from "./clock.ts"
import type { Delivery } from "./faults.ts"
import { makeInterventions, type Interventions, type Taken } from "./interventions.ts"
import type { LagCell } from "./lag.ts"
import { makeMask } from "./mask.ts"
import { networkFailure, networkOutcome } from "./network.ts"
import { makeRequestLog, usualCapacity, type OpenRequest } from "./requests.ts"
import { respond, type Outgoing } from "./respond.ts"

/** One request as a backend sees it; no backend of ours reads a body for routing. */
export interface Incoming {
  readonly method: string
  readonly url: URL
  readonly headers: Headers
  readonly body: string | undefined
}

/** What a backend answers, with the public id of the caller it recognised. */
export interface Handled extends Outgoing {
  readonly caller?: string
}

/** What a backend supplies to the engine. */
export interface Backend {
  readonly operationOf: (method: string, url: URL) => string | undefined
  /** Must read clock, lag and state before it first waits: what holds for one request holds until then. */
  readonly handle: (incoming: Incoming) => Promise<Handled>
  /** The credentials a request presents, in clear, for masking. */
  readonly credentialsIn: (headers: Headers) => ReadonlyArray<string>
}

/** What the engine is made from. */
export interface EngineOptions {
  readonly clock: WaitingClock
  readonly lag: LagCell
  readonly credentialHeaders: ReadonlySet<string>
  readonly secretShapes: ReadonlyArray<RegExp>
  /** Names of the query parameters and body fields whose values are credentials. */
  readonly credentialFields?: ReadonlySet<string>
  /** How many requests the log keeps. */
  readonly log: number | undefined
  readonly backend: Backend
}

type EngineParts = Pick<Emulator<never, never>, "fetch" | "requests" | "clock" | "setLag"> & Interventions["controls"]

type Settings = Pick<EngineOptions, "backend" | "clock" | "lag">

interface Arrived {
  readonly request: Request
  readonly url: URL
  readonly entry: OpenRequest
  /** Emulator time. */
  readonly time: number
}

const requireCapacity = (capacity = usualCapacity): number => {
  if (Number.isSafeInteger(capacity) && capacity >= 0) return capacity
  throw new TypeError(`log takes how many requests to keep, a whole number of 0 or more, got ${capacity}`)
}

const refuseRedirect = (request: Request, response: Response): Response => {
  if (request.redirect === "error" && response.headers.has("location") && response.status < 400) {
    throw networkFailure("failed", "UNEXPECTED_REDIRECT", "unexpected redirect")
  }
  return response
}

const runOf = ({ caller, created, status }: Handled): HandlerRun & { readonly caller?: string } => ({
  status,
  ...(caller === undefined ? {} : { caller }),
  ...(created === undefined ? {} : { created })
})

const makeRun =
  (settings: Settings, { entry, request, url }: Arrived, body: string | undefined, taken: Taken): Delivery["run"] =>
  async ({ skewBy = 0, staleBy = 0 } = {}) => {
    const { backend, clock, lag } = settings
    const incoming = { method: request.method, url, headers: request.headers, body }
    const handled = await clock.skewed(skewBy, () => lag.behind(staleBy, () => backend.handle(incoming)))
    const run = runOf(handled)
    entry.handled(run)
    taken.onHandled?.(run)
    return respond(handled)
  }

const perform = async (settings: Settings, arrived: Arrived, taken: Taken) => {
  const { entry, request, time } = arrived
  const { clock } = settings
  // Counted from arrival, so that an advance right after the call covers it.
  const due = time + (taken.delay?.milliseconds ?? 0)
  const body = request.body === null ? undefined : await request.text()
  if (body !== undefined) entry.body(body)
  if (taken.delay?.commit === "after") await clock.sleepUntil(due)
  const run = makeRun(settings, arrived, body, taken)
  const exchange: Exchange = { request, body, proceed: () => run() }
  const response = await taken.intervention({ exchange, clock, arrived: time, run })
  if (taken.delay?.commit === "before") await clock.sleepUntil(due)
  return refuseRedirect(request, response)
}

const outcomeOf = (error: unknown, signal: AbortSignal) =>
  networkOutcome(error) ?? (signal.aborted ? "aborted" : "failed")

const makeFetch = (options: EngineOptions, take: Interventions["take"]) => {
  const { backend, clock } = options
  const capacity = requireCapacity(options.log)
  const mask = makeMask(options.credentialHeaders, options.secretShapes, options.credentialFields ?? new Set())
  const { log, open } = makeRequestLog(mask, capacity)
  let sequence = 0
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    request.signal.throwIfAborted()
    const url = new URL(request.url)
    const { headers, method } = request
    const operation = backend.operationOf(method, url)
    if (capacity > 0) for (const credential of backend.credentialsIn(headers)) mask.learn(credential)
    const seen = { sequence: ++sequence, time: clock.now(), ...(operation === undefined ? {} : { operation }) }
    const entry = open({ ...seen, operation, method, url, headers })
    try {
      const taken = take({ ...seen, time: clock.wall() })
      const work = perform(options, { request, url, entry, time: seen.time }, taken)
      const response = await untilAborted(request.signal, work)
      entry.finish(isCut(response) ? "cut" : "answered", response.status)
      return response
    } catch (error) {
      entry.finish(outcomeOf(error, request.signal))
      throw error
    }
  }
  return { fetch, log }
}

/** Makes everything of an emulator that does not depend on what its backend stores. */
export const makeEngine = (options: EngineOptions): EngineParts => {
  const { clock, lag } = options
  const interventions = makeInterventions()
  const { fetch, log } = makeFetch(options, interventions.take)
  return {
    fetch,
    requests: log,
    clock: { now: clock.now, wall: clock.wall, advance: clock.advance, skew: clock.skew },
    setLag: lag.set,
    ...interventions.controls
  }
}
