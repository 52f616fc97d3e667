import { assert, it } from "@effect/vitest"
import { OperationId } from "@keyfold/core/OperationId"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import { contents, edit, onEachDialect, openNew, type Dialect } from "./Dialects.ts"
import { create, listAll, native, openUrl, refOf } from "./TestDatabase.ts"

const twoTenants = (dialect: Dialect) =>
  Effect.map(openNew(dialect), (driver) => ({
    acme: native(driver, "partition")("acme"),
    globex: native(driver, "partition")("globex")
  }))

/** The beginning of a row of stored counts, as `contents` shows it. */
const usageRow = (id: string) => `acme\n${id}\n1\n0\n`

onEachDialect("tenants", (dialect) => {
  it.effect("see nothing of each other's keys, whatever they ask", () =>
    Effect.gen(function* () {
      const { acme, globex } = yield* twoTenants(dialect)
      const issued = yield* create(acme, { owner: "ada" })
      const ref = { ...refOf(issued), owner: "ada" }
      const errors = yield* Effect.all([
        Effect.flip(native(globex, "get")(ref)),
        Effect.flip(globex.revoke(ref)),
        Effect.flip(native(globex, "usage")(ref))
      ])
      for (const error of errors) assert.strictEqual(error.reason._tag, "NotFound")
      assert.deepStrictEqual(yield* native(globex, "verify")(issued.secret), { valid: false, reason: "unknown" })
      assert.deepStrictEqual(yield* listAll(globex, 10), [])
      assert.deepStrictEqual(yield* listAll(globex, 10, "ada"), [])

      assert.deepStrictEqual(yield* native(acme, "get")(ref), issued.key)
      assert.isTrue((yield* native(acme, "verify")(issued.secret)).valid)
      assert.deepStrictEqual(yield* listAll(acme, 10), [issued.key.id])
    }).pipe(Effect.scoped)
  )

  it.effect("may use the same operation id without meeting", () =>
    Effect.gen(function* () {
      const { acme, globex } = yield* twoTenants(dialect)
      const operationId = OperationId.make("deploy-1")
      const first = yield* create(acme, { operationId })
      const second = yield* create(globex, { operationId })
      assert.notStrictEqual(first.key.id, second.key.id)
      const error = yield* Effect.flip(create(globex, { operationId }))
      const existing = error.reason._tag === "Conflict" ? error.reason.existing : undefined
      assert.deepStrictEqual(existing, refOf(second))
    }).pipe(Effect.scoped)
  )

  it.effect("cannot revoke or read beside each other where ids are equal", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      const driver = yield* openUrl(url, { tenant: "acme" })
      const issued = yield* create(driver)
      yield* edit(
        url,
        `INSERT INTO keyfold_keys SELECT 'globex', id, operation_id, nonce, 'copy', owner, scopes, tags, secret_hash,
          pepper_version, hint, created_at, expires_at, revoked_at FROM keyfold_keys`
      )
      const globex = native(driver, "partition")("globex")
      assert.strictEqual((yield* native(globex, "get")(refOf(issued))).name, "copy")
      // A row copied from another tenant opens nothing: its hash was keyed with the tenant.
      assert.deepStrictEqual(yield* native(globex, "verify")(issued.secret), { valid: false, reason: "unknown" })
      yield* globex.revoke(refOf(issued))
      assert.strictEqual((yield* native(driver, "get")(refOf(issued))).status, "active")
      assert.isTrue((yield* native(driver, "verify")(issued.secret)).valid)
      // Stored soon, where the counters of equal ids lie side by side.
      yield* TestClock.adjust("1 second")
      yield* Effect.repeat(contents(url), { until: (stored) => stored.includes(usageRow(issued.key.id)) })
      assert.deepStrictEqual(yield* listAll(globex, 10), [issued.key.id])
      assert.strictEqual((yield* native(driver, "usage")(refOf(issued))).successfulRequests, 1)
      assert.strictEqual((yield* native(globex, "usage")(refOf(issued))).successfulRequests, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("reach the same keys by option and by partition", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      const acme = openUrl(url, { tenant: "acme" })
      const issued = yield* Effect.scoped(Effect.flatMap(acme, (driver) => create(driver)))
      const driver = yield* openUrl(url)
      assert.deepStrictEqual(yield* listAll(driver, 10), [])
      assert.deepStrictEqual(yield* listAll(native(driver, "partition")("acme"), 10), [issued.key.id])
      assert.deepStrictEqual(native(driver, "identify")(issued.secret), Option.some(refOf(issued)))
    }).pipe(Effect.scoped)
  )

  it.effect("are named where they have keys, and nobody else is", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      const partitions = native(driver, "partitions")
      assert.deepStrictEqual(yield* partitions, [])
      for (const tenant of ["globex", "acme", "globex", "it's"]) yield* create(native(driver, "partition")(tenant))
      const { key } = yield* create(native(driver, "partition")("initech"))
      yield* native(driver, "partition")("initech").revoke(key)
      yield* create(driver)
      const named = ["acme", "default", "globex", "initech", "it's"]
      assert.deepStrictEqual((yield* partitions).toSorted(), named)
      assert.deepStrictEqual((yield* native(native(driver, "partition")("acme"), "partitions")).toSorted(), named)
    }).pipe(Effect.scoped)
  )
})
