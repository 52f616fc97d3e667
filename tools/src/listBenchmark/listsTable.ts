/** What reading long lists took, as a table. */
import { group, range, short } from "../measurement/numbers.ts"
import type { Summary } from "../measurement/statistics.ts"
import { table } from "../measurement/table.ts"

/**
 * One list as one client read it: medians of the rounds, in milliseconds of the clock and of the processor, and the most
 * resident memory before and ever, in MiB.
 */
export interface LongList {
  readonly client: string
  readonly keys: number
  readonly first: number
  readonly total: Summary
  readonly processor: number
  readonly before: number
  readonly peak: number
}

/** The table of long lists. */
export const listsTable = (lists: ReadonlyArray<LongList>): string =>
  table(
    [
      "keys",
      "client",
      "first key, ms",
      "all, ms",
      "min to max",
      "CPU, ms",
      "keys a second",
      "MiB before",
      "MiB at most"
    ],
    lists.map(({ before, client, first, keys, peak, processor, total }) => [
      group(keys),
      client,
      short(first),
      short(total.median),
      range(total),
      short(processor),
      group(Math.round((keys / total.median) * 1000)),
      group(before),
      group(peak)
    ]),
    ["client"]
  )
