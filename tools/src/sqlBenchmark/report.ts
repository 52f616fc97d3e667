/** The tables of the benchmark. */
import { middleOf, rateCells, rateHeads } from "../measurement/numbers.ts"
import { table } from "../measurement/table.ts"
import type { Operation, Reading } from "./task.ts"

/** The readings of one store, round by round. */
export interface Rounds {
  readonly name: string
  readonly rounds: ReadonlyArray<ReadonlyArray<Reading>>
}

const columns = ["store", ...rateHeads("the first"), "CPU, us", "p50, ms", "p99, ms"]

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
    .map(({ name, readings }) => [
      name,
      ...rateCells(
        readings.map(({ perSecond }) => perSecond),
        reference
      ),
      middleOf(readings, ({ processor }) => processor),
      middleOf(readings, ({ middle }) => middle),
      middleOf(readings, ({ slow }) => slow)
    ])
  return table(columns, rows)
}
