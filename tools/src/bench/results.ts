/** What a run of the benchmark found: everything that its tables, its chart and the README say. */
import type { LongList } from "../listBenchmark/listsTable.ts"
import type { Circumstances } from "../measurement/machine.ts"
import { compare, median, quantile, summarize, type Summary } from "../measurement/statistics.ts"
import type { FormatName } from "./formats.ts"
import type { Job } from "./jobs.ts"
import type { Round } from "./rounds.ts"
import type { Subject } from "./subjects.ts"

/**
 * One client in one comparison: within which time half and 99 of 100 calls were answered, in milliseconds, and the median of
 * the processor's time for a call in microseconds.
 */
export interface Row {
  readonly id: string
  readonly title: string
  readonly format: FormatName
  readonly isOurs: boolean
  readonly again?: string
  readonly rate: Summary
  readonly half: number
  readonly most: number
  readonly processor: number
  /** Calls a second as a multiple of what each of these did in the same rounds, on the same bytes. */
  readonly to: Readonly<Partial<Record<Reference, Summary>>>
  /** The processor's time as a multiple of bare fetch's. */
  readonly processorToFetch?: Summary
}

/** Whom the others are compared with. */
export type Reference = "fetch" | "undici" | "ky"

/** One comparison; `spread` is how far two measurements of the very same client were apart at most: 0.04 for 4 percent. */
export interface Comparison {
  readonly job: Job
  readonly rows: ReadonlyArray<Row>
  readonly spread: number
}

const references: ReadonlyArray<Reference> = ["fetch", "undici", "ky"]

const rates = (rounds: ReadonlyArray<Round>): ReadonlyArray<number> => rounds.map(({ rate }) => rate)
const processorTimes = (rounds: ReadonlyArray<Round>): ReadonlyArray<number> => rounds.map(({ processor }) => processor)

/** Compares the clients of one job with those that are measured beside them on the same bytes. */
export const compareClients = (
  job: Job,
  subjects: ReadonlyArray<Subject>,
  measured: ReadonlyMap<string, ReadonlyArray<Round>>
): Comparison => {
  const rowOf = ({ again, format, id, isOurs = false, title }: Subject): Row => {
    const rounds = measured.get(id) ?? []
    const to = references.flatMap((reference) => {
      const others = measured.get(`${reference} ${format}`)
      return others === undefined ? [] : [[reference, compare(rates(rounds), rates(others))] as const]
    })
    const latencies = rounds.flatMap(({ latencies }) => [...latencies])
    const bare = measured.get(`fetch ${format}`)
    return {
      id,
      title,
      format,
      isOurs,
      ...(again === undefined ? {} : { again }),
      rate: summarize(rates(rounds)),
      half: quantile(latencies, 0.5),
      most: quantile(latencies, 0.99),
      processor: median(processorTimes(rounds)),
      to: Object.fromEntries(to),
      ...(bare === undefined ? {} : { processorToFetch: compare(processorTimes(rounds), processorTimes(bare)) })
    }
  }
  const differences = subjects.flatMap(({ again, id }) => {
    const first = again === undefined ? undefined : measured.get(again)
    return first === undefined ? [] : [Math.abs(compare(rates(measured.get(id) ?? []), rates(first)).median - 1)]
  })
  return { job, rows: subjects.map(rowOf), spread: differences.length === 0 ? Number.NaN : Math.max(...differences) }
}

/** Who finds many keys by their ids: the time for all of them in milliseconds, and what was sent. */
export interface Finding {
  readonly title: string
  readonly isOurs: boolean
  readonly elapsed: Summary
  readonly processor: number
  readonly requests: number
}

/** Many tenants at once: with a budget, which bounds them, without one, and by hand. */
export interface FanOut {
  readonly title: string
  readonly isOurs: boolean
  readonly elapsed: Summary
  /** What the budget asks for at least, in milliseconds. */
  readonly bound?: number
  readonly requests: number
  readonly processor: number
  /** How much of the time the event loop was at work, and its longest delay in milliseconds. */
  readonly utilization: number
  readonly delay: number
}

/** A whole run. */
export interface Results {
  readonly circumstances: Circumstances
  readonly versions: Readonly<Record<string, string>>
  readonly rounds: number
  readonly window: number
  readonly bodies: Readonly<Record<string, number>>
  readonly comparisons: ReadonlyArray<Comparison>
  readonly finding: ReadonlyArray<Finding>
  readonly tenants: ReadonlyArray<FanOut>
  readonly lists: ReadonlyArray<LongList>
}
