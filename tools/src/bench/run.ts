/** Runs the rounds: every client in turn, over and over. */
import { join } from "node:path"
import type { ChildProcess } from "node:child_process"
import { ask, message, start } from "../measurement/processes.ts"
import type { Job } from "./jobs.ts"
import type { Order, Round } from "./rounds.ts"
import type { Subject } from "./subjects.ts"

const file = (name: string): string => join(import.meta.dirname, name)

/**
 * How many milliseconds warming a client up may take at most, how many each of its rounds takes, and how many rounds there
 * are.
 */
export interface Effort {
  readonly warmUp: number
  readonly window: number
  readonly rounds: number
}

/** The server's process, and where it is. */
export interface Server {
  readonly process: ChildProcess
  readonly url: string
}

/** Starts the server. */
export const startServer = async (): Promise<Server> => {
  const server = start(file("server.ts"))
  return { process: server, url: `http://127.0.0.1:${await message<number>(server)}` }
}

/** Tells how many requests there were since this was asked last. */
export const countRequests = (server: Server): Promise<number> => ask(server.process, {})

/** A client's process. */
export interface Worker {
  readonly subject: Subject
  readonly process: ChildProcess
}

/** Starts a process for each client, one after the other. */
export const startWorkers = async (
  subjects: ReadonlyArray<Subject>,
  { url }: Server
): Promise<ReadonlyArray<Worker>> => {
  const workers: Array<Worker> = []
  for (const subject of subjects) {
    const worker = start(file("worker.ts"), [subject.id, url])
    await message(worker)
    workers.push({ subject, process: worker })
  }
  return workers
}

/** Ends the clients' processes. */
export const stopWorkers = (workers: ReadonlyArray<Worker>): void => {
  for (const worker of workers) worker.process.disconnect()
}

/** The rounds of each client, by its id. */
export type Measured = ReadonlyMap<string, ReadonlyArray<Round>>

/**
 * Warms every client up and measures all of them, every second round in the other order, so that whatever grows or shrinks
 * with time is the same for all.
 */
export const measure = async (workers: ReadonlyArray<Worker>, job: Job, effort: Effort): Promise<Measured> => {
  const { concurrency, keys, operation } = job
  const order: Order = { concurrency, keys, operation, milliseconds: effort.window }
  const warming: Order = { ...order, milliseconds: effort.warmUp, calls: job.calls }
  for (const worker of workers) await ask(worker.process, warming)
  const measured = new Map<string, Array<Round>>(workers.map(({ subject }) => [subject.id, []]))
  for (let round = 0; round < effort.rounds; round++) {
    for (const worker of round % 2 === 0 ? workers : workers.toReversed()) {
      // Meanwhile the others have run, and the engine puts away what a process did not use for a while.
      await ask<Round>(worker.process, order)
      measured.get(worker.subject.id)?.push(await ask<Round>(worker.process, order))
    }
  }
  return measured
}
