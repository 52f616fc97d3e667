/** Rows of the key table and the `ApiKey` they stand for; nothing else knows what the columns mean. */
import { KeyId, settleStatus, type ApiKey } from "@keyfold/core/ApiKey"
import type { CreateRequest, DriverError } from "@keyfold/core/Driver"
import type { KeyUsage } from "@keyfold/core/KeyUsage"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { latest, type Tally } from "./counters.ts"
import { unreadable } from "./failure.ts"

// SQLite hands a BIGINT over as a number, PostgreSQL as a bigint or as text.
const Count = Schema.Union([Schema.Int, Schema.BigInt, Schema.String])

const Row = Schema.Struct({
  id: KeyId,
  nonce: Schema.String,
  name: Schema.NullOr(Schema.String),
  owner: Schema.NullOr(Schema.String),
  scopes: Schema.fromJsonString(Schema.Array(Schema.String)),
  tags: Schema.fromJsonString(Schema.Record(Schema.String, Schema.String)),
  secret_hash: Schema.String,
  pepper_version: Count,
  hint: Schema.String,
  created_at: Count,
  expires_at: Schema.NullOr(Count),
  revoked_at: Schema.NullOr(Count),
  accepted: Schema.NullOr(Count),
  refused: Schema.NullOr(Count),
  last_used_at: Schema.NullOr(Count)
})

/** One key as it is stored, with its stored counters. */
export interface Row extends Schema.Schema.Type<typeof Row> {}

/** The columns of `Row`, from `keyfold_keys AS k LEFT JOIN keyfold_key_usage AS u`. */
export const columns =
  "k.id, k.nonce, k.name, k.owner, k.scopes, k.tags, k.secret_hash, k.pepper_version, k.hint, " +
  "k.created_at, k.expires_at, k.revoked_at, u.accepted, u.refused, u.last_used_at"

const decodeRows = Schema.decodeUnknownEffect(Schema.Array(Row))

/** Reads rows; one that this package did not write fails `InvalidResponse`. */
export const decode = (rows: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<Row>, DriverError> =>
  Effect.mapError(decodeRows(rows), () => unreadable)

const toTime = (millis: Row["expires_at"]): DateTime.Utc | undefined =>
  millis === null ? undefined : DateTime.makeUnsafe(Number(millis))

const lastUsedAt = (row: Row, pending: Tally | undefined): DateTime.Utc | undefined => {
  const stored = row.last_used_at === null ? undefined : Number(row.last_used_at)
  const time = latest(stored, pending?.lastUsedAt)
  return time === undefined ? undefined : DateTime.makeUnsafe(time)
}

/** Describes a stored key as it is at `now`. */
export const toApiKey = (row: Row, pending: Tally | undefined, now: DateTime.Utc): ApiKey => {
  const expiresAt = toTime(row.expires_at)
  const revokedAt = toTime(row.revoked_at)
  const used = lastUsedAt(row, pending)
  const key: ApiKey = {
    id: row.id,
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.owner === null ? {} : { owner: row.owner }),
    scopes: row.scopes,
    status: revokedAt === undefined ? "active" : "revoked",
    createdAt: DateTime.makeUnsafe(Number(row.created_at)),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(used === undefined ? {} : { lastUsedAt: used }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
    hint: row.hint,
    tags: row.tags,
    provider: { sql: { pepperVersion: Number(row.pepper_version) } }
  }
  return settleStatus(key, now)
}

/** Reports a stored key's counters together with what is not stored yet. */
export const toUsage = (row: Row, pending: Tally | undefined): KeyUsage => {
  const accepted = Number(row.accepted ?? 0) + (pending?.accepted ?? 0)
  const refused = Number(row.refused ?? 0) + (pending?.refused ?? 0)
  const used = lastUsedAt(row, pending)
  return {
    id: row.id,
    precision: "approximate",
    ...(used === undefined ? {} : { lastUsedAt: used }),
    completedRequests: accepted + refused,
    successfulRequests: accepted,
    failedRequests: refused,
    provider: {}
  }
}

/** What is stored of a new key beside its request. */
export interface Minted {
  readonly tenant: string
  readonly id: KeyId
  readonly secretHash: string
  readonly pepperVersion: number
  readonly hint: string
  readonly createdAt: number
}

/** The row a create inserts, by column. */
export const toInsert = (request: CreateRequest, minted: Minted) => ({
  tenant: minted.tenant,
  id: minted.id,
  operation_id: request.operationId,
  nonce: request.nonce,
  name: request.name ?? null,
  owner: request.owner ?? null,
  scopes: JSON.stringify(request.scopes),
  tags: JSON.stringify(request.tags),
  secret_hash: minted.secretHash,
  pepper_version: minted.pepperVersion,
  hint: minted.hint,
  created_at: minted.createdAt,
  expires_at: request.expiresAt?.epochMilliseconds ?? null,
  revoked_at: null
})
