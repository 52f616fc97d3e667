/**
 * `npm run bench:lists`: reads lists of growing length through a store and beside it as one text, each in a process of
 * its own, and prints when the first key came, the throughput, and the most resident memory.
 */
import { fork, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { clients, type Reading } from "./client.ts"

const sizes = [1_000, 10_000, 100_000, 1_000_000]

const columns = ["keys", "client", "first key, ms", "all, ms", "CPU, ms", "keys a second", "MiB before", "MiB at most"]

const start = (file: string, parameters: ReadonlyArray<string>): ChildProcess =>
  fork(join(import.meta.dirname, file), parameters, { execArgv: process.execArgv })

const message = async <A>(child: ChildProcess): Promise<A> => {
  const [value] = await Promise.race([
    once(child, "message"),
    once(child, "exit").then(() => Promise.reject(new Error("a process ended without a result")))
  ])
  return value
}

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

const show = (name: string, { before, first, keys, peak, processor, total }: Reading): string =>
  row([
    keys.toLocaleString("en"),
    name,
    first.toFixed(1),
    total.toFixed(0),
    processor.toFixed(0),
    Math.round((keys / total) * 1000).toLocaleString("en"),
    before.toFixed(0),
    peak.toFixed(0)
  ])

const chosen = process.argv.slice(2).map(Number)
const server = start("server.ts", [])
const baseUrl = `http://127.0.0.1:${await message<number>(server)}`

console.log(row(columns))
console.log(row(columns.map((name) => (name === "client" ? "---" : "--:"))))
for (const size of chosen.length === 0 ? sizes : chosen) {
  for (const name of clients.keys()) {
    console.log(show(name, await message<Reading>(start("client.ts", [name, baseUrl, String(size)]))))
  }
}
server.disconnect()
