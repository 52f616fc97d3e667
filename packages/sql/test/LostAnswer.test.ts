import { assert, describe, it } from "@effect/vitest"
import { OperationId } from "@keyfold/core/OperationId"
import * as Migrations from "@keyfold/sql/Migrations"
import * as Pepper from "@keyfold/sql/Pepper"
import { sqliteCapabilities } from "@keyfold/sql/Sql"
import * as SqliteClient from "@keyfold/sql/SqliteClient"
import * as Effect from "effect/Effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as counters from "../src/internal/counters.ts"
import * as driver from "../src/internal/driver.ts"
import { create, listAll, native, pepper } from "./TestDatabase.ts"

const lost = new SqlError({ reason: new UnknownError({ cause: "canary", message: "canary" }) })

/** What goes wrong with the next statements that begin with a word. */
interface Trouble {
  insert: "none" | "before" | "after"
  update: "none" | "before" | "after"
  commit: "none" | "after"
  select: "none" | "before"
}

/** A client whose connection fails before a statement runs, or after it was committed. */
const troubled = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, trouble: Trouble) {
  const connection = yield* sql.reserve
  const execute: Connection["execute"] = (statement, params, transformRows) => {
    const run = connection.execute(statement, params, transformRows)
    const word = /^\s*(INSERT|UPDATE|SELECT)/.exec(statement)?.[1]
    const wrong =
      word === undefined ? "none" : { INSERT: trouble.insert, UPDATE: trouble.update, SELECT: trouble.select }[word]
    if (wrong === "before") return Effect.fail(lost)
    return wrong === "after" ? Effect.andThen(run, Effect.fail(lost)) : run
  }
  const executeUnprepared: Connection["executeUnprepared"] = (statement, params, transformRows) => {
    const run = connection.executeUnprepared(statement, params, transformRows)
    return statement === "COMMIT" && trouble.commit === "after" ? Effect.andThen(run, Effect.fail(lost)) : run
  }
  return yield* SqlClient.make({
    acquirer: Effect.succeed({ ...connection, execute, executeUnprepared }),
    compiler: Statement.makeCompilerSqlite(),
    driver: "troubled",
    spanAttributes: []
  })
})

const setUp = Effect.gen(function* () {
  const trouble: Trouble = { insert: "none", update: "none", commit: "none", select: "none" }
  const sql = yield* SqliteClient.make({ filename: ":memory:" })
  const keyring = yield* Effect.andThen(Migrations.run, Effect.flatMap(Pepper.make({ pepper }), Pepper.open)).pipe(
    Effect.provideService(SqlClient.SqlClient, sql)
  )
  const client = yield* troubled(sql, trouble)
  const database = { sql: client, keyring, counters: yield* counters.make(client), capabilities: sqliteCapabilities }
  return { trouble, driver: driver.make(database, "default") }
}).pipe(Effect.provide(Reactivity.layer))

describe("a create whose answer is lost", () => {
  it.effect("hands the key over where this attempt made it", () =>
    Effect.gen(function* () {
      const { driver, trouble } = yield* setUp
      trouble.insert = "after"
      const issued = yield* create(driver)
      assert.isTrue((yield* native(driver, "verify")(issued.secret)).valid)
      assert.deepStrictEqual(yield* listAll(driver, 10), [issued.key.id])
    }).pipe(Effect.scoped)
  )

  it.effect("is known not to have happened where SQLite kept nothing", () =>
    Effect.gen(function* () {
      const { driver, trouble } = yield* setUp
      trouble.insert = "before"
      const error = yield* Effect.flip(create(driver))
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.strictEqual(error.sent, "no")
      assert.notInclude(JSON.stringify(error), "canary")
    }).pipe(Effect.scoped)
  )

  it.effect("is a conflict where another attempt made the key", () =>
    Effect.gen(function* () {
      const { driver, trouble } = yield* setUp
      const operationId = OperationId.make("deploy-7")
      const first = yield* create(driver, { operationId })
      trouble.insert = "before"
      const error = yield* Effect.flip(create(driver, { operationId }))
      const existing = error.reason._tag === "Conflict" ? error.reason.existing : undefined
      assert.strictEqual(existing?.id, first.key.id)
    }).pipe(Effect.scoped)
  )

  it.effect("stays open where the database cannot be asked either", () =>
    Effect.gen(function* () {
      const { driver, trouble } = yield* setUp
      trouble.insert = "after"
      trouble.select = "before"
      const error = yield* Effect.flip(create(driver))
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.strictEqual(error.sent, "maybe")
    }).pipe(Effect.scoped)
  )

  it.effect("never hands over the key of an earlier call under the same nonce", () =>
    Effect.gen(function* () {
      const { driver, trouble } = yield* setUp
      const attempt = { operationId: OperationId.make("deploy-7"), nonce: "first" }
      const first = yield* create(driver, attempt)
      trouble.insert = "before"
      const error = yield* Effect.flip(create(driver, attempt))
      assert.strictEqual(error.sent, "no")
      trouble.insert = "none"
      const second = yield* create(driver, attempt)
      assert.notStrictEqual(second.key.id, first.key.id)
    }).pipe(Effect.scoped)
  )

  it.effect("that replaces another's key is settled the same way", () =>
    Effect.gen(function* () {
      const { driver, trouble } = yield* setUp
      const operationId = OperationId.make("deploy-7")
      const first = yield* create(driver, { operationId, nonce: "first" })
      const attempt = { operationId, nonce: "second", supersedes: ["first"] }
      for (const when of ["before", "after"] as const) {
        trouble.update = when
        const error = yield* Effect.flip(create(driver, attempt))
        assert.strictEqual(error.sent, "no")
        assert.deepStrictEqual(yield* listAll(driver, 10), [first.key.id])
      }
      trouble.update = "none"
      trouble.commit = "after"
      const second = yield* create(driver, attempt)
      assert.deepStrictEqual(yield* listAll(driver, 10), [second.key.id])
      assert.isTrue((yield* native(driver, "verify")(second.secret)).valid)
    }).pipe(Effect.scoped)
  )
})
