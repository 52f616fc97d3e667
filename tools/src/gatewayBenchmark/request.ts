/** What the load is made of. */
import type { Called, Pace } from "../measurement/calling.ts"

/** One request, ready to be sent. */
export interface Request {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** As many requests as can be sent, each after the answer to the one before it. */
export interface Rush {
  readonly kind: "rush"
  readonly url: string
  /** The file with the requests. */
  readonly requests: string
  readonly pace: Pace
}

/** So many requests a second, whether the ones before them were answered or not. */
export interface Steady {
  readonly kind: "steady"
  readonly url: string
  readonly requests: string
  readonly perSecond: number
  readonly seconds: number
}

/** What a process that makes load is told. */
export type Load = Rush | Steady

/** What it answers: how fast it was or, of a steady load, how many requests were answered. */
export interface Loaded extends Omit<Called, "perSecond"> {
  readonly perSecond: number
}
