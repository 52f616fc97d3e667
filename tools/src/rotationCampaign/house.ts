/** The backend of one round as the campaign sees it: served to the workers, with the truth about its keys. */
import type { Passage } from "./points.ts"

/** A backend that workers can reach. */
export interface House {
  readonly url: string
  readonly credential: string
  /** The ids of the keys that are live. */
  readonly live: () => Promise<ReadonlySet<string>>
  /** The id of the key that a secret belongs to, live or not. */
  readonly idOf: (secret: string) => Promise<string | undefined>
  /** Whether the backend lets a request with this secret in. */
  readonly letsIn: (secret: string) => Promise<boolean>
  /** When keys were seen revoked for the first time, in the machine's epoch milliseconds. */
  readonly revocations: () => Promise<ReadonlyMap<string, number>>
  /** The ids of all keys by the run that their name says. */
  readonly keys: () => Promise<ReadonlyMap<string, ReadonlyArray<string>>>
  /** Tells which keys belong to which run before the first request about them. */
  readonly learn: (id: string, run: string) => void
  readonly close: () => Promise<void>
}

/** A request that is to be held up, once. */
export interface Watch {
  readonly call: "create" | "revoke"
  readonly at: Passage
}

/** What a house is made with. */
export interface HouseOptions {
  /** What to do with the requests of a run; each is held up once. */
  readonly watches: Map<string, Watch>
  /** Runs whose first create gets no answer. */
  readonly lost: Set<string>
  /** Called where a request is held up; it goes on when the promise resolves. */
  readonly passed: (run: string, watch: Watch) => Promise<void>
  /** Called as soon as a key was revoked. */
  readonly revoked: () => void
}

/** The run that a text names. */
export const runIn = (text: string): string | undefined => /run-\d+/.exec(text)?.[0]
