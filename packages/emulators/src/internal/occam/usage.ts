/** The five numbers of a key's usage. */
import type { UsageChange } from "../../Occam.ts"
import type { Row } from "./table.ts"
import type { World } from "./world.ts"

const dayMilliseconds = 86_400_000

const perDay = (world: World, row: Row): number => {
  const days = Math.max(1, (world.clock.wall() - row.created) / dayMilliseconds)
  return Math.round((row.counters.completed / days) * 100) / 100
}

/** Reports a key's usage; a number set to null is left out. */
export const usageOf = (world: World, row: Row): Readonly<Record<string, number>> => {
  const { completed, failed, reported, successful } = row.counters
  const scale = world.switches().quotaScale === "percent" ? 100 : 1
  const numbers: ReadonlyArray<readonly [name: string, counted: number, set: number | null | undefined]> = [
    ["completed_requests", completed, reported.completedRequests],
    ["successful_requests", successful, reported.successfulRequests],
    ["failed_requests", failed, reported.failedRequests],
    ["quota_usage_percentage", (completed * scale) / world.quota, reported.quotaUsagePercentage],
    ["requests_per_day", perDay(world, row), reported.requestsPerDay]
  ]
  return Object.fromEntries(
    numbers.flatMap(([name, counted, set]) => {
      const value = set === undefined ? counted : set
      return value === null ? [] : [[name, value]]
    })
  )
}

const countNames = [
  ["completedRequests", "completed"],
  ["successfulRequests", "successful"],
  ["failedRequests", "failed"]
] as const

/** Sets numbers: counts go on from there, the two rates stay as set. */
export const setUsage = (row: Row, change: UsageChange): void => {
  const { counters } = row
  counters.reported = { ...counters.reported, ...change }
  for (const [name, count] of countNames) {
    const value = change[name]
    if (typeof value !== "number") continue
    counters[count] = value
    const { [name]: _, ...rest } = counters.reported
    counters.reported = rest
  }
}

/** Counts one use of a key now. */
export const countUse = (world: World, row: Row, failed: boolean): void => {
  const { counters } = row
  counters.completed += 1
  if (failed) counters.failed += 1
  else counters.successful += 1
  row.lastUsed = world.clock.wall()
}
