/** The tables of the benchmark. */
import { figure, times } from "../measurement/numbers.ts"
import { rateTable, type Rate, type Rated } from "../measurement/rates.ts"
import { table } from "../measurement/table.ts"

/** What a round says of one server; the processor's time is the server's. */
export interface Reading extends Rate {
  /** The processor's time of the process that sent the requests, in microseconds a request. */
  readonly sending: number
}

/** The readings of one server, round by round. */
export type Rounds = Rated<Reading>

/** Writes the table of one operation; every server is compared with the first, each round by itself. */
export const report = (servers: ReadonlyArray<Rounds>): string =>
  rateTable("server", "bare", servers, [["CPU of the load, us", ({ sending }) => sending]])

/** The memory of one server under a steady load: MiB at the start and at each mark, and the most it ever had. */
export interface Watched {
  readonly name: string
  readonly marks: ReadonlyArray<number>
  readonly peak: number
  readonly middle: number
  readonly slow: number
  /** What part of one core the server used. */
  readonly busy: number
}

/** Writes the table of memory; `labels` name the marks. */
export const memory = (watched: ReadonlyArray<Watched>, labels: ReadonlyArray<string>): string =>
  table(
    ["server", ...labels, "at most", "to bare", "p50, ms", "p99, ms", "of one core"],
    watched.map(({ busy, marks, middle, name, peak, slow }) => [
      name,
      ...marks.map((mark) => mark.toFixed(0)),
      peak.toFixed(0),
      times((marks.at(-1) ?? Number.NaN) / (watched[0]?.marks.at(-1) ?? Number.NaN)),
      figure(middle),
      figure(slow),
      `${(busy * 100).toFixed(1)} %`
    ])
  )
