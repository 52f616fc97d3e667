/** What one writes with effect who has no Keyfold: ky in an effect that can be interrupted, and a schema for the answer. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import ky from "ky"
import type { Open } from "../client.ts"
import { formats, type WireRequest } from "../formats.ts"

const Key = Schema.Struct({
  keyId: Schema.String,
  userId: Schema.optionalKey(Schema.String),
  creationTime: Schema.optionalKey(Schema.DateTimeUtcFromString),
  expirationTime: Schema.optionalKey(Schema.DateTimeUtcFromString),
  lastUsedTime: Schema.optionalKey(Schema.DateTimeUtcFromString),
  scopes: Schema.Array(Schema.String),
  alias: Schema.optionalKey(Schema.String),
  revoked: Schema.optionalKey(Schema.Boolean)
})

const decodeList = Schema.decodeUnknownEffect(Schema.Struct({ items: Schema.Array(Key) }))
const decodeCreated = Schema.decodeUnknownEffect(
  Schema.Struct({ ...Key.fields, key: Schema.RedactedFromValue(Schema.String) })
)

const client = ky.create({ retry: 0, timeout: false })

const send = (url: string, { headers, method, path }: WireRequest): Effect.Effect<unknown, unknown> =>
  Effect.tryPromise({
    try: (signal) => client(url + path, { method, headers, signal }).json(),
    catch: (cause) => cause
  })

/** Opens it, for WhyLabs' keys. */
export const open: Open = ({ keys, url }) => {
  const { create, list } = formats.whylabs
  return Promise.resolve({
    list: () =>
      Effect.runPromise(Effect.map(Effect.flatMap(send(url, list(keys)), decodeList), ({ items }) => items.length)),
    create: () =>
      Effect.runPromise(
        Effect.map(Effect.flatMap(send(url, create(keys)), decodeCreated), ({ key }) => Redacted.value(key))
      )
  })
}
