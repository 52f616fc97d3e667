/** The programs that the size benchmark bundles: each lists keys. */

/** The adapters over HTTP: package and module. */
export const adapters: ReadonlyArray<readonly [name: string, module: string]> = [
  ["@keyfold/whylabs", "WhyLabs"],
  ["@keyfold/arthur", "Arthur"],
  ["@keyfold/occam", "Occam"]
]

/** A program with one adapter and core. */
export const withAdapter = (name: string, module: string): string => `
import { KeyStore } from "@keyfold/core/KeyStore"
import { layer } from "${name}/${module}"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const list = Effect.flatMap(KeyStore, (store) => Stream.runCollect(store.list()))
export const keys = (options) => Effect.runPromise(Effect.provide(list, layer(options)))
`

/** What the first of the others is called. */
export const alone = "effect and ky alone"

/** The same with what others would take instead. */
export const others: ReadonlyArray<readonly [name: string, program: string]> = [
  [
    alone,
    `
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import ky from "ky"

const Keys = Schema.Array(Schema.Struct({ id: Schema.String, name: Schema.String, createdAt: Schema.DateFromString }))
const decode = Schema.decodeUnknownEffect(Keys)
export const keys = (baseUrl, token) =>
  Effect.runPromise(
    Effect.tryPromise((signal) => ky("keys", { baseUrl, signal, headers: { authorization: token } }).json()).pipe(
      Effect.flatMap(decode)
    )
  )
`
  ],
  [
    "openai",
    `
import OpenAI from "openai"

export const keys = (options) => new OpenAI(options).admin.organization.adminAPIKeys.list()
`
  ],
  [
    "@unkey/api",
    `
import { Unkey } from "@unkey/api"

export const keys = (options) => new Unkey(options).apis.listKeys({ apiId: "api" })
`
  ],
  [
    "@workos-inc/node",
    `
import { WorkOS } from "@workos-inc/node"

export const keys = (key) => new WorkOS(key).apiKeys.listOrganizationApiKeys({ organizationId: "org" })
`
  ]
]
