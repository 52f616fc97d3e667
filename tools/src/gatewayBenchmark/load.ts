/** A process that sends requests on connections it keeps open, and times the answers. */
import { readFileSync } from "node:fs"
import { setTimeout as wait } from "node:timers/promises"
import { Pool } from "undici"
import { calling, scattered, warmingUp } from "../measurement/calling.ts"
import { quantile } from "../measurement/statistics.ts"
import type { Load, Loaded, Request, Rush, Steady } from "./request.ts"

const load: Load = JSON.parse(process.argv[2] ?? "")
const requests: ReadonlyArray<Request> = JSON.parse(readFileSync(load.requests, "utf8"))
const at = scattered(requests.length)
const pool = new Pool(load.url, { connections: load.kind === "rush" ? load.pace.concurrency : 16, pipelining: 1 })

const send = async (number: number): Promise<void> => {
  const request = requests[at(number)]
  if (request === undefined) throw new Error("there are no requests")
  const { body, headers, method, path } = request
  const answer = await pool.request({ method, path, headers, ...(body === undefined ? {} : { body }) })
  const text = await answer.body.text()
  if (answer.statusCode !== 200) throw new Error(`${method} ${path.split("?", 1)[0]} was answered ${answer.statusCode}`)
  if (text.startsWith('{"valid":false')) throw new Error("a key was refused")
}

const warmUp = 4

const rush = async ({ pace }: Rush): Promise<Loaded> => {
  await warmingUp({ ...pace, seconds: pace.seconds / warmUp }, send)
  process.send?.("warm")
  return calling(pace, send)
}

const steady = async ({ perSecond, seconds }: Steady): Promise<Loaded> => {
  const times: Array<number> = []
  const used = process.cpuUsage()
  const began = performance.now()
  const flying = new Set<Promise<void>>()
  const total = Math.round(perSecond * seconds)
  for (let number = 0; number < total; number++) {
    const due = began + (number * 1000) / perSecond
    const early = due - performance.now()
    if (early > 1) await wait(early)
    const sent = performance.now()
    const answered = send(number).then(() => {
      times.push(performance.now() - sent)
      flying.delete(answered)
    })
    flying.add(answered)
  }
  await Promise.all(flying)
  const { system, user } = process.cpuUsage(used)
  return {
    calls: times.length,
    perSecond: times.length / ((performance.now() - began) / 1000),
    middle: quantile(times, 0.5),
    slow: quantile(times, 0.99),
    processor: (system + user) / times.length
  }
}

const result = load.kind === "rush" ? await rush(load) : await steady(load)
await pool.close()
process.send?.(result)
process.disconnect()
