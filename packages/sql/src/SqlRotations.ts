/**
 * The storage of rotations in SQL: what must be known about the keys of each, kept in a SQLite file or in PostgreSQL.
 *
 * The database may be the one that holds a store's keys or the journal. Every process that rotates keys of the same stores
 * must use the same one.
 *
 * @since 0.1.0
 */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { Secret } from "@keyfold/core/Secret"
import { RotationStorage } from "@keyfold/lifecycle/RotationStorage"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as database from "./internal/database.ts"
import * as rotationStorage from "./internal/rotationStorage.ts"

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
 * Says where rotations are kept.
 *
 * - `url` and `password`: the database, as `Sql.Options` states it.
 * - `busyTimeout`: how long to wait for another process's lock, 5 seconds when omitted. On SQLite the wait blocks the
 *   process.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

/**
 * Opens the database, brings it to the latest schema and makes the storage; the scope's end closes it.
 *
 * Leases end by the database's clock. Fails with a `ConfigurationError`, the database untouched, where it cannot be used
 * or comes from a newer Keyfold.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<RotationStorage["Service"], ConfigurationError, Scope.Scope> =>
  database.open(options, Effect.void, (sql) => Effect.succeed(rotationStorage.make(sql)))

/**
 * Provides the storage to the rotations built below it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<RotationStorage, ConfigurationError> =>
  Layer.effect(RotationStorage, make(options))
