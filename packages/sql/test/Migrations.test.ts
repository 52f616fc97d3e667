import { assert, describe, it } from "@effect/vitest"
import * as Migrations from "@keyfold/sql/Migrations"
import * as SqliteClient from "@keyfold/sql/SqliteClient"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { client, edit as editUrl, onEachDialect } from "./Dialects.ts"
import { create, folder, listAll, native, open, openUrl, otherPepper, refOf, snapshot } from "./TestDatabase.ts"

const schemaOf = (file: string) => {
  const database = new DatabaseSync(file, { readOnly: true })
  const rows = database.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY name").all()
  database.close()
  return rows
}

const edit = (file: string, sql: string) => {
  const database = new DatabaseSync(file)
  database.exec(sql)
  database.close()
}

const pretendNewer = `INSERT INTO keyfold_migrations (migration_id, name) VALUES (${Migrations.latest + 1}, 'from_the_future')`

describe("Migrations", () => {
  it.effect("bring an empty database to the latest schema and say so", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Migrations.version, 0)
      yield* Migrations.run
      assert.strictEqual(yield* Migrations.version, Migrations.latest)
      yield* Migrations.run
      assert.strictEqual(yield* Migrations.version, Migrations.latest)
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })))
  )

  it.effect("do not run on a newer schema", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* Migrations.run
      yield* sql.unsafe(pretendNewer)
      const error = yield* Effect.flip(Migrations.run)
      assert.strictEqual(error._tag, "ConfigurationError")
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })))
  )

  it.effect("change nothing when the database is opened again", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const file = Path.join(path, "a.db")
      yield* Effect.scoped(open(file))
      const [schema, before] = [schemaOf(file), snapshot(path)]
      yield* Effect.scoped(open(file))
      assert.deepStrictEqual(schemaOf(file), schema)
      assert.deepStrictEqual(snapshot(path)["a.db"], before["a.db"])
    })
  )

  it.effect("put the tenant first in the primary key of every table that holds a tenant's data", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* folder, "a.db")
      yield* Effect.scoped(open(file))
      const database = new DatabaseSync(file, { readOnly: true })
      const tables = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .all()
        .map((row) => String(row["name"]))
      const firstKeys = Object.fromEntries(
        tables.map((name) => [
          name,
          database.prepare("SELECT name FROM pragma_table_info(?) WHERE pk = 1").get(name)?.["name"]
        ])
      )
      database.close()
      assert.deepStrictEqual(firstKeys, {
        // A journal's chains belong to stores, which is what its entries begin with.
        keyfold_journal_entries: "store",
        keyfold_journal_heads: "store",
        keyfold_journal_operations: "store",
        keyfold_key_usage: "tenant",
        keyfold_keys: "tenant",
        keyfold_migrations: "migration_id",
        keyfold_peppers: "version",
        // These are found by names of their own, whosever keys they are about.
        keyfold_revocation_outcomes: "digest",
        keyfold_revocation_plans: "digest",
        keyfold_revocation_runs: "digest",
        keyfold_rotations: "id"
      })
    })
  )

  it.effect("serve every listing and lookup from an index", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* folder, "a.db")
      yield* Effect.scoped(open(file))
      const database = new DatabaseSync(file, { readOnly: true })
      const plans = [
        "SELECT 1 FROM keyfold_keys WHERE tenant = 't' AND id = 'i'",
        "SELECT 1 FROM keyfold_keys WHERE tenant = 't' AND operation_id = 'o'",
        "SELECT * FROM keyfold_keys WHERE tenant = 't' AND (created_at, id) > (1, 'i') ORDER BY created_at, id LIMIT 9",
        `SELECT * FROM keyfold_keys WHERE tenant = 't' AND owner = 'o' AND (created_at, id) > (1, 'i')
          ORDER BY created_at, id LIMIT 9`
      ].map((sql) =>
        database
          .prepare(`EXPLAIN QUERY PLAN ${sql}`)
          .all()
          .map((row) => String(row["detail"]))
      )
      database.close()
      for (const plan of plans) {
        assert.strictEqual(plan.length, 1, plan.join("; "))
        assert.match(plan[0] ?? "", /^SEARCH keyfold_keys USING .*INDEX/)
      }
    })
  )

  it.effect("refuse a database from a newer Keyfold and leave its bytes alone", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const file = Path.join(path, "a.db")
      yield* Effect.scoped(Effect.flatMap(open(file), create))
      edit(file, pretendNewer)
      const before = snapshot(path)
      const error = yield* Effect.flip(Effect.scoped(open(file)))
      assert.strictEqual(error.field, "url")
      assert.include(error.message, "written by a newer Keyfold (schema 4, this one knows 3); nothing was changed.")
      assert.deepStrictEqual(snapshot(path), before)
    })
  )

  it.effect("refuse one whose newer schema is still in the log of a killed process, and leave both files alone", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const file = Path.join(path, "a.db")
      yield* Effect.scoped(open(file))
      const living = new DatabaseSync(file)
      living.exec(pretendNewer)
      const copies = yield* folder
      for (const name of ["a.db", "a.db-wal"]) Fs.copyFileSync(Path.join(path, name), Path.join(copies, name))
      living.close()
      const before = snapshot(copies)
      const error = yield* Effect.flip(Effect.scoped(open(Path.join(copies, "a.db"))))
      assert.include(error.message, "newer Keyfold")
      const { "a.db-shm": _index, ...after } = snapshot(copies)
      assert.deepStrictEqual(after, before)
    })
  )

  it.effect("leave a database alone whose tables stand in the way", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* folder, "a.db")
      edit(file, "CREATE TABLE keyfold_keys (something TEXT)")
      const schema = schemaOf(file)
      const error = yield* Effect.flip(Effect.scoped(open(file)))
      assert.include(error.message, "could not be brought to the current schema")
      assert.deepStrictEqual(schemaOf(file), schema)
    })
  )

  it.effect("live beside another program's tables", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* folder, "a.db")
      edit(file, "CREATE TABLE invoices (id TEXT); INSERT INTO invoices VALUES ('kept')")
      const driver = yield* open(file)
      const issued = yield* create(driver)
      assert.deepStrictEqual(yield* listAll(driver, 10), [issued.key.id])
      const database = new DatabaseSync(file, { readOnly: true })
      assert.strictEqual(database.prepare("SELECT id FROM invoices").get()?.["id"], "kept")
      database.close()
    }).pipe(Effect.scoped)
  )
})

/** Takes a database back to the schema before the journal. */
const withoutJournal = Effect.fnUntraced(function* (url: string) {
  const later = ["revocation_outcomes", "revocation_plans", "revocation_runs", "rotations"]
  for (const name of ["journal_entries", "journal_operations", "journal_heads", ...later]) {
    yield* editUrl(url, `DROP TABLE keyfold_${name}`)
  }
  yield* editUrl(url, "DELETE FROM keyfold_migrations WHERE migration_id > 1")
})

const versionOf = (url: string) =>
  Effect.scoped(
    Effect.flatMap(client(url), (sql) => Effect.provideService(Migrations.version, SqlClient.SqlClient, sql))
  )

onEachDialect("an older database", ({ database }) => {
  it.effect("is brought to the latest schema with its keys", () =>
    Effect.gen(function* () {
      const url = yield* database
      const issued = yield* Effect.scoped(Effect.flatMap(openUrl(url), (driver) => create(driver)))
      yield* withoutJournal(url)
      assert.strictEqual(yield* versionOf(url), 1)
      const driver = yield* openUrl(url)
      assert.strictEqual(yield* versionOf(url), Migrations.latest)
      assert.deepStrictEqual(yield* native(driver, "get")(refOf(issued)), issued.key)
    }).pipe(Effect.scoped)
  )

  it.effect("stays as old as it is where it is refused", () =>
    Effect.gen(function* () {
      const url = yield* database
      yield* Effect.scoped(Effect.flatMap(openUrl(url), (driver) => create(driver)))
      yield* withoutJournal(url)
      const error = yield* Effect.flip(Effect.scoped(openUrl(url, { pepper: otherPepper })))
      assert.strictEqual(error.field, "pepper")
      assert.strictEqual(yield* versionOf(url), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("is left alone where tables stand in the way", () =>
    Effect.gen(function* () {
      const url = yield* database
      yield* editUrl(url, "CREATE TABLE keyfold_journal_heads (something TEXT)")
      const error = yield* Effect.flip(Effect.scoped(openUrl(url)))
      assert.include(error.message, "could not be brought to the current schema")
      assert.strictEqual(yield* versionOf(url), 0)
    }).pipe(Effect.scoped)
  )
})
