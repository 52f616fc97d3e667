/** Rows of the key table and the `ApiKey` they stand for; nothing else knows what the columns mean. */
import { settleStatus, type ApiKey, type KeyId } from "@keyfold/core/ApiKey"
import type { CreateRequest, DriverError } from "@keyfold/core/Driver"
import type { KeyUsage } from "@keyfold/core/KeyUsage"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { latest, type Tally } from "./counters.ts"
import { unreadable } from "./failure.ts"

/** What is shown of a stored key. */
export interface Shown {
  readonly id: KeyId
  readonly name: string | null
  readonly owner: string | null
  readonly scopes: ReadonlyArray<string>
  readonly tags: Readonly<Record<string, string>>
  readonly pepperVersion: number
  readonly hint: string
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
}

/** One key as it is stored, with its stored counters. */
export interface Row extends Shown {
  readonly nonce: string
  readonly secretHash: string
  readonly accepted: number | null
  readonly refused: number | null
}

/** The columns of `Shown`, from `keyfold_keys AS k LEFT JOIN keyfold_key_usage AS u`. */
export const shownColumns =
  "k.id, k.name, k.owner, k.scopes, k.tags, k.pepper_version, k.hint, k.created_at, k.expires_at, k.revoked_at, " +
  "u.last_used_at"

/** The columns of `Row`, from the same. */
export const columns = `${shownColumns}, k.nonce, k.secret_hash, u.accepted, u.refused`

/** Thrown for a value that this package does not write. */
const unknown = new Error("a value is not what is stored")

const text = (value: unknown): string => {
  if (typeof value === "string") return value
  throw unknown
}

const textOrNull = (value: unknown): string | null => (value === null ? null : text(value))

/** SQLite hands a BIGINT over as a number, PostgreSQL as a bigint or as text. */
const whole = (value: unknown): number => {
  if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "string") throw unknown
  const number = Number(value)
  if (Number.isSafeInteger(number) && value !== "") return number
  throw unknown
}

const wholeOrNull = (value: unknown): number | null => (value === null ? null : whole(value))

const none: ReadonlyArray<string> = Object.freeze([])

const texts = (value: unknown): ReadonlyArray<string> => {
  // Most keys have none of these, and short texts need no parser.
  if (value === "[]") return none
  const parsed: unknown = JSON.parse(text(value))
  if (Array.isArray(parsed) && parsed.every((one) => typeof one === "string")) return parsed
  throw unknown
}

const noTags: Readonly<Record<string, string>> = Object.freeze({})

const textsByName = (value: unknown): Readonly<Record<string, string>> => {
  if (value === "{}") return noTags
  const parsed: unknown = JSON.parse(text(value))
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw unknown
  if (Object.values(parsed).every((one) => typeof one === "string")) return parsed as Readonly<Record<string, string>>
  throw unknown
}

type Values = ReadonlyArray<unknown>

const readShown = (values: Values): Shown => {
  const id = text(values[0])
  if (id === "") throw unknown
  return {
    id: id as KeyId,
    name: textOrNull(values[1]),
    owner: textOrNull(values[2]),
    scopes: texts(values[3]),
    tags: textsByName(values[4]),
    pepperVersion: whole(values[5]),
    hint: text(values[6]),
    createdAt: whole(values[7]),
    expiresAt: wholeOrNull(values[8]),
    revokedAt: wholeOrNull(values[9]),
    lastUsedAt: wholeOrNull(values[10])
  }
}

const readRow = (values: Values): Row => ({
  ...readShown(values),
  nonce: text(values[11]),
  secretHash: text(values[12]),
  accepted: wholeOrNull(values[13]),
  refused: wholeOrNull(values[14])
})

/** Reads rows by hand, since a list is read for every page; one that this package did not write fails `InvalidResponse`. */
const decoding =
  <A>(read: (values: Values) => A) =>
  (rows: ReadonlyArray<Values>): Effect.Effect<ReadonlyArray<A>, DriverError> => {
    try {
      return Effect.succeed(rows.map(read))
    } catch {
      return Effect.fail(unreadable)
    }
  }

/** Reads the values of `columns`. */
export const decode = decoding(readRow)

/** Reads the values of `shownColumns`. */
export const decodeShown = decoding(readShown)

const toTime = (millis: number | null): DateTime.Utc | undefined =>
  millis === null ? undefined : DateTime.makeUnsafe(millis)

const lastUsedAt = (row: Shown, pending: Tally | undefined): DateTime.Utc | undefined => {
  const time = latest(row.lastUsedAt ?? undefined, pending?.lastUsedAt)
  return time === undefined ? undefined : DateTime.makeUnsafe(time)
}

/** Describes a stored key as it is at `now`. */
export const toApiKey = (row: Shown, pending: Tally | undefined, now: DateTime.Utc): ApiKey => {
  const expiresAt = toTime(row.expiresAt)
  const revokedAt = toTime(row.revokedAt)
  const used = lastUsedAt(row, pending)
  const key: ApiKey = {
    id: row.id,
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.owner === null ? {} : { owner: row.owner }),
    scopes: row.scopes,
    status: revokedAt === undefined ? "active" : "revoked",
    createdAt: DateTime.makeUnsafe(row.createdAt),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(used === undefined ? {} : { lastUsedAt: used }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
    hint: row.hint,
    tags: row.tags,
    provider: { sql: { pepperVersion: row.pepperVersion } }
  }
  return settleStatus(key, now)
}

/** Reports a stored key's counters together with what is not stored yet. */
export const toUsage = (row: Row, pending: Tally | undefined): KeyUsage => {
  const accepted = (row.accepted ?? 0) + (pending?.accepted ?? 0)
  const refused = (row.refused ?? 0) + (pending?.refused ?? 0)
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
