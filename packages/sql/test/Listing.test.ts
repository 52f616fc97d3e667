import { assert, it } from "@effect/vitest"
import type { KeyStatus } from "@keyfold/core/ApiKey"
import type { Driver, PageRequest } from "@keyfold/core/Driver"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { onEachDialect, openNew } from "./Dialects.ts"
import { create, listAll, refOf } from "./TestDatabase.ts"

const page = (driver: Driver, request: Partial<PageRequest> = {}) =>
  driver.list.kind === "pages"
    ? driver.list.page({
        owner: undefined,
        statuses: ["active", "expired"],
        limit: 100,
        position: undefined,
        ...request
      })
    : Effect.die("expected native pages")

const ids = (driver: Driver, request: Partial<PageRequest> = {}) =>
  Effect.map(page(driver, request), ({ keys }) => keys.map((key) => key.id))

onEachDialect("listing", (dialect) => {
  it.effect("shows keys in the order of their creation, page by page, each once", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      const created: Array<string> = []
      for (let number = 0; number < 10; number++) {
        created.push((yield* create(driver)).key.id)
        yield* TestClock.adjust("1 millis")
      }
      for (const limit of [1, 3, 5, 10, 11]) assert.deepStrictEqual(yield* listAll(driver, limit), created)
    }).pipe(Effect.scoped)
  )

  it.effect("gives no position after the last page", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      assert.deepStrictEqual(yield* page(driver), { keys: [] })
      yield* create(driver)
      yield* create(driver)
      assert.isUndefined((yield* page(driver, { limit: 2 })).next)
      assert.isDefined((yield* page(driver, { limit: 1 })).next)
    }).pipe(Effect.scoped)
  )

  it.effect("shows every key that was there at the start exactly once while others are created and revoked", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      const before: Array<string> = []
      // Half of them within one millisecond, so that ids break the tie.
      for (let number = 0; number < 40; number++) {
        before.push((yield* create(driver)).key.id)
        if (number % 2 === 0) yield* TestClock.adjust("1 millis")
      }
      const seen: Array<string> = []
      let position: string | undefined
      do {
        const shown = yield* page(driver, { limit: 3, position, statuses: ["active", "expired", "revoked"] })
        seen.push(...shown.keys.map((key) => key.id))
        position = shown.next
        yield* Effect.all([create(driver), create(driver)], { concurrency: "unbounded" })
        for (const key of shown.keys) yield* driver.revoke(key)
        yield* TestClock.adjust("1 millis")
        if (seen.length > 1000) assert.fail("the listing does not end")
        if (before.every((id) => seen.includes(id))) break
      } while (position !== undefined)
      assert.strictEqual(new Set(seen).size, seen.length)
      assert.deepStrictEqual(
        before.filter((id) => !seen.includes(id)),
        []
      )
    }).pipe(Effect.scoped)
  )

  it.effect("filters by owner and status in every combination", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      const expiresAt = DateTime.add(yield* DateTime.now, { minutes: 1 })
      const keys = {
        active: (yield* create(driver, { owner: "ada" })).key.id,
        expired: (yield* create(driver, { owner: "ada", expiresAt })).key.id,
        revoked: (yield* create(driver, { owner: "ada" })).key.id
      }
      const revokedAndExpired = yield* create(driver, { owner: "bob", expiresAt })
      yield* driver.revoke({ id: keys.revoked })
      yield* driver.revoke(refOf(revokedAndExpired))
      yield* TestClock.adjust("2 minutes")
      const statuses: ReadonlyArray<KeyStatus> = ["active", "expired", "revoked"]
      for (const status of statuses) {
        assert.deepStrictEqual(yield* ids(driver, { owner: "ada", statuses: [status] }), [keys[status]])
      }
      const both = yield* ids(driver, { owner: "ada", statuses: ["active", "revoked"] })
      assert.sameMembers(both, [keys.active, keys.revoked])
      assert.deepStrictEqual(yield* ids(driver, { owner: "bob" }), [])
      assert.deepStrictEqual(yield* ids(driver, { owner: "bob", statuses: ["revoked"] }), [revokedAndExpired.key.id])
      assert.deepStrictEqual(yield* ids(driver, { owner: "a%" }), [])
      assert.strictEqual((yield* ids(driver, { statuses })).length, 4)
    }).pipe(Effect.scoped)
  )

  it.effect("says the same about a key's status at the moment of expiry wherever it is asked", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      const expiresAt = DateTime.add(yield* DateTime.now, { seconds: 1 })
      const issued = yield* create(driver, { expiresAt })
      for (let step = 0; step < 3; step++) {
        yield* TestClock.adjust(step === 0 ? "999 millis" : "1 millis")
        const key = yield* driver.get?.(refOf(issued)) ?? Effect.die("no get")
        const verification = yield* driver.verify?.(issued.secret) ?? Effect.die("no verify")
        assert.deepStrictEqual(yield* ids(driver, { statuses: [key.status] }), [issued.key.id])
        assert.strictEqual(verification.valid, key.status === "active")
      }
      assert.deepStrictEqual(yield* ids(driver, { statuses: ["expired"] }), [issued.key.id])
    }).pipe(Effect.scoped)
  )

  it.effect("refuses a position it did not give", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      for (const position of ["", "x", "1", "-1.a", "1e3.a"]) {
        const error = yield* Effect.flip(page(driver, { position }))
        assert.strictEqual(error.reason._tag, "InvalidRequest")
        assert.strictEqual(error.sent, "no")
      }
    }).pipe(Effect.scoped)
  )
})
