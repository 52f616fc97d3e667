import { KeyId } from "@keyfold/core/ApiKey"
import { RotationId, type RotationError } from "@keyfold/lifecycle/Rotation"
import { RotationRecordFromJson } from "@keyfold/lifecycle/RotationStorage"
import * as Storage from "@keyfold/lifecycle/RotationStorage"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { pass, passing } from "./RotationPassing.ts"
import * as World from "./RotationWorld.ts"

const { request } = World

const tagOf = ({ reason }: RotationError) => reason._tag

describe("rotate", () => {
  it.effect("puts a key like the old one where its holder reads it, waits the overlap, and revokes the old one", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const { rotations } = yield* World.launch(world)
      yield* passing(rotations.start({ id: world.old }, request))
      yield* pass(50)
      const fresh = world.backend.rows[1]?.key
      assert.strictEqual(world.place.holds, fresh?.id)
      assert.deepStrictEqual(world.backend.live(), [world.old, world.place.holds], "both work during the overlap")
      const result = yield* passing(rotations.rotate({ id: world.old }, request))
      assert.deepStrictEqual(result, {
        rotationId: request.rotationId,
        old: { id: world.old },
        new: { id: KeyId.make("key-2") },
        verified: "verified",
        revocation: { kind: "notConfirmed", bound: 0, seen: "revoked" },
        stillUsed: false
      })
      assert.deepStrictEqual(world.backend.live(), ["key-2"])
      assert.deepStrictEqual(fresh?.scopes, ["read"])
      assert.deepStrictEqual(fresh?.tags, { team: "a" })
      assert.match(fresh?.name ?? "", /^ci kf1-/)
    })
  )

  it.effect("keeps no secret, in the record or anywhere in the storage", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const { rotations } = yield* World.launch(world)
      const records = yield* passing(
        Effect.andThen(
          rotations.start({ id: world.old }, request),
          Stream.runCollect(rotations.follow(request.rotationId))
        )
      )
      assert.isAbove(records.length, 1, "what changed was followed")
      assert.notInclude(JSON.stringify(records), "secret")
    })
  )

  it.effect("is the same rotation under the same id and request, and makes one key", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const { rotations } = yield* World.launch(world)
      const [first, second] = yield* passing(
        Effect.all([rotations.rotate({ id: world.old }, request), rotations.rotate({ id: world.old }, request)], {
          concurrency: "unbounded"
        })
      )
      const third = yield* rotations.rotate({ id: world.old }, request)
      assert.deepStrictEqual(second, first)
      assert.deepStrictEqual(third, first)
      assert.strictEqual(world.backend.counts.create, 1)
    })
  )

  it.effect("refuses another request under the same id, and another rotation of a key whose first is not over", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const { rotations } = yield* World.launch(world)
      yield* passing(rotations.start({ id: world.old }, request))
      yield* pass(5)
      const other = yield* Effect.flip(rotations.start({ id: world.old }, { ...request, overlap: "2 minutes" }))
      assert.strictEqual(tagOf(other), "Conflict")
      assert.match(other.message, /another request/)
      const rotationId = RotationId.make("r2")
      for (const id of [world.old, world.place.holds]) {
        const busy = yield* Effect.flip(rotations.start({ id }, { ...request, rotationId }))
        assert.match(busy.message, /rotation r1 has key/)
      }
      yield* passing(rotations.rotate({ id: world.old }, request))
      const next = yield* passing(rotations.rotate({ id: world.place.holds }, { ...request, rotationId }))
      assert.strictEqual(next.new.id, "key-3")
    })
  )

  it.effect("has one of two processes make the key where both begin at once", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const [first, second] = [yield* World.launch(world), yield* World.launch(world)]
      const results = yield* passing(
        Effect.all(
          [first.rotations.rotate({ id: world.old }, request), second.rotations.rotate({ id: world.old }, request)],
          {
            concurrency: "unbounded"
          }
        )
      )
      assert.deepStrictEqual(results[0], results[1])
      assert.strictEqual(world.backend.counts.create, 1)
      assert.deepStrictEqual(world.violations, [])
    })
  )

  it.effect("generates an id where none is given", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const { rotations } = yield* World.launch(world)
      const { rotationId: _, ...anonymous } = request
      const record = yield* passing(rotations.start({ id: world.old }, anonymous))
      assert.match(record.id, /^rot_[\w-]{22}$/)
    })
  )

  it.effect("goes on at once in another process after one was shut down in the middle of minting", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      let isDown = true
      world.resources = { probes: { door: { accepts: () => Effect.sync(() => !isDown) } } }
      const probed = { ...request, probe: "door" }
      const first = yield* World.launch(world)
      yield* passing(first.rotations.start({ id: world.old }, probed))
      yield* pass(5)
      assert.lengthOf(world.backend.live(), 2, "the new key waits until it works")
      yield* passing(Scope.close(first.scope, Exit.void))
      assert.deepStrictEqual(world.backend.live(), [world.old])
      isDown = false
      const second = yield* World.launch(world)
      yield* passing(second.rotations.resume(request.rotationId))
      yield* pass(2)
      assert.strictEqual((yield* World.recordIn(world)).step, "overlap")
      yield* passing(second.rotations.rotate({ id: world.old }, probed))
      assert.deepStrictEqual(world.backend.live(), [world.place.holds])
    })
  )
})

describe("what is asked for", () => {
  it.effect("is refused without a journal, saying how to get one, and nothing is written", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      world.hasJournal = false
      const { rotations } = yield* World.launch(world)
      const error = yield* Effect.flip(rotations.start({ id: world.old }, request))
      assert.strictEqual(tagOf(error), "Unconfigured")
      assert.match(error.message, /journal.*SqlJournal/)
      assert.lengthOf(yield* Stream.runCollect(rotations.list()), 0)
    })
  )

  it.effect("is refused where a name is not set up, before anything is written", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const { rotations } = yield* World.launch(world)
      for (const what of ["store", "sink", "probe", "holderCheck"] as const) {
        const error = yield* Effect.flip(rotations.start({ id: world.old }, { ...request, [what]: "nowhere" }))
        assert.strictEqual(tagOf(error), "Unconfigured")
        assert.include(error.message, `${what} "nowhere"`)
      }
      assert.lengthOf(yield* Stream.runCollect(rotations.list()), 0)
      assert.strictEqual(world.backend.counts.create, 0)
    })
  )

  it.effect("is refused where it makes no sense, naming the field", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const { rotations } = yield* World.launch(world)
      const wrong = [
        { overlap: "-1 seconds" },
        { overlap: "Infinity" },
        { overlap: "4000 days" },
        { holderCheckWithin: 0 },
        { store: "" },
        { tenant: "" },
        { sink: "" },
        { probe: "a\u0000b" },
        { rotationId: "two words" }
      ] as const
      for (const change of wrong) {
        const error = yield* Effect.flip(rotations.start({ id: world.old }, { ...request, ...(change as object) }))
        assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : "", Object.keys(change)[0])
      }
    })
  )
})

describe("the storage of rotations", () => {
  it.effect("fails a rotation Unavailable where it cannot be read", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const broken = Effect.fail(new Storage.RotationStorageError({ problem: "the disk is gone" }))
      const failing = { ...world, storage: { ...world.storage, transact: () => broken } }
      const { rotations } = yield* World.launch(failing)
      const error = yield* Effect.flip(rotations.status(request.rotationId))
      assert.strictEqual(tagOf(error), "Unavailable")
    })
  )

  it.effect("is waited for where it fails while a step is at work, and the step is done over", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      let failures = 0
      const storage: Storage.RotationStorage["Service"] = {
        ...world.storage,
        transact: (id, decide) =>
          Effect.suspend(() =>
            world.backend.counts.create === 1 && failures++ < 12
              ? Effect.fail(new Storage.RotationStorageError({ problem: "the disk is slow" }))
              : world.storage.transact(id, decide)
          )
      }
      const { rotations } = yield* World.launch({ ...world, storage })
      yield* passing(rotations.start({ id: world.old }, request))
      yield* pass(600, 20)
      assert.strictEqual((yield* World.recordIn(world)).status, "done")
      assert.deepStrictEqual(world.backend.live(), ["key-3"], "the key that could not be noted was revoked")
      assert.deepStrictEqual(world.violations, [])
    })
  )

  it.effect("finds rotations by status, store, tenant, key and time, oldest first, and says which are unknown", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const { rotations } = yield* World.launch(world)
      yield* passing(rotations.rotate({ id: world.old }, request))
      const other = world.backend.add({})
      yield* rotations.start({ id: other.id }, { ...request, rotationId: RotationId.make("r2"), overlap: "1 hour" })
      yield* pass(10, 5)
      const found = (filter: Storage.Filter) =>
        Effect.map(Stream.runCollect(rotations.list(filter)), (records) => records.map(({ id }) => id))
      assert.deepStrictEqual(yield* found({}), ["r1", "r2"])
      assert.deepStrictEqual(yield* found({ statuses: ["running"] }), ["r2"])
      assert.deepStrictEqual(yield* found({ store: "keys", statuses: ["done"] }), ["r1"])
      assert.deepStrictEqual(yield* found({ store: "others" }), [])
      assert.deepStrictEqual(yield* found({ tenant: "acme" }), [])
      assert.deepStrictEqual(yield* found({ key: other.id }), ["r2"])
      assert.deepStrictEqual(yield* found({ key: world.place.holds }), ["r2"])
      assert.deepStrictEqual(yield* found({ key: world.old }), ["r1"])
      assert.deepStrictEqual(yield* found({ dueBefore: 3_000_000 }), [])
      assert.deepStrictEqual(yield* found({ dueBefore: 4_000_000 }), ["r2"])
      const error = yield* Effect.flip(rotations.status(RotationId.make("r3")))
      assert.strictEqual(tagOf(error), "NotFound")
    })
  )

  it.effect("writes a record as JSON text and reads it again, failures included", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      world.place.canOpen = false
      const { rotations } = yield* World.launch(world)
      yield* passing(Effect.flip(rotations.rotate({ id: world.old }, request)))
      const record = yield* World.recordIn(world)
      assert.strictEqual(record.failure?._tag, "Undone")
      const text = yield* Schema.encodeEffect(RotationRecordFromJson)(record)
      const again = yield* Schema.decodeEffect(RotationRecordFromJson)(text)
      assert.deepStrictEqual(again, record)
    })
  )
})
