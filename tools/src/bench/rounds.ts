/** What one process is asked to measure, and what it answers. */
import { quantile } from "../measurement/statistics.ts"

/**
 * What is called: all at once `concurrency` times, over and over until the time is up. With `busy` that is once the process
 * has used so many milliseconds of a processor, so that it is as warm on a machine that has other things to do.
 */
export interface Order {
  readonly operation: "list" | "create" | "get"
  readonly keys: number
  readonly concurrency: number
  readonly milliseconds: number
  readonly busy?: number
}

/**
 * One round: calls a second, the time within which half and 99 of 100 calls were answered, in milliseconds, and the time of
 * the processor for one call, of all threads, in microseconds.
 */
export interface Round {
  readonly calls: number
  readonly rate: number
  readonly half: number
  readonly most: number
  readonly processor: number
}

/** Makes a round of the time that each call took, the time all of them took, and the processor's, in milliseconds. */
export const summarizeRound = (latencies: ReadonlyArray<number>, elapsed: number, processor: number): Round => ({
  calls: latencies.length,
  rate: (latencies.length / elapsed) * 1000,
  half: quantile(latencies, 0.5),
  most: quantile(latencies, 0.99),
  processor: (processor / latencies.length) * 1000
})
