import { assert, it } from "@effect/vitest"
import type { Driver } from "@keyfold/core/Driver"
import { OperationId } from "@keyfold/core/OperationId"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { contents, onEachDialect, openNew } from "./Dialects.ts"
import { create, listAll, native, openUrl, refOf } from "./TestDatabase.ts"

const operationId = OperationId.make("deploy-1")

const found = (driver: Driver) => Effect.suspend(() => native(driver, "findOperation")(operationId))

const existing = (attempt: ReturnType<Driver["create"]>) =>
  Effect.map(Effect.flip(attempt), ({ reason }) => (reason._tag === "Conflict" ? reason.existing : undefined))

onEachDialect("operations", (dialect) => {
  it.effect("are found with the key they made and the nonce of the attempt, revoked too", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      assert.isUndefined(yield* found(driver))
      const { key } = yield* create(driver, { operationId, nonce: "first", owner: "ada", tags: { team: "x" } })
      yield* create(driver)
      assert.deepStrictEqual(yield* found(driver), { key, nonce: "first" })
      assert.isUndefined(yield* found(native(driver, "partition")("acme")))
      yield* driver.revoke(key)
      assert.strictEqual((yield* found(driver))?.key.status, "revoked")
    }).pipe(Effect.scoped)
  )

  it.effect("replace the key of a superseded attempt in place, with everything that belongs to it", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      const old = { owner: "ada", name: "old", scopes: ["a"], tags: { old: "yes" } }
      const expiresAt = DateTime.add(yield* DateTime.now, { days: 1 })
      const first = yield* create(driver, { operationId, nonce: "first", ...old, expiresAt })
      yield* driver.revoke(refOf(first))
      yield* TestClock.adjust("1 minute")
      const supersedes = ["zeroth", "first"]
      const second = yield* create(driver, { operationId, nonce: "second", supersedes, owner: "bob", scopes: ["b"] })
      assert.deepStrictEqual(yield* found(driver), { key: second.key, nonce: "second" })
      assert.deepStrictEqual(yield* native(driver, "get")(refOf(second)), second.key)
      assert.deepInclude(second.key, { owner: "bob", scopes: ["b"], status: "active", tags: {} })
      assert.strictEqual(second.key.createdAt?.epochMilliseconds, 60_000)
      assert.deepStrictEqual(yield* listAll(driver, 10), [second.key.id])
      assert.deepStrictEqual(yield* listAll(driver, 10, "ada"), [])
      const verify = native(driver, "verify")
      assert.deepStrictEqual(yield* verify(first.secret), { valid: false, reason: "unknown" })
      assert.isTrue((yield* verify(second.secret)).valid)
    }).pipe(Effect.scoped)
  )

  it.effect("replace the key of the very same attempt, whose answer was lost", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      const first = yield* create(driver, { operationId, nonce: "first" })
      const second = yield* create(driver, { operationId, nonce: "first" })
      assert.notStrictEqual(first.key.id, second.key.id)
      assert.deepStrictEqual(yield* listAll(driver, 10), [second.key.id])
      assert.isTrue((yield* native(driver, "verify")(second.secret)).valid)
    }).pipe(Effect.scoped)
  )

  it.effect("keep the key of every other attempt and of every other tenant", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      const other = native(driver, "partition")("acme")
      const foreign = yield* create(other, { operationId, nonce: "first" })
      const kept = yield* create(driver, { operationId, nonce: "first" })
      const refused = yield* existing(create(driver, { operationId, nonce: "second", supersedes: ["third"] }))
      assert.deepStrictEqual(refused, refOf(kept))
      assert.deepStrictEqual(yield* existing(create(driver, { operationId, nonce: "second" })), refOf(kept))
      yield* create(driver, { operationId, nonce: "second", supersedes: ["first"] })
      assert.deepStrictEqual(yield* found(other), { key: foreign.key, nonce: "first" })
      // The first sender is late: its key was replaced, and it may not replace the new one.
      const late = yield* existing(create(driver, { operationId, nonce: "first" }))
      assert.strictEqual(late?.id, (yield* found(driver))?.key.id)
    }).pipe(Effect.scoped)
  )

  it.effect("replace once where several attempts supersede the same one at the same time", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      yield* create(driver, { operationId, nonce: "first" })
      const attempts = yield* Effect.forEach(
        Array.from({ length: 10 }, (_, index) => `nonce-${index}`),
        (nonce) => Effect.result(create(driver, { operationId, nonce, supersedes: ["first"] })),
        { concurrency: "unbounded" }
      )
      const made = attempts.flatMap((attempt) => (attempt._tag === "Success" ? [attempt.success] : []))
      assert.strictEqual(made.length, 1)
      assert.deepStrictEqual(
        yield* listAll(driver, 10),
        made.map(({ key }) => key.id)
      )
    }).pipe(Effect.scoped)
  )

  it.effect("drop the counts of the key they replace, stored or not, and go on counting", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      const driver = yield* openUrl(url)
      const verify = native(driver, "verify")
      const first = yield* create(driver, { operationId, nonce: "first" })
      const other = yield* create(driver)
      yield* verify(first.secret)
      yield* TestClock.adjust("1 second")
      yield* Effect.repeat(contents(url), { until: (stored) => stored.includes(usageRow(first.key.id, 1)) })
      yield* verify(first.secret)
      yield* verify(other.secret)
      const second = yield* create(driver, { operationId, nonce: "second", supersedes: ["first"] })
      yield* verify(second.secret)
      yield* TestClock.adjust("1 second")
      yield* Effect.repeat(contents(url), { until: (stored) => stored.includes(usageRow(other.key.id, 1)) })
      const stored = yield* contents(url)
      assert.include(stored, usageRow(second.key.id, 1))
      assert.notInclude(stored, first.key.id)
      assert.strictEqual((yield* native(driver, "usage")(refOf(second))).successfulRequests, 1)
    }).pipe(Effect.scoped)
  )
})

/** The beginning of a row of stored counts, as `contents` shows it. */
const usageRow = (id: string, accepted: number) => `default\n${id}\n${accepted}\n0\n`
