/** What one process is asked to measure, and what it answers. */

/**
 * What is called: all at once `concurrency` times, over and over until the time is up or, where `calls` is given, there were
 * so many, so that a client is as warm on a machine that has other things to do.
 */
export interface Order {
  readonly operation: "list" | "create" | "get"
  readonly keys: number
  readonly concurrency: number
  readonly milliseconds: number
  readonly calls?: number
}

/**
 * One round: calls a second, what each of them took in milliseconds, and the time of the processor for one call, of all
 * threads, in microseconds.
 */
export interface Round {
  readonly rate: number
  readonly processor: number
  readonly latencies: Float64Array
}

/** Makes a round of the time that each call took, the time all of them took, and the processor's, in milliseconds. */
export const roundOf = (latencies: ReadonlyArray<number>, elapsed: number, processor: number): Round => ({
  rate: (latencies.length / elapsed) * 1000,
  processor: (processor / latencies.length) * 1000,
  latencies: Float64Array.from(latencies)
})
