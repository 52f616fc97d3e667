/**
 * The schema of Keyfold's tables, as migrations that only ever grow at the end.
 *
 * One set serves SQLite and PostgreSQL: `TEXT` and `BIGINT` columns, times in milliseconds since 1970, lists as JSON
 * text. The highest migration applied is the version of a database's schema.
 *
 * @since 0.1.0
 */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { inTransaction } from "./internal/transaction.ts"

const table = "keyfold_migrations"

const keys = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // Peppers belong to the deployment and not to a tenant; every other table begins with its tenant.
  yield* sql`CREATE TABLE keyfold_peppers (
    version BIGINT NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
  )`
  // The nonce tells which attempt made the key, so that a lost answer can be settled.
  yield* sql`CREATE TABLE keyfold_keys (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    name TEXT,
    owner TEXT,
    scopes TEXT NOT NULL,
    tags TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    pepper_version BIGINT NOT NULL REFERENCES keyfold_peppers (version),
    hint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, operation_id)
  )`
  yield* sql`CREATE INDEX keyfold_keys_by_creation ON keyfold_keys (tenant, created_at, id)`
  yield* sql`CREATE INDEX keyfold_keys_by_owner ON keyfold_keys (tenant, owner, created_at, id)`
  yield* sql`CREATE INDEX keyfold_keys_by_pepper ON keyfold_keys (pepper_version)`
  // Counters change often and keys almost never, so they do not share a row.
  yield* sql`CREATE TABLE keyfold_key_usage (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    accepted BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    last_used_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, id) REFERENCES keyfold_keys (tenant, id)
  )`
})

const journalEntries = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // Only ever added to. A tenant that is absent is written as '', which is no tenant's name.
  yield* sql`CREATE TABLE keyfold_journal_entries (
    store TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    state TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    nonce TEXT NOT NULL,
    spec TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    key_id TEXT,
    key_owner TEXT,
    previous TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (store, sequence)
  )`
  yield* sql`CREATE INDEX keyfold_journal_entries_by_operation
    ON keyfold_journal_entries (store, tenant, operation_id, sequence)`
})

const journalOperations = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE keyfold_journal_operations (
    store TEXT NOT NULL,
    tenant TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    state TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    spec TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    nonces TEXT NOT NULL,
    minted TEXT NOT NULL,
    key_id TEXT,
    key_owner TEXT,
    PRIMARY KEY (store, tenant, operation_id)
  )`
  yield* sql`CREATE UNIQUE INDEX keyfold_journal_operations_by_sequence
    ON keyfold_journal_operations (store, sequence)`
  yield* sql`CREATE INDEX keyfold_journal_operations_by_state ON keyfold_journal_operations (state, at)`
  // The end of each store's chain, and what a transaction on that store locks.
  yield* sql`CREATE TABLE keyfold_journal_heads (
    store TEXT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL,
    digest TEXT NOT NULL
  )`
})

const rotations = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // The record is JSON text; the columns beside it are what it is found by. A tenant that is absent is written as ''.
  yield* sql`CREATE TABLE keyfold_rotations (
    id TEXT NOT NULL PRIMARY KEY,
    store TEXT NOT NULL,
    tenant TEXT NOT NULL,
    status TEXT NOT NULL,
    old_key TEXT NOT NULL,
    new_key TEXT,
    due_at BIGINT,
    created_at BIGINT NOT NULL,
    record TEXT NOT NULL
  )`
  yield* sql`CREATE INDEX keyfold_rotations_by_creation ON keyfold_rotations (created_at, id)`
  yield* sql`CREATE INDEX keyfold_rotations_by_status ON keyfold_rotations (status, due_at)`
  yield* sql`CREATE INDEX keyfold_rotations_by_old_key ON keyfold_rotations (old_key, store)`
  yield* sql`CREATE INDEX keyfold_rotations_by_new_key ON keyfold_rotations (new_key, store)`
})

const revocations = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE keyfold_revocation_plans (digest TEXT NOT NULL PRIMARY KEY, plan TEXT NOT NULL)`
  yield* sql`CREATE TABLE keyfold_revocation_outcomes (
    digest TEXT NOT NULL,
    address TEXT NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (digest, address)
  )`
  // Who works on a plan. It is written far more often than the plan, and may be there before it.
  yield* sql`CREATE TABLE keyfold_revocation_runs (
    digest TEXT NOT NULL PRIMARY KEY,
    runner TEXT NOT NULL,
    lease_until BIGINT NOT NULL
  )`
})

const migrations: Readonly<Record<string, Effect.Effect<void, SqlError, SqlClient.SqlClient>>> = {
  "1_keys": keys,
  "2_journal": Effect.andThen(journalEntries, journalOperations),
  "3_rotations": Effect.andThen(rotations, revocations)
}

/**
 * The schema version this package reads and writes.
 *
 * @category models
 * @since 0.1.0
 */
export const latest = Object.keys(migrations).length

/**
 * Reads a database's schema version without changing anything; 0 where Keyfold has no tables yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const version: Effect.Effect<number, SqlError, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* sql.onDialectOrElse({
    sqlite: () => sql`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ${table}`,
    orElse: () =>
      sql`SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = ${table}`
  })
  if (tables.length === 0) return 0
  const rows = yield* sql<{ readonly version: unknown }>`SELECT MAX(migration_id) AS version FROM ${sql(table)}`
  return Number(rows[0]?.version ?? 0)
})

/**
 * Refuses a database whose schema comes from a newer Keyfold, without changing anything.
 *
 * @category constructors
 * @since 0.1.0
 */
export const check: Effect.Effect<void, ConfigurationError | SqlError, SqlClient.SqlClient> = Effect.gen(function* () {
  const found = yield* version
  if (found > latest) {
    return yield* new ConfigurationError({
      field: "url",
      problem:
        `the database was written by a newer Keyfold (schema ${found}, this one knows ${latest}); ` +
        "nothing was changed.",
      fix: "Update @keyfold/sql, or name another database."
    })
  }
})

// Two processes may meet an empty database at once. Where a transaction does not exclude the other, this lock does; its
// number is "keyfold" in ASCII.
const exclude = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.onDialectOrElse({
    pg: () => Effect.asVoid(sql`SELECT pg_advisory_xact_lock(30229394592066660)`),
    orElse: () => Effect.void
  })
})

/**
 * Brings a database to the latest schema in one transaction; refuses one from a newer Keyfold.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run: Effect.Effect<void, ConfigurationError | SqlError, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* check
  if ((yield* version) === latest) return
  const migrate = Migrator.make({})({ loader: Migrator.fromRecord(migrations), table })
  // The migrator makes its own table before its transaction; a failure must undo that too.
  yield* inTransaction(sql, Effect.andThen(Effect.andThen(exclude, check), migrate)).pipe(
    Effect.catchTag("MigrationError", () =>
      Effect.fail(
        new ConfigurationError({
          field: "url",
          problem: "the database could not be brought to the current schema; its tables were left as they were.",
          fix: "Check that its keyfold_ tables were not changed by hand, or restore it from a backup."
        })
      )
    )
  )
})
