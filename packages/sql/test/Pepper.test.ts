import { assert, describe, it } from "@effect/vitest"
import type { Secret } from "@keyfold/core/Secret"
import * as Pepper from "@keyfold/sql/Pepper"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { inspect } from "node:util"
import { contents, onEachDialect } from "./Dialects.ts"
import { create, folder, native, openUrl, otherPepper, pepper, refOf } from "./TestDatabase.ts"

const opening = (url: string, pepper: Secret, previousPeppers: ReadonlyArray<Secret> = []) =>
  openUrl(url, { pepper, previousPeppers })

const makeKey = (url: string, pepper: Secret, previousPeppers: ReadonlyArray<Secret> = []) =>
  Effect.scoped(Effect.flatMap(opening(url, pepper, previousPeppers), (driver) => create(driver)))

const refusal = (url: string, pepper: Secret, previousPeppers: ReadonlyArray<Secret> = []) =>
  Effect.flip(Effect.scoped(opening(url, pepper, previousPeppers)))

const memory = "sqlite::memory:"

describe("Pepper", () => {
  it.effect("needs 32 bytes, and says how many there are", () =>
    Effect.gen(function* () {
      const error = yield* refusal(memory, Redacted.make("canary"))
      assert.strictEqual(error.field, "pepper")
      assert.include(error.message, "the pepper is too short: 6 of at least 32 bytes.")
      assert.notInclude(inspect(error, { depth: 9 }), "canary")
      yield* Effect.scoped(opening(memory, Redacted.make("é".repeat(16))))
      const second = yield* refusal(memory, pepper, [otherPepper, Redacted.make("x".repeat(31))])
      assert.strictEqual(second.field, "previousPeppers[1]")
    })
  )

  it.effect("is asked for before anything is opened", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const error = yield* refusal(`sqlite:${Path.join(path, "a.db")}`, undefined as never)
      assert.include(error.message, "the pepper is missing")
      assert.deepStrictEqual(Fs.readdirSync(path), [])
    })
  )

  it.effect("may come from an effect, whose failure is not repeated", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(opening(memory, Effect.succeed(pepper)))
      const error = yield* refusal(memory, Effect.fail("canary"))
      assert.include(error.message, "the pepper could not be obtained.")
      assert.notInclude(inspect(error, { depth: 9 }), "canary")
    })
  )

  it.effect("keys the hash together with the tenant", () =>
    Effect.gen(function* () {
      const { current } = yield* Pepper.make({ pepper })
      const { current: other } = yield* Pepper.make({ pepper: otherPepper })
      const secret = Redacted.make("kf_secret")
      const hashes = [
        Pepper.hash(current, "a", secret),
        Pepper.hash(current, "b", secret),
        Pepper.hash(other, "a", secret),
        Pepper.hash(current, "a", Redacted.make("kf_secre"))
      ]
      assert.strictEqual(new Set(hashes).size, 4)
      assert.isTrue(Pepper.equal(hashes[0] ?? "", Pepper.hash(current, "a", secret)))
      assert.isFalse(Pepper.equal(hashes[0] ?? "", hashes[1] ?? ""))
      assert.isFalse(Pepper.equal("short", "longer"))
      assert.notInclude(inspect(current, { depth: 9 }), Redacted.value(pepper))
    })
  )
})

onEachDialect("a pepper", (dialect) => {
  it.effect("is refused when it is wrong, and the database is left alone", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      const issued = yield* makeKey(url, pepper)
      const before = yield* contents(url)
      const error = yield* refusal(url, otherPepper)
      assert.strictEqual(error.field, "pepper")
      assert.include(error.message, "hashed with another pepper; nothing was changed.")
      assert.deepStrictEqual(yield* contents(url), before)
      const driver = yield* opening(url, pepper)
      assert.isTrue((yield* native(driver, "verify")(issued.secret)).valid)
    }).pipe(Effect.scoped)
  )

  it.effect("is refused when it is wrong although every key is revoked", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      const issued = yield* makeKey(url, pepper)
      yield* Effect.scoped(Effect.flatMap(opening(url, pepper), (driver) => driver.revoke(refOf(issued))))
      assert.strictEqual((yield* refusal(url, otherPepper)).field, "pepper")
    }).pipe(Effect.scoped)
  )

  it.effect("may be any while there are no keys", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      yield* Effect.scoped(opening(url, pepper))
      const issued = yield* makeKey(url, otherPepper)
      assert.deepStrictEqual(issued.key.provider, { sql: { pepperVersion: 2 } })
      assert.strictEqual((yield* refusal(url, pepper)).field, "previousPeppers")
    }).pipe(Effect.scoped)
  )

  it.effect("can be rotated: older keys verify as long as their pepper is supplied", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      const old = yield* makeKey(url, pepper)
      const young = yield* makeKey(url, otherPepper, [pepper])
      assert.deepStrictEqual(old.key.provider, { sql: { pepperVersion: 1 } })
      assert.deepStrictEqual(young.key.provider, { sql: { pepperVersion: 2 } })

      const refused = yield* refusal(url, otherPepper)
      assert.strictEqual(refused.field, "previousPeppers")
      assert.include(refused.message, "active keys hashed with pepper version 1")

      const driver = yield* opening(url, otherPepper, [pepper])
      const verify = native(driver, "verify")
      assert.isTrue((yield* verify(old.secret)).valid)
      assert.isTrue((yield* verify(young.secret)).valid)
      yield* driver.revoke(refOf(old))

      const alone = yield* opening(url, otherPepper)
      assert.isTrue((yield* native(alone, "verify")(young.secret)).valid)
      assert.deepStrictEqual(yield* native(alone, "verify")(old.secret), { valid: false, reason: "unknown" })
    }).pipe(Effect.scoped)
  )

  it.effect("of a version this process was not given is an error, never an invalid key", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      const running = yield* opening(url, pepper)
      yield* create(running)
      const young = yield* makeKey(url, otherPepper, [pepper])
      const error = yield* Effect.flip(native(running, "verify")(young.secret))
      assert.strictEqual(error.reason._tag, "Unavailable")
      yield* running.revoke(refOf(young))
      assert.deepStrictEqual(yield* native(running, "verify")(young.secret), { valid: false, reason: "unknown" })
    }).pipe(Effect.scoped)
  )
})
