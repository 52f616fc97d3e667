/** The lag in force, and reads that are further behind than it for one request. */
import type { Lag } from "../Emulator.ts"

/** The lag in force, changeable. */
export interface LagCell {
  readonly get: () => Lag
  readonly set: (change: Partial<Lag>) => void
  /** Runs work whose reads are at least that far behind; what work does after it first waits sees the usual lag again. */
  readonly behind: <Value>(milliseconds: number, work: () => Value) => Value
}

const requireLag = (lag: Lag): Lag => {
  for (const [name, value] of Object.entries(lag)) {
    if (!Number.isFinite(value) || value < 0) {
      throw new TypeError(`lag.${name} takes milliseconds of 0 or more, got ${value}`)
    }
  }
  return lag
}

/** Makes a lag cell, refusing what is not a duration. */
export const makeLag = (initial: Lag): LagCell => {
  let lag = requireLag(initial)
  let current = lag
  return {
    get: () => current,
    set: (change) => {
      lag = requireLag({ ...lag, ...change })
      current = lag
    },
    behind: (milliseconds, work) => {
      const before = current
      current = {
        ...before,
        visibility: Math.max(before.visibility, milliseconds),
        revocation: Math.max(before.revocation, milliseconds)
      }
      try {
        return work()
      } finally {
        current = before
      }
    }
  }
}
