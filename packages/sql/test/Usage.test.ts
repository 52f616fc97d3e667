import { assert, describe, it } from "@effect/vitest"
import type { IssuedKey } from "@keyfold/core/ApiKey"
import type { Driver } from "@keyfold/core/Driver"
import * as Sql from "@keyfold/sql/Sql"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { create, folder, native, open, refOf } from "./TestDatabase.ts"

const stored = (file: string) => {
  const database = new DatabaseSync(file, { readOnly: true })
  const row = database.prepare("SELECT accepted, refused, last_used_at FROM keyfold_key_usage").get()
  database.close()
  return row === undefined ? undefined : [row["accepted"], row["refused"], row["last_used_at"]]
}

const verifyTimes = (driver: Driver, issued: IssuedKey, times: number) =>
  Effect.replicateEffect(native(driver, "verify")(issued.secret), times)

const file = Effect.map(folder, (path) => Path.join(path, "a.db"))

describe("usage", () => {
  it.effect("counts accepted and refused verifications and keeps the last use", () =>
    Effect.gen(function* () {
      const driver = yield* open(yield* file)
      const issued = yield* create(driver)
      const id = issued.key.id
      const none = { id, precision: "approximate", provider: {} }
      assert.deepStrictEqual(yield* native(driver, "usage")({ id }), {
        ...none,
        precision: "approximate",
        completedRequests: 0,
        successfulRequests: 0,
        failedRequests: 0
      })
      yield* verifyTimes(driver, issued, 3)
      const lastUsedAt = yield* DateTime.now
      yield* TestClock.adjust("10 seconds")
      yield* driver.revoke({ id })
      yield* verifyTimes(driver, issued, 2)
      assert.deepStrictEqual(yield* native(driver, "usage")({ id }), {
        ...none,
        precision: "approximate",
        lastUsedAt,
        completedRequests: 5,
        successfulRequests: 3,
        failedRequests: 2
      })
      assert.deepStrictEqual((yield* native(driver, "get")({ id })).lastUsedAt, lastUsedAt)
      assert.strictEqual(Sql.sqliteCapabilities.usage, "approximate")
    }).pipe(Effect.scoped)
  )

  it.effect("is stored once a second and not before", () =>
    Effect.gen(function* () {
      const path = yield* file
      const driver = yield* open(path)
      const issued = yield* create(driver)
      yield* verifyTimes(driver, issued, 5)
      const now = (yield* DateTime.now).epochMilliseconds
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(stored(path))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(stored(path), [5, 0, now])
      yield* verifyTimes(driver, issued, 2)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(stored(path), [7, 0, now + 1000])
    }).pipe(Effect.scoped)
  )

  it.effect("is stored when the store is closed", () =>
    Effect.gen(function* () {
      const path = yield* file
      const issued = yield* Effect.gen(function* () {
        const driver = yield* open(path)
        const issued = yield* create(driver)
        yield* verifyTimes(driver, issued, 4)
        return issued
      }).pipe(Effect.scoped)
      assert.strictEqual(stored(path)?.[0], 4)
      const driver = yield* open(path)
      assert.strictEqual((yield* native(driver, "usage")(refOf(issued))).successfulRequests, 4)
    }).pipe(Effect.scoped)
  )

  it.effect("is added up from several processes", () =>
    Effect.gen(function* () {
      const path = yield* file
      const [first, second] = [yield* open(path), yield* open(path)]
      const issued = yield* create(first)
      yield* verifyTimes(first, issued, 2)
      yield* verifyTimes(second, issued, 3)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(stored(path)?.[0], 5)
    }).pipe(Effect.scoped)
  )

  it.effect("does not break verify while it cannot be stored, and is stored later", () =>
    Effect.gen(function* () {
      const path = yield* file
      const driver = yield* open(path, { busyTimeout: Duration.millis(1) })
      const issued = yield* create(driver)
      const other = new DatabaseSync(path)
      other.exec("BEGIN IMMEDIATE")
      for (let second = 0; second < 3; second++) {
        assert.isTrue((yield* native(driver, "verify")(issued.secret)).valid)
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual((yield* native(driver, "usage")(refOf(issued))).successfulRequests, 3)
      other.close()
      yield* TestClock.adjust("1 second")
      assert.strictEqual(stored(path)?.[0], 3)
    }).pipe(Effect.scoped)
  )

  it.effect("counts nothing for secrets that belong to no key", () =>
    Effect.gen(function* () {
      const path = yield* file
      const driver = yield* open(path)
      yield* create(driver)
      const foreign = yield* create(yield* open(":memory:"))
      yield* verifyTimes(driver, foreign, 3)
      yield* native(driver, "verify")(Redacted.make("nonsense"))
      yield* TestClock.adjust("1 second")
      assert.isUndefined(stored(path))
    }).pipe(Effect.scoped)
  )

  it.effect("belongs to the key that was verified and to no other of the tenant", () =>
    Effect.gen(function* () {
      const driver = yield* open(yield* file)
      const [first, second] = [yield* create(driver), yield* create(driver)]
      yield* verifyTimes(driver, first, 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* native(driver, "usage")(refOf(first))).completedRequests, 2)
      assert.strictEqual((yield* native(driver, "usage")(refOf(second))).completedRequests, 0)
    }).pipe(Effect.scoped)
  )
})
