/** What the benchmark is asked for on the command line. */
import { parseArgs } from "node:util"
import { positive, whole } from "../measurement/arguments.ts"

/** How much is measured. */
export interface Settings {
  readonly rounds: number
  readonly keys: number
  readonly seconds: number
  readonly warmUp: number
  readonly concurrencies: ReadonlyArray<number>
  readonly engines: ReadonlyArray<string>
  readonly stores: ReadonlyArray<string>
  /** The folder of a keypal that was built. */
  readonly keypal: string | undefined
}

const engines = ["sqlite", "postgres"]

/** Reads the arguments; what is not known is an error. */
export const read = (parameters: ReadonlyArray<string>, environment: NodeJS.ProcessEnv): Settings => {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      rounds: { type: "string", default: "5" },
      keys: { type: "string", default: "10000" },
      seconds: { type: "string", default: "2" },
      concurrency: { type: "string", multiple: true, default: ["1", "64"] },
      engine: { type: "string", multiple: true, default: engines },
      store: { type: "string", multiple: true, default: [] },
      keypal: { type: "string" }
    }
  })
  for (const engine of values.engine) {
    if (!engines.includes(engine)) throw new Error(`--engine takes ${engines.join(" or ")}, and not ${engine}`)
  }
  const seconds = positive("seconds", values.seconds)
  const keypal = values.keypal ?? environment["KEYPAL"]
  return {
    rounds: whole("rounds", values.rounds),
    keys: whole("keys", values.keys),
    seconds,
    warmUp: seconds / 4,
    concurrencies: values.concurrency.map((text) => whole("concurrency", text)),
    engines: values.engine,
    stores: values.store,
    keypal: keypal === "" ? undefined : keypal
  }
}
