/** Calls something over and over for a while, from one or several loops, and times it. */
import { quantile } from "./statistics.ts"

/** What came of it: calls a second, the milliseconds that half and 99 of 100 calls took at most, and this process's CPU. */
export interface Called {
  readonly calls: number
  readonly perSecond: number
  readonly middle: number
  readonly slow: number
  /** Microseconds of the processor for each call, in all threads of this process. */
  readonly processor: number
}

/** How long, and how many calls at a time. */
export interface Pace {
  readonly seconds: number
  readonly concurrency: number
}

/** Calls with numbers that count up from 0. The last calls end after the time, and count with the time that they took. */
export const calling = async (
  { concurrency, seconds }: Pace,
  call: (number: number) => Promise<unknown>
): Promise<Called> => {
  const times: Array<number> = []
  const used = process.cpuUsage()
  const began = performance.now()
  const end = began + seconds * 1000
  let next = 0
  const loop = async (): Promise<void> => {
    for (let now = performance.now(); now < end;) {
      await call(next++)
      const after = performance.now()
      times.push(after - now)
      now = after
    }
  }
  await Promise.all(Array.from({ length: concurrency }, loop))
  const taken = (performance.now() - began) / 1000
  const { system, user } = process.cpuUsage(used)
  return {
    calls: times.length,
    perSecond: times.length / taken,
    middle: quantile(times, 0.5),
    slow: quantile(times, 0.99),
    processor: (system + user) / times.length
  }
}

const warm = 2000
const longest = 5

/** Calls until the code is compiled and caches are filled: for a while and some thousands of times, slow calls fewer. */
export const warmingUp = async (
  { concurrency, seconds }: Pace,
  call: (number: number) => Promise<unknown>
): Promise<void> => {
  const began = performance.now()
  for (let calls = 0, passed = 0; passed < seconds || (calls < warm && passed < seconds * longest);) {
    calls += (await calling({ concurrency, seconds: seconds / 4 }, call)).calls
    passed = (performance.now() - began) / 1000
  }
}

/** Visits every one of so many places, in an order without a pattern that a cache could use. */
export const scattered = (places: number): ((number: number) => number) => {
  // A step without a common divisor comes by everywhere.
  let step = Math.max(1, Math.floor(places * 0.618))
  const divisor = (left: number, right: number): number => (right === 0 ? left : divisor(right, left % right))
  while (divisor(step, places) !== 1) step += 1
  return (number) => (number * step) % places
}
