/** Reads lists of growing length. */
import { join } from "node:path"
import { message, start } from "../measurement/processes.ts"
import { median, summarize } from "../measurement/statistics.ts"
import { clients, type Reading } from "./client.ts"
import type { LongList } from "./listsTable.ts"

/** A short list, a long one, and one that no program should hold as one text. */
export const lengths: ReadonlyArray<number> = [100, 10_000, 1_000_000]

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
