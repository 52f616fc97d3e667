/**
 * `npm run bench:inventory`: reads every key of many stores and of one large store, by the inventory and by a hand-written
 * loop of `fetch` calls with the same concurrency; and, for comparison, by a loop that also judges each key.
 *
 * Each measurement is a process of its own, and the backends are another; the ways alternate, and medians are compared.
 * `--node-option` starts every process with an option of Node's. Fails where a bound is missed.
 */
import { fork, type ChildProcess } from "node:child_process"
import { availableParallelism, cpus } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import type { Case, Measured, Way } from "./measured.ts"

const most = 200
const least = 0.8

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    stores: { type: "string", default: "1000" },
    keys: { type: "string", default: "1000" },
    shared: { type: "string", default: "250000" },
    "node-option": { type: "string", multiple: true, default: [] },
    case: { type: "string", multiple: true, default: ["many", "shared"] }
  }
})

/** As this process runs: what was built or, with `--conditions=@keyfold/source`, the sources. */
const execArgv = [...process.execArgv, ...values["node-option"]]

const start = (file: string, args: ReadonlyArray<string>): ChildProcess =>
  fork(join(import.meta.dirname, file), args, { execArgv, stdio: ["ignore", "inherit", "inherit", "ipc"] })

const message = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve, reject) => {
    child.once("message", resolve)
    child.once("exit", (code) => reject(new Error(`a process of the benchmark ended early, with ${code}`)))
  })

const isMeasured = (value: unknown): value is Measured =>
  typeof value === "object" && value !== null && "keys" in value && "seconds" in value && "resident" in value

const measure = async (way: Way, which: Case, url: string): Promise<Measured> => {
  const measured = await message(start("client.ts", [way, which, url, values.stores]))
  if (!isMeasured(measured)) throw new Error("a process of the benchmark measured nothing")
  return measured
}

const ways = ["inventory", "fetch", "judged"] as const

const median = (numbers: ReadonlyArray<number>): number => {
  const sorted = numbers.toSorted((left, right) => left - right)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}

const rate = ({ keys, seconds }: Measured): number => keys / seconds

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const row = (way: string, measured: ReadonlyArray<Measured>): void =>
  say(
    `  ${way.padEnd(9)} ${Math.round(median(measured.map(rate))).toLocaleString("en-US")} keys/s, ` +
      `${median(measured.map(({ seconds }) => seconds)).toFixed(2)} s, ` +
      `${median(measured.map(({ busy }) => busy)).toFixed(2)} s of processor time, ` +
      `${Math.round(Math.max(...measured.map(({ resident }) => resident)))} MiB resident at most`
  )

/** Measures one case and tells whether it keeps its bounds. */
const compare = async (which: Case, url: string): Promise<boolean> => {
  const stores = which === "many" ? Number(values.stores) : 1
  const expected = which === "many" ? stores * Number(values.keys) : Number(values.shared)
  say(which === "many" ? `${stores} stores of ${values.keys} keys` : `one shared store of ${expected} keys`)
  const measured: Record<Way, Array<Measured>> = { inventory: [], fetch: [], judged: [] }
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const way of ways) measured[way].push(await measure(way, which, url))
  }
  for (const { keys } of ways.flatMap((way) => measured[way])) {
    if (keys !== expected) throw new Error(`${keys} keys were read, and there are ${expected}`)
  }
  for (const way of ways) row(way, measured[way])
  const ratioTo = (way: Way) => median(measured.inventory.map(rate)) / median(measured[way].map(rate))
  const resident = Math.max(...measured.inventory.map((one) => one.resident))
  const [bare, judged] = [ratioTo("fetch"), ratioTo("judged")]
  const work = median(measured.fetch.map(({ busy }) => busy)) / median(measured.inventory.map(({ busy }) => busy))
  say(`  ratio ${bare.toFixed(2)} (at least ${least}), ${judged.toFixed(2)} of the loop that judges`)
  say(`  ${work.toFixed(2)} by processor time; ${Math.round(resident)} MiB (under ${most})`)
  return bare >= least && resident < most
}

const server = start("server.ts", [values.keys, values.shared])
const port = await message(server)
const url = `http://127.0.0.1:${String(port)}`
say(`${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"}), Node ${process.versions.node}`)
const kept: Array<boolean> = []
for (const which of ["many", "shared"] as const) if (values.case.includes(which)) kept.push(await compare(which, url))
server.disconnect()
process.exitCode = kept.every(Boolean) ? 0 : 1
