/**
 * The storage of bulk revocations in SQL: plans and what became of each key, kept in a SQLite file or in PostgreSQL.
 *
 * The database may be the one that holds a store's keys, the journal or rotations.
 *
 * @since 0.1.0
 */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { BulkStorage } from "@keyfold/lifecycle/BulkStorage"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as bulkStorage from "./internal/bulkStorage.ts"
import * as database from "./internal/database.ts"
import type { Options } from "./SqlRotations.ts"

/**
 * Opens the database, brings it to the latest schema and makes the storage; the scope's end closes it. The options are
 * those of `SqlRotations`.
 *
 * Claims end by the database's clock. Fails with a `ConfigurationError`, the database untouched, where it cannot be used
 * or comes from a newer Keyfold.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<BulkStorage, ConfigurationError, Scope.Scope> =>
  database.open(options, Effect.void, (sql) => Effect.succeed(bulkStorage.make(sql)))
