/**
 * `npm run bench:sql`: creates, verifies and lists keys in Keyfold's store on SQL, and in those of better-auth and keypal,
 * on the same SQLite and the same PostgreSQL. Each measurement is a process of its own, on a copy of a database with the
 * same keys; rounds alternate. KEYPAL names a folder with a keypal that was built, which is not published.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { circumstances, describe } from "../measurement/machine.ts"
import { message, start } from "../measurement/processes.ts"
import { perOwner, type Place } from "./client.ts"
import { clients, missing, type Measured } from "./clients.ts"
import * as databases from "./databases.ts"
import { report } from "./report.ts"
import { read } from "./settings.ts"
import { operations, type Reading, type Task } from "./task.ts"

const { concurrencies, engines, keypal, keys, rounds, seconds, stores, warmUp } = read(
  process.argv.slice(2),
  process.env
)
const owners = Math.max(1, Math.round(keys / perOwner))
const folder = mkdtempSync(join(tmpdir(), "keyfold-sql-benchmark-"))

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const run = (task: Task): Promise<ReadonlyArray<Reading>> =>
  message(start(join(import.meta.dirname, "worker.ts"), [JSON.stringify(task)]))

const secretsOf = (engine: string, seed: string): string => join(folder, `secrets-${engine}-${seed}.json`)

const taskFor = ({ name, seed }: Measured, place: Place) => ({
  client: name,
  place,
  owners,
  keypal,
  secrets: secretsOf(place.engine, seed)
})

const fill = async (engine: databases.Databases, chosen: ReadonlyArray<Measured>): Promise<void> => {
  const seeded = new Set<string>()
  for (const client of chosen) {
    if (seeded.has(client.seed)) continue
    seeded.add(client.seed)
    await run({ kind: "seed", ...taskFor(client, await engine.make(client.seed)) })
  }
}

const measure = async (engine: databases.Databases): Promise<void> => {
  say(`\n## ${engine.title}\n`)
  const asked = clients.filter(({ name }) => stores.length === 0 || stores.includes(name))
  for (const client of asked) {
    const reason = missing(client, engine.engine, keypal)
    if (reason !== undefined) say(`${client.name}: not measured, for ${reason}.`)
  }
  const chosen = asked.filter((client) => missing(client, engine.engine, keypal) === undefined)
  await fill(engine, chosen)
  const readings = new Map(chosen.map(({ name }) => [name, new Array<ReadonlyArray<Reading>>()]))
  for (let round = 0; round < rounds; round++) {
    for (const client of round % 2 === 0 ? chosen : chosen.toReversed()) {
      const place = await engine.copy(client.seed)
      const told = { kind: "measure", seconds, warmUp, concurrencies } as const
      readings.get(client.name)?.push(await run({ ...told, ...taskFor(client, place) }))
      await engine.drop(place)
    }
  }
  const all = [...readings].map(([name, rounds]) => ({ name, rounds }))
  for (const operation of operations) {
    for (const concurrency of concurrencies) {
      say(`\n${operation}, ${concurrency} at a time\n\n${report(all, operation, concurrency)}`)
    }
  }
}

try {
  say(describe(circumstances()))
  say(`${owners * perOwner} keys, ${perOwner} of each owner; ${rounds} rounds of ${seconds} s for each figure.`)
  if (engines.includes("sqlite")) await measure(databases.sqlite(folder))
  if (engines.includes("postgres")) {
    const server = await databases.postgres()
    if (server === undefined) say("\nPostgreSQL: not measured, for this machine has none.")
    else await measure(server).finally(server.stop)
  }
  say(`\n${describe(circumstances()).replace("before the first", "after the last")}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
