import { isUnderWay } from "@keyfold/lifecycle/Rotation"
import type { RotationRecord } from "@keyfold/lifecycle/RotationStorage"
import { assert, describe, it } from "@effect/vitest"
import type { Probe } from "@keyfold/lifecycle/RotationResources"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { pass, passing } from "./RotationPassing.ts"
import * as World from "./RotationWorld.ts"

const { rotationId } = World.request

const asked = (world: World.World) =>
  world.resources.probes === undefined ? World.request : { ...World.request, probe: "door" }

/** Begins a rotation in a process that may die, and goes on in a new one until nothing more happens. */
const run = Effect.fnUntraced(function* (
  world: World.World,
  process: World.Process,
  thawsWhen: ((record: RotationRecord, keys: number) => boolean) | undefined
) {
  const stepOf = thawsWhen === undefined ? 25 : 10
  const first = yield* World.launch(world, process)
  yield* Effect.forkDetach(first.rotations.start({ id: world.old }, asked(world)))
  for (let steps = 0; steps < 30 && !process.isDead; steps++) {
    yield* pass(10, 10)
    const record = yield* world.storage.transact(rotationId, ({ record }) => ({ answer: record }))
    if (record !== undefined && !isUnderWay(record.status)) return record
  }
  const keys = world.backend.rows.length
  const second = yield* World.launch(world)
  yield* passing(second.rotations.start({ id: world.old }, asked(world)))
  yield* passing(second.rotations.resume(rotationId))
  for (let steps = 0; steps < 100; steps++) {
    const record = yield* World.recordIn(world)
    const isOver = !isUnderWay(record.status)
    if (process.thaw !== undefined && (isOver || thawsWhen?.(record, world.backend.rows.length - keys) === true)) {
      yield* Deferred.succeed(process.thaw, undefined)
      yield* pass(isOver ? 60 : 2, 2)
    }
    if (isOver) break
    yield* pass(stepOf, stepOf)
  }
  return yield* World.recordIn(world)
})

const check = (world: World.World, record: RotationRecord, at: string) => {
  const { backend, old, place, violations } = world
  const fresh = record.custody?.id ?? "none"
  assert.deepStrictEqual(violations, [], at)
  const expected = { done: [fresh], undone: [old], needsAttention: [old, fresh], running: [], revocationPending: [] }
  assert.deepStrictEqual(backend.live(), expected[record.status], `${at}: ${record.status}`)
  assert.isTrue(backend.isActive(place.holds), at)
  if (record.status === "done") assert.strictEqual(place.holds, fresh, at)
}

type Own = Parameters<typeof World.make>[0]

interface Campaign {
  readonly own?: Own
  readonly kill: "after" | "stall"
  readonly prepare?: (world: World.World) => void
  readonly thawsWhen?: Parameters<typeof run>[2]
}

/** Stops a process at each of its calls, and counts how the rotations end. */
const campaign = Effect.fnUntraced(function* ({ kill, own = {}, prepare = () => {}, thawsWhen }: Campaign) {
  const counting: World.Process = { calls: 0, isDead: false }
  const whole = yield* World.make(own)
  prepare(whole)
  check(whole, yield* run(whole, counting, undefined), "no kill")
  const ends: Partial<Record<RotationRecord["status"], number>> = {}
  for (let killAt = 1; killAt <= counting.calls; killAt++) {
    const at = `${kill} call ${killAt}`
    const world = yield* World.make(own)
    prepare(world)
    const thaw = kill === "stall" ? { thaw: yield* Deferred.make<void>() } : {}
    const process: World.Process = { calls: 0, isDead: false, killAt, kill, ...thaw }
    const record = yield* run(world, process, thawsWhen)
    assert.isTrue(process.isDead, `${at} was reached`)
    check(world, record, at)
    ends[record.status] = (ends[record.status] ?? 0) + 1
  }
  return { calls: counting.calls, ends }
})

/** Each of these goes through dozens of processes, all of them in virtual time but for the digests. */
const patience = 60_000

describe("a process that dies at any of its calls", () => {
  it.effect(
    "leaves a rotation that ends, and its holder has a working key at every moment",
    () =>
      Effect.gen(function* () {
        const { calls, ends } = yield* campaign({ kill: "after" })
        // Between the record of the hand-off and the write to the sink nobody can know whether it was written.
        assert.deepStrictEqual(ends, { done: calls - 1, needsAttention: 1 })
      }),
    patience
  )

  it.effect(
    "leaves both keys live where it may have handed over to a sink that cannot tell",
    () =>
      Effect.gen(function* () {
        const { calls, ends } = yield* campaign({
          own: { createSafety: "idempotent" },
          kill: "after",
          prepare: ({ place }) => (place.canTell = false)
        })
        assert.deepStrictEqual(ends, { done: calls - 2, needsAttention: 2 })
      }),
    patience
  )
})

describe("a process that stands still at any of its calls until another has taken over", () => {
  it.effect(
    "changes nothing that the other one has decided",
    () =>
      Effect.gen(function* () {
        const { calls, ends } = yield* campaign({ kill: "stall" })
        assert.deepStrictEqual(ends, { done: calls - 1, needsAttention: 1 })
      }),
    patience
  )

  it.effect(
    "changes nothing either where it goes on while the other one is at work",
    () =>
      Effect.gen(function* () {
        const { ends } = yield* campaign({
          kill: "stall",
          // A key works 15 seconds after it was made, so that the other process can be met in the middle of minting.
          prepare: (world) => {
            const accepts: Probe["accepts"] = ({ key }) =>
              Effect.map(
                DateTime.now,
                (now) => now.epochMilliseconds >= (key.createdAt?.epochMilliseconds ?? 0) + 15_000
              )
            world.resources = { probes: { door: { accepts } } }
          },
          thawsWhen: (record, keys) => keys > 0 || record.handedOver
        })
        assert.isAbove(ends.done ?? 0, 30)
        assert.isAtMost(ends.needsAttention ?? 0, 2)
      }),
    patience
  )
})
