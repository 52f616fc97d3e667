/**
 * Where the Occam dialect keeps what its tokens rest on: the keys they are signed with, and refresh tokens, each good for
 * one use.
 *
 * Several processes on one database share both. What is stored does not make a token: a signing key is mixed with a secret
 * that is kept elsewhere, and of a refresh token only the digest is stored.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as memory from "./internal/dialects/occam/memoryStorage.ts"
import * as sqlStorage from "./internal/dialects/occam/sqlStorage.ts"

/**
 * Fails what the storage could not do. It says nothing more, for a database's text may hold anything.
 *
 * @category errors
 * @since 0.1.0
 */
export class TokenStorageError extends Data.TaggedError("TokenStorageError")<{}> {
  override get message(): string {
    return "the storage of tokens is not available"
  }
}

/**
 * Holds the stored half of a signing key. Times are epoch milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface SigningKey {
  readonly id: string
  readonly seed: string
  readonly createdAt: number
}

/**
 * Holds what is kept of a refresh token. `family` is the same for all that came of one login.
 *
 * @category models
 * @since 0.1.0
 */
export interface RefreshToken {
  readonly digest: string
  readonly family: string
  readonly audience: string
  readonly actor: string
  readonly expiresAt: number
  readonly usedAt: number | undefined
}

/**
 * Keeps signing keys and refresh tokens.
 *
 * - `signingKeys` are all that are kept, newest first.
 * - `addSigningKey` adds one and drops those made before `keepAfter`.
 * - `addRefresh` keeps a token, and drops those that expired long ago.
 * - `findRefresh` finds one, whatever became of it.
 * - `useRefresh` marks a token as used and keeps its successor, both or neither. False where somebody else has used it: of
 *   those that try at the same time one succeeds.
 * - `endFamily` marks every token of a family as used.
 *
 * @category services
 * @since 0.1.0
 */
export interface TokenStorage {
  readonly signingKeys: Effect.Effect<ReadonlyArray<SigningKey>, TokenStorageError>
  readonly addSigningKey: (key: SigningKey, keepAfter: number) => Effect.Effect<void, TokenStorageError>
  readonly addRefresh: (token: RefreshToken, now: number) => Effect.Effect<void, TokenStorageError>
  readonly findRefresh: (digest: string) => Effect.Effect<RefreshToken | undefined, TokenStorageError>
  readonly useRefresh: (
    digest: string,
    successor: RefreshToken,
    now: number
  ) => Effect.Effect<boolean, TokenStorageError>
  readonly endFamily: (family: string, now: number) => Effect.Effect<void, TokenStorageError>
}

/**
 * Makes a storage that ends with the process, for one process and for tests: after a restart clients log in again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const inMemory: Effect.Effect<TokenStorage> = Effect.sync(memory.make)

/**
 * Makes a storage in SQLite or PostgreSQL, and its two tables where they are missing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const inSql: Effect.Effect<TokenStorage, SqlError, SqlClient> = sqlStorage.make((effect) =>
  Effect.mapError(effect, () => new TokenStorageError())
)
