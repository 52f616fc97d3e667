/** A driver whose answers get lost, for backends that no wire lies before: the databases. */
import { DriverError, type Driver } from "@keyfold/core/Driver"
import { Network, Unavailable } from "@keyfold/core/KeyStoreError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { drawsOf } from "./draws.ts"

/** What can happen to one call of the driver. */
export type Loss = "lostBefore" | "lostAfter" | "late" | "refused" | "slow"

const gone = new DriverError({ reason: new Network({ code: "ECONNRESET" }), sent: "maybe" })
const busy = new DriverError({ reason: new Unavailable({ problem: "the database is busy" }), sent: "no" })

/** SQLite promises that nothing commits late, so only PostgreSQL's writes may. */
const kinds = (canBeLate: boolean): readonly [Loss, ...Array<Loss>] => [
  "lostAfter",
  "lostBefore",
  "refused",
  "slow",
  ...(canBeLate ? (["late"] as const) : [])
]

/** How late a write commits at the most, in scaled milliseconds: PostgreSQL's settle bound is 30 s. */
const latest = 10_000

/** A write that its process sends later than this was never on its way: the process stood still before it. */
const tooLate = 15_000

/** Says how answers are lost. `lost` is told of every loss. */
export interface Options {
  readonly seed: number
  readonly probability: number
  /** Operations whose first key is made and its answer lost. */
  readonly certain: ReadonlyArray<string>
  readonly lost: (how: Loss) => void
}

const sentLate = Effect.fnUntraced(function* <A>(create: Effect.Effect<A, DriverError>, delay: Duration.Duration) {
  const began = yield* Clock.currentTimeMillis
  yield* Effect.sleep(delay)
  if ((yield* Clock.currentTimeMillis) - began <= tooLate) yield* create
})

/** Wraps a driver. What is lost depends on the seed, the operation and the attempt alone. */
export const losing = (driver: Driver, { certain, lost, probability, seed }: Options): Driver => {
  const draws = drawsOf(seed)
  const attempts = new Map<string, number>()
  const canBeLate = Duration.toMillis(driver.capabilities.consistency.settle.within) > latest
  const create: Driver["create"] = (request) =>
    Effect.suspend(() => {
      const { operationId } = request
      const attempt = (attempts.get(operationId) ?? 0) + 1
      attempts.set(operationId, attempt)
      const isCertain = attempt === 1 && certain.includes(operationId)
      if (!isCertain && !draws.chance(probability, "loss", operationId, attempt)) return driver.create(request)
      const how = isCertain ? "lostAfter" : draws.pick(kinds(canBeLate), "how", operationId, attempt)
      lost(how)
      const delay = Duration.millis(draws.between(100, latest, "delay", operationId, attempt))
      switch (how) {
        case "lostBefore":
          return Effect.fail(gone)
        case "lostAfter":
          return Effect.andThen(driver.create(request), Effect.fail(gone))
        case "late":
          return Effect.andThen(Effect.forkDetach(sentLate(driver.create(request), delay)), Effect.fail(gone))
        case "refused":
          return Effect.fail(busy)
        case "slow":
          return Effect.tap(driver.create(request), () => Effect.sleep(delay))
      }
    })
  return { ...driver, create }
}
