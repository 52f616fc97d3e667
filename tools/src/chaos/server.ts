/** The backend of one round as the parent sees it: served to the workers, with faults, and with the truth about its keys. */
import type { FaultKind, Mix } from "@keyfold/emulators/Faults"
import type { Scale } from "./scale.ts"

/** One live key, as the backend has it: the operation its name says, and the attempt its mark says. */
export interface LiveKey {
  readonly id: string
  readonly operationId: string
}

/** Where a request is when the parent wants to know. */
export type Passage = "arrived" | "committed"

/** A backend that workers can reach. */
export interface Server {
  readonly url: string
  readonly credential: string
  readonly live: () => Promise<ReadonlyArray<LiveKey>>
  /** The ids of the keys that secrets belong to, in the same order. */
  readonly owners: (secrets: ReadonlyArray<string>) => Promise<ReadonlyArray<string | undefined>>
  readonly made: () => Promise<number>
  /** When each attempt's key was committed, by its nonce, in the machine's milliseconds. */
  readonly commits: () => ReadonlyMap<string, number>
  /** How many creates, and how many other requests, met each kind of fault. */
  readonly faults: () => ReadonlyMap<string, number>
  readonly otherFaults: () => ReadonlyMap<string, number>
  /** No new fault from now on. */
  readonly calm: () => void
  readonly close: () => Promise<void>
}

/** What a server is made from. */
export interface ServerOptions {
  readonly seed: number
  readonly scale: Scale
  readonly mix: Mix
  /** How late slow answers are, in scaled milliseconds; 1 to 50 s when omitted. */
  readonly slow?: readonly [least: number, most: number]
  readonly forced: ReadonlyMap<string, FaultKind | "none">
  /** Operations whose first create the parent wants to be told of, and where. */
  readonly watched: ReadonlyMap<string, Passage>
  readonly passed: (operationId: string) => Promise<void>
}
