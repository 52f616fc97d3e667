import type { KeyRef } from "@keyfold/core/ApiKey"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { toAsker } from "@keyfold/lifecycle/RotationResources"
import * as RotationRunner from "@keyfold/lifecycle/RotationRunner"
import type { Outcome } from "@keyfold/lifecycle/RotationSchedule"
import type { RotationRecord } from "@keyfold/lifecycle/RotationStorage"
import { assert, describe, it } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { pass, passing } from "./RotationPassing.ts"
import * as World from "./ScheduleWorld.ts"

const hour = 3600

const last = (records: ReadonlyArray<RotationRecord>) =>
  [...new Map(records.map((record) => [record.id, record])).values()].map(({ status, step }) => `${status} ${step}`)

/** A rotation whose process is gone as soon as it was begun. */
const leftBehind = (world: Effect.Success<typeof World.make>, { id }: KeyRef) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { rotations } = yield* world.launch()
      return yield* rotations.start({ id }, { store: "keys", sink: "place", overlap: 0 })
    })
  )

describe("settle", () => {
  it.effect("waits until rotations are over or wait for long, and then finishes overlaps that have ended", () =>
    Effect.gen(function* () {
      const world = yield* World.make
      yield* world.store.create({ name: "ci" })
      yield* TestClock.adjust("30 days")
      const plan = yield* world.launch()
      yield* World.look(plan)
      const begun = yield* passing(Stream.runCollect(RotationRunner.settle(plan.rotations)), 1)
      assert.deepStrictEqual(last(begun), ["running overlap"])
      const waiting = yield* Stream.runCollect(RotationRunner.settle(plan.rotations))
      assert.deepStrictEqual(last(waiting), ["running overlap"])
      yield* pass(23 * hour, hour)
      const waitFor = (within: Duration.Input) =>
        passing(Stream.runCollect(RotationRunner.settle(plan.rotations, { patience: "2 hours", within })), 60)
      assert.deepStrictEqual(last(yield* waitFor("10 minutes")), ["running overlap"])
      const ended = yield* waitFor("3 hours")
      assert.deepStrictEqual(last(ended), ["done end"])
      assert.deepStrictEqual(yield* Stream.runCollect(RotationRunner.settle(plan.rotations)), [])
    })
  )

  it.effect("has the rotations of a process that is gone go on", () =>
    Effect.gen(function* () {
      const world = yield* World.make
      const { key } = yield* world.store.create({ name: "ci" })
      const dead = yield* leftBehind(world, key)
      yield* pass(120, 60)
      const { rotations } = yield* world.launch()
      const options = { ids: [dead.id] }
      const records = yield* passing(Stream.runCollect(RotationRunner.settle(rotations, options)), 1)
      assert.deepStrictEqual(last(records), ["done end"])
      assert.deepStrictEqual(yield* world.live, [world.place("place").holds])
    })
  )
})

describe("revive", () => {
  it.effect("leaves alone what an engine is at, and has go on what no engine knows of", () =>
    Effect.gen(function* () {
      const world = yield* World.make
      const { key } = yield* world.store.create({ name: "ci" })
      const dead = yield* leftBehind(world, key)
      const { rotations } = yield* world.launch()
      assert.deepStrictEqual(yield* RotationRunner.revive(rotations), [])
      yield* pass(120, 60)
      const revived = yield* RotationRunner.revive(rotations)
      assert.deepStrictEqual(
        revived.map(({ id }) => id),
        [dead.id]
      )
      yield* pass(10)
      assert.strictEqual((yield* rotations.status(dead.id)).status, "done")
      assert.deepStrictEqual(yield* world.live, [world.place("place").holds])
      yield* pass(120, 60)
      assert.deepStrictEqual(yield* RotationRunner.revive(rotations), [])
    })
  )

  it.effect("undoes a rotation whose secret was to go into the answer of a process that is gone", () =>
    Effect.gen(function* () {
      const world = yield* World.make
      const { key } = yield* world.store.create({ name: "ci" })
      const { rotations } = yield* world.launch()
      const { id } = yield* rotations.start({ id: key.id }, { store: "keys", sink: toAsker, overlap: 0 })
      yield* pass(10)
      assert.strictEqual((yield* rotations.status(id)).status, "undone")
      assert.deepStrictEqual(yield* world.live, [key.id])
    })
  )
})

describe("run", () => {
  it.effect("looks again and again, whatever fails, and says so in the log", () =>
    Effect.gen(function* () {
      const world = yield* World.make
      yield* world.store.create({ name: "ci" })
      const plan = yield* world.launch()
      const lines: Array<string> = []
      const outcomes: Array<Outcome> = []
      const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
      let looks = 0
      const plans = Effect.suspend(() => {
        looks++
        return looks === 2 ? Effect.fail(new ConfigurationError({ problem: "the file is gone" })) : Effect.succeed(plan)
      })
      const onOutcome = (outcome: Outcome) => Effect.sync(() => void outcomes.push(outcome))
      yield* Effect.forkChild(Effect.provide(RotationRunner.run(plans, { every: "10 days", onOutcome }), logger))
      yield* pass(41 * 24 * hour, 24 * hour)
      assert.strictEqual(looks, 5)
      assert.deepStrictEqual(World.words(outcomes), ["Started"])
      assert.match(lines[0] ?? "", /due rotations could not be looked for: the file is gone/)
      assert.match(lines[1] ?? "", /^rotation due-[0-9a-f]{32}-1 of key \S+ of store keys has begun$/)
      assert.lengthOf(yield* world.live, 1)
    })
  )
})
