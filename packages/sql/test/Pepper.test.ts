import { assert, describe, it } from "@effect/vitest"
import type { Secret } from "@keyfold/core/Secret"
import * as Pepper from "@keyfold/sql/Pepper"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { inspect } from "node:util"
import { create, folder, native, open, otherPepper, pepper, refOf, snapshot } from "./TestDatabase.ts"

const opening = (file: string, pepper: Secret, previousPeppers: ReadonlyArray<Secret> = []) =>
  open(file, { pepper, previousPeppers })

const makeKey = (file: string, pepper: Secret, previousPeppers: ReadonlyArray<Secret> = []) =>
  Effect.scoped(Effect.flatMap(opening(file, pepper, previousPeppers), (driver) => create(driver)))

const refusal = (file: string, pepper: Secret, previousPeppers: ReadonlyArray<Secret> = []) =>
  Effect.flip(Effect.scoped(opening(file, pepper, previousPeppers)))

describe("Pepper", () => {
  it.effect("needs 32 bytes, and says how many there are", () =>
    Effect.gen(function* () {
      const error = yield* refusal(":memory:", Redacted.make("canary"))
      assert.strictEqual(error.field, "pepper")
      assert.include(error.message, "the pepper is too short: 6 of at least 32 bytes.")
      assert.notInclude(inspect(error, { depth: 9 }), "canary")
      yield* Effect.scoped(opening(":memory:", Redacted.make("é".repeat(16))))
      const second = yield* refusal(":memory:", pepper, [otherPepper, Redacted.make("x".repeat(31))])
      assert.strictEqual(second.field, "previousPeppers[1]")
    })
  )

  it.effect("is asked for before anything is opened", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const error = yield* refusal(Path.join(path, "a.db"), undefined as never)
      assert.include(error.message, "the pepper is missing")
      assert.deepStrictEqual(Fs.readdirSync(path), [])
    })
  )

  it.effect("may come from an effect, whose failure is not repeated", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(opening(":memory:", Effect.succeed(pepper)))
      const error = yield* refusal(":memory:", Effect.fail("canary"))
      assert.include(error.message, "the pepper could not be obtained.")
      assert.notInclude(inspect(error, { depth: 9 }), "canary")
    })
  )

  it.effect("is refused when it is wrong, and the database is left alone", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const file = Path.join(path, "a.db")
      const issued = yield* makeKey(file, pepper)
      const before = snapshot(path)
      const error = yield* refusal(file, otherPepper)
      assert.strictEqual(error.field, "pepper")
      assert.include(error.message, "hashed with another pepper; nothing was changed.")
      assert.deepStrictEqual(snapshot(path), before)
      const driver = yield* opening(file, pepper)
      assert.isTrue((yield* native(driver, "verify")(issued.secret)).valid)
    }).pipe(Effect.scoped)
  )

  it.effect("is refused when it is wrong although every key is revoked", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* folder, "a.db")
      const issued = yield* makeKey(file, pepper)
      yield* Effect.scoped(Effect.flatMap(opening(file, pepper), (driver) => driver.revoke(refOf(issued))))
      assert.strictEqual((yield* refusal(file, otherPepper)).field, "pepper")
    })
  )

  it.effect("may be any while there are no keys", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* folder, "a.db")
      yield* Effect.scoped(opening(file, pepper))
      const issued = yield* makeKey(file, otherPepper)
      assert.deepStrictEqual(issued.key.provider, { sql: { pepperVersion: 2 } })
      assert.strictEqual((yield* refusal(file, pepper)).field, "previousPeppers")
    })
  )

  it.effect("can be rotated: older keys verify as long as their pepper is supplied", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* folder, "a.db")
      const old = yield* makeKey(file, pepper)
      const young = yield* makeKey(file, otherPepper, [pepper])
      assert.deepStrictEqual(old.key.provider, { sql: { pepperVersion: 1 } })
      assert.deepStrictEqual(young.key.provider, { sql: { pepperVersion: 2 } })

      const refused = yield* refusal(file, otherPepper)
      assert.strictEqual(refused.field, "previousPeppers")
      assert.include(refused.message, "active keys hashed with pepper version 1")

      const driver = yield* opening(file, otherPepper, [pepper])
      const verify = native(driver, "verify")
      assert.isTrue((yield* verify(old.secret)).valid)
      assert.isTrue((yield* verify(young.secret)).valid)
      yield* driver.revoke(refOf(old))

      const alone = yield* opening(file, otherPepper)
      assert.isTrue((yield* native(alone, "verify")(young.secret)).valid)
      assert.deepStrictEqual(yield* native(alone, "verify")(old.secret), { valid: false, reason: "unknown" })
    }).pipe(Effect.scoped)
  )

  it.effect("of a version this process was not given is an error, never an invalid key", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* folder, "a.db")
      const running = yield* opening(file, pepper)
      yield* create(running)
      const young = yield* makeKey(file, otherPepper, [pepper])
      const error = yield* Effect.flip(native(running, "verify")(young.secret))
      assert.strictEqual(error.reason._tag, "Unavailable")
      yield* running.revoke(refOf(young))
      assert.deepStrictEqual(yield* native(running, "verify")(young.secret), { valid: false, reason: "unknown" })
    }).pipe(Effect.scoped)
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
