/** The part every emulator has: a fetch function that logs, intervenes and lets the backend answer. */
import type { Emulator, Exchange, Lag } from "../Emulator.ts"
import type { WaitingClock } from "./clock.ts"
import { makeInterventions, networkFailure, networkOutcome, type Interventions, type Taken } from "./interventions.ts"
import { makeMask } from "./mask.ts"
import { makeRequestLog, type OpenRequest } from "./requests.ts"
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
  readonly handle: (incoming: Incoming) => Promise<Handled>
  /** The credentials a request presents, in clear, for masking. */
  readonly credentialsIn: (headers: Headers) => ReadonlyArray<string>
}

/** The lag in force, changeable. */
export interface LagCell {
  readonly get: () => Lag
  readonly set: (change: Partial<Lag>) => void
}

/** What the engine is made from. */
export interface EngineOptions {
  readonly clock: WaitingClock
  readonly lag: LagCell
  readonly credentialHeaders: ReadonlySet<string>
  readonly secretShapes: ReadonlyArray<RegExp>
  /** Names of the query parameters and body fields whose values are credentials. */
  readonly credentialFields?: ReadonlySet<string>
  readonly backend: Backend
}

type EngineParts = Pick<Emulator<never, never>, "fetch" | "requests" | "clock" | "setLag"> & Interventions["controls"]

const requireLag = (lag: Lag): Lag => {
  for (const [name, value] of Object.entries(lag)) {
    if (!Number.isFinite(value) || value < 0) {
      throw new TypeError(`lag.${name} takes milliseconds of 0 or more, got ${value}`)
    }
  }
  return lag
}

/** Makes a lag cell, refusing what is not a duration. */
export const makeLag = (initial: Lag): LagCell => {
  let lag = requireLag(initial)
  return {
    get: () => lag,
    set: (change) => {
      lag = requireLag({ ...lag, ...change })
    }
  }
}

const untilAborted = <Value>(signal: AbortSignal, work: Promise<Value>): Promise<Value> => {
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener("abort", stop, { once: true })
  })
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener("abort", stop))
}

const refuseRedirect = (request: Request, response: Response): Response => {
  if (request.redirect === "error" && response.headers.has("location") && response.status < 400) {
    throw networkFailure("failed", "UNEXPECTED_REDIRECT", "unexpected redirect")
  }
  return response
}

const exchangeOf = (backend: Backend, request: Request, body: string | undefined, entry: OpenRequest): Exchange => ({
  request,
  body,
  proceed: async () => {
    const { method, headers } = request
    const handled = await backend.handle({ method, url: new URL(request.url), headers, body })
    entry.handled(handled.caller)
    return respond(handled)
  }
})

const perform = async (backend: Backend, clock: WaitingClock, request: Request, taken: Taken, entry: OpenRequest) => {
  // Counted from arrival, so that an advance right after the call covers it.
  const due = clock.now() + (taken.delay?.milliseconds ?? 0)
  const body = request.body === null ? undefined : await request.text()
  if (body !== undefined) entry.body(body)
  if (taken.delay?.commit === "after") await clock.sleepUntil(due)
  const response = await taken.answer(exchangeOf(backend, request, body, entry))
  if (taken.delay?.commit === "before") await clock.sleepUntil(due)
  return refuseRedirect(request, response)
}

const outcomeOf = (error: unknown, signal: AbortSignal) =>
  networkOutcome(error) ?? (signal.aborted ? "aborted" : "failed")

/** Makes everything of an emulator that does not depend on what its backend stores. */
export const makeEngine = (options: EngineOptions): EngineParts => {
  const { backend, clock, lag } = options
  const mask = makeMask(options.credentialHeaders, options.secretShapes, options.credentialFields ?? new Set())
  const { log, open } = makeRequestLog(mask)
  const interventions = makeInterventions()

  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    request.signal.throwIfAborted()
    const url = new URL(request.url)
    const { method, headers } = request
    const operation = backend.operationOf(method, url)
    for (const credential of backend.credentialsIn(headers)) mask.learn(credential)
    const entry = open({ time: clock.now(), method, url, headers, operation })
    const taken = interventions.take(operation)
    try {
      const work = perform(backend, clock, request, taken, entry)
      const response = await untilAborted(request.signal, work)
      entry.finish("answered", response.status)
      return response
    } catch (error) {
      entry.finish(outcomeOf(error, request.signal))
      throw error
    }
  }

  return {
    fetch,
    requests: log,
    clock: { now: clock.now, advance: clock.advance },
    setLag: lag.set,
    ...interventions.controls
  }
}
