/**
 * A database of Keyfold's for programs that keep tables of their own beside its tables.
 *
 * @since 0.1.0
 */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { Secret } from "@keyfold/core/Secret"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as database from "./internal/database.ts"
import { retryingTransaction } from "./internal/transaction.ts"

/**
 * Decodes the options as a configuration file states them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Options = Schema.Struct({
  url: Schema.NonEmptyString,
  password: Schema.optionalKey(Secret),
  busyTimeout: Schema.optionalKey(Schema.DurationFromString)
})

/**
 * Says which database, as `Sql.Options` states it.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

/**
 * Opens the database, brings Keyfold's tables to the latest schema and gives its client; the scope's end closes it.
 *
 * Fails with a `ConfigurationError`, the database untouched, where it cannot be used or comes from a newer Keyfold.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (options: Options): Effect.Effect<SqlClient.SqlClient, ConfigurationError, Scope.Scope> =>
  database.open(options, Effect.void, (sql) => Effect.succeed(sql))

/**
 * Runs an effect in one transaction that reads what is committed, anew where the database gave it up for another's sake. A
 * failure or an interruption rolls it back.
 *
 * @category combinators
 * @since 0.1.0
 */
export const inTransaction = <A, E, R>(
  sql: SqlClient.SqlClient,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError, R> => retryingTransaction(sql, effect)
