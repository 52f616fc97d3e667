/** What the benchmark is asked for on the command line. */
import { parseArgs } from "node:util"
import { positive, whole } from "../measurement/arguments.ts"

/** How much is measured. */
export interface Settings {
  readonly rounds: number
  readonly keys: number
  readonly seconds: number
  readonly concurrencies: ReadonlyArray<number>
  readonly servers: ReadonlyArray<string>
  /** How long memory is watched, and under how many requests a second for each server. */
  readonly minutes: number
  readonly rate: number
  readonly keypal: string | undefined
  /** Options for Node of the gateway's process, such as those of a profiler. */
  readonly node: ReadonlyArray<string>
}

/** Reads the arguments; what is not known is an error. */
export const read = (parameters: ReadonlyArray<string>, environment: NodeJS.ProcessEnv): Settings => {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      rounds: { type: "string", default: "5" },
      keys: { type: "string", default: "10000" },
      seconds: { type: "string", default: "3" },
      concurrency: { type: "string", multiple: true, default: ["1", "64"] },
      server: { type: "string", multiple: true, default: [] },
      minutes: { type: "string", default: "1" },
      rate: { type: "string", default: "40" },
      keypal: { type: "string" },
      "node-option": { type: "string", multiple: true, default: [] }
    }
  })
  const keypal = values.keypal ?? environment["KEYPAL"]
  return {
    rounds: values.rounds === "0" ? 0 : whole("rounds", values.rounds),
    keys: whole("keys", values.keys),
    seconds: positive("seconds", values.seconds),
    concurrencies: values.concurrency.map((text) => whole("concurrency", text)),
    servers: values.server,
    minutes: values.minutes === "0" ? 0 : positive("minutes", values.minutes),
    rate: positive("rate", values.rate),
    keypal: keypal === "" ? undefined : keypal,
    node: values["node-option"]
  }
}
