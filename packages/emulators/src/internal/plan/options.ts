/** The options of a plan, checked. */
import type { Mix, Operation, Options, Range, Times } from "../../Faults.ts"
import { requireMix } from "./mix.ts"

const defaultTimes: Omit<Times, "stale"> = {
  late: [1_000, 50_000],
  slow: [1_000, 50_000],
  trickle: [500, 20_000],
  duplicate: [100, 50_000],
  retryAfter: [0, 5_000],
  skew: [-300_000, 300_000]
}

/** Every operation a plan spoils. */
export const allOperations: ReadonlyArray<Operation> = ["create", "list", "get", "revoke", "token"]

type MixOf = (operation: Operation) => Mix

/** Options that have been looked at, defaults filled in. */
export interface Settings {
  readonly seed: number
  readonly mixOf: MixOf
  readonly scale: number
  readonly times: Times
}

const requireMixes = ({ mix, operations = {} }: Options): MixOf => {
  requireMix("mix", mix)
  for (const [name, own] of Object.entries(operations)) {
    if (!allOperations.some((known) => known === name)) {
      throw new TypeError(`operations takes mixes of ${allOperations.join(", ")}, got "${name}"`)
    }
    requireMix(`operations.${name}`, own)
  }
  return (operation) => operations[operation] ?? mix
}

const requireRange = (name: string, [least, most]: Range): void => {
  const lowest = name === "skew" ? -Infinity : 0
  if (Number.isFinite(least) && Number.isFinite(most) && least >= lowest && least <= most) return
  throw new TypeError(`times.${name} takes the least and the most milliseconds, got [${least}, ${most}]`)
}

const requireTimes = (times: Partial<Times>, mixOf: MixOf): Times => {
  const drawsStale = allOperations.some((operation) => (mixOf(operation).stale ?? 0) > 0)
  if (drawsStale && times.stale === undefined) {
    throw new TypeError("times.stale takes how far behind reads may be, such as [0, 12000]; the mix has stale in it")
  }
  const all: Times = { ...defaultTimes, stale: [0, 0], ...times }
  for (const [name, range] of Object.entries(all)) requireRange(name, range)
  return all
}

const requireSeed = (seed: number): number => {
  if (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) return seed
  throw new TypeError(`seed takes a whole number from 0 to ${2 ** 32 - 1}, got ${seed}`)
}

const requireScale = (scale: number): number => {
  if (Number.isFinite(scale) && scale > 0) return scale
  throw new TypeError(`scale takes a number above 0, got ${scale}`)
}

/** Fills in the defaults; refuses what is malformed, naming the option. */
export const requireSettings = (options: Options): Settings => {
  const mixOf = requireMixes(options)
  return {
    seed: requireSeed(options.seed),
    mixOf,
    scale: requireScale(options.scale ?? 1),
    times: requireTimes(options.times ?? {}, mixOf)
  }
}
