/** The tables of the benchmark. */
import { figure, middleOf, rateCells, rateHeads, times } from "../measurement/numbers.ts"
import { table } from "../measurement/table.ts"

/** One figure of a round: requests a second, milliseconds of an answer, and microseconds of the processor a request. */
export interface Reading {
  readonly perSecond: number
  readonly middle: number
  readonly slow: number
  /** Of the server. */
  readonly processor: number
  /** Of the process that sent the requests. */
  readonly sending: number
}

/** The readings of one server, round by round. */
export interface Rounds {
  readonly name: string
  readonly readings: ReadonlyArray<Reading>
}

const columns = ["server", ...rateHeads("bare"), "CPU, us", "p50, ms", "p99, ms", "CPU of the load, us"]

/** Writes the table of one operation; every server is compared with the first, each round by itself. */
export const report = (servers: ReadonlyArray<Rounds>): string => {
  const reference = (servers[0]?.readings ?? []).map(({ perSecond }) => perSecond)
  const rows = servers.map(({ name, readings }) => [
    name,
    ...rateCells(
      readings.map(({ perSecond }) => perSecond),
      reference
    ),
    middleOf(readings, ({ processor }) => processor),
    middleOf(readings, ({ middle }) => middle),
    middleOf(readings, ({ slow }) => slow),
    middleOf(readings, ({ sending }) => sending)
  ])
  return table(columns, rows)
}

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
