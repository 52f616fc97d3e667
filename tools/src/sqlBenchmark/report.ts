/** The tables of the benchmark. */
import { rateTable } from "../measurement/rates.ts"
import type { Operation, Reading } from "./task.ts"

/** The readings of one store, round by round. */
export interface Rounds {
  readonly name: string
  readonly rounds: ReadonlyArray<ReadonlyArray<Reading>>
}

const readingsOf = ({ rounds }: Rounds, operation: Operation, concurrency: number): ReadonlyArray<Reading> =>
  rounds.flatMap((round) =>
    round.filter((reading) => reading.operation === operation && reading.concurrency === concurrency)
  )

/** Writes the table of one operation; every store is compared with the first, each round by itself. */
export const report = (stores: ReadonlyArray<Rounds>, operation: Operation, concurrency: number): string =>
  rateTable(
    "store",
    "the first",
    stores.map((store) => ({ name: store.name, readings: readingsOf(store, operation, concurrency) }))
  )
