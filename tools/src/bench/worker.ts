/** One client in a process of its own, which measures a round whenever it is asked to. */
import { roundOf, type Order, type Round } from "./rounds.ts"
import type { Client } from "./client.ts"
import { idsOf, subjectOf } from "./subjects.ts"

const [id = "", url = ""] = process.argv.slice(2)
const subject = subjectOf(id)
if (subject === undefined) throw new Error(`there is no client ${id}`)
const { format } = subject
const open = await subject.open()
const clients = new Map<number, Promise<Client>>()

const clientOf = (keys: number): Promise<Client> => {
  const client = clients.get(keys) ?? open({ url, format, keys })
  clients.set(keys, client)
  return client
}

/** One call, which throws where the result is not what it must be. */
const callOf = ({ keys, operation }: Order, client: Client): (() => Promise<void>) => {
  const ids = idsOf(format, operation === "get" ? keys : 0)
  return async () => {
    const got =
      operation === "create"
        ? (await client.create()).includes("sssss")
        : (operation === "list" ? await client.list() : await client.get?.(ids)) === keys
    if (!got) throw new Error(`${id}: a wrong result of ${operation}`)
  }
}

const measure = async (order: Order): Promise<Round> => {
  const call = callOf(order, await clientOf(order.keys))
  const latencies: Array<number> = []
  const began = performance.now()
  const used = process.cpuUsage()
  const isOver = (now: number): boolean =>
    now - began >= order.milliseconds || (order.calls !== undefined && latencies.length >= order.calls)
  const loop = async () => {
    for (let before = began, done = false; !done;) {
      await call()
      const now = performance.now()
      latencies.push(now - before)
      before = now
      done = isOver(now)
    }
  }
  await Promise.all(Array.from({ length: order.concurrency }, loop))
  const { system, user } = process.cpuUsage(used)
  return roundOf(latencies, performance.now() - began, (system + user) / 1000)
}

process.on("message", (order: Order) => {
  measure(order).then(
    (round) => process.send?.(round),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    }
  )
})
process.once("disconnect", () => process.exit())
process.send?.("ready")
