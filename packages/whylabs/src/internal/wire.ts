/** The JSON WhyLabs answers with (camelCase, absent instead of null) and its translation into core's words. */
import { KeyId, type ApiKey, type IssuedKey } from "@keyfold/core/ApiKey"
import { parseUtc } from "@keyfold/http/Timestamp"
import { maybe, present, secret } from "@keyfold/http/Wire"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

const metadata = {
  keyId: KeyId,
  orgId: maybe(Schema.String),
  userId: maybe(Schema.String),
  creationTime: maybe(Schema.String),
  expirationTime: maybe(Schema.String),
  lastUsedTime: maybe(Schema.String),
  scopes: maybe(Schema.Array(Schema.String)),
  resourceId: maybe(Schema.String),
  alias: maybe(Schema.String),
  revoked: maybe(Schema.Boolean)
}

/** One key's metadata: the `items` of a list, the wrapped object of a get. */
export const UserApiKey = Schema.Struct(metadata)

/** The answer of create, the only one with the secret. */
export const CreatedUserApiKey = Schema.Struct({ ...metadata, key: secret })

/** The answer of get: `{}` stands for an unknown, revoked, foreign or not yet indexed id. */
export const UserApiKeyResponse = Schema.Struct({ key: maybe(UserApiKey) })

/** The answer of validate: a JSON object, whatever it says; only its status counts. */
export const ValidateResponse = Schema.Record(Schema.String, Schema.Json)

type UserApiKey = typeof UserApiKey.Type

/** Reads one key. `""` is how WhyLabs writes "no alias"; times are zone-less UTC text. */
export const toApiKey = (wire: UserApiKey): ApiKey =>
  present({
    id: wire.keyId,
    name: wire.alias === "" ? undefined : wire.alias,
    owner: wire.userId,
    scopes: wire.scopes ?? [],
    status: wire.revoked === true ? "revoked" : "active",
    createdAt: parseUtc(wire.creationTime),
    expiresAt: parseUtc(wire.expirationTime),
    lastUsedAt: parseUtc(wire.lastUsedTime),
    tags: {},
    provider: { whylabs: present({ organization: wire.orgId, resourceId: wire.resourceId }) }
  })

/** Reads the answer of create. */
export const toIssuedKey = (wire: typeof CreatedUserApiKey.Type): IssuedKey => ({
  key: toApiKey(wire),
  secret: wire.key
})

/** `<keyId>.<53 characters>[:<organization>]`; old secrets may hold the punctuation. */
const secretShape = /^([A-Za-z0-9]{10})\.[A-Za-z0-9+\-^!$&@]{53}(:[\x21-\x39\x3b-\x7e]+)?$/

/** The id a secret carries in clear, or undefined where it is no WhyLabs secret. */
export const keyIdOf = (secret: Redacted.Redacted<string>): KeyId | undefined => {
  const id = secretShape.exec(Redacted.value(secret))?.[1]
  return id === undefined ? undefined : KeyId.make(id)
}

/** The scopes v1 accepts; v0 accepts two internal ones besides. */
export const externalScopes: ReadonlyArray<string> = [
  ":account_administrator",
  ":administrator",
  ":authenticated",
  ":secure_container",
  ":user",
  ":write_data",
  ":write_notification",
  ":read_notification",
  ":write_resource",
  ":read_resource"
]
