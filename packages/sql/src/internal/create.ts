/** The create of one key: made once per operation id, or put in the place of one that nobody holds. */
import { KeyId, type ApiKey, type IssuedKey, type KeyRef } from "@keyfold/core/ApiKey"
import { DriverError, type CreateRequest } from "@keyfold/core/Driver"
import { Conflict, Unavailable } from "@keyfold/core/KeyStoreError"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as KeyFormat from "../KeyFormat.ts"
import * as Pepper from "../Pepper.ts"
import { fromSqlError } from "./failure.ts"
import * as rows from "./rows.ts"
import { inTransaction } from "./transaction.ts"

interface View {
  readonly sql: SqlClient
  readonly keyring: Pepper.Keyring
  readonly tenant: string
}

interface Stored {
  readonly id: string
  readonly owner: string | null
  readonly nonce: string
}

const findStored = ({ sql, tenant }: View, request: CreateRequest) =>
  Effect.map(
    sql<Stored>`SELECT id, owner, nonce FROM keyfold_keys
      WHERE tenant = ${tenant} AND operation_id = ${request.operationId}`,
    (found) => found[0]
  )

const conflict = ({ id, owner }: Stored) => {
  const existing: KeyRef = { id: KeyId.make(id), ...(owner === null ? {} : { owner }) }
  return new DriverError({ reason: new Conflict({ existing }), sent: "maybe" })
}

/** The attempts whose key this one may replace: its own, whose answer was lost, and those before it. */
const replaceable = (request: CreateRequest): ReadonlyArray<string> => [request.nonce, ...request.supersedes]

/**
 * Decides what a failed write left behind: a row with the new id means that the key was made.
 *
 * On SQLite a missing row is final. On PostgreSQL the commit of a lost connection may still be on its way.
 */
const settle = Effect.fnUntraced(function* (
  view: View,
  request: CreateRequest,
  minted: rows.Minted,
  error: SqlError
): Effect.fn.Return<void, DriverError> {
  const failure = fromSqlError(error)
  if (failure.sent === "no") return yield* failure
  const found = yield* Effect.mapError(findStored(view, request), () => failure)
  if (found?.id === minted.id) return
  if (found !== undefined && !replaceable(request).includes(found.nonce)) return yield* conflict(found)
  const final = view.sql.onDialectOrElse({ sqlite: () => true, orElse: () => false })
  return yield* final ? new DriverError({ reason: failure.reason, sent: "no" }) : failure
})

const insert = ({ sql }: View, request: CreateRequest, minted: rows.Minted) =>
  Effect.map(
    sql`INSERT INTO keyfold_keys ${sql.insert(rows.toInsert(request, minted))}
      ON CONFLICT (tenant, operation_id) DO NOTHING RETURNING id`,
    (inserted) => inserted.length > 0
  )

/** Puts the new key in the place of one that an earlier attempt made; false where there is none. */
const replace = (view: View, request: CreateRequest, minted: rows.Minted) => {
  const { sql, tenant } = view
  const place = sql.and([
    sql`tenant = ${tenant}`,
    sql`operation_id = ${request.operationId}`,
    sql.in("nonce", replaceable(request))
  ])
  const lock = sql.literal(sql.onDialectOrElse({ pg: () => "FOR UPDATE", orElse: () => "" }))
  const { operation_id: _operation, tenant: _tenant, ...columns } = rows.toInsert(request, minted)
  return inTransaction(
    sql,
    Effect.gen(function* () {
      const [old] = yield* sql<{ readonly id: string }>`SELECT id FROM keyfold_keys WHERE ${place} ${lock}`
      if (old === undefined) return false
      yield* sql`DELETE FROM keyfold_key_usage WHERE tenant = ${tenant} AND id = ${old.id}`
      yield* sql`UPDATE keyfold_keys SET ${sql.update(columns)} WHERE ${place}`
      return true
    })
  )
}

const vanished = new DriverError({
  reason: new Unavailable({ problem: "another create under this operation id was undone meanwhile" }),
  sent: "no"
})

const store = Effect.fnUntraced(function* (
  view: View,
  request: CreateRequest,
  minted: rows.Minted
): Effect.fn.Return<void, DriverError> {
  const settled = (write: Effect.Effect<boolean, SqlError>) =>
    Effect.catch(write, (error) => Effect.as(settle(view, request, minted, error), true))
  if (yield* settled(insert(view, request, minted))) return
  if (yield* settled(replace(view, request, minted))) return
  const existing = yield* Effect.mapError(findStored(view, request), fromSqlError)
  return yield* existing === undefined ? vanished : conflict(existing)
})

/** Creates a key and returns it with its secret. */
export const create = Effect.fnUntraced(function* (
  view: View,
  request: CreateRequest
): Effect.fn.Return<IssuedKey, DriverError> {
  const { id, secret } = yield* KeyFormat.generate
  const { pepper, version } = view.keyring.current
  const createdAt = yield* Clock.currentTimeMillis
  const hint = Redacted.value(secret).slice(-4)
  const secretHash = Pepper.hash(pepper, view.tenant, secret)
  yield* store(view, request, { tenant: view.tenant, id, secretHash, pepperVersion: version, hint, createdAt })
  const { expiresAt, name, owner, scopes, tags } = request
  const key: ApiKey = {
    id,
    ...(name === undefined ? {} : { name }),
    ...(owner === undefined ? {} : { owner }),
    scopes,
    status: "active",
    createdAt: DateTime.makeUnsafe(createdAt),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    hint,
    tags,
    provider: { sql: { pepperVersion: version } }
  }
  return { key, secret }
})
