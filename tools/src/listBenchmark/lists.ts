/** Reads lists of growing length, and shows what that took. */
import { join } from "node:path"
import { message, start } from "../measurement/processes.ts"
import { group, range, short } from "../measurement/numbers.ts"
import { median, summarize, type Summary } from "../measurement/statistics.ts"
import { table } from "../measurement/table.ts"
import { clients, type Reading } from "./client.ts"

/** A short list, a long one, and one that no program should hold as one text. */
export const lengths: ReadonlyArray<number> = [100, 10_000, 1_000_000]

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

const file = (name: string): string => join(import.meta.dirname, name)

const summarizeReadings = (client: string, readings: ReadonlyArray<Reading>): LongList => ({
  client,
  keys: readings[0]?.keys ?? 0,
  first: median(readings.map(({ first }) => first)),
  total: summarize(readings.map(({ total }) => total)),
  processor: median(readings.map(({ processor }) => processor)),
  before: median(readings.map(({ before }) => before)),
  peak: Math.max(...readings.map(({ peak }) => peak))
})

/** Reads each list with each client in a process of its own, in turn; `tell` hears of each as it is done. */
export const readLists = async (
  keys: ReadonlyArray<number>,
  rounds: number,
  tell: (list: LongList) => void = () => {}
): Promise<ReadonlyArray<LongList>> => {
  const server = start(file("server.ts"))
  const baseUrl = `http://127.0.0.1:${await message<number>(server)}`
  const lists: Array<LongList> = []
  for (const length of keys) {
    const readings = new Map([...clients.keys()].map((name) => [name, new Array<Reading>()]))
    for (let round = 0; round < rounds; round++) {
      for (const [name, read] of readings) {
        read.push(await message<Reading>(start(file("client.ts"), [name, baseUrl, String(length)])))
      }
    }
    for (const [name, read] of readings) {
      const list = summarizeReadings(name, read)
      tell(list)
      lists.push(list)
    }
  }
  server.disconnect()
  return lists
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
