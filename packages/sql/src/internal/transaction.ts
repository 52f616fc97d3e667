/** Transactions that mean the same on SQLite and PostgreSQL. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"

/**
 * Runs an effect in one transaction; a failure or an interruption rolls it back.
 *
 * On PostgreSQL it reads what is committed whatever the database's default is: after a wait for a lock the next statement
 * must see what the lock's former holder wrote.
 */
export const inTransaction = <A, E, R>(
  sql: SqlClient.SqlClient,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError, R> => {
  const begin = sql.onDialectOrElse({ pg: () => "BEGIN ISOLATION LEVEL READ COMMITTED", orElse: () => undefined })
  return sql.withTransaction(effect).pipe(
    Effect.provideService(SqlClient.BeginTransaction, begin),
    // The client dies where it cannot roll back, which on a lost connection is no defect: the server rolls back alone.
    Effect.catchDefect((defect) => (isSqlError(defect) ? Effect.fail(defect) : Effect.die(defect)))
  )
}

/** How often a transaction is tried again that the database gave up for another's sake. */
const retries = 5

const isPassing = (error: unknown): boolean =>
  isSqlError(error) && (error.reason._tag === "DeadlockError" || error.reason._tag === "SerializationError")

/** Runs an effect in one transaction, anew where the database gave it up for another's sake. */
export const retryingTransaction = <A, E, R>(
  sql: SqlClient.SqlClient,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError, R> => Effect.retry(inTransaction(sql, effect), { while: isPassing, times: retries })
