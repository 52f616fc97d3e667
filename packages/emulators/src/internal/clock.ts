/** Emulator time: a base clock plus an offset that tests advance, and a server's own clock that may be off it. */
import type { Clock } from "../Emulator.ts"

/** A clock that can also wait, and be wrong for a moment. */
export interface WaitingClock extends Clock {
  /** Resolves when the time has come on the machine's timer or was covered by `advance`, whichever comes first. */
  readonly sleepUntil: (due: number) => Promise<void>
  /** Runs work with `wall` off by that much more; what work does after it first waits sees the usual time again. */
  readonly skewed: <Value>(milliseconds: number, work: () => Value) => Value
}

/** Refuses what is not a duration, naming the call that got it. */
export const requireDuration = (name: string, milliseconds: number): number => {
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds
  throw new TypeError(`${name} takes milliseconds of 0 or more, got ${milliseconds}`)
}

/** Refuses what is not a number of milliseconds in either direction, naming the call that got it. */
export const requireSkew = (name: string, milliseconds: number): number => {
  if (Number.isFinite(milliseconds)) return milliseconds
  throw new TypeError(`${name} takes milliseconds, negative ones for a clock that is behind, got ${milliseconds}`)
}

const makeSleepers = (now: () => number) => {
  const sleepers = new Set<{ readonly due: number; readonly wake: () => void }>()
  return {
    wakeDue: () => {
      const time = now()
      for (const sleeper of sleepers) if (sleeper.due <= time) sleeper.wake()
    },
    sleepUntil: (due: number) =>
      new Promise<void>((resolve) => {
        const wake = () => {
          sleepers.delete(sleeper)
          clearTimeout(timer)
          resolve()
        }
        const timer = setTimeout(wake, Math.max(0, due - now()))
        const sleeper = { due, wake }
        sleepers.add(sleeper)
      })
  }
}

/** Makes an emulator's clock over a base clock in epoch milliseconds. */
export const makeClock = (base: () => number): WaitingClock => {
  let advanced = 0
  let skew = 0
  let skewNow = 0
  const now = () => Math.trunc(base() + advanced)
  const { sleepUntil, wakeDue } = makeSleepers(now)
  return {
    now,
    wall: () => now() + skew + skewNow,
    advance: (milliseconds) => {
      advanced += requireDuration("clock.advance", milliseconds)
      wakeDue()
    },
    skew: (milliseconds) => {
      skew = Math.trunc(requireSkew("clock.skew", milliseconds))
    },
    sleepUntil,
    skewed: (milliseconds, work) => {
      const before = skewNow
      skewNow += Math.trunc(milliseconds)
      try {
        return work()
      } finally {
        skewNow = before
      }
    }
  }
}
