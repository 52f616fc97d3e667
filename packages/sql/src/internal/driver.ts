/** The driver's operations on one tenant's keys, in SQL that SQLite and PostgreSQL share. */
import { KeyId, type ApiKey, type IssuedKey, type KeyRef, type KeyStatus, type Revocation } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import {
  DriverError,
  refuse,
  type CreateRequest,
  type Driver,
  type DriverPage,
  type PageRequest
} from "@keyfold/core/Driver"
import { Conflict, NotFound, Unavailable } from "@keyfold/core/KeyStoreError"
import type { KeyUsage } from "@keyfold/core/KeyUsage"
import type { Verification } from "@keyfold/core/Verification"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as KeyFormat from "../KeyFormat.ts"
import * as Pepper from "../Pepper.ts"
import type { Counters } from "./counters.ts"
import { fromSqlError } from "./failure.ts"
import * as rows from "./rows.ts"

/** What all tenants of one open database share. */
export interface Database {
  readonly sql: SqlClient
  readonly keyring: Pepper.Keyring
  readonly counters: Counters
  readonly capabilities: Capabilities
}

interface View extends Database {
  readonly tenant: string
}

const notFound = new DriverError({ reason: new NotFound({}), sent: "maybe" })

const query = <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, DriverError> =>
  Effect.mapError(effect, fromSqlError)

const findRow = Effect.fnUntraced(function* (
  view: View,
  id: string
): Effect.fn.Return<rows.Row | undefined, DriverError> {
  const { sql, tenant } = view
  const found = yield* query(
    sql`SELECT ${sql.literal(rows.columns)} FROM keyfold_keys AS k
      LEFT JOIN keyfold_key_usage AS u ON u.tenant = k.tenant AND u.id = k.id
      WHERE k.tenant = ${tenant} AND k.id = ${id}`
  )
  return (yield* rows.decode(found))[0]
})

const requireRow = (view: View, id: string): Effect.Effect<rows.Row, DriverError> =>
  Effect.flatMap(findRow(view, id), (row) => (row === undefined ? Effect.fail(notFound) : Effect.succeed(row)))

const present = Effect.fnUntraced(function* (view: View, row: rows.Row): Effect.fn.Return<ApiKey> {
  return rows.toApiKey(row, view.counters.pending(view.tenant, row.id), yield* DateTime.now)
})

interface Operation {
  readonly id: string
  readonly owner: string | null
  readonly nonce: string
}

const findOperation = ({ sql, tenant }: View, request: CreateRequest) =>
  Effect.map(
    sql<Operation>`SELECT id, owner, nonce FROM keyfold_keys
      WHERE tenant = ${tenant} AND operation_id = ${request.operationId}`,
    (found) => found[0]
  )

const conflict = ({ id, owner }: Operation) => {
  const existing: KeyRef = { id: KeyId.make(id), ...(owner === null ? {} : { owner }) }
  return new DriverError({ reason: new Conflict({ existing }), sent: "maybe" })
}

/**
 * Decides what a failed insert left behind: this attempt's own row means that the key was made.
 *
 * On SQLite a missing row is final. On PostgreSQL the commit of a lost connection may still be on its way.
 */
const settleInsert = Effect.fnUntraced(function* (
  view: View,
  request: CreateRequest,
  error: SqlError
): Effect.fn.Return<void, DriverError> {
  const failure = fromSqlError(error)
  if (failure.sent === "no") return yield* failure
  const found = yield* Effect.mapError(findOperation(view, request), () => failure)
  if (found?.nonce === request.nonce) return
  if (found !== undefined) return yield* conflict(found)
  const final = view.sql.onDialectOrElse({ sqlite: () => true, orElse: () => false })
  return yield* final ? new DriverError({ reason: failure.reason, sent: "no" }) : failure
})

const vanished = new DriverError({
  reason: new Unavailable({ problem: "another create under this operation id was undone meanwhile" }),
  sent: "no"
})

const insert = Effect.fnUntraced(function* (
  view: View,
  request: CreateRequest,
  minted: rows.Minted
): Effect.fn.Return<void, DriverError> {
  const { sql } = view
  const statement = sql<{ readonly id: string }>`
    INSERT INTO keyfold_keys ${sql.insert(rows.toInsert(request, minted))}
    ON CONFLICT (tenant, operation_id) DO NOTHING RETURNING id`
  const inserted = yield* Effect.catch(statement, (error) =>
    Effect.as(settleInsert(view, request, error), [{ id: minted.id }])
  )
  if (inserted.length > 0) return
  const existing = yield* query(findOperation(view, request))
  return yield* existing === undefined ? vanished : conflict(existing)
})

const create = Effect.fnUntraced(function* (
  view: View,
  request: CreateRequest
): Effect.fn.Return<IssuedKey, DriverError> {
  const { id, secret } = yield* KeyFormat.generate
  const { pepper, version } = view.keyring.current
  const createdAt = yield* Clock.currentTimeMillis
  const hint = Redacted.value(secret).slice(-4)
  const secretHash = Pepper.hash(pepper, view.tenant, secret)
  yield* insert(view, request, { tenant: view.tenant, id, secretHash, pepperVersion: version, hint, createdAt })
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

const readPosition = (position: string) => {
  const match = /^(\d{1,16})\.(.+)$/s.exec(position)
  return match === null
    ? Effect.fail(refuse("cursor", "expected the next of a page of this store"))
    : Effect.succeed({ createdAt: Number(match[1]), id: match[2] ?? "" })
}

const page = Effect.fnUntraced(function* (view: View, request: PageRequest): Effect.fn.Return<DriverPage, DriverError> {
  const { counters, sql, tenant } = view
  const now = yield* DateTime.now
  const millis = now.epochMilliseconds
  const wanted = {
    active: sql`(k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at >= ${millis}))`,
    expired: sql`(k.revoked_at IS NULL AND k.expires_at < ${millis})`,
    revoked: sql`k.revoked_at IS NOT NULL`
  }
  const conditions = [sql`k.tenant = ${tenant}`, sql.or(request.statuses.map((status) => wanted[status]))]
  if (request.owner !== undefined) conditions.push(sql`k.owner = ${request.owner}`)
  if (request.position !== undefined) {
    const { createdAt, id } = yield* readPosition(request.position)
    conditions.push(sql`(k.created_at, k.id) > (${createdAt}, ${id})`)
  }
  const found = yield* query(
    sql`SELECT ${sql.literal(rows.columns)} FROM keyfold_keys AS k
      LEFT JOIN keyfold_key_usage AS u ON u.tenant = k.tenant AND u.id = k.id
      WHERE ${sql.and(conditions)} ORDER BY k.created_at, k.id LIMIT ${request.limit + 1}`
  )
  const shown = (yield* rows.decode(found)).slice(0, request.limit)
  const keys = shown.map((row) => rows.toApiKey(row, counters.pending(tenant, row.id), now))
  const last = shown.at(-1)
  return last !== undefined && found.length > request.limit ? { keys, next: `${last.created_at}.${last.id}` } : { keys }
})

const revoke = Effect.fnUntraced(function* (view: View, ref: KeyRef): Effect.fn.Return<Revocation, DriverError> {
  const { sql, tenant } = view
  const now = yield* Clock.currentTimeMillis
  const changed = yield* query(
    sql`UPDATE keyfold_keys SET revoked_at = ${now}
      WHERE tenant = ${tenant} AND id = ${ref.id} AND revoked_at IS NULL RETURNING id`
  )
  if (changed.length > 0) return { id: ref.id, effectiveWithin: Duration.zero }
  const { id } = yield* requireRow(view, ref.id)
  return { id, alreadyRevoked: true, effectiveWithin: Duration.zero }
})

const usage = Effect.fnUntraced(function* (view: View, ref: KeyRef): Effect.fn.Return<KeyUsage, DriverError> {
  const row = yield* requireRow(view, ref.id)
  return rows.toUsage(row, view.counters.pending(view.tenant, row.id))
})

const otherPepper = new DriverError({
  reason: new Unavailable({ problem: "the key's hash needs a pepper version this process was not given" }),
  sent: "maybe"
})

/** Tells whether a secret belongs to a row; fails where that cannot be known and the key may still be good. */
const matches = (
  view: View,
  row: rows.Row,
  status: KeyStatus,
  secret: Redacted.Redacted<string>
): Effect.Effect<boolean, DriverError> => {
  const pepper = view.keyring.find(Number(row.pepper_version))
  if (pepper !== undefined)
    return Effect.succeed(Pepper.equal(Pepper.hash(pepper, view.tenant, secret), row.secret_hash))
  return status === "active" ? Effect.fail(otherPepper) : Effect.succeed(false)
}

const verify = Effect.fnUntraced(function* (
  view: View,
  secret: Redacted.Redacted<string>
): Effect.fn.Return<Verification, DriverError> {
  const id = KeyFormat.parse(secret)
  if (Option.isNone(id)) return { valid: false, reason: "malformed" }
  const row = yield* findRow(view, id.value)
  if (row === undefined) return { valid: false, reason: "unknown" }
  const { counters, tenant } = view
  const now = yield* DateTime.now
  const { status } = rows.toApiKey(row, undefined, now)
  // Only who holds the whole secret learns what became of the key.
  if (!(yield* matches(view, row, status, secret))) return { valid: false, reason: "unknown" }
  if (status !== "active") {
    counters.add({ tenant, id: row.id, accepted: 0, refused: 1, lastUsedAt: undefined })
    return { valid: false, reason: status }
  }
  counters.add({ tenant, id: row.id, accepted: 1, refused: 0, lastUsedAt: now.epochMilliseconds })
  return { valid: true, key: rows.toApiKey(row, counters.pending(tenant, row.id), now) }
})

/** Makes the driver of one tenant; its `partition` gives the drivers of the others. */
export const make = (database: Database, tenant: string): Driver => {
  const view: View = { ...database, tenant }
  return {
    backend: "sql",
    capabilities: database.capabilities,
    defaultScopes: [],
    create: (request) => create(view, request),
    get: (ref) => Effect.flatMap(requireRow(view, ref.id), (row) => present(view, row)),
    list: { kind: "pages", page: (request) => page(view, request) },
    revoke: (ref) => revoke(view, ref),
    usage: (ref) => usage(view, ref),
    verify: (secret) => verify(view, secret),
    identify: (secret) => Option.map(KeyFormat.parse(secret), (id) => ({ id })),
    partition: (other) => make(database, other)
  }
}
