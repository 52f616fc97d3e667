/**
 * A complete KeyStore of one's own on SQL: SQLite in one file or PostgreSQL, hashes only, usage counters, tenants.
 *
 * @since 0.1.0
 */
import * as Adapter from "@keyfold/core/Adapter"
import { observed, promised, type Capabilities } from "@keyfold/core/Capabilities"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import type * as KeyStore from "@keyfold/core/KeyStore"
import { Secret } from "@keyfold/core/Secret"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as counters from "./internal/counters.ts"
import * as database from "./internal/database.ts"
import * as driver from "./internal/driver.ts"
import * as url from "./internal/url.ts"
import * as Pepper from "./Pepper.ts"
import * as SqlJournal from "./SqlJournal.ts"

/**
 * Decodes the options as a configuration file states them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Options = Schema.Struct({
  url: Schema.NonEmptyString,
  password: Schema.optionalKey(Secret),
  pepper: Secret,
  previousPeppers: Schema.optionalKey(Schema.Array(Secret)),
  tenant: Schema.optionalKey(Schema.NonEmptyString),
  busyTimeout: Schema.optionalKey(Schema.DurationFromString)
})

/**
 * Says where the keys are and what their hashes are keyed with.
 *
 * - `url`: `sqlite:keyfold.db` (a relative path starts at the configuration file's folder), `sqlite::memory:`, or
 *   `postgres://user@host/database`. A url with a password in it is refused.
 * - `password`: the password of the PostgreSQL user.
 * - `pepper`: at least 32 bytes of random text, kept outside the database's folder. Losing it kills every key.
 * - `previousPeppers`: older peppers whose keys must still verify.
 * - `tenant`: whose keys these are, `default` when omitted.
 * - `busyTimeout`: how long to wait for another process's lock, 5 seconds when omitted. On SQLite the wait blocks the
 *   process.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

/**
 * Declares what the store can do on SQLite.
 *
 * @category models
 * @since 0.1.0
 */
export const sqliteCapabilities: Capabilities = {
  operations: {
    create: "native",
    get: "native",
    list: "native",
    revoke: "native",
    usage: "native",
    verify: "native"
  },
  identify: true,
  listsRevoked: "always",
  getsRevoked: true,
  expiry: true,
  scopes: true,
  owners: "optional",
  tags: true,
  pagination: "native",
  usage: "approximate",
  createSafety: "idempotent",
  revokes: "any",
  revokeUnknown: "notFound",
  repeatedRevoke: "unchanged",
  revocationLag: promised(0),
  quota: { source: "unknown" },
  consistency: { visibility: promised(0), settle: promised(0) },
  tenancy: "native"
}

/**
 * Declares what the store can do on PostgreSQL.
 *
 * The server ends a statement after 20 seconds, but nobody bounds how long a network may hold one back before it arrives:
 * the bound on an abandoned request is observed, not promised.
 *
 * @category models
 * @since 0.1.0
 */
export const postgresCapabilities: Capabilities = {
  ...sqliteCapabilities,
  consistency: { visibility: promised(0), settle: observed("30 seconds") }
}

/**
 * Returns what the store can do with these options: the same for every database of one dialect.
 *
 * @category models
 * @since 0.1.0
 */
export const capabilities = (options: Options): Capabilities => {
  const address = url.parse(options.url)
  return Result.isSuccess(address) && address.success.dialect === "postgres" ? postgresCapabilities : sqliteCapabilities
}

const checkTenant = (tenant: string) =>
  tenant === "" || tenant.includes("\0")
    ? Effect.fail(new ConfigurationError({ field: "tenant", problem: "expected a non-empty text without U+0000." }))
    : Effect.succeed(tenant)

/**
 * Opens the database and makes the driver; the scope's end stores the last usage counts and closes it.
 *
 * Fails with a `ConfigurationError`, the database untouched, where it cannot be used, comes from a newer Keyfold, or
 * holds keys that the supplied peppers cannot verify.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Driver, ConfigurationError, Scope.Scope> {
  yield* Effect.fromResult(url.parse(options.url))
  const tenant = yield* checkTenant(options.tenant ?? "default")
  const peppers = yield* Pepper.make(options)
  return yield* database.open(
    options,
    Pepper.check(peppers),
    Effect.fnUntraced(function* (sql) {
      const keyring = yield* Pepper.open(peppers)
      const shared = { sql, keyring, counters: yield* counters.make(sql), capabilities: capabilities(options) }
      return driver.make(shared, tenant)
    })
  )
})

/**
 * Names this backend `sql` in configuration files, for stores and for the journal.
 *
 * @category constructors
 * @since 0.1.0
 */
export const adapter: Adapter.Adapter<Options, SqlJournal.Options> = Adapter.make<Options, SqlJournal.Options>({
  name: "sql",
  options: Options,
  capabilities,
  driver: make,
  journal: { options: SqlJournal.Options, open: SqlJournal.make }
})

/**
 * Provides a store on SQL.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: (options: Options & KeyStore.StoreOptions) => Layer.Layer<KeyStore.KeyStore, ConfigurationError> =
  adapter.layer

/**
 * Provides a store on SQL from `Config`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: (
  options: Config.Wrap<Options & KeyStore.StoreOptions>
) => Layer.Layer<KeyStore.KeyStore, ConfigurationError | Config.ConfigError> = adapter.layerConfig
