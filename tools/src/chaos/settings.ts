/** What the command line asks for. */
import { parseArgs } from "node:util"
import { backendNames, type BackendName } from "./backend.ts"
import { guardNames, type GuardName } from "./guards.ts"

/** The command line, read. */
export interface Settings {
  readonly operations: number
  readonly seed: number
  readonly factor: number
  readonly minutes: number
  readonly jobs: number
  readonly round: number
  readonly backends: ReadonlyArray<BackendName>
  readonly isQuick: boolean
  readonly writes: boolean
  readonly without: GuardName | undefined
  /** Whether guards are taken away and naive clients run too. */
  readonly isWhole: boolean
}

/** What the command says about itself. */
export const usage = `npm run chaos -- [options]
  --operations N  operations per backend (200)
  --seed S        a whole number; drawn and printed when omitted
  --backend NAME  one backend, repeatable: ${backendNames.join(", ")}
  --factor F      how much faster than the machine's time runs (40)
  --minutes M     begins no further round after that long (120)
  --jobs J        rounds that run at once (2)
  --round R       operations per round (400)
  --quick         what continuous integration runs: everything once, small
  --only-load     neither removed guards nor naive clients
  --without NAME  runs without a guard, which must be found out: ${guardNames.join(", ")}
  --write         writes the tables into docs/faults.md`

const numberFrom = (name: string, text: string | undefined, otherwise: number): number => {
  if (text === undefined) return otherwise
  const number = Number(text)
  if (Number.isFinite(number) && number >= 0 && text.trim() !== "") return number
  throw new Error(`--${name} takes a number of 0 or more, got "${text}"`)
}

const backendFrom = (name: string): BackendName => {
  const found = backendNames.find((backend) => backend === name)
  if (found !== undefined) return found
  throw new Error(`--backend takes one of ${backendNames.join(", ")}, got "${name}"`)
}

const guardFrom = (name: string | undefined): GuardName | undefined => {
  const found = guardNames.find((guard) => guard === name)
  if (found !== undefined || name === undefined) return found
  throw new Error(`--without takes one of ${guardNames.join(", ")}, got "${name}"`)
}

const text = { type: "string" } as const
const flag = { type: "boolean", default: false } as const

/** Reads the command line; throws an `Error` that names what is wrong. */
export const readSettings = (args: ReadonlyArray<string>): Settings => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      operations: text,
      seed: text,
      factor: text,
      minutes: text,
      jobs: text,
      round: text,
      without: text,
      backend: { type: "string", multiple: true },
      quick: flag,
      write: flag,
      "only-load": flag
    }
  })
  const isQuick = values.quick
  const round = numberFrom("round", values.round, isQuick ? 48 : 400)
  return {
    operations: numberFrom("operations", values.operations, isQuick ? 48 : 200),
    seed: Math.trunc(numberFrom("seed", values.seed, Math.floor(Math.random() * 1_000_000_000))),
    factor: Math.max(1, numberFrom("factor", values.factor, 40)),
    minutes: numberFrom("minutes", values.minutes, 120),
    jobs: Math.max(1, Math.trunc(numberFrom("jobs", values.jobs, 2))),
    round: Math.max(8, Math.trunc(round)),
    backends: values.backend === undefined ? backendNames : values.backend.map(backendFrom),
    isQuick,
    writes: values.write,
    without: guardFrom(values.without),
    isWhole: !values["only-load"] && values.without === undefined
  }
}
