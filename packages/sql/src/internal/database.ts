/** Opens the database an address names and brings it to the latest schema, or refuses it untouched. */
import * as Adapter from "@keyfold/core/Adapter"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Secret } from "@keyfold/core/Secret"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import type { Scope } from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Migrations from "../Migrations.ts"
import * as SqliteClient from "../SqliteClient.ts"
import { whileOpening } from "./failure.ts"
import * as postgres from "./postgres.ts"
import * as sqliteFile from "./sqliteFile.ts"
import * as url from "./url.ts"

/** The options that say which database, as every module of this package takes them. */
export interface Target {
  readonly url: string
  readonly password?: Secret | undefined
  readonly busyTimeout?: Duration.Duration | undefined
}

/** Looks at a database that has tables of ours for reasons to refuse it; must not change anything. */
export type Inspection = Effect.Effect<void, ConfigurationError | SqlError, SqlClient.SqlClient>

const inspect = Effect.fnUntraced(function* (
  inspection: Inspection
): Effect.fn.Return<void, ConfigurationError | SqlError, SqlClient.SqlClient> {
  yield* Migrations.check
  if ((yield* Migrations.version) > 0) yield* inspection
})

const openSqlite = Effect.fnUntraced(function* (
  filename: string,
  { busyTimeout, password }: Target,
  inspection: Inspection
) {
  if (password !== undefined) {
    const fix = "Remove password, or name a database on PostgreSQL."
    return yield* new ConfigurationError({ field: "password", problem: "a SQLite file has no password.", fix })
  }
  const folder = yield* Adapter.BaseFolder
  if (sqliteFile.inspectable({ filename, folder })) {
    yield* SqliteClient.make({ filename, folder, busyTimeout, readOnly: true }).pipe(
      Effect.flatMap((sql) => Effect.provideService(inspect(inspection), SqlClient.SqlClient, sql)),
      Effect.scoped
    )
  }
  return yield* SqliteClient.make({ filename, folder, busyTimeout })
})

const openPostgres = Effect.fnUntraced(function* (address: URL, target: Target, inspection: Inspection) {
  const busyTimeout = target.busyTimeout ?? Duration.seconds(5)
  const sql = yield* postgres.make({ url: address, password: target.password, busyTimeout })
  yield* Effect.provideService(inspect(inspection), SqlClient.SqlClient, sql)
  return sql
})

const asUrl = (error: ConfigurationError): ConfigurationError =>
  error.field !== "filename"
    ? error
    : new ConfigurationError({
        field: "url",
        problem: error.problem,
        ...(error.fix === undefined ? {} : { fix: error.fix })
      })

/** Opens the database, lets `inspection` refuse it, migrates it, and returns what `use` makes of the client. */
export const open = Effect.fnUntraced(function* <A>(
  target: Target,
  inspection: Inspection,
  use: (sql: SqlClient.SqlClient) => Effect.Effect<A, ConfigurationError | SqlError, Scope | SqlClient.SqlClient>
): Effect.fn.Return<A, ConfigurationError, Scope> {
  const address = yield* Effect.fromResult(url.parse(target.url))
  const opened =
    address.dialect === "sqlite"
      ? openSqlite(address.filename, target, inspection)
      : openPostgres(address.url, target, inspection)
  return yield* opened.pipe(
    Effect.flatMap((sql) =>
      Effect.andThen(Migrations.run, use(sql)).pipe(Effect.provideService(SqlClient.SqlClient, sql))
    ),
    Effect.catchTag("SqlError", (error) => Effect.fail(whileOpening(address.dialect, error))),
    Effect.mapError(asUrl),
    Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make)
  )
})
