/**
 * A small `SqlClient` over `node:sqlite`, used until `@effect/sql-sqlite-node` has a release for effect 4.1.
 *
 * One connection in WAL mode, `synchronous = FULL`, foreign keys on. Statements run synchronously and one at a time, so
 * interruption takes effect between statements; an interrupted transaction is rolled back. Clients of one file in one
 * process take turns, so a transaction of one must not wait for another.
 *
 * @since 0.1.0
 */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import * as Statement from "effect/sql/Statement"
import type { DatabaseSync } from "node:sqlite"
import * as fileTurns from "./internal/fileTurns.ts"
import * as sqliteConnection from "./internal/sqliteConnection.ts"
import * as sqliteFile from "./internal/sqliteFile.ts"

/**
 * Says which database to open and how.
 *
 * - `filename`: a path, or `":memory:"`. A new file is created readable by its owner only; a new folder never is.
 * - `folder`: where a relative path starts, the working directory when omitted.
 * - `busyTimeout`: how long a statement waits for another process's lock before it fails, 5 seconds when omitted. The
 *   wait blocks the whole process, as every statement does.
 * - `readOnly`: reads without changing a byte of the file or of its log, and fails statements that write.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly filename: string
  readonly folder?: string | undefined
  readonly busyTimeout?: Duration.Input | undefined
  readonly readOnly?: boolean | undefined
}

const requestFrom = (options: Options): sqliteFile.Request => ({
  filename: options.filename,
  folder: options.folder,
  busyTimeoutMillis: Math.round(Duration.toMillis(Duration.fromInputUnsafe(options.busyTimeout ?? "5 seconds"))),
  mode: options.readOnly === true ? "inspect" : "write"
})

const close = (database: DatabaseSync, mode: sqliteFile.Request["mode"]) =>
  Effect.sync(() => {
    try {
      if (mode === "write") {
        // Another process still reading must not hold up this one's exit; it will write the log back itself.
        database.exec("PRAGMA busy_timeout = 0")
        database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
      }
    } catch {
      // Nothing is lost: committed transactions stay in the log until the next checkpoint.
    } finally {
      database.close()
    }
  })

/** A reader never waits for a lock; everybody else shares turns with the file's other clients. */
const turnsFor = (request: sqliteFile.Request): Effect.Effect<Semaphore.Semaphore, never, Scope.Scope> => {
  const path = sqliteFile.pathOf(request)
  return request.mode === "inspect" || path === undefined
    ? Effect.sync(() => Semaphore.makeUnsafe(1))
    : fileTurns.share(path)
}

/**
 * Opens the database and closes it, with its log written back, when the scope closes.
 *
 * Fails with a `ConfigurationError` that repeats the file name as it was given where the file or its folder cannot be
 * used; a refused file keeps its bytes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<SqlClient.SqlClient, ConfigurationError, Scope.Scope | Reactivity.Reactivity> {
  const request = requestFrom(options)
  const database = yield* Effect.acquireRelease(
    Effect.try({
      try: () => sqliteFile.open(request),
      catch: (cause) => sqliteFile.openingProblem(request.filename, cause)
    }),
    (database) => close(database, request.mode)
  )
  const connection = sqliteConnection.make(database)
  const acquirers = SqlClient.makeSqliteAcquirers({
    connection: Effect.succeed(connection),
    semaphore: yield* turnsFor(request),
    isTransaction: (connection) => connection.isTransaction()
  })
  return yield* SqlClient.make({
    ...acquirers,
    driver: "keyfold-sqlite",
    compiler: Statement.makeCompilerSqlite(),
    spanAttributes: [["db.system.name", "sqlite"]],
    prepareTransactionControls: true,
    // A transaction that begins by reading could not wait for the write lock later on.
    beginTransaction: request.mode === "write" ? "BEGIN IMMEDIATE" : "BEGIN",
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`
  })
})

/**
 * Provides the client and the `Reactivity` its reactive queries use.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient | Reactivity.Reactivity, ConfigurationError> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provideMerge(Reactivity.layer))
