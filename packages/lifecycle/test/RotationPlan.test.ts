import { KeyId, type ApiKey } from "@keyfold/core/ApiKey"
import { promised, type Capabilities } from "@keyfold/core/Capabilities"
import type { Options } from "@keyfold/lifecycle/Rotation"
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { pass, passing } from "./RotationPassing.ts"
import * as World from "./RotationWorld.ts"

const { request } = World

const at = (seconds: number) => DateTime.makeUnsafe(seconds * 1000)

/** Rotates a key that differs from the usual one, and says how that failed. */
const refused = Effect.fnUntraced(function* (
  key: Partial<ApiKey>,
  options: Partial<Options> = {},
  own: Partial<Capabilities> = {},
  prepare: (world: World.World) => void = () => {}
) {
  const world = yield* World.make(own)
  world.backend.alter(world.old, key)
  prepare(world)
  const { rotations } = yield* World.launch(world)
  const error = yield* passing(Effect.flip(rotations.rotate({ id: world.old }, { ...request, ...options })))
  assert.strictEqual(world.backend.counts.create, 0, "nothing was made")
  assert.strictEqual(world.backend.counts.revoke, 0, "nothing was revoked")
  assert.strictEqual((yield* World.recordIn(world)).status, "undone")
  return error
})

/** Rotates a key that differs from the usual one, and returns the new one. */
const rotated = Effect.fnUntraced(function* (
  key: Partial<ApiKey>,
  options: Partial<Options> = {},
  own: Partial<Capabilities> = {}
) {
  const world = yield* World.make(own)
  world.backend.alter(world.old, key)
  const { rotations } = yield* World.launch(world)
  yield* pass(10)
  yield* passing(rotations.rotate({ id: world.old }, { ...request, ...options }))
  const [, fresh] = world.backend.rows
  return fresh?.key ?? (yield* Effect.die("no key was made"))
})

describe("the old key", () => {
  it.effect("has to be there and active", () =>
    Effect.gen(function* () {
      const revoked = yield* refused({ status: "revoked" })
      assert.match(revoked.message, /expected an active key; this one is revoked/)
      const expired = yield* refused({ expiresAt: at(-1) })
      assert.match(expired.message, /this one is expired/)
      const world = yield* World.make()
      const { rotations } = yield* World.launch(world)
      const missing = yield* passing(Effect.flip(rotations.rotate({ id: KeyId.make("nobody") }, request)))
      assert.strictEqual(missing.reason._tag, "NotFound")
    })
  )

  it.effect("is left as it is where it cannot be read", () =>
    Effect.gen(function* () {
      const error = yield* refused({}, {}, {}, ({ backend }) => backend.fail("get", 20))
      assert.strictEqual(error.reason._tag === "Undone" && error.reason.reason?._tag, "Unavailable")
    })
  )

  it.effect("gives the new one its owner where keys have owners", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* rotated({ owner: "ada" })).owner, "ada")
    })
  )
})

describe("the expiry of the new key", () => {
  it.effect("is that of the old one unless another is asked for", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* rotated({ expiresAt: at(1000) })).expiresAt?.epochMilliseconds, 1_000_000)
      assert.isUndefined((yield* rotated({})).expiresAt)
      assert.isUndefined((yield* rotated({}, { expiry: "sameLifetime" })).expiresAt)
      const moved = yield* rotated({ expiresAt: at(1000) }, { expiry: { at: at(5000) } })
      assert.strictEqual(moved.expiresAt?.epochMilliseconds, 5_000_000)
    })
  )

  it.effect("may be as far from now as the old one's was from its making", () =>
    Effect.gen(function* () {
      const key = { createdAt: at(-500), expiresAt: at(500) }
      const expiresAt = (yield* rotated(key, { expiry: "sameLifetime" })).expiresAt?.epochMilliseconds ?? 0
      assert.isAtLeast(expiresAt, 1_010_000)
      assert.isBelow(expiresAt, 1_020_000)
      const error = yield* refused({ expiresAt: at(500) }, { expiry: "sameLifetime" })
      assert.match(error.message, /expiry: .*when the old key was made/)
    })
  )

  it.effect("is refused inside the overlap and the time of the holder's check", () =>
    Effect.gen(function* () {
      const error = yield* refused({ expiresAt: at(60) })
      assert.match(error.message, /expiry: the new key would expire before the old one is revoked/)
      const check = { holderChecks: { app: () => Effect.void } }
      const late = yield* refused({ expiresAt: at(100) }, { holderCheck: "app" }, {}, (world) => {
        world.resources = check
      })
      assert.strictEqual(late.reason._tag, "InvalidRequest")
      assert.strictEqual((yield* rotated({ expiresAt: at(100) })).expiresAt?.epochMilliseconds, 100_000)
    })
  )

  it.effect("is refused where keys do not expire", () =>
    Effect.gen(function* () {
      const error = yield* refused({}, { expiry: { at: at(5000) } }, { expiry: false })
      assert.strictEqual(error.reason._tag, "Unsupported")
    })
  )
})

describe("the quota", () => {
  it.effect("is looked at first where it is known", () =>
    Effect.gen(function* () {
      const quota = { source: "configured", limit: 2 } as const
      const error = yield* refused({}, {}, { quota }, ({ backend }) => void backend.add({}))
      assert.deepStrictEqual(error.reason._tag === "QuotaExceeded" && error.reason.limit, 2)
      assert.strictEqual((yield* rotated({}, {}, { quota })).id, "key-2")
    })
  )
})

describe("a credential of the store itself", () => {
  const prepare = (world: World.World) => {
    world.backend.add({})
    world.resources = { ownKeys: { keys: [world.old] } }
  }

  it.effect("is not rotated where that strands the keys it made, and those are listed", () =>
    Effect.gen(function* () {
      const error = yield* refused({}, {}, { revokes: "ownCreationsOnly" }, prepare)
      assert.deepStrictEqual(error.reason._tag === "StrandsKeys" && error.reason.stranded, [
        { id: KeyId.make("key-2") }
      ])
      assert.include(error.message, "key-2")
    })
  )

  it.effect("is rotated where that is forced, where any credential may revoke, and where it is another key", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<[Partial<Options>, Partial<Capabilities>, boolean]> = [
        [{ force: true }, { revokes: "ownCreationsOnly" }, true],
        [{}, { revokes: "any" }, true],
        [{}, { revokes: "ownCreationsOnly" }, false]
      ]
      for (const [options, own, isOwn] of cases) {
        const world = yield* World.make({ ...own, revocationLag: promised(0) })
        prepare(world)
        if (!isOwn) world.resources = { ownKeys: { keys: [KeyId.make("key-2")] } }
        const { rotations } = yield* World.launch(world)
        const result = yield* passing(rotations.rotate({ id: world.old }, { ...request, ...options }))
        assert.strictEqual(result.new.id, "key-3")
      }
    })
  )
})
