/** The JSON of the protocol: null members are left out, and times are wall clocks without a zone. */
import { arthurRoles } from "@keyfold/config/DialectSettings"
import type { ApiKey } from "@keyfold/core/ApiKey"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { ScopeNames } from "../scopeNames.ts"
import { python, unknown } from "../times.ts"
import * as uuidIds from "../uuidIds.ts"

/** The roles a key may have. */
export const assignableRoles = arthurRoles

/** A role that the description of the body knows, and that no key is given. */
export const tenantRole = "TENANT-USER"

/** The role of a create that does not name any. */
export const defaultRole = "VALIDATION-USER"

const fields = {
  id: Schema.String,
  description: Schema.optionalKey(Schema.String),
  is_active: Schema.Boolean,
  created_at: Schema.String,
  deactivated_at: Schema.optionalKey(Schema.String),
  message: Schema.String,
  roles: Schema.Array(Schema.String)
}

/** One key: the answer of get. */
export const ApiKeyResponse = Schema.Struct(fields)

/** The answer of create, the only one with the secret. */
export const CreatedApiKeyResponse = Schema.Struct({ ...fields, key: Schema.String })

/** The answer of the list: a bare array. */
export const ApiKeyResponses = Schema.Array(ApiKeyResponse)

const notice =
  "Keep the value of key in a safe place. It will not be shown again; a lost key has to be deactivated and replaced."

/** Shows a key. The protocol knows no expiry: an expired key is not active either. */
export const toResponse = (names: ScopeNames, key: ApiKey): typeof ApiKeyResponse.Type => ({
  id: uuidIds.encode(key.id),
  ...(key.name === undefined ? {} : { description: key.name }),
  is_active: key.status === "active",
  created_at: python(key.createdAt ?? unknown),
  ...(key.revokedAt === undefined ? {} : { deactivated_at: python(key.revokedAt) }),
  message: "",
  roles: names.toProtocol(key.scopes)
})

/** Shows a new key with its secret, which is the store's own text. */
export const toCreated = (
  names: ScopeNames,
  key: ApiKey,
  secret: Redacted.Redacted<string>
): typeof CreatedApiKeyResponse.Type => ({
  ...toResponse(names, key),
  key: Redacted.value(secret),
  message: notice
})
