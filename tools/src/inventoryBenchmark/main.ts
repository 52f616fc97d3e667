/**
 * `npm run bench:inventory`: reads every key of many stores and of one large store, by `keyfold inventory`, by the library
 * behind it and by a hand-written loop of `fetch` calls with the same concurrency; and, for comparison, by a loop that also
 * judges each key.
 *
 * Each measurement is a process of its own, and the backends are another: the emulators or, with `--servers memory`, a
 * server that has their answers ready. The ways alternate, and medians are compared. Fails where a bound is missed.
 */
import { fork, spawn, type ChildProcess } from "node:child_process"
import { mkdtempSync, openSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { parseArgs } from "node:util"
import { circumstances, describe } from "../measurement/machine.ts"
import { median } from "../measurement/statistics.ts"
import * as configuration from "./configuration.ts"
import type { Backends, Case, Measured, Servers, Task, Way } from "./measured.ts"

const most = 200
const least = 0.8

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    stores: { type: "string", default: "1000" },
    keys: { type: "string", default: "1000" },
    shared: { type: "string", default: "250000" },
    "node-option": { type: "string", multiple: true, default: [] },
    servers: { type: "string", multiple: true, default: ["emulators", "memory"] },
    case: { type: "string", multiple: true, default: ["many", "shared"] },
    way: { type: "string", multiple: true, default: ["report", "jsonl", "library", "fetch", "judged"] }
  }
})

const stores = Number(values.stores)
const folder = mkdtempSync(join(tmpdir(), "keyfold-benchmark-"))
const nowhere = openSync("/dev/null", "w")

/** As this process runs: what was built or, with `--conditions=@keyfold/source`, the sources. */
const execArgv = [...process.execArgv, ...values["node-option"]]

const file = (name: string): string => join(import.meta.dirname, name)

const startServer = (servers: Servers): ChildProcess =>
  fork(file("server.ts"), [servers, values.stores, values.keys, values.shared], {
    execArgv: [...process.execArgv, "--max-old-space-size=8192"],
    stdio: ["ignore", "inherit", "inherit", "ipc"]
  })

const started = (server: ChildProcess): Promise<Backends> =>
  new Promise((resolve, reject) => {
    server.once("message", (backends: Backends) => resolve(backends))
    server.once("exit", (code) => reject(new Error(`the server ended early, with ${code}`)))
  })

/** Runs within the command, and tells of the whole process at its end. */
const witness = `data:text/javascript,${encodeURIComponent(`
import { writeSync } from "node:fs"
process.once("exit", (code) => {
  const { system, user } = process.cpuUsage()
  const resident = process.resourceUsage().maxRSS / 1024
  const seconds = performance.now() / 1000
  if (code === 0) writeSync(3, JSON.stringify({ seconds, busy: (user + system) / 1e6, resident }))
})
`)}`

const command = join(import.meta.dirname, "../../../packages/keyfold/bin/keyfold.js")

const argumentsOf = (task: Task): ReadonlyArray<string> => {
  switch (task.way) {
    case "report":
      return [command, "inventory", "--output", "markdown", "--only", "expiring,over-age,unassigned"]
    case "jsonl":
      return [command, "inventory", "--output", "jsonl"]
    default:
      return [file("client.ts"), JSON.stringify(task)]
  }
}

const measure = async (task: Task): Promise<Measured> => {
  const isCommand = task.way === "report" || task.way === "jsonl"
  const options = [...execArgv, ...(isCommand ? ["--import", witness] : [])]
  const child = spawn(process.execPath, [...options, ...argumentsOf(task)], {
    env: { ...process.env, ...configuration.environment(task.backends), KEYFOLD_CONFIG: task.file },
    stdio: ["ignore", nowhere, isCommand ? nowhere : "inherit", "pipe"]
  })
  const written = await text(child.stdio[3] as Readable)
  if (written === "") throw new Error(`${task.way} measured nothing`)
  return JSON.parse(written) as Measured
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)

interface Row {
  readonly way: Way
  readonly seconds: number
  readonly busy: number
  readonly resident: number
}

const rowOf = (way: Way, measured: ReadonlyArray<Measured>): Row => ({
  way,
  seconds: median(measured.map(({ seconds }) => seconds)),
  busy: median(measured.map(({ busy }) => busy)),
  resident: Math.max(...measured.map(({ resident }) => resident))
})

const show = ({ busy, resident, seconds, way }: Row, keys: number, bare: Row | undefined): void => {
  const ratio = bare === undefined ? "" : `, ${(bare.seconds / seconds).toFixed(2)} of fetch`
  const processor = bare === undefined ? "" : ` (${(bare.busy / busy).toFixed(2)})`
  say(
    `  ${way.padEnd(8)} ${Math.round(keys / seconds).toLocaleString("en-US")} keys/s, ${seconds.toFixed(2)} s${ratio}; ` +
      `${((busy / keys) * 1e6).toFixed(2)} us of processor time a key${processor}; ${Math.round(resident)} MiB at most`
  )
}

/** Measures one case and tells whether it keeps its bounds. */
const compare = async (which: Case, backends: Backends): Promise<boolean> => {
  const keys = which === "many" ? stores * Number(values.keys) : Number(values.shared)
  say(which === "many" ? `${stores} stores of ${values.keys} keys` : `one shared store of ${keys} keys`)
  const path = configuration.write(folder, which, backends, stores)
  const ways = (["report", "jsonl", "library", "fetch", "judged"] as const).filter((way) => values.way.includes(way))
  const measured = new Map<Way, Array<Measured>>(ways.map((way) => [way, []]))
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const way of ways) {
      const one = await measure({ way, which, stores, backends, file: path })
      if (one.keys !== undefined && one.keys !== keys) throw new Error(`${one.keys} keys, and there are ${keys}`)
      measured.get(way)?.push(one)
    }
  }
  const rows = ways.map((way) => rowOf(way, measured.get(way) ?? []))
  const bare = rows.find(({ way }) => way === "fetch")
  for (const row of rows) show(row, keys, bare)
  return rows.every(
    ({ resident, seconds, way }) =>
      way !== "report" || (resident < most && (bare === undefined || bare.seconds / seconds >= least))
  )
}

say(describe(circumstances()))
const kept: Array<boolean> = []
for (const servers of ["emulators", "memory"] as const) {
  if (!values.servers.includes(servers)) continue
  const server = startServer(servers)
  const backends = await started(server)
  say(servers === "emulators" ? "read from the emulators" : "read from a server that has their answers in memory")
  for (const which of ["many", "shared"] as const) {
    if (values.case.includes(which)) kept.push(await compare(which, backends))
  }
  server.disconnect()
}
rmSync(folder, { recursive: true })
process.exitCode = kept.every(Boolean) ? 0 : 1
