/** The driver's operations on one tenant's keys, in SQL that SQLite and PostgreSQL share. */
import type { ApiKey, KeyRef, KeyStatus, Revocation } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import {
  DriverError,
  refuse,
  type Driver,
  type DriverPage,
  type FoundOperation,
  type PageRequest
} from "@keyfold/core/Driver"
import { NotFound, Unavailable } from "@keyfold/core/KeyStoreError"
import type { KeyUsage } from "@keyfold/core/KeyUsage"
import type { OperationId } from "@keyfold/core/OperationId"
import type { Verification } from "@keyfold/core/Verification"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as KeyFormat from "../KeyFormat.ts"
import * as Pepper from "../Pepper.ts"
import type { Counters } from "./counters.ts"
import { create } from "./create.ts"
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
      WHERE k.tenant = ${tenant} AND k.id = ${id}`.values
  )
  return (yield* rows.decode(found))[0]
})

const requireRow = (view: View, id: string): Effect.Effect<rows.Row, DriverError> =>
  Effect.flatMap(findRow(view, id), (row) => (row === undefined ? Effect.fail(notFound) : Effect.succeed(row)))

const present = Effect.fnUntraced(function* (view: View, row: rows.Row): Effect.fn.Return<ApiKey> {
  return rows.toApiKey(row, view.counters.pending(view.tenant, row.id), yield* DateTime.now)
})

const findOperation = Effect.fnUntraced(function* (
  view: View,
  operationId: OperationId
): Effect.fn.Return<FoundOperation | undefined, DriverError> {
  const { sql, tenant } = view
  const found = yield* query(
    sql`SELECT ${sql.literal(rows.columns)} FROM keyfold_keys AS k
      LEFT JOIN keyfold_key_usage AS u ON u.tenant = k.tenant AND u.id = k.id
      WHERE k.tenant = ${tenant} AND k.operation_id = ${operationId}`.values
  )
  const [row] = yield* rows.decode(found)
  return row === undefined ? undefined : { key: yield* present(view, row), nonce: row.nonce }
})

const readPosition = (position: string) => {
  const match = /^(\d{1,16})\.(.+)$/s.exec(position)
  return match === null
    ? Effect.fail(refuse("cursor", "expected the next of a page of this store"))
    : Effect.succeed({ createdAt: Number(match[1]), id: match[2] ?? "" })
}

const isOneOf = (sql: SqlClient, statuses: ReadonlyArray<KeyStatus>, now: number) => {
  const wanted = {
    active: sql`(k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at >= ${now}))`,
    expired: sql`(k.revoked_at IS NULL AND k.expires_at < ${now})`,
    revoked: sql`k.revoked_at IS NOT NULL`
  }
  // What most ask for: every key that was not revoked.
  const isLive = statuses.length === 2 && !statuses.includes("revoked")
  return isLive ? sql`k.revoked_at IS NULL` : sql.or(statuses.map((status) => wanted[status]))
}

/** PostgreSQL would rather read the uses of all keys than look up those of a page's, if it were free to choose. */
const withUses = (sql: SqlClient) =>
  sql.onDialectOrElse({
    pg: () => sql`LEFT JOIN LATERAL (
        SELECT last_used_at FROM keyfold_key_usage WHERE tenant = k.tenant AND id = k.id LIMIT 1
      ) AS u ON true`,
    orElse: () => sql`LEFT JOIN keyfold_key_usage AS u ON u.tenant = k.tenant AND u.id = k.id`
  })

const page = Effect.fnUntraced(function* (view: View, request: PageRequest): Effect.fn.Return<DriverPage, DriverError> {
  const { counters, sql, tenant } = view
  const now = yield* DateTime.now
  const conditions = [sql`k.tenant = ${tenant}`, isOneOf(sql, request.statuses, now.epochMilliseconds)]
  if (request.owner !== undefined) conditions.push(sql`k.owner = ${request.owner}`)
  if (request.position !== undefined) {
    const { createdAt, id } = yield* readPosition(request.position)
    conditions.push(sql`(k.created_at, k.id) > (${createdAt}, ${id})`)
  }
  const found = yield* query(
    sql`SELECT ${sql.literal(rows.shownColumns)} FROM keyfold_keys AS k ${withUses(sql)}
      WHERE ${sql.and(conditions)} ORDER BY k.created_at, k.id LIMIT ${request.limit + 1}`.values
  )
  const shown = (yield* rows.decodeShown(found)).slice(0, request.limit)
  const keys = shown.map((row) => rows.toApiKey(row, counters.pending(tenant, row.id), now))
  const last = shown.at(-1)
  return last !== undefined && found.length > request.limit ? { keys, next: `${last.createdAt}.${last.id}` } : { keys }
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
  const pepper = view.keyring.find(row.pepperVersion)
  if (pepper !== undefined)
    return Effect.succeed(Pepper.equal(Pepper.hash(pepper, view.tenant, secret), row.secretHash))
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

const partitions = Effect.fnUntraced(function* ({
  sql
}: Database): Effect.fn.Return<ReadonlyArray<string>, DriverError> {
  const found = yield* query(sql<{ readonly tenant: string }>`SELECT DISTINCT tenant FROM keyfold_keys ORDER BY tenant`)
  return found.map(({ tenant }) => tenant)
})

/** Makes the driver of one tenant; its `partition` gives the drivers of the others. */
export const make = (database: Database, tenant: string): Driver => {
  const view: View = { ...database, tenant }
  return {
    backend: "sql",
    capabilities: database.capabilities,
    defaultScopes: [],
    create: (request) => create(view, request),
    findOperation: (operationId) => findOperation(view, operationId),
    get: (ref) => Effect.flatMap(requireRow(view, ref.id), (row) => present(view, row)),
    list: { kind: "pages", page: (request) => page(view, request) },
    revoke: (ref) => revoke(view, ref),
    usage: (ref) => usage(view, ref),
    verify: (secret) => verify(view, secret),
    identify: (secret) => Option.map(KeyFormat.parse(secret), (id) => ({ id })),
    partition: (other) => make(database, other),
    partitions: partitions(database)
  }
}
