/**
 * A complete KeyStore of one's own on SQL: SQLite in one file, hashes only, usage counters, tenants.
 *
 * @since 0.1.0
 */
import * as Adapter from "@keyfold/core/Adapter"
import { promised, type Capabilities } from "@keyfold/core/Capabilities"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import type * as KeyStore from "@keyfold/core/KeyStore"
import { Secret } from "@keyfold/core/Secret"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as counters from "./internal/counters.ts"
import * as driver from "./internal/driver.ts"
import { whileOpening } from "./internal/failure.ts"
import * as sqliteFile from "./internal/sqliteFile.ts"
import * as url from "./internal/url.ts"
import * as Migrations from "./Migrations.ts"
import * as Pepper from "./Pepper.ts"
import * as SqliteClient from "./SqliteClient.ts"

/**
 * Decodes the options as a configuration file states them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Options = Schema.Struct({
  url: Schema.NonEmptyString,
  pepper: Secret,
  previousPeppers: Schema.optionalKey(Schema.Array(Secret)),
  tenant: Schema.optionalKey(Schema.NonEmptyString),
  busyTimeout: Schema.optionalKey(Schema.DurationFromString)
})

/**
 * Says where the keys are and what their hashes are keyed with.
 *
 * - `url`: `sqlite:keyfold.db` (a relative path starts at the configuration file's folder) or `sqlite::memory:`.
 * - `pepper`: at least 32 bytes of random text, kept outside the database's folder. Losing it kills every key.
 * - `previousPeppers`: older peppers whose keys must still verify.
 * - `tenant`: whose keys these are, `default` when omitted.
 * - `busyTimeout`: how long to wait for another process's lock, 5 seconds when omitted. The wait blocks the process.
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
 * Returns what the store can do with these options: the same for every SQLite database.
 *
 * @category models
 * @since 0.1.0
 */
export const capabilities = (_options: Options): Capabilities => sqliteCapabilities

/** Looks for reasons to refuse an existing database before a single byte of it is written. */
const inspect = Effect.fnUntraced(function* (options: SqliteClient.Options, peppers: Pepper.Peppers) {
  const sql = yield* SqliteClient.make({ ...options, readOnly: true })
  yield* Effect.gen(function* () {
    yield* Migrations.check
    if ((yield* Migrations.version) > 0) yield* Pepper.check(peppers)
  }).pipe(Effect.provideService(SqlClient.SqlClient, sql))
}, Effect.scoped)

const open = Effect.fnUntraced(function* (options: Options, filename: string, folder: string | undefined) {
  const peppers = yield* Pepper.make(options)
  const client: SqliteClient.Options = { filename, folder, busyTimeout: options.busyTimeout }
  if (sqliteFile.inspectable({ filename, folder })) yield* inspect(client, peppers)
  const sql = yield* SqliteClient.make(client)
  const keyring = yield* Effect.andThen(Migrations.run, Pepper.open(peppers)).pipe(
    Effect.provideService(SqlClient.SqlClient, sql)
  )
  return { sql, keyring, counters: yield* counters.make(sql), capabilities: sqliteCapabilities }
})

const asUrl = (error: ConfigurationError): ConfigurationError =>
  error.field !== "filename"
    ? error
    : new ConfigurationError({
        field: "url",
        problem: error.problem,
        ...(error.fix === undefined ? {} : { fix: error.fix })
      })

const checkTenant = (tenant: string) =>
  tenant === "" || tenant.includes("\0")
    ? Effect.fail(new ConfigurationError({ field: "tenant", problem: "expected a non-empty text without U+0000." }))
    : Effect.succeed(tenant)

/**
 * Opens the database and makes the driver; the scope's end stores the last usage counts and closes it.
 *
 * Fails with a `ConfigurationError`, the database untouched, where the file cannot be used, comes from a newer Keyfold,
 * or holds keys that the supplied peppers cannot verify.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Driver, ConfigurationError, Scope.Scope> {
  const filename = yield* Effect.fromResult(url.parse(options.url))
  const tenant = yield* checkTenant(options.tenant ?? "default")
  const database = yield* open(options, filename, yield* Adapter.BaseFolder).pipe(
    Effect.catchTag("SqlError", (error) => Effect.fail(whileOpening(error))),
    Effect.mapError(asUrl),
    Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make)
  )
  return driver.make(database, tenant)
})

/**
 * Names this backend `sql` in configuration files.
 *
 * @category constructors
 * @since 0.1.0
 */
export const adapter: Adapter.Adapter<Options> = Adapter.make<Options>({
  name: "sql",
  options: Options,
  capabilities,
  driver: make
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
