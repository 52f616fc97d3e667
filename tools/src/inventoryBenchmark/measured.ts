/** What one process measured, and against whom. */

/** A thousand small stores, or one that many tenants share. */
export type Case = "many" | "shared"

/**
 * By the command (every key as a line of JSON, or a report of those that need attention), by the library, or by a
 * hand-written loop of `fetch` calls: one that parses and counts (`fetch`), or one that also does to each key what the
 * inventory does (`judged`).
 */
export type Way = "jsonl" | "report" | "library" | "fetch" | "judged"

/** Who answers: the emulators, or a server that has their answers in memory. */
export type Servers = "emulators" | "memory"

/** One backend that is read. */
export interface Backend {
  readonly url: string
  readonly credential: string
}

/** The backends. */
export interface Backends {
  readonly whylabs: Backend
  readonly arthur: Backend
}

/** What a process is to measure; the file is the configuration of the command. */
export interface Task {
  readonly way: Way
  readonly which: Case
  readonly stores: number
  readonly backends: Backends
  readonly file: string
}

/**
 * One measurement: the time it took (of the command, the whole process), the processor time of all threads in it, and the
 * most memory the process ever had, in MiB. The command does not tell how many keys there were.
 */
export interface Measured {
  readonly keys: number | undefined
  readonly seconds: number
  readonly busy: number
  readonly resident: number
}
