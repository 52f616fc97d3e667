/** What the command line asks for. */
import { parseArgs } from "node:util"
import { backendNames, type BackendName } from "../chaos/backend.ts"
import { guardNames, type GuardName } from "./guards.ts"
import type { EngineName } from "./round.ts"

/** The command line, read. */
export interface Settings {
  readonly seed: number
  readonly factor: number
  readonly backends: ReadonlyArray<BackendName>
  readonly engines: ReadonlyArray<EngineName>
  readonly least: number
  readonly stops: number
  readonly copies: number
  readonly jobs: number
  readonly guardJobs: number
  readonly takeOverAfter: number
  readonly kills: boolean
  readonly guarded: ReadonlyArray<BackendName>
  readonly controls: boolean
  readonly without: GuardName | undefined
  readonly writes: boolean
}

const engineNames: ReadonlyArray<EngineName> = ["embedded", "cluster"]

/** What the command says about itself. */
export const usage = `npm run campaign:rotation -- [options]
  --least N       how often a process has to end at each point of each backend (4)
  --stops N       rounds per backend and engine in which a process is only stopped, and goes on later (1)
  --copies N      rotations per point and round (2)
  --seed S        a whole number; drawn and printed when omitted
  --backend NAME  one backend, repeatable: ${backendNames.join(", ")}
  --engine NAME   one engine, repeatable: ${engineNames.join(", ")}
  --factor F      how much faster than the machine's time runs (30)
  --jobs J        rounds that run at once (3)
  --take-over MS  how long a runner may be silent before its work is taken over (15000)
  --quick         what continuous integration runs: every point once, every guard once
  --only-load     no removed guards
  --without NAME  runs without a guard, which must be found out: ${guardNames.join(", ")}
  --write         writes the tables into docs/rotation-faults.md`

const numberFrom = (name: string, text: string | undefined, otherwise: number): number => {
  if (text === undefined) return otherwise
  const number = Number(text)
  if (Number.isFinite(number) && number >= 0 && text.trim() !== "") return number
  throw new Error(`--${name} takes a number of 0 or more, got "${text}"`)
}

const oneOf = <Name extends string>(option: string, names: ReadonlyArray<Name>, given: string): Name => {
  const found = names.find((name) => name === given)
  if (found !== undefined) return found
  throw new Error(`--${option} takes one of ${names.join(", ")}, got "${given}"`)
}

const text = { type: "string" } as const
const flag = { type: "boolean", default: false } as const
const many = { type: "string", multiple: true } as const

const read = (args: ReadonlyArray<string>) =>
  parseArgs({
    args: [...args],
    options: {
      least: text,
      stops: text,
      copies: text,
      seed: text,
      factor: text,
      jobs: text,
      "take-over": text,
      without: text,
      backend: many,
      engine: many,
      quick: flag,
      write: flag,
      "only-load": flag
    }
  }).values

const guardedBackends = (isQuick: boolean): ReadonlyArray<BackendName> =>
  isQuick ? ["whylabs-v0"] : ["whylabs-v0", "occam", "sqlite"]

/** Reads the command line; throws an `Error` that names what is wrong. */
export const readSettings = (args: ReadonlyArray<string>): Settings => {
  const values = read(args)
  const { quick: isQuick, without } = values
  const isWhole = !values["only-load"] && without === undefined
  const backends = values.backend?.map((name) => oneOf("backend", backendNames, name)) ?? backendNames
  const whole = (name: "least" | "stops" | "copies" | "jobs" | "take-over", otherwise: number, smallest: number) =>
    Math.max(smallest, Math.trunc(numberFrom(name, values[name], otherwise)))
  return {
    seed: Math.trunc(numberFrom("seed", values.seed, Math.floor(Math.random() * 1_000_000_000))),
    factor: Math.max(1, numberFrom("factor", values.factor, 30)),
    backends,
    engines: values.engine?.map((name) => oneOf("engine", engineNames, name)) ?? engineNames,
    least: whole("least", isQuick ? 1 : 4, 1),
    stops: whole("stops", isQuick ? 0 : 1, 0),
    copies: whole("copies", isQuick ? 1 : 2, 1),
    jobs: whole("jobs", 3, 1),
    guardJobs: isQuick ? 2 : 1,
    takeOverAfter: whole("take-over", isQuick ? 6_000 : 15_000, 3_000),
    kills: isQuick,
    guarded: isWhole ? guardedBackends(isQuick).filter((name) => backends.includes(name)) : [],
    controls: !isQuick,
    without: without === undefined ? undefined : oneOf("without", guardNames, without),
    writes: values.write
  }
}
