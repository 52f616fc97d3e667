/**
 * The answers that are asked for most, written by hand: their schemas describe them in the document, but to encode a page
 * through these takes longer than to read it from a database.
 */
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { Page } from "@keyfold/core/KeyList"
import type { Verification } from "@keyfold/core/Verification"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

const time = (value: DateTime.Utc | undefined): string | undefined =>
  value === undefined ? undefined : DateTime.formatIso(value)

/** A key as `wire.Key` encodes it; members that are undefined are not written. */
const keyOf = (key: ApiKey) => ({
  id: key.id,
  name: key.name,
  owner: key.owner,
  scopes: key.scopes,
  status: key.status,
  createdAt: time(key.createdAt),
  expiresAt: time(key.expiresAt),
  lastUsedAt: time(key.lastUsedAt),
  revokedAt: time(key.revokedAt),
  hint: key.hint,
  tags: key.tags,
  provider: key.provider
})

const json = (body: unknown): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(JSON.stringify(body), { contentType: "application/json" })

/** Answers with one key. */
export const ofKey = (key: ApiKey): HttpServerResponse.HttpServerResponse => json(keyOf(key))

/** Answers with one page of keys. */
export const ofPage = ({ completeness, keys, next }: Page): HttpServerResponse.HttpServerResponse => {
  const { excluded, hidden, lag } = completeness
  return json({ keys: keys.map(keyOf), next, completeness: { excluded, hidden, lagMillis: Duration.toMillis(lag) } })
}

/** Answers whether a secret is valid. */
export const ofVerification = (verification: Verification): HttpServerResponse.HttpServerResponse =>
  json(
    verification.valid
      ? { valid: true, key: verification.key === undefined ? undefined : keyOf(verification.key) }
      : { valid: false, reason: verification.reason }
  )
