import { assert, describe, it } from "@effect/vitest"
import * as SqliteClient from "@keyfold/sql/SqliteClient"
import * as Arr from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as SqlClient from "effect/sql/SqlClient"
import { execFile } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { folder, snapshot } from "./TestDatabase.ts"

const withTable = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE)`
  return sql
})

const texts = (sql: SqlClient.SqlClient) =>
  Effect.map(sql<{ readonly text: string }>`SELECT text FROM notes ORDER BY id`, (rows) => rows.map((row) => row.text))

const refusal = (options: SqliteClient.Options) =>
  Effect.scoped(Layer.build(SqliteClient.layer(options))).pipe(Effect.flip)

describe("SqliteClient", () => {
  it.effect("binds parameters and reads rows, values and raw results", () =>
    Effect.gen(function* () {
      const sql = yield* withTable
      assert.deepStrictEqual(yield* sql`INSERT INTO notes (text) VALUES (${"one"})`.raw, {
        changes: 1,
        lastInsertRowid: 1
      })
      yield* sql`INSERT INTO notes ${sql.insert([{ text: "two" }, { text: null }])}`
      assert.deepStrictEqual(yield* sql`SELECT text FROM notes ORDER BY id`.values, [["one"], ["two"], [null]])
      assert.deepStrictEqual(yield* sql`SELECT id, text FROM notes WHERE text = ${"two"}`.values, [[2, "two"]])
      assert.deepStrictEqual(yield* sql`SELECT ${true} AS yes, ${7n} AS big`.values, [[1, 7]])
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })))
  )

  it.effect("names a broken unique constraint without the value that broke it", () =>
    Effect.gen(function* () {
      const sql = yield* withTable
      yield* sql`INSERT INTO notes (text) VALUES (${"canary"})`
      const error = yield* Effect.flip(sql`INSERT INTO notes (text) VALUES (${"canary"})`)
      assert.strictEqual(error.reason._tag, "UniqueViolation")
      assert.notInclude(JSON.stringify(error) + error.message, "canary")
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })))
  )

  it.effect("refuses a parameter it cannot store", () =>
    Effect.gen(function* () {
      const sql = yield* withTable
      const error = yield* Effect.flip(sql`INSERT INTO notes (text) VALUES (${{ canary: true }})`)
      assert.strictEqual(error._tag, "SqlError")
      assert.notInclude(JSON.stringify(error), "canary")
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })))
  )

  it.effect("streams rows, also when the stream is left early", () =>
    Effect.gen(function* () {
      const sql = yield* withTable
      const many = Arr.makeBy(200, (index) => ({ text: `note ${index}` }))
      yield* sql`INSERT INTO notes ${sql.insert(many)}`
      const rows = sql<{ readonly text: string }>`SELECT text FROM notes ORDER BY id`.stream
      assert.strictEqual((yield* Stream.runCollect(rows)).length, 200)
      const few = yield* Stream.runCollect(Stream.take(rows, 3))
      assert.deepStrictEqual(
        few.map((row) => row.text),
        ["note 0", "note 1", "note 2"]
      )
      yield* sql`DROP TABLE notes`
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })))
  )

  it.effect("keeps more statements apart than its cache holds", () =>
    Effect.gen(function* () {
      const sql = yield* withTable
      for (let round = 0; round < 2; round++) {
        for (let number = 0; number < 150; number++) {
          const rows = yield* sql`SELECT ${sql.literal(String(number))} AS number`
          assert.deepStrictEqual(Object.values(rows[0] ?? {}), [number])
        }
      }
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })))
  )

  it.effect("commits a transaction and rolls back one that fails", () =>
    Effect.gen(function* () {
      const sql = yield* withTable
      yield* sql.withTransaction(sql`INSERT INTO notes (text) VALUES ('kept')`)
      yield* sql`INSERT INTO notes (text) VALUES ('dropped')`.pipe(
        Effect.andThen(Effect.fail("stop")),
        sql.withTransaction,
        Effect.flip
      )
      assert.deepStrictEqual(yield* texts(sql), ["kept"])
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })))
  )

  it.effect("rolls back a nested transaction alone", () =>
    Effect.gen(function* () {
      const sql = yield* withTable
      yield* sql.withTransaction(
        Effect.gen(function* () {
          yield* sql`INSERT INTO notes (text) VALUES ('outer')`
          yield* sql`INSERT INTO notes (text) VALUES ('inner')`.pipe(
            Effect.andThen(Effect.fail("stop")),
            sql.withTransaction,
            Effect.flip
          )
          yield* sql.withTransaction(sql`INSERT INTO notes (text) VALUES ('second')`)
        })
      )
      assert.deepStrictEqual(yield* texts(sql), ["outer", "second"])
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })))
  )

  it.effect("rolls back a transaction that is interrupted and stays usable", () =>
    Effect.gen(function* () {
      const sql = yield* withTable
      const inside = yield* Deferred.make<void>()
      const fiber = yield* sql`INSERT INTO notes (text) VALUES ('half')`.pipe(
        Effect.andThen(Deferred.succeed(inside, undefined)),
        Effect.andThen(Effect.never),
        sql.withTransaction,
        Effect.forkChild
      )
      yield* Deferred.await(inside)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* texts(sql), [])
      yield* sql.withTransaction(sql`INSERT INTO notes (text) VALUES ('whole')`)
      assert.deepStrictEqual(yield* texts(sql), ["whole"])
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })))
  )

  it.effect("lets other fibers wait while a transaction is open", () =>
    Effect.gen(function* () {
      const sql = yield* withTable
      const transaction = sql.withTransaction(
        Effect.gen(function* () {
          yield* sql`INSERT INTO notes (text) VALUES ('first')`
          yield* Effect.yieldNow
          yield* sql`INSERT INTO notes (text) VALUES ('second')`
        })
      )
      const others = Effect.forEach(["a", "b", "c"], (text) => sql`INSERT INTO notes (text) VALUES (${text})`, {
        concurrency: "unbounded"
      })
      yield* Effect.all([transaction, others], { concurrency: "unbounded" })
      const found = yield* texts(sql)
      assert.strictEqual(found.indexOf("second") - found.indexOf("first"), 1)
      assert.strictEqual(found.length, 5)
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })))
  )

  it.effect("runs in WAL mode with full synchronisation and foreign keys, and leaves one private file behind", () =>
    Effect.gen(function* () {
      const path = yield* folder
      yield* Effect.gen(function* () {
        const sql = yield* withTable
        assert.deepStrictEqual(yield* sql`PRAGMA journal_mode`.values, [["wal"]])
        assert.deepStrictEqual(yield* sql`PRAGMA synchronous`.values, [[2]])
        assert.deepStrictEqual(yield* sql`PRAGMA foreign_keys`.values, [[1]])
        assert.deepStrictEqual(yield* sql`PRAGMA busy_timeout`.values, [[250]])
        yield* sql`INSERT INTO notes (text) VALUES ('kept')`
      }).pipe(Effect.provide(SqliteClient.layer({ filename: "a.db", folder: path, busyTimeout: "250 millis" })))
      assert.deepStrictEqual(Fs.readdirSync(path), ["a.db"])
      assert.strictEqual(Fs.statSync(Path.join(path, "a.db")).mode & 0o777, 0o600)
      const again = SqliteClient.layer({ filename: Path.join(path, "a.db") })
      assert.deepStrictEqual(yield* Effect.flatMap(SqlClient.SqlClient, texts).pipe(Effect.provide(again)), ["kept"])
    })
  )

  it.effect("reads without writing a byte when asked to", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const file = { filename: "a.db", folder: path }
      yield* Effect.provide(withTable, SqliteClient.layer(file))
      const before = snapshot(path)
      const error = yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(yield* texts(sql), [])
        return yield* Effect.flip(sql`INSERT INTO notes (text) VALUES ('no')`)
      }).pipe(Effect.provide(SqliteClient.layer({ ...file, readOnly: true })))
      assert.strictEqual(error._tag, "SqlError")
      assert.deepStrictEqual(snapshot(path), before)
    })
  )

  it.effect("takes the write lock when a transaction begins, so that reading first is safe", () =>
    Effect.gen(function* () {
      const filename = Path.join(yield* folder, "a.db")
      yield* Effect.gen(function* () {
        const sql = yield* withTable
        const other = new DatabaseSync(filename, { timeout: 0 })
        yield* sql.withTransaction(
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* texts(sql), [])
            assert.throws(() => other.exec("INSERT INTO notes (text) VALUES ('theirs')"), /locked/)
            yield* sql`INSERT INTO notes (text) VALUES ('ours')`
          })
        )
        other.exec("INSERT INTO notes (text) VALUES ('theirs')")
        other.close()
        assert.deepStrictEqual(yield* texts(sql), ["ours", "theirs"])
      }).pipe(Effect.provide(SqliteClient.layer({ filename })))
    })
  )

  it.effect("reports a lock held by somebody else", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const filename = Path.join(path, "a.db")
      const error = yield* Effect.gen(function* () {
        const sql = yield* withTable
        const other = new DatabaseSync(filename)
        other.exec("BEGIN IMMEDIATE")
        const failed = yield* Effect.flip(sql`INSERT INTO notes (text) VALUES ('no')`)
        other.close()
        yield* sql`INSERT INTO notes (text) VALUES ('yes')`
        return failed
      }).pipe(Effect.provide(SqliteClient.layer({ filename, busyTimeout: "1 millis" })))
      assert.strictEqual(error.reason._tag, "LockTimeoutError")
    })
  )

  it.effect("refuses a folder that does not exist and does not create it", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const error = yield* refusal({ filename: "missing/a.db", folder: path })
      assert.strictEqual(
        error.message,
        'filename: the file "missing/a.db" cannot be opened: the folder "missing" does not exist. ' +
          "Create the folder first or name another file."
      )
      assert.deepStrictEqual(Fs.readdirSync(path), [])
    })
  )

  it.effect("refuses a file that is not a database and keeps its bytes", () =>
    Effect.gen(function* () {
      const path = yield* folder
      Fs.writeFileSync(Path.join(path, "letter.txt"), "Dear reader, this is not a database. ".repeat(50))
      Fs.writeFileSync(Path.join(path, "short"), "SQLite")
      Fs.writeFileSync(Path.join(path, "damaged.db"), `SQLite format 3\0${"nonsense ".repeat(500)}`)
      const before = snapshot(path)
      for (const filename of ["letter.txt", "short", "damaged.db"]) {
        const error = yield* refusal({ filename, folder: path })
        assert.include(error.message, `the file "${filename}" is not a SQLite database; it was left as it is.`)
        assert.notInclude(error.message, path)
      }
      assert.deepStrictEqual(snapshot(path), before)
    })
  )

  it.effect("refuses a folder in place of a file, and an empty name", () =>
    Effect.gen(function* () {
      const path = yield* folder
      assert.include((yield* refusal({ filename: ".", folder: path })).message, '"." is not a file.')
      assert.include((yield* refusal({ filename: " ", folder: path })).message, "the file name is empty")
    })
  )

  it.effect("refuses a read-only folder and a read-only file, and touches neither", () =>
    Effect.gen(function* () {
      const path = yield* folder
      yield* Effect.provide(withTable, SqliteClient.layer({ filename: "closed.db", folder: path }))
      const before = snapshot(path)
      Fs.chmodSync(path, 0o555)
      const inFolder = yield* asNobody(path, "new.db")
      Fs.chmodSync(path, 0o777)
      Fs.chmodSync(Path.join(path, "closed.db"), 0o444)
      const onFile = yield* asNobody(path, "closed.db")
      assert.include(inFolder, 'the file "new.db" cannot be opened: its folder is read-only for this process.')
      assert.include(onFile, 'the file "closed.db" cannot be opened: this process may not read and write it.')
      assert.deepStrictEqual(snapshot(path), before)
    })
  )
})

/** Opens a file in another process without a superuser's rights, for whom no file is read-only. */
const asNobody = (folder: string, filename: string) =>
  Effect.callback<string>((resume) => {
    const program = Path.join(import.meta.dirname, "openAsNobody.ts")
    execFile(process.execPath, ["--conditions=@keyfold/source", program, folder, filename], (error, stdout, stderr) =>
      resume(Effect.succeed(error === null ? stdout : `failed: ${stderr}`))
    )
  })
