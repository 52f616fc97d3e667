/** The JSON of the protocol. Nothing in it is optional, so that what a store does not know needs a stand-in. */
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { KeyUsage } from "@keyfold/core/KeyUsage"
import type * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import { python, unknown } from "../times.ts"
import * as uuidIds from "../uuidIds.ts"

/** The answer of create: nothing but the id and the secret. */
export const VisibleApiKey = Schema.Struct({ uuid: Schema.String, api_key: Schema.String })

const HiddenApiKey = Schema.Struct({
  uuid: Schema.String,
  name: Schema.String,
  api_key: Schema.String,
  created: Schema.String,
  last_used: Schema.String
})

/** The answer of the list: a bare array. */
export const HiddenApiKeys = Schema.Array(HiddenApiKey)

/** The five numbers of usage. */
export const ApiKeyUsage = Schema.Struct({
  completed_requests: Schema.Int,
  successful_requests: Schema.Int,
  failed_requests: Schema.Int,
  quota_usage_percentage: Schema.Finite,
  requests_per_day: Schema.Finite
})

const access = { token_type: Schema.String, access_token: Schema.String, expires_at: Schema.Int }

/** The answer to an API key. */
export const AccessToken = Schema.Struct(access)

/** The answer to a password and to a refresh token. */
export const AccessAndRefreshToken = Schema.Struct({
  ...access,
  refresh_token: Schema.String,
  refresh_token_expires_at: Schema.Int
})

const time = (value: DateTime.Utc) => `${python(value)}+00:00`

/**
 * Shows a key. A key that was never used, or of which nobody knows, was last used when it was made: its clients need a
 * time, and none is after the creation.
 */
export const toHidden = (key: ApiKey): typeof HiddenApiKey.Type => {
  const created = key.createdAt ?? unknown
  return {
    uuid: uuidIds.encode(key.id),
    name: key.name ?? "",
    api_key: key.hint === undefined ? "********" : `****${key.hint}`,
    created: time(created),
    last_used: time(key.lastUsedAt ?? created)
  }
}

const day = 86_400_000

const requestsPerDay = (usage: KeyUsage, key: ApiKey | undefined, now: DateTime.Utc): number | undefined => {
  if (usage.requestsPerDay !== undefined) return usage.requestsPerDay
  if (usage.completedRequests === undefined || key?.createdAt === undefined) return undefined
  const age = now.epochMilliseconds - key.createdAt.epochMilliseconds
  return usage.completedRequests / Math.max(1, age / day)
}

/**
 * Shows the use of a key, or nothing where the store does not count: a count nobody knows is not zero. Where the store does
 * not say how many requests a day there are, it is the average since the key was made; where it knows of no quota, none of
 * it is used.
 */
export const toUsage = (
  usage: KeyUsage,
  key: ApiKey | undefined,
  now: DateTime.Utc
): typeof ApiKeyUsage.Type | undefined => {
  const { completedRequests: completed, failedRequests: failed, successfulRequests: successful } = usage
  const perDay = requestsPerDay(usage, key, now)
  if (completed === undefined || failed === undefined || successful === undefined || perDay === undefined) {
    return undefined
  }
  const scale = usage.quotaScale === "fraction" ? 100 : 1
  return {
    completed_requests: Math.round(completed),
    successful_requests: Math.round(successful),
    failed_requests: Math.round(failed),
    quota_usage_percentage: (usage.quotaUsed ?? 0) * scale,
    requests_per_day: perDay
  }
}
