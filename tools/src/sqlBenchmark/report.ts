/** The tables of the benchmark. */
import { figure, times } from "../measurement/figures.ts"
import { compare, summarize } from "../measurement/statistics.ts"
import { table } from "../measurement/table.ts"
import type { Operation, Reading } from "./task.ts"

/** The readings of one store, round by round. */
export interface Rounds {
  readonly name: string
  readonly rounds: ReadonlyArray<ReadonlyArray<Reading>>
}

const columns = [
  "store",
  "per second",
  "least to most",
  "to the first",
  "least to most",
  "CPU, us",
  "p50, ms",
  "p99, ms"
]

const readingsOf = ({ rounds }: Rounds, operation: Operation, concurrency: number): ReadonlyArray<Reading> =>
  rounds.flatMap((round) =>
    round.filter((reading) => reading.operation === operation && reading.concurrency === concurrency)
  )

/** Writes the table of one operation; every store is compared with the first, each round by itself. */
export const report = (stores: ReadonlyArray<Rounds>, operation: Operation, concurrency: number): string => {
  const all = stores.map((store) => ({ name: store.name, readings: readingsOf(store, operation, concurrency) }))
  const reference = (all[0]?.readings ?? []).map(({ perSecond }) => perSecond)
  const rows = all
    .filter(({ readings }) => readings.length > 0)
    .map(({ name, readings }) => {
      const rates = readings.map(({ perSecond }) => perSecond)
      const rate = summarize(rates)
      const compared = compare(rates, reference)
      const middleOf = (one: (reading: Reading) => number) => figure(summarize(readings.map(one)).median)
      return [
        name,
        figure(rate.median),
        `${figure(rate.least)} to ${figure(rate.most)}`,
        times(compared.median),
        `${compared.least.toFixed(2)} to ${compared.most.toFixed(2)}`,
        middleOf(({ processor }) => processor),
        middleOf(({ middle }) => middle),
        middleOf(({ slow }) => slow)
      ]
    })
  return table(columns, rows)
}
