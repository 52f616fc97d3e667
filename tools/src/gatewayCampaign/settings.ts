/** The command line of the campaign. */
import { parseArgs } from "node:util"
import { faultNames, type FaultName } from "./faults.ts"

/** What is asked for. */
export interface Settings {
  readonly seed: number
  readonly faults: ReadonlyArray<FaultName>
  readonly clients: number
  readonly times: number
  readonly lasting: number
  readonly peace: number
  /** Whether clients that have no idempotency keys are sent, too. */
  readonly naive: boolean
  readonly writes: boolean
}

/** How the campaign is called. */
export const usage = `npm run campaign:gateway -- [options]

  --quick         what continuous integration runs, under a minute
  --fault NAME    only this fault, repeatable: ${faultNames.join(", ")}
  --times NUMBER  how often each fault comes; 10 when omitted
  --clients N     clients at work at once; 12 when omitted
  --seed NUMBER   what the clients draw from; 1 when omitted
  --write         write the tables into docs/gateway-faults.md`

const isFault = (name: string): name is FaultName => (faultNames as ReadonlyArray<string>).includes(name)

/** Reads the command line. */
export const readSettings = (args: ReadonlyArray<string>): Settings => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      fault: { type: "string", multiple: true, default: [...faultNames] },
      times: { type: "string" },
      clients: { type: "string", default: "12" },
      seed: { type: "string", default: "1" },
      write: { type: "boolean", default: false }
    }
  })
  const stray = values.fault.find((name) => !isFault(name))
  if (stray !== undefined) throw new Error(`--fault takes ${faultNames.join(", ")}, not ${stray}`)
  return {
    seed: Number(values.seed),
    faults: values.fault.filter(isFault),
    clients: Number(values.clients),
    times: Number(values.times ?? (values.quick ? 1 : 10)),
    lasting: values.quick ? 1_500 : 3_000,
    peace: values.quick ? 1_000 : 2_000,
    naive: !values.quick,
    writes: values.write
  }
}
