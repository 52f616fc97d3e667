import { CheckError } from "@keyfold/lifecycle/RotationResources"
import type { RotationError } from "@keyfold/lifecycle/Rotation"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { pass, passing } from "./RotationPassing.ts"
import * as World from "./RotationWorld.ts"

const { request } = World
const { rotationId } = request

const tagOf = ({ reason }: RotationError) => reason._tag

/** Begins a rotation in a prepared world and lets some seconds pass. */
const begun = Effect.fnUntraced(function* (
  prepare: (world: World.World) => void = () => {},
  seconds = 5,
  options: Partial<typeof request> = {}
) {
  const world = yield* World.make()
  prepare(world)
  const { rotations } = yield* World.launch(world)
  const asked = { ...request, ...options }
  yield* passing(rotations.start({ id: world.old }, asked))
  yield* pass(seconds, Math.min(seconds, 5))
  return { world, rotations, ended: passing(Effect.result(rotations.rotate({ id: world.old }, asked))) }
})

const failedSink = ({ place }: World.World) => void place.next.push("fails")

describe("abort", () => {
  it.effect("before the hand-off has the new key revoked", () =>
    Effect.gen(function* () {
      const probes = { door: { accepts: () => Effect.succeed(false) } }
      const { ended, rotations, world } = yield* begun((world) => (world.resources = { probes }), 5, { probe: "door" })
      assert.lengthOf(world.backend.live(), 2)
      yield* rotations.abort(rotationId)
      const result = yield* ended
      assert.match(result._tag === "Failure" ? result.failure.message : "", /Undone/)
      assert.deepStrictEqual(world.backend.live(), [world.old])
      assert.strictEqual(world.place.counts.written, 0)
    })
  )

  it.effect("that comes while the new key is proved stops the hand-off", () =>
    Effect.gen(function* () {
      let works = false
      const probes = { door: { accepts: () => Effect.sync(() => works) } }
      const { ended, rotations, world } = yield* begun((world) => (world.resources = { probes }), 5, { probe: "door" })
      yield* rotations.abort(rotationId)
      works = true
      const result = yield* ended
      assert.strictEqual(result._tag, "Failure")
      assert.deepStrictEqual(world.backend.live(), [world.old])
      assert.strictEqual(world.place.counts.written, 0)
    })
  )

  it.effect("of a rotation whose process died makes no other key", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      world.resources = { probes: { door: { accepts: () => Effect.succeed(false) } } }
      const process: World.Process = { calls: 0, isDead: false }
      const first = yield* World.launch(world, process)
      yield* passing(first.rotations.start({ id: world.old }, { ...request, probe: "door" }))
      yield* pass(5)
      process.isDead = true
      const second = yield* World.launch(world)
      assert.isTrue((yield* second.rotations.abort(rotationId)).abortRequested)
      yield* pass(300, 20)
      assert.strictEqual((yield* World.recordIn(world)).status, "undone")
      assert.deepStrictEqual(world.backend.live(), [world.old])
      assert.strictEqual(world.backend.counts.create, 1)
    })
  )

  it.effect("during the overlap leaves both keys live, at once, and the old one is not revoked later", () =>
    Effect.gen(function* () {
      const { rotations, world } = yield* begun()
      const record = yield* rotations.abort(rotationId)
      assert.strictEqual(record.status, "needsAttention")
      yield* pass(300, 20)
      assert.lengthOf(world.backend.live(), 2)
      assert.strictEqual((yield* rotations.abort(rotationId)).status, "needsAttention", "it is so already")
    })
  )

  it.effect("is too late once the old key is being revoked, and when all is over", () =>
    Effect.gen(function* () {
      const { ended, rotations, world } = yield* begun(({ backend }) => backend.fail("revoke", 12), 80)
      const late = yield* Effect.flip(rotations.abort(rotationId))
      assert.strictEqual(tagOf(late), "Conflict")
      assert.match(late.message, /is being revoked/)
      yield* ended
      const over = yield* Effect.flip(rotations.abort(rotationId))
      assert.match(over.message, /it is over: done/)
      assert.deepStrictEqual(world.backend.live(), ["key-2"])
    })
  )
})

describe("resume", () => {
  it.effect("goes on where the sink holds the new key now, and says where it does not", () =>
    Effect.gen(function* () {
      const { ended, rotations, world } = yield* begun(failedSink)
      const error = yield* Effect.flip(rotations.resume(rotationId))
      assert.match(error.message, /NeedsAttention.*place holds key key-1/)
      world.place.canTell = false
      assert.match((yield* Effect.flip(rotations.resume(rotationId))).message, /cannot tell/)
      world.place.canTell = true
      const { id } = world.backend.rows[1]?.key ?? { id: world.old }
      world.place.holds = id
      const record = yield* rotations.resume(rotationId)
      assert.strictEqual(record.step, "overlap")
      yield* pass(40, 5)
      assert.lengthOf(world.backend.live(), 2, "the overlap begins anew")
      assert.strictEqual((yield* ended)._tag, "Success")
      assert.deepStrictEqual(world.backend.live(), ["key-2"])
      assert.strictEqual((yield* rotations.resume(rotationId)).status, "done", "there is nothing to resume")
    })
  )

  it.effect("goes on with an aborted overlap, through the holder's check", () =>
    Effect.gen(function* () {
      let asked = 0
      const holderChecks = { app: () => Effect.sync(() => void asked++) }
      const { ended, rotations, world } = yield* begun((world) => (world.resources = { holderChecks }), 5, {
        holderCheck: "app"
      })
      yield* rotations.abort(rotationId)
      yield* rotations.resume(rotationId)
      assert.strictEqual((yield* ended)._tag, "Success")
      assert.strictEqual(asked, 2)
      assert.deepStrictEqual(world.backend.live(), ["key-2"])
    })
  )

  it.effect("tries at once what waits to be tried again", () =>
    Effect.gen(function* () {
      const { rotations, world } = yield* begun(({ backend }) => backend.fail("revoke", 400), 60)
      yield* pass(7200, 600)
      assert.isAbove((yield* World.recordIn(world)).dueAt ?? 0, 7_265_000 + 60_000, "pauses have grown")
      world.backend.fail("revoke", 0)
      yield* rotations.resume(rotationId)
      yield* pass(5)
      assert.deepStrictEqual(world.backend.live(), ["key-2"])
    })
  )
})

describe("resolve", () => {
  it.effect("keeps the new key and revokes the old one, where that was decided", () =>
    Effect.gen(function* () {
      const { ended, rotations, world } = yield* begun(failedSink)
      world.place.canTell = false
      yield* rotations.resolve(rotationId, "new")
      const result = yield* ended
      assert.strictEqual(result._tag === "Success" ? String(result.success.new.id) : "", "key-2")
      assert.deepStrictEqual(world.backend.live(), ["key-2"])
    })
  )

  it.effect("keeps the old key and revokes the new one, however long that takes", () =>
    Effect.gen(function* () {
      const { ended, rotations, world } = yield* begun(failedSink)
      world.backend.fail("revoke", 12)
      yield* rotations.resolve(rotationId, "old")
      yield* pass(5)
      assert.strictEqual((yield* World.recordIn(world)).status, "revocationPending")
      const result = yield* ended
      assert.strictEqual(result._tag === "Failure" && tagOf(result.failure), "Undone")
      assert.deepStrictEqual(world.backend.live(), [world.old])
    })
  )

  it.effect("refuses what would leave the holder without a key, unless it is forced", () =>
    Effect.gen(function* () {
      const { ended, rotations, world } = yield* begun(failedSink)
      const held = yield* Effect.flip(rotations.resolve(rotationId, "new"))
      assert.match(held.message, /place holds key key-1, which would be revoked; force/)
      world.backend.alter("key-2", { status: "revoked" })
      world.place.canTell = false
      const dead = yield* Effect.flip(rotations.resolve(rotationId, "new"))
      assert.match(dead.message, /key key-2 is revoked; force/)
      assert.strictEqual((yield* World.recordIn(world)).status, "needsAttention")
      yield* rotations.resolve(rotationId, "new", { force: true })
      assert.strictEqual((yield* ended)._tag, "Success")
    })
  )

  it.effect("does not promise to keep an old key whose revocation may be on its way", () =>
    Effect.gen(function* () {
      const { rotations, world } = yield* begun(({ backend }) => backend.fail("revoke", 40), 80)
      world.place.canTell = false
      world.backend.alter("key-2", { status: "revoked" })
      world.violations.length = 0
      yield* pass(60, 10)
      assert.strictEqual((yield* World.recordIn(world)).status, "needsAttention")
      const error = yield* Effect.flip(rotations.resolve(rotationId, "old"))
      assert.match(error.message, /the revocation of key key-1 has begun; force/)
    })
  )

  it.effect("is for rotations that need attention only, and each is decided once", () =>
    Effect.gen(function* () {
      const { rotations } = yield* begun()
      const early = yield* Effect.flip(rotations.resolve(rotationId, "new"))
      assert.match(early.message, /it is running/)
      yield* rotations.abort(rotationId)
      yield* rotations.resolve(rotationId, "new")
      const again = yield* Effect.flip(rotations.resolve(rotationId, "old"))
      assert.strictEqual(tagOf(again), "Conflict")
      assert.match((yield* Effect.flip(rotations.abort(rotationId))).message, /decided already to keep the new key/)
    })
  )
})

describe("before the old key is revoked", () => {
  it.effect("the new one must be active still", () =>
    Effect.gen(function* () {
      const { ended, world } = yield* begun()
      world.backend.alter("key-2", { status: "revoked" })
      world.violations.length = 0
      const result = yield* ended
      assert.match(
        result._tag === "Failure" ? result.failure.message : "",
        /key key-2 is revoked, so the old one was not/
      )
      assert.deepStrictEqual(world.backend.live(), [world.old])
    })
  )

  it.effect("the sink must not hold another one", () =>
    Effect.gen(function* () {
      const { ended, world } = yield* begun()
      world.place.holds = world.old
      const result = yield* ended
      assert.match(result._tag === "Failure" ? result.failure.message : "", /place holds key key-1, and not key key-2/)
      assert.lengthOf(world.backend.live(), 2)
    })
  )
})

describe("the revocation of the old key", () => {
  it.effect("that fails shows as pending, with the reason, and is tried again until it succeeds", () =>
    Effect.gen(function* () {
      const { ended, world } = yield* begun(({ backend }) => backend.fail("revoke", 12), 70)
      const { problem, status } = yield* World.recordIn(world)
      assert.strictEqual(status, "revocationPending")
      assert.match(problem ?? "", /key key-1 could not be revoked: the backend is unavailable/)
      assert.strictEqual((yield* ended)._tag, "Success")
      assert.deepStrictEqual(world.backend.live(), ["key-2"])
    })
  )

  it.effect("is tried for weeks, an hour apart in the end, in one execution after another", () =>
    Effect.gen(function* () {
      const { world } = yield* begun(({ backend }) => backend.fail("revoke", 4 * 60), 60)
      for (let hour = 0; hour < 150 && world.backend.isActive(world.old); hour++) yield* pass(3600, 3600)
      yield* pass(30, 30)
      const { run, status } = yield* World.recordIn(world)
      assert.strictEqual(status, "done")
      assert.strictEqual(run, 2)
      assert.deepStrictEqual(world.backend.live(), ["key-2"])
    })
  )

  it.effect("is confirmed only where the probe saw a refusal", () =>
    Effect.gen(function* () {
      const refusals = [
        Effect.succeed(true),
        Effect.succeed(false),
        Effect.fail(new CheckError({ problem: "no route" }))
      ]
      const seen: Array<unknown> = []
      for (const refuses of refusals) {
        const probes = { door: { accepts: () => Effect.succeed(true), refuses: () => refuses } }
        const { ended } = yield* begun((world) => (world.resources = { probes }), 5, { probe: "door" })
        const result = yield* ended
        seen.push(result._tag === "Success" ? result.success.revocation : result.failure)
      }
      const notConfirmed = { kind: "notConfirmed", bound: Duration.toMillis(0), seen: "revoked" }
      assert.deepStrictEqual(seen, [{ kind: "confirmed" }, notConfirmed, notConfirmed])
    })
  )

  it.effect("counts a key as gone that the backend does not know, where its answer is exact or a list agrees", () =>
    Effect.gen(function* () {
      for (const revokeUnknown of ["notFound", "ambiguous"] as const) {
        const world = yield* World.make({ revokeUnknown })
        const { rotations } = yield* World.launch(world)
        yield* passing(rotations.start({ id: world.old }, request))
        yield* pass(5)
        const rows = world.backend.rows as Array<unknown>
        rows.splice(0, 1)
        const result = yield* passing(rotations.rotate({ id: world.old }, request))
        assert.deepStrictEqual(result.revocation, { kind: "notConfirmed", bound: 0, seen: "gone" })
      }
    })
  )
})
