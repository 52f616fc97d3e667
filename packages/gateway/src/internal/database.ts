/** The tables of the gateway, beside those of its key store. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as SqlDatabase from "@keyfold/sql/SqlDatabase"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

const table = "keyfold_gateway_migrations"

const first = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE keyfold_gateway_audit (
    sequence BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    tenant TEXT NOT NULL,
    operation TEXT NOT NULL,
    request_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    key_id TEXT,
    operation_id TEXT,
    reason TEXT,
    keyed TEXT NOT NULL,
    previous TEXT NOT NULL,
    digest TEXT NOT NULL
  )`
  yield* sql`CREATE INDEX keyfold_gateway_audit_by_tenant ON keyfold_gateway_audit (tenant, sequence)`
  yield* sql`CREATE INDEX keyfold_gateway_audit_by_request ON keyfold_gateway_audit (request_id)`
  // What was asked for under an idempotency key, and what became of it. The digest is keyed.
  yield* sql`CREATE TABLE keyfold_gateway_operations (
    operation_id TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    keyed TEXT NOT NULL,
    state TEXT NOT NULL,
    claim TEXT NOT NULL,
    claimed_until BIGINT NOT NULL,
    key_id TEXT,
    key_owner TEXT
  )`
  yield* sql`CREATE TABLE keyfold_gateway_limits (
    id TEXT NOT NULL PRIMARY KEY,
    used BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
  )`
})

/** Who is signed in at the console. Of what a cookie holds only the digest is kept. */
const sessions = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE keyfold_gateway_sessions (
    id TEXT NOT NULL PRIMARY KEY,
    actor TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
  )`
})

const migrations = { "1_gateway": first, "2_sessions": sessions }

// The number is "gateway" in ASCII. On SQLite a transaction itself excludes others.
const exclude = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({
    pg: () => Effect.asVoid(sql`SELECT pg_advisory_xact_lock(29099075147620729)`),
    orElse: () => Effect.void
  })

const version = Effect.fnUntraced(function* (sql: SqlClient.SqlClient): Effect.fn.Return<number, SqlError> {
  const tables = yield* sql.onDialectOrElse({
    sqlite: () => sql`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ${table}`,
    orElse: () =>
      sql`SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = ${table}`
  })
  if (tables.length === 0) return 0
  const rows = yield* sql<{ readonly version: unknown }>`SELECT MAX(migration_id) AS version FROM ${sql(table)}`
  return Number(rows[0]?.version ?? 0)
})

const failure = (problem: string, fix: string) => new ConfigurationError({ field: "gateway.url", problem, fix })

const migrate = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  yield* exclude(sql)
  const latest = Object.keys(migrations).length
  const found = yield* version(sql)
  if (found > latest) {
    const problem = `the database was written by a newer gateway (schema ${found}, this one knows ${latest}).`
    return yield* failure(problem, "Update @keyfold/gateway, or name another database.")
  }
  if (found === latest) return
  yield* Migrator.make({})({ loader: Migrator.fromRecord(migrations), table }).pipe(
    Effect.provideService(SqlClient.SqlClient, sql)
  )
})

/** Opens the gateway's database and brings its tables to the latest schema. */
export const open = Effect.fnUntraced(function* (
  options: SqlDatabase.Options
): Effect.fn.Return<SqlClient.SqlClient, ConfigurationError, Scope.Scope> {
  const sql = yield* SqlDatabase.open(options)
  yield* SqlDatabase.inTransaction(sql, migrate(sql)).pipe(
    Effect.catchTag(["SqlError", "MigrationError"], () =>
      Effect.fail(failure("the gateway's tables could not be made.", "Check that the database can be written."))
    )
  )
  return sql
})

/** Whether the database answers. */
export const answers = (sql: SqlClient.SqlClient): Effect.Effect<boolean> =>
  Effect.match(sql`SELECT 1`, { onFailure: () => false, onSuccess: () => true })
