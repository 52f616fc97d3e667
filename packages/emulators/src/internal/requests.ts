/** The log of requests seen. */
import type { Outcome, RequestLog, SeenRequest } from "../Emulator.ts"
import type { Mask } from "./mask.ts"

const capacity = 10_000

type Entry = { -readonly [Field in keyof SeenRequest]: SeenRequest[Field] }

/** One entry while its request is under way. */
export interface OpenRequest {
  readonly body: (text: string) => void
  readonly handled: (caller: string | undefined) => void
  readonly finish: (outcome: Outcome, status?: number) => void
}

/** What opens an entry. */
export interface Arrival {
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

const entryOf = (mask: Mask, sequence: number, arrival: Arrival): Entry => {
  // Masked first: a credential of the query may show up in the path or in a header too.
  const query = [...arrival.url.searchParams].map(
    ([name, value]) => [mask.text(name), mask.query(name, value)] as const
  )
  return {
    sequence,
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
  handled: (caller) => {
    entry.handled = true
    if (caller !== undefined) entry.caller = caller
  },
  finish: (outcome, status) => {
    if (entry.outcome !== "pending") return
    entry.outcome = outcome
    if (status !== undefined) entry.status = status
  }
})

/** Makes a log whose entries pass through a mask before they are kept. */
export const makeRequestLog = (mask: Mask): WritableLog => {
  let entries: Array<Entry> = []
  let sequence = 0
  return {
    log: {
      get all() {
        return entries.map((entry) => ({ ...entry }))
      },
      count: (operation) =>
        operation === undefined ? entries.length : entries.filter((entry) => entry.operation === operation).length,
      clear: () => {
        entries = []
      }
    },
    open: (arrival) => {
      const entry = entryOf(mask, ++sequence, arrival)
      entries.push(entry)
      if (entries.length > capacity) entries.shift()
      return openOf(mask, entry)
    }
  }
}
