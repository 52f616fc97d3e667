/** The JSON Occam answers with and its translation into core's words. Its server is closed, so all is read leniently. */
import { KeyId, type ApiKey, type IssuedKey } from "@keyfold/core/ApiKey"
import type { KeyUsage } from "@keyfold/core/KeyUsage"
import { readExpiry, type Token } from "@keyfold/http/BearerToken"
import { parseUtc, parseZoned } from "@keyfold/http/Timestamp"
import { maybe, present, secret } from "@keyfold/http/Wire"
import * as Schema from "effect/Schema"

/** The answer of create: nothing but the id and the secret. */
export const VisibleApiKey = Schema.Struct({ uuid: Schema.NonEmptyString, api_key: secret })

/** One item of the list, which is a bare array; `api_key` is masked in a way nobody states. */
export const HiddenApiKey = Schema.Struct({
  uuid: KeyId,
  name: maybe(Schema.String),
  api_key: maybe(Schema.String),
  created: maybe(Schema.Json),
  last_used: maybe(Schema.Json)
})

/** The five numbers of usage. */
export const ApiKeyUsage = Schema.Struct({
  completed_requests: maybe(Schema.Number),
  successful_requests: maybe(Schema.Number),
  failed_requests: maybe(Schema.Number),
  quota_usage_percentage: maybe(Schema.Number),
  requests_per_day: maybe(Schema.Number)
})

/** An access token, with a refresh token where a password was used. */
export const AccessToken = Schema.Struct({
  access_token: secret,
  expires_at: maybe(Schema.Number),
  refresh_token: maybe(secret)
})

/**
 * The last characters, only where the mask is one we recognise: stars, then four characters.
 *
 * The pattern names two stars only: one that took them all would never end on a mask as long as an answer may be.
 */
const hintOf = (masked: string | null | undefined): string | undefined =>
  /\*\*([A-Za-z0-9]{4})$/.exec(masked ?? "")?.[1]

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

/**
 * Reads one item of the list.
 *
 * A time without a zone cannot be placed and stays under `provider`. So does a last use that is not after the creation:
 * the creation time itself, or the epoch, may well be how a key that was never used reports.
 */
export const toApiKey = (wire: typeof HiddenApiKey.Type): ApiKey => {
  const lastUsed = parseZoned(text(wire.last_used))
  const isUse = (lastUsed?.epochMilliseconds ?? 0) > (parseUtc(text(wire.created))?.epochMilliseconds ?? 0)
  return present({
    id: wire.uuid,
    name: wire.name === "" ? undefined : wire.name,
    scopes: [],
    status: "active",
    createdAt: parseZoned(text(wire.created)),
    lastUsedAt: isUse ? lastUsed : undefined,
    hint: hintOf(wire.api_key),
    tags: {},
    provider: { occam: present({ created: wire.created, lastUsed: wire.last_used }) }
  })
}

/** Reads the answer of create, to which the name has to be added: it does not come back. */
export const toIssuedKey = (wire: typeof VisibleApiKey.Type, name: string): IssuedKey => ({
  key: { id: KeyId.make(wire.uuid), name, scopes: [], status: "active", tags: {}, provider: {} },
  secret: wire.api_key
})

const finite = (value: number | null | undefined): number | undefined =>
  value === null || value === undefined || !Number.isFinite(value) ? undefined : value

/** Reads usage as given: neither the window, nor the freshness, nor the scale of the share is documented. */
export const toUsage = (id: KeyId, wire: typeof ApiKeyUsage.Type): KeyUsage => {
  const quotaUsed = finite(wire.quota_usage_percentage)
  return {
    id,
    precision: "approximate",
    ...present({
      completedRequests: finite(wire.completed_requests),
      successfulRequests: finite(wire.successful_requests),
      failedRequests: finite(wire.failed_requests),
      requestsPerDay: finite(wire.requests_per_day)
    }),
    ...(quotaUsed === undefined ? {} : { quotaUsed, quotaScale: "unknown" }),
    provider: {}
  }
}

/** Reads a token. */
export const toToken = (wire: typeof AccessToken.Type, now: number): Token => ({
  value: wire.access_token,
  expiresAt: readExpiry(wire.expires_at, now),
  ...(wire.refresh_token === null || wire.refresh_token === undefined ? {} : { refresh: wire.refresh_token })
})
