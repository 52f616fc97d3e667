/** The log of requests seen. */
import type { HandlerRun, Outcome, RequestLog, SeenRequest } from "../Emulator.ts"
import type { Mask } from "./mask.ts"

/** How many requests a log keeps unless told otherwise. */
export const usualCapacity = 10_000

type Entry = { -readonly [Field in keyof SeenRequest]: SeenRequest[Field] }

/** One run of the handler, with the public id of the caller it recognised. */
export interface LoggedRun extends HandlerRun {
  readonly caller?: string
}

/** One entry while its request is under way. */
export interface OpenRequest {
  readonly body: (text: string) => void
  readonly handled: (run: LoggedRun) => void
  readonly finish: (outcome: Outcome, status?: number) => void
}

/** What opens an entry. */
export interface Arrival {
  readonly sequence: number
  readonly time: number
  readonly method: string
  readonly url: URL
  readonly headers: Headers
  readonly operation: string | undefined
}

/** The log as the engine writes it. */
export interface WritableLog {
  readonly log: RequestLog
  readonly open: (arrival: Arrival) => OpenRequest
}

const entryOf = (mask: Mask, arrival: Arrival): Entry => {
  // Masked first: a credential of the query may show up in the path or in a header too.
  const query = [...arrival.url.searchParams].map(
    ([name, value]) => [mask.text(name), mask.query(name, value)] as const
  )
  return {
    sequence: arrival.sequence,
    time: arrival.time,
    method: arrival.method,
    path: mask.text(arrival.url.pathname),
    query,
    headers: [...arrival.headers].map(([name, value]) => [name, mask.header(name, value)] as const),
    ...(arrival.operation === undefined ? {} : { operation: arrival.operation }),
    handled: false,
    outcome: "pending"
  }
}

const openOf = (mask: Mask, entry: Entry): OpenRequest => ({
  body: (text) => {
    entry.body = mask.body(text)
  },
  handled: ({ caller, created }) => {
    entry.handled = true
    if (caller !== undefined) entry.caller = caller
    if (created !== undefined) entry.created = [...(entry.created ?? []), created]
  },
  finish: (outcome, status) => {
    if (entry.outcome !== "pending") return
    entry.outcome = outcome
    if (status !== undefined) entry.status = status
  }
})

const unlogged: OpenRequest = { body: () => {}, handled: () => {}, finish: () => {} }

/** Makes a log of the newest requests, whose entries pass through a mask before they are kept. */
export const makeRequestLog = (mask: Mask, capacity: number): WritableLog => {
  let entries: Array<Entry> = []
  const kept = () => (entries.length > capacity ? entries.slice(-capacity) : entries)
  return {
    log: {
      get all() {
        return kept().map((entry) => ({ ...entry }))
      },
      count: (operation) =>
        operation === undefined ? kept().length : kept().filter((entry) => entry.operation === operation).length,
      clear: () => {
        entries = []
      }
    },
    open: (arrival) => {
      if (capacity === 0) return unlogged
      const entry = entryOf(mask, arrival)
      // Dropped many at a time: moving the rest for every request would be most of a request's cost.
      if (entries.length >= 2 * capacity) entries = kept()
      entries.push(entry)
      return openOf(mask, entry)
    }
  }
}
