/** A client-side view of requests: what was sent when, what is still on its way, and connections that are refused. */
import type { SentRequest } from "../Backend.ts"

/** Watches the requests that pass through the `fetch` functions it tracks. */
export interface Tracker {
  readonly requests: () => ReadonlyArray<SentRequest>
  readonly busy: () => boolean
  /** Refuses the next connections, before anything is sent. */
  readonly refuse: (count: number) => void
  readonly recover: () => void
  /** Never answers; ends when the signal aborts. */
  readonly hang: (signal: AbortSignal) => Promise<never>
  readonly track: (fetch: typeof globalThis.fetch) => typeof globalThis.fetch
}

/** What `fetch` rejects with where the connection fails. */
export const brokenConnection = (message: string, code: string): TypeError =>
  new TypeError("fetch failed", { cause: Object.assign(new Error(message), { code }) })

const bodyless = new Set([101, 204, 205, 304])

/** Reads the body before handing the answer on, so that nothing of it is on its way any more. */
const complete = async (response: Response): Promise<Response> => {
  const { headers, status, statusText } = response
  if (status < 200) return response
  const bytes = await response.arrayBuffer()
  return new Response(bodyless.has(status) ? null : bytes, { status, statusText, headers })
}

/** What the functions of one tracker share. */
interface Sight {
  readonly now: () => number
  readonly sent: Array<{ readonly time: number; pending: boolean }>
  refusals: number
  underWay: number
  hanging: number
}

const refused = (sight: Sight): boolean => {
  if (sight.refusals === 0) return false
  sight.refusals -= 1
  return true
}

const tracked =
  (sight: Sight, fetch: typeof globalThis.fetch): typeof globalThis.fetch =>
  async (input, init) => {
    const entry = { time: sight.now(), pending: true }
    sight.sent.push(entry)
    sight.underWay += 1
    try {
      if (refused(sight)) throw brokenConnection("connect ECONNREFUSED", "ECONNREFUSED")
      return await complete(await fetch(input, init))
    } finally {
      sight.underWay -= 1
      entry.pending = false
    }
  }

const hang = (sight: Sight, signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    sight.hanging += 1
    signal.addEventListener("abort", () => {
      sight.hanging -= 1
      reject(signal.reason)
    })
  })

/** Makes a tracker whose times come from the given clock. */
export const make = (now: () => number): Tracker => {
  const sight: Sight = { now, sent: [], refusals: 0, underWay: 0, hanging: 0 }
  return {
    requests: () => sight.sent.map((entry) => ({ ...entry })),
    busy: () => sight.underWay > sight.hanging,
    refuse: (count) => {
      sight.refusals += count
    },
    recover: () => {
      sight.refusals = 0
    },
    hang: (signal) => hang(sight, signal),
    track: (fetch) => tracked(sight, fetch)
  }
}
