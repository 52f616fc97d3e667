/** What the benchmarks make of repeated measurements. */

/** The value that so large a part of the values lies below, between neighbours where it falls between two; NaN of none. */
export const quantile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = values.toSorted((left, right) => left - right)
  const position = (sorted.length - 1) * part
  const lower = sorted[Math.floor(position)] ?? Number.NaN
  const upper = sorted[Math.ceil(position)] ?? Number.NaN
  return lower + (upper - lower) * (position - Math.floor(position))
}

/** The middle of the values; of an even number, halfway between the two in the middle. */
export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

/** The median of some values, and the least and the greatest of them. */
export interface Summary {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** Summarizes one value of each round. */
export const summarize = (values: ReadonlyArray<number>): Summary => ({
  median: median(values),
  least: Math.min(...values),
  most: Math.max(...values)
})

/**
 * Compares two things that were measured in the same rounds, each round by itself, so that what slowed both down in one
 * round cancels out.
 */
export const compare = (measured: ReadonlyArray<number>, reference: ReadonlyArray<number>): Summary =>
  summarize(measured.slice(0, reference.length).map((value, round) => value / (reference[round] ?? Number.NaN)))
