/**
 * The journal in SQL: what became of every create, kept in a SQLite file or in PostgreSQL.
 *
 * The database may be the one that holds a store's keys or one of its own. Every process that creates keys in the same
 * stores must use the same one.
 *
 * @since 0.1.0
 */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Journal from "@keyfold/core/Journal"
import { Secret } from "@keyfold/core/Secret"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as database from "./internal/database.ts"
import * as journalStorage from "./internal/journalStorage.ts"
import * as secretText from "./internal/secretText.ts"

/**
 * Decodes the options as a configuration file states them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Options = Schema.Struct({
  url: Schema.NonEmptyString,
  password: Schema.optionalKey(Secret),
  secret: Secret,
  busyTimeout: Schema.optionalKey(Schema.DurationFromString)
})

/**
 * Says where the journal is and what its chains are keyed with.
 *
 * - `url` and `password`: the database, as `Sql.Options` states it.
 * - `secret`: at least 32 bytes of random text, kept outside the database's folder and the same for good. With another
 *   secret every chain reads as changed.
 * - `busyTimeout`: how long to wait for another process's lock, 5 seconds when omitted. On SQLite the wait blocks the
 *   process.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

/**
 * Opens the database, brings it to the latest schema and makes the journal; the scope's end closes it.
 *
 * Leases end by the database's clock. Fails with a `ConfigurationError`, the database untouched, where it cannot be used
 * or comes from a newer Keyfold.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Journal.Journal, ConfigurationError, Scope.Scope> {
  const secret = yield* secretText.read("secret", "journal's secret", options.secret)
  return yield* database.open(options, Effect.void, (sql) => Journal.make(journalStorage.make(sql), secret))
})

/**
 * Provides the journal to every store built below it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, ConfigurationError> => Journal.layer(make(options))
