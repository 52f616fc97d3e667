/** The JSON of the protocol: camelCase, absent instead of null, times as text without a zone. */
import { whylabsScopes } from "@keyfold/config/DialectSettings"
import type { ApiKey } from "@keyfold/core/ApiKey"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { ScopeNames } from "../scopeNames.ts"
import { trimmed, unknown } from "../times.ts"
import * as wordIds from "../wordIds.ts"

/** The twelve scopes v0 takes. */
export const allScopes = whylabsScopes

/** The ten scopes v1 takes. */
export const externalScopes = allScopes.filter((scope) => !scope.startsWith(":whylabs_"))

const metadata = {
  keyId: Schema.String,
  orgId: Schema.String,
  userId: Schema.String,
  creationTime: Schema.String,
  expirationTime: Schema.optionalKey(Schema.String),
  lastUsedTime: Schema.optionalKey(Schema.String),
  scopes: Schema.optionalKey(Schema.Array(Schema.String)),
  alias: Schema.String,
  revoked: Schema.Boolean
}

const { lastUsedTime: _lastUsedTime, revoked: _revoked, ...summary } = metadata

/** One key without its secret: the answer of revoke, and an item of the v0 list. */
export const UserApiKey = Schema.Struct(metadata)

/** The type of a key without its secret. */
export type UserApiKey = typeof UserApiKey.Type

/** The answer of create, the only one with the secret. */
export const CreatedUserApiKey = Schema.Struct({ key: Schema.String, ...metadata })

/** The answer of the v0 list. */
export const ListUserApiKeys = Schema.Struct({ items: Schema.Array(UserApiKey) })

/** The answer of get: here `key` is an object, and absent where there is no such key. */
export const UserApiKeyResponse = Schema.Struct({ key: Schema.optionalKey(UserApiKey) })

/**
 * The answer of the v1 list. The server leaves the user and the creation time out; the published client of v1 cannot read
 * an item without them.
 */
export const ListApiKeyMetadata = Schema.Struct({ items: Schema.Array(Schema.Struct(summary)) })

/** The answer of validate. */
export const Validated = Schema.Struct({ requestId: Schema.String })

/** Whose keys are shown, and in which names. */
export interface View {
  readonly organization: string
  /** The user of keys without an owner. */
  readonly owner: string
  readonly names: ScopeNames
}

/** Says whose a key is, as the protocol shows it. */
export const ownerOf = ({ owner }: Pick<View, "owner">, key: ApiKey): string => key.owner ?? owner

/** Shows a key. Only some answers tell the last use. */
export const toUserApiKey = (view: View, key: ApiKey, shows: { readonly lastUse: boolean }): UserApiKey => {
  const scopes = view.names.toProtocol(key.scopes)
  return {
    keyId: wordIds.encode(key.id),
    orgId: view.organization,
    userId: ownerOf(view, key),
    creationTime: trimmed(key.createdAt ?? unknown),
    ...(key.expiresAt === undefined ? {} : { expirationTime: trimmed(key.expiresAt) }),
    ...(shows.lastUse && key.lastUsedAt !== undefined ? { lastUsedTime: trimmed(key.lastUsedAt) } : {}),
    ...(scopes.length === 0 ? {} : { scopes }),
    alias: key.name ?? "",
    revoked: key.status === "revoked"
  }
}

/** Shows a new key with its secret, which is the store's own text: the organization's id is not added to it. */
export const toCreated = (
  view: View,
  key: ApiKey,
  secret: Redacted.Redacted<string>
): typeof CreatedUserApiKey.Type => ({
  key: Redacted.value(secret),
  ...toUserApiKey(view, key, { lastUse: false })
})
