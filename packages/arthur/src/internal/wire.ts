/** The JSON Arthur answers with (absent instead of null) and its translation into core's words. */
import { KeyId, type ApiKey, type IssuedKey } from "@keyfold/core/ApiKey"
import { maybe, present, secret } from "@keyfold/http/Wire"
import * as Encoding from "effect/encoding/Base64"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

const fields = {
  id: KeyId,
  description: maybe(Schema.String),
  is_active: maybe(Schema.Boolean),
  created_at: maybe(Schema.Json),
  deactivated_at: maybe(Schema.Json),
  roles: maybe(Schema.Array(Schema.String))
}

/** One key: an item of the list, which is a bare array of active keys, and the answer of get. */
export const ApiKeyResponse = Schema.Struct(fields)

/** The answer of create, the only one with the secret. */
export const CreatedApiKeyResponse = Schema.Struct({ ...fields, key: secret })

/**
 * Reads one key.
 *
 * `created_at` is the start time of the server process and `deactivated_at` a wall clock without a zone, so neither is
 * offered as a time: both stay under `provider` as they came.
 */
export const toApiKey = (wire: typeof ApiKeyResponse.Type): ApiKey =>
  present({
    id: wire.id,
    name: wire.description === "" ? undefined : wire.description,
    scopes: wire.roles ?? [],
    status: (wire.is_active ?? (wire.deactivated_at ?? null) === null) ? "active" : "revoked",
    tags: {},
    provider: { arthur: present({ createdAt: wire.created_at, deactivatedAt: wire.deactivated_at }) }
  })

/** Reads the answer of create. */
export const toIssuedKey = (wire: typeof CreatedApiKeyResponse.Type): IssuedKey => ({
  key: toApiKey(wire),
  secret: wire.key
})

const secretShape = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):[A-Za-z0-9_-]{43}$/

/** The id a secret carries (base64 of `<id>:<43 characters>`), or undefined where it is no such secret. */
export const keyIdOf = (secret: Redacted.Redacted<string>): KeyId | undefined => {
  const text = Result.getOrUndefined(Encoding.decodeString(Redacted.value(secret)))
  const id = text === undefined ? undefined : secretShape.exec(text)?.[1]
  return id === undefined ? undefined : KeyId.make(id)
}

/** The roles a key may be created with. */
export const assignableRoles: ReadonlyArray<string> = [
  "DEFAULT-RULE-ADMIN",
  "TASK-ADMIN",
  "VALIDATION-USER",
  "ORG-AUDITOR",
  "ORG-ADMIN"
]
