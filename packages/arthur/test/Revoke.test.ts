import { assert, describe, it } from "@effect/vitest"
import type { ArthurEmulator } from "@keyfold/emulators/Arthur"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import {
  advancing,
  engine,
  keyId,
  keysPath,
  lines,
  listed,
  otherId,
  ref,
  seeded,
  start,
  statuses,
  unknownId
} from "./Engine.ts"

const get = `GET ${keysPath}${keyId}`
const deactivate = `DELETE ${keysPath}deactivate/${keyId}`

const deactivatedAt = (emulator: ArthurEmulator) => emulator.keys().find(({ id }) => id === keyId)?.deactivatedAt

describe("revoke", () => {
  it.effect("is one DELETE without slash at the end, without query, body and Content-Type", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      const revocation = yield* store.revoke(ref(keyId))
      assert.deepStrictEqual(lines(emulator), [deactivate])
      const [request] = emulator.requests.all
      const headers = new Map(request?.headers)
      assert.strictEqual(headers.get("accept"), "application/json")
      for (const name of ["content-type", "cookie"]) assert.isFalse(headers.has(name))
      assert.isUndefined(request?.body)
      assert.strictEqual(deactivatedAt(emulator), start)
      assert.strictEqual(revocation.id, ref(keyId).id)
      assert.notProperty(revocation, "alreadyRevoked")
    })
  )

  it.effect("takes a listed key as it is", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      for (const key of yield* listed(store)) yield* store.revoke(key)
      assert.deepStrictEqual(lines(emulator), [`GET ${keysPath}`, deactivate])
      assert.lengthOf(yield* listed(store), 0)
      assert.strictEqual((yield* store.get(ref(keyId))).status, "revoked")
    })
  )

  it.effect("succeeds on the server's 204 without a body", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      yield* store.revoke(ref(keyId))
      assert.deepStrictEqual(statuses(emulator), [204])
    })
  )

  it.effect("succeeds on the documented 200 with the key", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded({ switches: { deactivateAnswer: "object" } })
      yield* store.revoke(ref(keyId))
      assert.deepStrictEqual(statuses(emulator), [200])
      assert.strictEqual(deactivatedAt(emulator), start)
    })
  )

  for (const [what, status, body] of [
    ["an empty 200 that says it is JSON", 200, null],
    ["a 202 with a sentence", 202, "accepted"],
    ["a 200 with half an object", 200, '{"id":"3f0c']
  ] as const) {
    it.effect(`succeeds on ${what}: the answer is never parsed`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* seeded()
        emulator.answerNext(async ({ proceed }) => {
          await proceed()
          return new Response(body, { status, headers: { "content-type": "application/json" } })
        })
        yield* store.revoke(ref(keyId))
        assert.lengthOf(emulator.requests.all, 1)
        assert.strictEqual(deactivatedAt(emulator), start)
      })
    )
  }

  it.effect("called twice it succeeds twice, and the server moves its time: the record's first time is lost", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      yield* store.revoke(ref(keyId))
      yield* TestClock.adjust("1 hour")
      yield* store.revoke(ref(keyId))
      assert.deepStrictEqual(statuses(emulator), [204, 204])
      assert.strictEqual(deactivatedAt(emulator), start + 3_600_000)
    })
  )

  it.effect("404 for an unknown id is NotFound at once: no retry and no success", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      const error = yield* Effect.flip(store.revoke(ref(unknownId)))
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.strictEqual(error.attempts, 1)
      assert.deepStrictEqual(statuses(emulator), [404])
    })
  )
})

describe("a revoke is repeated only after a get shows the key still active", () => {
  it.effect("a lost answer is settled by a get: the key is off, nothing is sent again and its time does not move", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      emulator.loseNextResponse({ operation: "revoke" })
      const revocation = yield* advancing(store.revoke(ref(keyId)))
      assert.deepStrictEqual(lines(emulator), [deactivate, get])
      assert.isTrue(revocation.alreadyRevoked)
      assert.strictEqual(Duration.toMillis(revocation.effectiveWithin), 10_000)
      assert.strictEqual(deactivatedAt(emulator), start)
    })
  )

  it.effect("a request that the server never handled is sent again once a get shows the key active", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      emulator.failNext({ network: "reset" })
      const revocation = yield* advancing(store.revoke(ref(keyId)))
      assert.deepStrictEqual(lines(emulator), [deactivate, get, deactivate])
      assert.notProperty(revocation, "alreadyRevoked")
      assert.isAbove(deactivatedAt(emulator) ?? 0, start)
    })
  )

  it.effect("silence beyond the attempt's 10 seconds is settled the same way", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      emulator.hangNext({ operation: "revoke" })
      assert.isTrue((yield* advancing(store.revoke(ref(keyId)), 500)).alreadyRevoked)
      assert.deepStrictEqual(lines(emulator), [deactivate, get])
      assert.strictEqual(deactivatedAt(emulator), start)
    })
  )

  for (const status of [500, 502, 503, 504]) {
    it.effect(`a proxy's ${status} after the server acted is settled the same way`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* seeded()
        emulator.answerNext(async ({ proceed }) => {
          await proceed()
          return new Response("<html><body>Bad gateway</body></html>", { status })
        })
        yield* advancing(store.revoke(ref(keyId)))
        assert.deepStrictEqual(lines(emulator), [deactivate, get])
        assert.strictEqual(deactivatedAt(emulator), start)
      })
    )
  }

  it.effect("a get that fails is repeated itself, never the revoke in its place", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      emulator.loseNextResponse({ operation: "revoke" })
      emulator.failNext({ status: 503 }, { operation: "get", count: 2 })
      assert.isTrue((yield* advancing(store.revoke(ref(keyId)))).alreadyRevoked)
      assert.deepStrictEqual(lines(emulator), [deactivate, get, get, get])
      assert.strictEqual(deactivatedAt(emulator), start)
    })
  )

  it.effect("where no get answers the revoke fails after four attempts, and was sent once", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      emulator.loseNextResponse({ operation: "revoke" })
      emulator.failNext({ status: 503 }, { operation: "get", count: 3 })
      const error = yield* advancing(Effect.flip(store.revoke(ref(keyId))))
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.strictEqual(error.attempts, 4)
      assert.isTrue(error.exhausted)
      assert.deepStrictEqual(lines(emulator), [deactivate, get, get, get])
    })
  )

  it.effect("a refusal that proves nothing happened is repeated without a get", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      emulator.failNext({ status: 429, headers: { "retry-after": "2" } })
      emulator.failNext({ network: "refused" })
      yield* advancing(store.revoke(ref(keyId)))
      assert.deepStrictEqual(lines(emulator), [deactivate, deactivate, deactivate])
    })
  )
})

describe("a revoked secret keeps working for at most the declared 10 seconds", () => {
  const used = Effect.fnUntraced(function* (workers: number) {
    const made = yield* engine({ workers })
    const store = yield* made.make()
    const { key, secret } = yield* store.create({})
    const value = Redacted.value(secret)
    /** Presents the secret to the data plane as its holder does; each worker in turn. */
    const use = Effect.promise(async () => {
      const headers = { authorization: `Bearer ${value}` }
      const response = await made.emulator.fetch("http://localhost:3030/api/v2/tasks", { headers })
      return response.status
    })
    return { ...made, store, key, use }
  })

  it.effect("it is accepted after the 204 by a server that accepted it before, and refused after the bound", () =>
    Effect.gen(function* () {
      const { key, store, use } = yield* used(1)
      assert.strictEqual(yield* use, 200)
      const { effectiveWithin } = yield* store.revoke(key)
      assert.strictEqual(Duration.toMillis(effectiveWithin), 10_000)
      assert.deepStrictEqual(effectiveWithin, store.capabilities.revocationLag.within)
      assert.strictEqual(store.capabilities.revocationLag.basis, "promised")
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* use, 200)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* use, 401)
    })
  )

  it.effect("each worker of the server has its own 10 seconds, and none outlives the bound", () =>
    Effect.gen(function* () {
      const { key, store, use } = yield* used(3)
      yield* use
      yield* TestClock.adjust("5 seconds")
      yield* use
      const { effectiveWithin } = yield* store.revoke(key)
      assert.deepStrictEqual([yield* use, yield* use, yield* use], [401, 200, 200])
      yield* TestClock.adjust(effectiveWithin)
      assert.deepStrictEqual([yield* use, yield* use, yield* use], [401, 401, 401])
    })
  )

  it.effect("one that was never used is refused at once, and reads show the revocation at once", () =>
    Effect.gen(function* () {
      const { key, store, use } = yield* used(1)
      yield* store.revoke(key)
      assert.strictEqual(yield* use, 401)
      assert.strictEqual((yield* store.get(key)).status, "revoked")
      assert.lengthOf(yield* listed(store), 0)
    })
  )
})

describe("rotation", () => {
  it.effect(
    "create, hand over, revoke: the new key works at once and the old one frees its place under the limit",
    () =>
      Effect.gen(function* () {
        const { emulator, make } = yield* engine({ maxApiKeys: 2 })
        emulator.seed({ id: otherId })
        const store = yield* make()
        const { key, secret } = yield* store.create({ name: "new" })
        assert.isTrue(emulator.accepts(Redacted.value(secret)))
        yield* store.revoke(ref(otherId))
        yield* store.create({ name: "next" })
        assert.include(
          (yield* listed(store)).map(({ id }) => id),
          key.id
        )
      })
  )
})
