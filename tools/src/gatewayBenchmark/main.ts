/**
 * `npm run bench:gateway`: verifies and lists keys over HTTP with a real `keyfold serve`, with a bare `node:http` server
 * that answers the same bytes, and with servers around better-auth and keypal, all on SQLite. Each server and the load are
 * processes of their own; rounds alternate. Then all of them are under a steady load for a while, and their memory is
 * watched. KEYPAL names a folder with a keypal that was built.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { circumstances, describe } from "../measurement/machine.ts"
import { message, start } from "../measurement/processes.ts"
import { usageOf } from "../measurement/usage.ts"
import { perOwner } from "../sqlBenchmark/client.ts"
import { clients } from "../sqlBenchmark/clients.ts"
import * as databases from "../sqlBenchmark/databases.ts"
import type { Seeding } from "../sqlBenchmark/task.ts"
import { memory, report, type Reading, type Watched } from "./report.ts"
import type { Load, Loaded } from "./request.ts"
import { servers, type Ground, type Operation, type Server, type Startable } from "./servers.ts"
import { read } from "./settings.ts"

const settings = read(process.argv.slice(2), process.env)
const { concurrencies, keypal, keys, minutes, rate, rounds, seconds } = settings
const owners = Math.max(1, Math.round(keys / perOwner))
const folder = mkdtempSync(join(tmpdir(), "keyfold-gateway-benchmark-"))
const engine = databases.sqlite(folder)
const operations: ReadonlyArray<Operation> = ["verify", "list"]

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const secretsFile = (seed: string): string => join(folder, `secrets-${seed}.json`)

const fill = async (seed: Startable["seed"]): Promise<void> => {
  const client = clients.find((one) => one.seed === seed)?.name ?? seed
  const place = await engine.make(seed)
  const task: Seeding = { kind: "seed", client, place, owners, keypal, secrets: secretsFile(seed) }
  await message(start(join(import.meta.dirname, "../sqlBenchmark/worker.ts"), [JSON.stringify(task)]))
}

const ground: Ground = {
  folder,
  databases: engine,
  owners,
  keypal,
  node: settings.node,
  secretsOf: (seed) => JSON.parse(readFileSync(secretsFile(seed), "utf8"))
}

const startLoad = (load: Load) => start(join(import.meta.dirname, "load.ts"), [JSON.stringify(load)])

const rush = async ({ pid, requests, url }: Server, operation: Operation, concurrency: number): Promise<Reading> => {
  const load = startLoad({ kind: "rush", url, requests: requests[operation], pace: { concurrency, seconds } })
  await message(load)
  const before = usageOf(pid).processor
  const { calls, middle, perSecond, processor: sending, slow } = await message<Loaded>(load)
  const processor = ((usageOf(pid).processor - before) * 1000) / calls
  return { perSecond, middle, slow, processor, sending }
}

const measure = async (chosen: ReadonlyArray<Startable>): Promise<void> => {
  const readings = new Map<string, Array<Reading>>()
  const keyOf = (name: string, operation: Operation, concurrency: number) => `${name} ${operation} ${concurrency}`
  for (let round = 0; round < rounds; round++) {
    for (const startable of round % 2 === 0 ? chosen : chosen.toReversed()) {
      const server = await startable.start(ground)
      for (const operation of operations) {
        for (const concurrency of concurrencies) {
          const key = keyOf(startable.name, operation, concurrency)
          readings.set(key, [...(readings.get(key) ?? []), await rush(server, operation, concurrency)])
        }
      }
      await server.stop()
    }
  }
  for (const operation of operations) {
    for (const concurrency of concurrencies) {
      const of = ({ name }: Startable) => ({ name, readings: readings.get(keyOf(name, operation, concurrency)) ?? [] })
      say(`\n${operation}, ${concurrency} at a time\n\n${report(chosen.map(of))}`)
    }
  }
}

const marks = 10

/** Half of the requests verify, and half list. */
const watch = async (server: Server): Promise<Watched> => {
  const { name, pid, requests, url } = server
  const time = minutes * 60
  const loads = operations.map((operation) =>
    message<Loaded>(
      startLoad({ kind: "steady", url, requests: requests[operation], perSecond: rate / 2, seconds: time })
    )
  )
  const seen = [usageOf(pid)]
  for (let mark = 0; mark < marks; mark++) {
    await wait((time * 1000) / marks)
    seen.push(usageOf(pid))
  }
  const [verified] = await Promise.all(loads)
  const [first, last] = [seen[0], seen.at(-1)]
  return {
    name,
    marks: seen.map(({ resident }) => resident),
    peak: last?.peak ?? Number.NaN,
    middle: verified?.middle ?? Number.NaN,
    slow: verified?.slow ?? Number.NaN,
    busy: ((last?.processor ?? Number.NaN) - (first?.processor ?? Number.NaN)) / (time * 1000)
  }
}

const watchAll = async (chosen: ReadonlyArray<Startable>): Promise<void> => {
  const running: Array<Server> = []
  for (const startable of chosen.filter(({ name }) => !name.endsWith("again")))
    running.push(await startable.start(ground))
  const labels = Array.from(
    { length: marks + 1 },
    (_, mark) => `${((minutes * mark) / marks).toFixed(minutes < 10 ? 1 : 0)} min`
  )
  say(`\nMiB resident under ${rate} requests a second for each, all at the same time; p50 and p99 of verify\n`)
  say(memory(await Promise.all(running.map(watch)), labels))
  await Promise.all(running.map(({ stop }) => stop()))
}

try {
  say(describe(circumstances()))
  say(
    `${engine.title}; ${owners * perOwner} keys, ${perOwner} of each owner; ${rounds} rounds of ${seconds} s for each figure.`
  )
  const asked = servers.filter(({ name }) => settings.servers.length === 0 || settings.servers.includes(name))
  const chosen = asked.filter(({ seed }) => seed !== "keypal" || keypal !== undefined)
  if (chosen.length < asked.length)
    say("keypal: not measured, for KEYPAL names no folder with a keypal that was built.")
  for (const seed of new Set(chosen.map(({ seed }) => seed))) await fill(seed)
  if (rounds > 0) await measure(chosen)
  if (minutes > 0) await watchAll(chosen)
  say(`\n${describe(circumstances()).replace("before the first", "after the last")}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
