/** The results as tables in Markdown. */
import { group, range, short } from "../measurement/numbers.ts"
import { table } from "../measurement/table.ts"
import type { Summary } from "../measurement/statistics.ts"
import type { Comparison, FanOut, Finding, Reference, Row } from "./results.ts"

const percent = (part: number): string => (Number.isFinite(part) ? ` ± ${Math.max(1, Math.round(part * 100))} %` : "")

const ratio = (summary: Summary | undefined, spread: number): string =>
  summary === undefined ? "" : `${summary.median.toFixed(2)}${percent(spread)}`

const formatTitles = {
  whylabs: "WhyLabs",
  arthur: "Arthur",
  openai: "OpenAI",
  unkey: "Unkey",
  workos: "WorkOS"
}

const columns = [
  "client",
  "keys of",
  "calls a second",
  "min to max",
  "to fetch",
  "to undici",
  "to ky",
  "p50, ms",
  "p99, ms",
  "CPU, us a call",
  "CPU to fetch"
]

const isReference = ({ id, format }: Row, reference: Reference): boolean => id === `${reference} ${format}`

const cells = (row: Row, spread: number): ReadonlyArray<string> => [
  row.title,
  formatTitles[row.format],
  short(row.rate.median),
  range(row.rate),
  ...(["fetch", "undici", "ky"] as const).map((reference) =>
    isReference(row, reference) ? "1" : ratio(row.to[reference], spread)
  ),
  short(row.half),
  short(row.most),
  short(row.processor),
  row.processorToFetch === undefined ? "" : row.processorToFetch.median.toFixed(2)
]

/** The table of one comparison. */
export const comparisonTable = ({ rows, spread }: Comparison): string =>
  table(
    columns,
    rows.map((row) => cells(row, spread)),
    columns.slice(0, 2)
  )

/** The table of those who find keys by their ids. */
export const findingTable = (finding: ReadonlyArray<Finding>): string =>
  table(
    ["client", "requests", "ms for all", "min to max", "CPU, ms"],
    finding.map(({ elapsed, processor, requests, title }) => [
      title,
      group(requests),
      short(elapsed.median),
      range(elapsed),
      short(processor)
    ])
  )

/** The table of many tenants at once. */
export const tenantsTable = (tenants: ReadonlyArray<FanOut>): string =>
  table(
    [
      "1,000 tenants, each lists at once",
      "requests",
      "ms for all",
      "min to max",
      "the budget asks for",
      "CPU, ms",
      "event loop busy",
      "its longest delay, ms"
    ],
    tenants.map(({ bound, delay, elapsed, processor, requests, title, utilization }) => [
      title,
      group(requests),
      short(elapsed.median),
      range(elapsed),
      bound === undefined ? "" : `${group(bound)} ms`,
      short(processor),
      `${Math.round(utilization * 100)} %`,
      short(delay)
    ])
  )
