/** Tokens in SQLite or PostgreSQL. */
import * as SqlDatabase from "@keyfold/sql/SqlDatabase"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { RefreshToken, SigningKey, TokenStorage, TokenStorageError } from "../../../DialectTokens.ts"
import { keptFor } from "./memoryStorage.ts"

/** What the database hands over: PostgreSQL a BIGINT as a bigint or a text. */
type Count = number | bigint | string

interface KeyRow {
  readonly id: string
  readonly seed: string
  readonly created_at: Count
}

interface TokenRow {
  readonly digest: string
  readonly family: string
  readonly audience: string
  readonly actor: string
  readonly expires_at: Count
  readonly used_at: Count | null
}

// Two processes that start together may both try; "IF NOT EXISTS" alone does not keep them apart on PostgreSQL.
const createTables = Effect.fnUntraced(function* (sql: SqlClient.SqlClient): Effect.fn.Return<void, SqlError> {
  yield* sql.onDialectOrElse({
    // The number is "tokens" in ASCII.
    pg: () => Effect.asVoid(sql`SELECT pg_advisory_xact_lock(127978911919731)`),
    orElse: () => Effect.void
  })
  yield* sql`CREATE TABLE IF NOT EXISTS keyfold_gateway_signing_keys (
    id TEXT NOT NULL PRIMARY KEY,
    seed TEXT NOT NULL,
    created_at BIGINT NOT NULL
  )`
  yield* sql`CREATE TABLE IF NOT EXISTS keyfold_gateway_refresh_tokens (
    digest TEXT NOT NULL PRIMARY KEY,
    family TEXT NOT NULL,
    audience TEXT NOT NULL,
    actor TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
  )`
  yield* sql`CREATE INDEX IF NOT EXISTS keyfold_gateway_refresh_tokens_by_family
    ON keyfold_gateway_refresh_tokens (family)`
  yield* sql`CREATE INDEX IF NOT EXISTS keyfold_gateway_refresh_tokens_by_expiry
    ON keyfold_gateway_refresh_tokens (expires_at)`
})

const toKey = ({ created_at, id, seed }: KeyRow): SigningKey => ({ id, seed, createdAt: Number(created_at) })

const toToken = ({ actor, audience, digest, expires_at, family, used_at }: TokenRow): RefreshToken => ({
  digest,
  family,
  audience,
  actor,
  expiresAt: Number(expires_at),
  usedAt: used_at === null ? undefined : Number(used_at)
})

const insertToken = (sql: SqlClient.SqlClient, token: RefreshToken) =>
  sql`INSERT INTO keyfold_gateway_refresh_tokens ${sql.insert({
    digest: token.digest,
    family: token.family,
    audience: token.audience,
    actor: token.actor,
    expires_at: token.expiresAt,
    used_at: token.usedAt ?? null
  })}`

const use = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  digest: string,
  successor: RefreshToken,
  now: number
): Effect.fn.Return<boolean, SqlError> {
  const used = yield* sql`UPDATE keyfold_gateway_refresh_tokens SET used_at = ${now}
    WHERE digest = ${digest} AND used_at IS NULL RETURNING digest`
  if (used.length === 0) return false
  yield* insertToken(sql, successor)
  return true
})

type Failing = <A>(effect: Effect.Effect<A, SqlError>) => Effect.Effect<A, TokenStorageError>

const over = (sql: SqlClient.SqlClient, failing: Failing): TokenStorage => ({
  signingKeys: failing(
    Effect.map(
      sql<KeyRow>`SELECT id, seed, created_at FROM keyfold_gateway_signing_keys ORDER BY created_at DESC, id`,
      (rows) => rows.map(toKey)
    )
  ),
  addSigningKey: ({ createdAt, id, seed }, keepAfter) =>
    failing(
      Effect.andThen(
        sql`DELETE FROM keyfold_gateway_signing_keys WHERE created_at < ${keepAfter}`,
        Effect.asVoid(sql`INSERT INTO keyfold_gateway_signing_keys ${sql.insert({ id, seed, created_at: createdAt })}`)
      )
    ),
  addRefresh: (token, now) =>
    failing(
      Effect.andThen(
        sql`DELETE FROM keyfold_gateway_refresh_tokens WHERE expires_at < ${now - keptFor}`,
        Effect.asVoid(insertToken(sql, token))
      )
    ),
  findRefresh: (digest) =>
    failing(
      Effect.map(
        sql<TokenRow>`SELECT digest, family, audience, actor, expires_at, used_at
          FROM keyfold_gateway_refresh_tokens WHERE digest = ${digest}`,
        ([row]) => (row === undefined ? undefined : toToken(row))
      )
    ),
  useRefresh: (digest, successor, now) => failing(SqlDatabase.inTransaction(sql, use(sql, digest, successor, now))),
  endFamily: (family, now) =>
    failing(
      Effect.asVoid(sql`UPDATE keyfold_gateway_refresh_tokens SET used_at = ${now}
        WHERE family = ${family} AND used_at IS NULL`)
    )
})

/** Makes the storage, and its tables where they are missing. */
export const make = Effect.fnUntraced(function* (
  failing: Failing
): Effect.fn.Return<TokenStorage, SqlError, SqlClient.SqlClient> {
  const sql = yield* SqlClient.SqlClient
  yield* SqlDatabase.inTransaction(sql, createTables(sql))
  return over(sql, failing)
})
