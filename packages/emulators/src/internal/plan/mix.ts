/** Weights: how often each kind of fault is chosen. */
import type { FaultKind, Kind, Mix } from "../../Faults.ts"
import type { Random } from "../anyAnswer/random.ts"

/** Every kind of fault, in the order in which they are drawn. */
export const faultKinds: ReadonlyArray<FaultKind> = [
  "resetBefore",
  "resetAfter",
  "abandoned",
  "late",
  "slow",
  "cut",
  "trickle",
  "duplicate",
  "stale",
  "skew",
  "status429",
  "status500",
  "status502",
  "status503",
  "status504",
  "html",
  "truncated",
  "empty",
  "text"
]

/** `none` and every kind of fault. */
export const allKinds: ReadonlyArray<Kind> = ["none", ...faultKinds]

/** Refuses weights that are none, and kinds that do not exist. */
export const requireMix = (name: string, mix: Mix): Mix => {
  for (const [kind, weight] of Object.entries(mix)) {
    if (!allKinds.some((known) => known === kind)) {
      throw new TypeError(`${name} takes weights of ${allKinds.join(", ")}, got "${kind}"`)
    }
    if (!Number.isFinite(weight) || weight < 0) {
      throw new TypeError(`${name}.${kind} takes a weight of 0 or more, got ${weight}`)
    }
  }
  return mix
}

/** Chooses a kind by weight; only reads can be behind, so that `stale` weighs nothing elsewhere. */
export const chooseKind = (random: Random, mix: Mix, canBeStale: boolean): Kind => {
  const weights = allKinds.map((kind) => (kind === "stale" && !canBeStale ? 0 : (mix[kind] ?? 0)))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let rest = (random.below(2 ** 32) / 2 ** 32) * total
  for (const [index, weight] of weights.entries()) {
    rest -= weight
    if (rest < 0) return allKinds[index] ?? "none"
  }
  return "none"
}
