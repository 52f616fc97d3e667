/** Emulator time: a base clock plus an offset that tests advance. */
import type { Clock } from "../Emulator.ts"

/** A clock that can also wait. */
export interface WaitingClock extends Clock {
  /** Resolves when the time has come on the machine's timer or was covered by `advance`, whichever comes first. */
  readonly sleepUntil: (due: number) => Promise<void>
}

/** Refuses what is not a duration, naming the call that got it. */
export const requireDuration = (name: string, milliseconds: number): void => {
  if (!Number.isFinite(milliseconds) || milliseconds < 0) {
    throw new TypeError(`${name} takes milliseconds of 0 or more, got ${milliseconds}`)
  }
}

/** Makes an emulator's clock over a base clock in epoch milliseconds. */
export const makeClock = (base: () => number): WaitingClock => {
  let offset = 0
  const sleepers = new Set<{ readonly due: number; readonly wake: () => void }>()
  const now = () => Math.trunc(base() + offset)
  return {
    now,
    advance: (milliseconds) => {
      requireDuration("clock.advance", milliseconds)
      offset += milliseconds
      const time = now()
      for (const sleeper of sleepers) if (sleeper.due <= time) sleeper.wake()
    },
    sleepUntil: (due) =>
      new Promise((resolve) => {
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
