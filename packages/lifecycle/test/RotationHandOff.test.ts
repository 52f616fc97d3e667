import { KeyId } from "@keyfold/core/ApiKey"
import { OperationId } from "@keyfold/core/OperationId"
import { CheckError } from "@keyfold/lifecycle/RotationResources"
import type { Options } from "@keyfold/lifecycle/Rotation"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { pass, passing } from "./RotationPassing.ts"
import * as World from "./RotationWorld.ts"

const { request } = World

type Own = Parameters<typeof World.make>[0]

/** Rotates in a prepared world until the rotation stands still or is over. */
const rotate = Effect.fnUntraced(function* (
  prepare: (world: World.World) => void,
  options: Partial<Options> = {},
  own: Own = {}
) {
  const world = yield* World.make(own)
  prepare(world)
  const { rotations } = yield* World.launch(world)
  const exit = yield* passing(Effect.result(rotations.rotate({ id: world.old }, { ...request, ...options })))
  assert.deepStrictEqual(world.violations, [])
  return {
    world,
    record: yield* World.recordIn(world),
    result: exit._tag === "Success" ? exit.success : undefined,
    reason: exit._tag === "Failure" ? exit.failure.reason : undefined
  }
})

const nothingChanged = ({ backend, old, place }: World.World) => {
  assert.deepStrictEqual(backend.live(), [old])
  assert.strictEqual(place.holds, old)
  assert.strictEqual(place.counts.written, 0)
}

const noVerify = {
  operations: {
    create: "native",
    get: "native",
    list: "native",
    revoke: "native",
    usage: "unsupported",
    verify: "unsupported"
  }
} as const

const probe = (answers: (asked: number) => Effect.Effect<boolean, CheckError>) => {
  let asked = 0
  return { probes: { door: { accepts: () => Effect.suspend(() => answers(++asked)) } } }
}

describe("before the hand-off", () => {
  it.effect("a key the probe sees refused is revoked, and nothing has changed", () =>
    Effect.gen(function* () {
      const { reason, record, world } = yield* rotate(
        (world) => (world.resources = probe(() => Effect.succeed(false))),
        { probe: "door" }
      )
      assert.match(reason?.message ?? "", /the probe saw the new key refused/)
      assert.strictEqual(record.status, "undone")
      nothingChanged(world)
      assert.lengthOf(world.backend.rows, 2)
    })
  )

  it.effect("a probe without an answer, or that breaks off, lets nothing be handed over", () =>
    Effect.gen(function* () {
      const answers = [Effect.fail(new CheckError({ problem: "no route" })), Effect.die("hush"), Effect.never]
      for (const answer of answers) {
        const { reason, world } = yield* rotate((world) => (world.resources = probe(() => answer)), { probe: "door" })
        assert.match(reason?.message ?? "", /no answer|broke off/)
        assert.notInclude(reason?.message, "hush")
        nothingChanged(world)
      }
    })
  )

  it.effect("a new key is waited for until it works", () =>
    Effect.gen(function* () {
      const { result, world } = yield* rotate(
        (world) => (world.resources = probe((asked) => Effect.succeed(asked > 5))),
        { probe: "door" }
      )
      assert.strictEqual(result?.verified, "verified")
      assert.strictEqual(world.backend.counts.verify, 0, "our own probe was asked, and not the backend")
    })
  )

  it.effect("a rotation that cannot tell whether the key works says that it is unverified", () =>
    Effect.gen(function* () {
      const { result } = yield* rotate(() => {}, {}, noVerify)
      assert.strictEqual(result?.verified, "unverified")
    })
  )

  it.effect("a sink that cannot be opened keeps a key from being made", () =>
    Effect.gen(function* () {
      const { reason, world } = yield* rotate(({ place }) => (place.canOpen = false))
      assert.match(reason?.message ?? "", /it is locked/)
      nothingChanged(world)
      assert.lengthOf(world.backend.rows, 1)
    })
  )

  it.effect("a key whose create is not in the journal of the rotations is not handed over", () =>
    Effect.gen(function* () {
      const { reason, world } = yield* rotate((world) => (world.sharesJournal = false))
      assert.match(reason?.message ?? "", /built without the journal/)
      nothingChanged(world)
    })
  )

  it.effect(
    "a key that the journal says is delivered, but that is not in custody, is revoked and another one made",
    () =>
      Effect.gen(function* () {
        const world = yield* World.make()
        world.resources = { probes: { door: { accepts: ({ key }) => Effect.succeed(key.id !== "key-2") } } }
        const process: World.Process = { calls: 0, isDead: false }
        const probed = { ...request, probe: "door" }
        const first = yield* World.launch(world, process)
        yield* passing(first.rotations.start({ id: world.old }, probed), 1)
        yield* pass(2)
        process.isDead = true
        yield* pass(300, 100)
        const address = { store: "keys", operationId: OperationId.make("rotation-r1-1") }
        const claim = yield* world.journal.claim({ ...address, nonce: "n", spec: "", lasting: Duration.minutes(1) })
        if (claim.kind !== "claimed") return assert.fail("the dead process has its lease still")
        yield* world.journal.delivered(claim.lease, "n", { id: KeyId.make("key-2") })
        const second = yield* World.launch(world)
        const result = yield* passing(second.rotations.rotate({ id: world.old }, probed))
        assert.strictEqual(String(result.new.id), "key-3")
        assert.deepStrictEqual(world.backend.live(), ["key-3"])
      })
  )

  it.effect("a create that fails ends the rotation with the backend's reason", () =>
    Effect.gen(function* () {
      const { reason, world } = yield* rotate(({ backend }) => backend.fail("create", 20))
      assert.strictEqual(reason?._tag === "Undone" && reason.reason?._tag, "Unavailable")
      nothingChanged(world)
    })
  )

  it.effect("a new key that cannot be revoked shows as pending until it is", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      world.resources = probe(() => Effect.die("gone"))
      const { rotations } = yield* World.launch(world, { calls: 0, isDead: false })
      const waiting = { ...request, probe: "door" }
      yield* passing(rotations.start({ id: world.old }, waiting))
      yield* pass(2)
      world.backend.fail("revoke", 60)
      yield* pass(120, 10)
      assert.lengthOf(world.backend.live(), 2)
      world.backend.fail("revoke", 0)
      yield* passing(Effect.flip(rotations.rotate({ id: world.old }, waiting)))
      nothingChanged(world)
    })
  )
})

describe("once the hand-off has begun", () => {
  it.effect("a sink that fails leaves both keys live", () =>
    Effect.gen(function* () {
      const { reason, record, world } = yield* rotate(({ place }) => place.next.push("fails"))
      assert.strictEqual(record.status, "needsAttention")
      assert.match(reason?.message ?? "", /key key-1 and key key-2 stay live.*it is full.*place holds key key-1/)
      assert.deepStrictEqual(world.backend.live(), ["key-1", "key-2"])
    })
  )

  it.effect("a sink that wrote without an answer has the key where it says so", () =>
    Effect.gen(function* () {
      const { result, world } = yield* rotate(({ place }) => place.next.push("fallsSilent"))
      assert.strictEqual(result?.new.id, world.place.holds)
    })
  )

  it.effect("a sink that confirms another key leaves both keys live", () =>
    Effect.gen(function* () {
      const { reason, world } = yield* rotate(({ place }) => place.next.push("confirmsOther"))
      assert.match(reason?.message ?? "", /confirmed another key; place holds key key-1/)
      assert.lengthOf(world.backend.live(), 2)
    })
  )

  it.effect("a process that is shut down finishes it first", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      world.place.next.push("slow")
      const first = yield* World.launch(world)
      yield* passing(first.rotations.start({ id: world.old }, request), 1)
      yield* pass(2)
      yield* passing(Scope.close(first.scope, Exit.void), 2)
      assert.strictEqual(world.place.holds, "key-2")
      assert.isTrue((yield* World.recordIn(world)).handedOver)
      const second = yield* World.launch(world)
      const result = yield* passing(second.rotations.rotate({ id: world.old }, request))
      assert.strictEqual(result.new.id, world.place.holds)
    })
  )

  it.effect("a sink that hangs, or cannot tell, leaves both keys live", () =>
    Effect.gen(function* () {
      for (const fate of ["hangs", "fallsSilent"] as const) {
        const { record, world } = yield* rotate(({ place }) => {
          place.next.push(fate)
          place.canTell = fate === "hangs"
        })
        assert.strictEqual(record.status, "needsAttention", fate)
        assert.lengthOf(world.backend.live(), 2)
      }
    })
  )
})

describe("the holder's check", () => {
  const check = (answers: (asked: number) => Effect.Effect<void, CheckError>) => {
    let asked = 0
    return { holderChecks: { app: () => Effect.suspend(() => answers(++asked)) } }
  }
  const failing = Effect.fail(new CheckError({ problem: "still the old one" }))

  it.effect("is tried again until the holder works with the new key", () =>
    Effect.gen(function* () {
      const { result } = yield* rotate(
        (world) => (world.resources = check((asked) => (asked < 4 ? failing : Effect.void))),
        { holderCheck: "app" }
      )
      assert.strictEqual(result?.new.id, "key-2")
    })
  )

  it.effect("leaves both keys live where it never succeeds", () =>
    Effect.gen(function* () {
      for (const answer of [failing, Effect.die("hush"), Effect.never]) {
        const { reason, record, world } = yield* rotate((world) => (world.resources = check(() => answer)), {
          holderCheck: "app",
          holderCheckWithin: "1 minute"
        })
        assert.strictEqual(record.status, "needsAttention")
        assert.match(reason?.message ?? "", /does not work with the new key: (still the old one|the check)/)
        assert.lengthOf(world.backend.live(), 2)
      }
    })
  )
})

describe("the overlap", () => {
  it.effect("is exactly as long as was asked for", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const { rotations } = yield* World.launch(world)
      yield* passing(rotations.start({ id: world.old }, { ...request, overlap: "10 days" }))
      yield* pass(5)
      const { overlapUntil = 0 } = yield* World.recordIn(world)
      yield* pass(10 * 24 * 3600 - 30, 3600 * 24)
      assert.isTrue(world.backend.isActive(world.old) || overlapUntil < 864_030_000)
      yield* pass(3600 * 24, 3600 * 24)
      assert.isFalse(world.backend.isActive(world.old))
      assert.isAtLeast(overlapUntil, 864_000_000)
      assert.isBelow(overlapUntil, 864_006_000)
    })
  )

  const exact = {
    usage: "exact" as const,
    operations: {
      create: "native",
      get: "native",
      list: "native",
      revoke: "native",
      usage: "native",
      verify: "native"
    } as const
  }

  /** Uses the old key for so many seconds after the hand-off, and says how many seconds after it the key was revoked. */
  const usedFor = Effect.fnUntraced(function* (seconds: number, own: Own) {
    const world = yield* World.make(own)
    const { rotations } = yield* World.launch(world)
    yield* passing(rotations.start({ id: world.old }, request), 1)
    for (let steps = 0; steps < 100; steps++) {
      const { custodyAt = 0, stillUsed } = yield* World.recordIn(world)
      const second = ((yield* Clock.currentTimeMillis) - custodyAt) / 1000
      if (!world.backend.isActive(world.old)) return { second, stillUsed }
      if (second <= seconds) world.backend.alter(world.old, { lastUsedAt: yield* DateTime.now })
      yield* pass(2, 2)
    }
    return yield* Effect.die("the old key was never revoked")
  })

  it.effect(
    "is lengthened while the backend counts exactly and sees the old key in use, to twice its length at the most",
    () =>
      Effect.gen(function* () {
        const unused = yield* usedFor(0, exact)
        assert.isAtLeast(unused.second, 60)
        assert.isAtMost(unused.second, 64)
        const longer = yield* usedFor(50, exact)
        assert.isAtLeast(longer.second, 75)
        assert.isAtMost(longer.second, 79)
        assert.isFalse(longer.stillUsed)
        const longest = yield* usedFor(300, exact)
        assert.isAtLeast(longest.second, 120)
        assert.isAtMost(longest.second, 124)
        assert.isTrue(longest.stillUsed)
      })
  )

  it.effect("is not lengthened by numbers that are not exact", () =>
    Effect.gen(function* () {
      const { second } = yield* usedFor(300, { ...exact, usage: "approximate" })
      assert.isAtMost(second, 64)
    })
  )
})
