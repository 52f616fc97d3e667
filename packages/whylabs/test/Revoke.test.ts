import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { advancing, keysPath, lines, listed, organization, owner, ref, songbird, start } from "./Songbird.ts"

const keyId = "aaaaaaaaaa"

const seeded = Effect.gen(function* () {
  const made = yield* songbird()
  made.emulator.seed({ organization, userId: owner, keyId, creationTime: start - 86_400_000 })
  return { ...made, store: yield* made.v0() }
})

describe("revoke on v0", () => {
  it.effect("with the owner is one DELETE with user_id and key_id in the query and no body", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      const revocation = yield* store.revoke(ref(keyId, owner))
      assert.deepStrictEqual(lines(emulator), [`DELETE ${keysPath}?user_id=${owner}&key_id=${keyId}`])
      const [request] = emulator.requests.all
      const headers = new Map(request?.headers)
      assert.strictEqual(headers.get("accept"), "application/json")
      assert.isFalse(headers.has("content-type"))
      assert.isUndefined(request?.body)
      assert.isTrue(emulator.keys().find(({ id }) => id === keyId)?.revoked)
      assert.strictEqual(revocation.id, ref(keyId).id)
      assert.strictEqual(Duration.toMillis(revocation.effectiveWithin), 1000)
    })
  )

  it.effect("without the owner looks it up in exactly one request more", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      yield* store.revoke(ref(keyId))
      assert.deepStrictEqual(lines(emulator), [
        `GET ${keysPath}/${keyId}`,
        `DELETE ${keysPath}?user_id=${owner}&key_id=${keyId}`
      ])
    })
  )

  it.effect("takes a listed key as it is: it brings its own owner, not the store's default", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* seeded
      const store = yield* v0({ defaults: { owner: "somebody-else" } })
      for (const key of yield* listed(store)) yield* store.revoke(key)
      assert.deepStrictEqual(lines(emulator), [
        `GET ${keysPath}`,
        `DELETE ${keysPath}?user_id=${owner}&key_id=${keyId}`
      ])
    })
  )

  it.effect("revoking twice succeeds, also where the owner's list shows the key as revoked", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      yield* store.revoke(ref(keyId, owner))
      yield* store.revoke(ref(keyId, owner))
      const [key] = yield* listed(store, { owner, status: "revoked" })
      assert.strictEqual(key?.status, "revoked")
      yield* store.revoke(ref(keyId, key?.owner))
      assert.strictEqual(emulator.requests.count("revoke"), 3)
    })
  )

  it.effect("a revoke that a late flush undid shows in the owner's list and can be repeated", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      emulator.touch(keyId)
      yield* Effect.promise(() => emulator.flush({ during: () => Effect.runPromise(store.revoke(ref(keyId, owner))) }))
      const [undone] = yield* listed(store, { owner })
      assert.strictEqual(undone?.status, "active")
      yield* store.revoke(ref(keyId, owner))
      assert.strictEqual((yield* listed(store, { owner, status: "revoked" })).length, 1)
    })
  )

  for (const [what, key] of [
    ["an unknown id", ref("zzzzzzzzzz", owner)],
    ["another user's id", ref(keyId, "somebody-else")]
  ] as const) {
    it.effect(`404 for ${what} is NotFound at once: no retry, no success, and every possible cause named`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* seeded
        const error = yield* Effect.flip(store.revoke(key))
        assert.strictEqual(error.reason._tag, "NotFound")
        assert.include(error.reason.message, "of this owner")
        assert.include(error.reason.message, "may not be visible yet")
        assert.strictEqual(error.attempts, 1)
        assert.lengthOf(emulator.requests.all, 1)
        assert.isFalse(emulator.keys().find(({ id }) => id === keyId)?.revoked)
      })
    )
  }

  it.effect("an unknown id without owner is NotFound after the lookup alone", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      const error = yield* Effect.flip(store.revoke(ref("zzzzzzzzzz")))
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.deepStrictEqual(lines(emulator), [`GET ${keysPath}/zzzzzzzzzz`])
    })
  )

  it.effect("a proxy's 200 is no revocation", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      for (const body of ["<html><body>Log in</body></html>", "", '{"ok":true}']) {
        emulator.failNext({ status: 200, contentType: "text/html", body })
        const error = yield* Effect.flip(store.revoke(ref(keyId, owner)))
        assert.strictEqual(error.reason._tag, "InvalidResponse")
      }
      assert.isFalse(emulator.keys().find(({ id }) => id === keyId)?.revoked)
    })
  )

  it.effect("a lost answer is settled by the second request", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      emulator.loseNextResponse({ operation: "revoke" })
      yield* advancing(store.revoke(ref(keyId, owner)))
      assert.strictEqual(emulator.requests.count("revoke"), 2)
      assert.isTrue(emulator.keys().find(({ id }) => id === keyId)?.revoked)
    })
  )
})

describe("eventual consistency on v0", () => {
  const lagging = Effect.gen(function* () {
    const made = yield* songbird({ lag: { visibility: 3_000, revocation: 500 } })
    return { ...made, store: yield* made.v0() }
  })

  for (const [what, withOwner] of [
    ["with", true],
    ["without", false]
  ] as const) {
    it.effect(`a key made a moment ago is revoked ${what} its owner after a bounded backoff`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* lagging
        const { key } = yield* store.create({})
        yield* advancing(store.revoke(withOwner ? key : ref(key.id)))
        assert.isTrue(emulator.keys().at(-1)?.revoked)
        const waited = (yield* Clock.currentTimeMillis) - start
        assert.isAtLeast(waited, 3_000)
        assert.isAtMost(waited, 4_100, "pauses are at most one second")
        const times = emulator.requests.all.filter(({ method }) => method !== "POST").map(({ time }) => time - start)
        // 50, 100, 200, 400, 800, 1000, 1000: the last one lies behind the lag.
        const expected = [0, 50, 150, 350, 750, 1550, 2550, 3550]
        assert.deepStrictEqual(times, withOwner ? expected : [...expected, 3550])
      })
    )
  }

  it.effect("get of a key made a moment ago waits for it too", () =>
    Effect.gen(function* () {
      const { store } = yield* lagging
      const { key } = yield* store.create({})
      assert.deepStrictEqual(yield* advancing(store.get(ref(key.id))), key)
    })
  )

  it.effect("another process waits for a key whose creation time is recent", () =>
    Effect.gen(function* () {
      const { emulator, store, v0 } = yield* lagging
      const { key } = yield* store.create({})
      const elsewhere = yield* v0()
      yield* advancing(elsewhere.revoke(key))
      assert.isTrue(emulator.keys().at(-1)?.revoked)
      assert.isAbove(emulator.requests.count("revoke"), 1)
    })
  )

  it.effect("another process that knows only the id does not wait", () =>
    Effect.gen(function* () {
      const { emulator, store, v0 } = yield* lagging
      const { key } = yield* store.create({})
      const elsewhere = yield* v0()
      const error = yield* Effect.flip(elsewhere.revoke(ref(key.id, key.owner)))
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.strictEqual(emulator.requests.count("revoke"), 1)
    })
  )

  it.effect("a key that never shows is NotFound within the visibility bound of 12 seconds", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* lagging
      const { key } = yield* store.create({})
      emulator.setLag({ visibility: 3_600_000 })
      const error = yield* advancing(Effect.flip(store.revoke(key)), 250)
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.strictEqual((yield* Clock.currentTimeMillis) - start, 12_000)
      assert.isAtMost(emulator.requests.count("revoke"), 18)
    })
  )

  it.effect("after the bound a new key is waited for no more", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* lagging
      const { key } = yield* store.create({})
      emulator.setLag({ visibility: 3_600_000 })
      yield* TestClock.adjust("12 seconds")
      assert.strictEqual((yield* Effect.flip(store.revoke(key))).reason._tag, "NotFound")
      assert.strictEqual(emulator.requests.count("revoke"), 1)
    })
  )
})
