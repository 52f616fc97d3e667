/** Tables of what is compared by how many calls a second it makes. */
import { figure, times } from "./numbers.ts"
import { compare, summarize } from "./statistics.ts"
import { table } from "./table.ts"

/** What a round says of one of those that are compared: calls a second, milliseconds of one, microseconds of the processor. */
export interface Rate {
  readonly perSecond: number
  readonly middle: number
  readonly slow: number
  readonly processor: number
}

/** One of those that are compared, round by round. */
export interface Rated<Reading extends Rate> {
  readonly name: string
  readonly readings: ReadonlyArray<Reading>
}

/** A column more, and what of each round stands in it. */
type More<Reading> = readonly [head: string, one: (reading: Reading) => number]

/** Writes the median of what every round has. */
const middleOf = <Reading>(readings: ReadonlyArray<Reading>, one: (reading: Reading) => number): string =>
  figure(summarize(readings.map(one)).median)

/** Writes rates, round by round, and how they compare with those of the same rounds that all are compared with. */
const rateCells = (rates: ReadonlyArray<number>, reference: ReadonlyArray<number>): ReadonlyArray<string> => {
  const [rate, compared] = [summarize(rates), compare(rates, reference)]
  return [
    figure(rate.median),
    `${figure(rate.least)} to ${figure(rate.most)}`,
    times(compared.median),
    `${compared.least.toFixed(2)} to ${compared.most.toFixed(2)}`
  ]
}

/**
 * Writes how many calls a second each made, and what they took; each is compared with the first, called `reference`, round by
 * round. Those without a reading are left out.
 */
export const rateTable = <Reading extends Rate>(
  what: string,
  reference: string,
  rated: ReadonlyArray<Rated<Reading>>,
  more: ReadonlyArray<More<Reading>> = []
): string => {
  const rates = (readings: ReadonlyArray<Reading>) => readings.map(({ perSecond }) => perSecond)
  const first = rates(rated[0]?.readings ?? [])
  const others: ReadonlyArray<More<Reading>> = [
    ["CPU, us", ({ processor }) => processor],
    ["p50, ms", ({ middle }) => middle],
    ["p99, ms", ({ slow }) => slow],
    ...more
  ]
  return table(
    [what, "per second", "least to most", `to ${reference}`, "least to most", ...others.map(([head]) => head)],
    rated
      .filter(({ readings }) => readings.length > 0)
      .map(({ name, readings }) => [
        name,
        ...rateCells(rates(readings), first),
        ...others.map(([, one]) => middleOf(readings, one))
      ])
  )
}
