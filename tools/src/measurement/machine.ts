/** On what something was measured. */
import { availableParallelism, cpus, loadavg } from "node:os"

/** The machine, the versions and the day of a measurement; `load` is what others did: the processes that wanted a core. */
export interface Circumstances {
  readonly date: string
  readonly processor: string
  readonly cores: number
  readonly platform: string
  readonly node: string
  readonly load: number
}

/** Tells on what this process runs. */
export const circumstances = (): Circumstances => ({
  date: new Date().toISOString().slice(0, 10),
  processor: (cpus()[0]?.model ?? "unknown").replaceAll(/\s+/g, " ").trim(),
  cores: availableParallelism(),
  platform: `${process.platform} ${process.arch}`,
  node: process.versions.node,
  load: Math.round((loadavg()[0] ?? 0) * 10) / 10
})

/** The circumstances as a sentence. */
export const describe = ({ cores, date, load, node, platform, processor }: Circumstances): string =>
  `${cores} cores of ${processor}, ${platform}, Node ${node}, ${date}, load ${load} before the first round.`
