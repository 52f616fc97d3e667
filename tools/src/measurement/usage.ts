/** What another process has used so far, as Linux tells it. */
import { readFileSync } from "node:fs"

/** Milliseconds of the processor in all threads, and MiB of memory that are resident now and were at most. */
export interface Usage {
  readonly processor: number
  readonly resident: number
  readonly peak: number
}

const perSecond = 100
const kibibytes = 1024

const mebibytes = (status: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / kibibytes

/** Reads `/proc/<pid>/stat` and `/proc/<pid>/status`. */
export const parse = (stat: string, status: string): Usage => {
  // The name of the command may hold anything, spaces and brackets included; it ends with the last bracket.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const ticks = Number(fields[11]) + Number(fields[12])
  return {
    processor: (ticks * 1000) / perSecond,
    resident: mebibytes(status, "VmRSS"),
    peak: mebibytes(status, "VmHWM")
  }
}

const unknown: Usage = { processor: Number.NaN, resident: Number.NaN, peak: Number.NaN }

/** Tells what a process has used; not numbers where the system does not say. */
export const usageOf = (pid: number): Usage => {
  try {
    return parse(readFileSync(`/proc/${pid}/stat`, "utf8"), readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return unknown
  }
}
