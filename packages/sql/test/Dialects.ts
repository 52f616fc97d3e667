/** Runs the same tests on every database the package works with. */
import { describe } from "@effect/vitest"
import * as PgClient from "@effect/sql-pg/PgClient"
import type * as Sql from "@keyfold/sql/Sql"
import * as SqliteClient from "@keyfold/sql/SqliteClient"
import * as Migrations from "@keyfold/sql/Migrations"
import * as Effect from "effect/Effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as Path from "node:path"
import * as bulkStorage from "../src/internal/bulkStorage.ts"
import * as journalStorage from "../src/internal/journalStorage.ts"
import * as rotationStorage from "../src/internal/rotationStorage.ts"
import * as Postgres from "./Postgres.ts"
import { folder, openUrl } from "./TestDatabase.ts"

/** One kind of database. */
export interface Dialect {
  readonly name: "sqlite" | "postgres"
  /** The url of a new, empty database. */
  readonly database: Effect.Effect<string, never, Scope.Scope>
}

/** Opens a new, empty database. */
export const openNew = ({ database }: Dialect, options: Partial<Sql.Options> = {}) =>
  Effect.flatMap(database, (url) => openUrl(url, options))

const sqlite: Dialect = {
  name: "sqlite",
  database: Effect.map(folder, (path) => `sqlite:${Path.join(path, "a.db")}`)
}

const connect = (url: string): Effect.Effect<SqlClient.SqlClient, unknown, Scope.Scope | Reactivity.Reactivity> =>
  url.startsWith("sqlite:")
    ? SqliteClient.make({ filename: url.slice("sqlite:".length) })
    : PgClient.make({ url: Redacted.make(url) })

/** Opens a database beside the code under test, with the rights of somebody who changes it by hand. */
export const client = (url: string): Effect.Effect<SqlClient.SqlClient, never, Scope.Scope> =>
  connect(url).pipe(Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make), Effect.orDie)

/** Changes a database by hand. */
export const edit = (url: string, statement: string) =>
  Effect.scoped(Effect.flatMap(client(url), (sql) => sql.unsafe(statement)))

type Now = Parameters<typeof journalStorage.make>[1]

/** Opens something on a database with the latest schema. */
const opened = <A>(url: string, make: (sql: SqlClient.SqlClient) => A) =>
  Effect.gen(function* () {
    const sql = yield* client(url)
    yield* Effect.provideService(Migrations.run, SqlClient.SqlClient, sql)
    return make(sql)
  })

/** A journal's storage on a database, with a clock of the test's choice. */
export const openStorage = (url: string, now?: Now) => opened(url, (sql) => journalStorage.make(sql, now))

/** A storage of rotations on a database, with a clock of the test's choice. */
export const openRotations = (url: string, now?: Now) => opened(url, (sql) => rotationStorage.make(sql, now))

/** A storage of bulk revocations on a database, with a clock of the test's choice. */
export const openBulk = (url: string, now?: Now) => opened(url, (sql) => bulkStorage.make(sql, now))

/** Every row of every table of ours, as one text. */
export const contents = Effect.fnUntraced(function* (url: string) {
  const sql = yield* client(url)
  const tables = yield* sql<{ readonly name: string }>`${sql.literal(
    url.startsWith("sqlite:")
      ? "SELECT name FROM sqlite_schema WHERE type = 'table'"
      : "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()"
  )}`
  const rows = yield* Effect.forEach(tables, ({ name }) => sql`SELECT * FROM ${sql(name)}`.values)
  return rows.flat(2).map(String).join("\n")
}, Effect.scoped)

/** A busy machine takes its time over a new database for each test. */
const timeout = 30_000

/** Declares the same tests for SQLite and for PostgreSQL; call it once in a file. */
export const onEachDialect = (name: string, tests: (dialect: Dialect) => void) => {
  describe(`${name} on SQLite`, { timeout }, () => tests(sqlite))
  const { problem } = Postgres
  const title = `${name} on PostgreSQL${problem === undefined ? "" : ` (SKIPPED: ${problem})`}`
  describe.skipIf(problem !== undefined)(title, { timeout }, () => {
    const { database } = Postgres.usePostgres()
    tests({ name: "postgres", database })
  })
}
