/** What is measured besides lists and creates: many keys by their ids, and many tenants at once. */
import type { ChildProcess } from "node:child_process"
import { join } from "node:path"
import { ask, message, start } from "../measurement/processes.ts"
import { median, summarize } from "../measurement/statistics.ts"
import { getting } from "./jobs.ts"
import type { FanOut, Finding } from "./results.ts"
import type { Order, Round } from "./rounds.ts"
import { countRequests, startWorkers, stopWorkers, type Server } from "./run.ts"
import type { Subject } from "./subjects.ts"
import { leastTime, listPath, ways, type Way, type Witnessed } from "./tenantWays.ts"

/** Measures who finds a thousand keys by their ids, and counts what each of them sends. */
export const measureFinding = async (
  server: Server,
  chosen: ReadonlyArray<Subject>,
  rounds: number
): Promise<ReadonlyArray<Finding>> => {
  const workers = await startWorkers(chosen, server)
  const order: Order = { ...getting, milliseconds: 0 }
  const measured = workers.map((worker) => ({ worker, requests: new Set<number>(), rounds: new Array<Round>() }))
  for (let round = -1; round < rounds; round++) {
    for (const one of round % 2 === 0 ? measured : measured.toReversed()) {
      await countRequests(server)
      const result = await ask<Round>(one.worker.process, order)
      one.requests.add((await countRequests(server)) / result.latencies.length)
      // The first time is to warm up.
      if (round >= 0) one.rounds.push(result)
    }
  }
  stopWorkers(workers)
  return measured.map(({ requests, rounds, worker: { subject } }) => ({
    title: subject.title,
    isOurs: subject.isOurs ?? false,
    elapsed: summarize(rounds.flatMap(({ latencies }) => [...latencies])),
    processor: median(rounds.map(({ processor }) => processor / 1000)),
    requests: Math.max(...requests)
  }))
}

interface Observed {
  readonly way: Way
  readonly child: ChildProcess
  readonly requests: Set<number>
  readonly witnessed: Array<Witnessed>
}

const startWay = async (server: Server, way: Way): Promise<Observed> => {
  const child = start(join(import.meta.dirname, "tenants.ts"), [way.title, server.url])
  await ask(server.process, { path: listPath, body: await message<string>(child) })
  return { way, child, requests: new Set(), witnessed: [] }
}

const summarizeWay = ({ requests, way: { hasBudget, over, title }, witnessed }: Observed): FanOut => {
  const most = Math.max(...requests)
  return {
    title,
    isOurs: over !== undefined,
    elapsed: summarize(witnessed.map(({ elapsed }) => elapsed)),
    ...(hasBudget ? { bound: leastTime(most) } : {}),
    requests: most,
    processor: median(witnessed.map(({ processor }) => processor)),
    utilization: median(witnessed.map(({ utilization }) => utilization)),
    delay: Math.max(...witnessed.map(({ delay }) => delay))
  }
}

/** Measures a thousand tenants who list at once. */
export const measureTenants = async (server: Server, rounds: number): Promise<ReadonlyArray<FanOut>> => {
  const observed: Array<Observed> = []
  for (const way of ways) observed.push(await startWay(server, way))
  for (let round = -1; round < rounds; round++) {
    for (const { child, requests, witnessed } of observed) {
      await countRequests(server)
      const result = await ask<Witnessed>(child, {})
      requests.add(await countRequests(server))
      // The first time is to warm up.
      if (round >= 0) witnessed.push(result)
    }
  }
  for (const { child } of observed) child.disconnect()
  return observed.map(summarizeWay)
}
