/** A process of the benchmark: opens one store on one database, and fills or measures it. */
import { readFileSync, writeFileSync } from "node:fs"
import { calling, scattered, warmingUp } from "../measurement/calling.ts"
import { perOwner, type Client } from "./client.ts"
import { clients } from "./clients.ts"
import { operations, type Measuring, type Operation, type Reading, type Task } from "./task.ts"

const fill = async ({ create }: Client, owners: number): Promise<ReadonlyArray<string>> => {
  const secrets: Array<string> = []
  const width = 16
  for (let index = 0; index < perOwner; index++) {
    for (let from = 0; from < owners; from += width) {
      const some = Array.from({ length: Math.min(width, owners - from) }, (_, number) => from + number)
      secrets.push(...(await Promise.all(some.map((owner) => create(owner, `service ${index}`)))))
    }
  }
  return secrets
}

const callsOf = (client: Client, secrets: ReadonlyArray<string>, owners: number) => {
  const [secretAt, ownerAt] = [scattered(secrets.length), scattered(owners)]
  const calls: Record<Operation, (number: number) => Promise<void>> = {
    create: async (number) => void (await client.create(ownerAt(number), `made ${number}`)),
    verify: async (number) => {
      const { valid } = await client.verify(secrets[secretAt(number)] ?? "")
      if (!valid) throw new Error("a key is not valid")
    },
    list: async (number) => {
      const { length } = await client.list(ownerAt(number))
      if (length !== perOwner) throw new Error(`an owner has ${length} keys`)
    }
  }
  return calls
}

const measure = async (client: Client, task: Measuring): Promise<ReadonlyArray<Reading>> => {
  const secrets: ReadonlyArray<string> = JSON.parse(readFileSync(task.secrets, "utf8"))
  const calls = callsOf(client, secrets, task.owners)
  const readings: Array<Reading> = []
  for (const operation of operations) {
    for (const concurrency of task.concurrencies) {
      await warmingUp({ seconds: task.warmUp, concurrency }, calls[operation])
      readings.push({
        operation,
        concurrency,
        ...(await calling({ seconds: task.seconds, concurrency }, calls[operation]))
      })
    }
  }
  return readings
}

const task: Task = JSON.parse(process.argv[2] ?? "")
const measured = clients.find(({ name }) => name === task.client)
if (measured === undefined) throw new Error(`there is no store ${task.client}`)
const owners = task.kind === "seed" ? task.owners : undefined
const client = await measured.open(task.place, { owners, keypal: task.keypal })
if (task.kind === "seed") {
  writeFileSync(task.secrets, JSON.stringify(await fill(client, task.owners)), { mode: 0o600 })
}
const result = task.kind === "seed" ? [] : await measure(client, task)
await client.close()
process.send?.(result)
process.disconnect()
