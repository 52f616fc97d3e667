/** The database's own clock, so that processes on several machines agree on when a lease ends. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

/** Milliseconds since 1970. */
export type Now = Effect.Effect<number, SqlError>

/** Reads the time of the statement, and on PostgreSQL not that of the transaction's beginning. */
export const make = (sql: SqlClient): Now =>
  Effect.map(
    sql.onDialectOrElse({
      pg: () =>
        sql<{
          readonly now: unknown
        }>`SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now`,
      orElse: () => sql<{ readonly now: unknown }>`SELECT CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER) AS now`
    }),
    (found) => Number(found[0]?.now)
  )
