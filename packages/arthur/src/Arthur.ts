/**
 * Arthur GenAI Engine (formerly Arthur Shield) API keys.
 *
 * Wire facts come from the open-sourced engine (arthur-ai/arthur-engine at 68fc0cacd, partly executed).
 *
 * @since 0.1.0
 */
import * as Adapter from "@keyfold/core/Adapter"
import type { KeyRef } from "@keyfold/core/ApiKey"
import { observed, promised, withKeyLimit, type Capabilities } from "@keyfold/core/Capabilities"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { refuse, type Driver, type DriverError } from "@keyfold/core/Driver"
import type * as KeyStore from "@keyfold/core/KeyStore"
import { resolve, Secret } from "@keyfold/core/Secret"
import * as HttpBackend from "@keyfold/http/HttpBackend"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as reason from "./internal/reason.ts"
import { ApiKeyResponse, CreatedApiKeyResponse, keyIdOf, toApiKey, toIssuedKey } from "./internal/wire.ts"

/**
 * Decodes the options as a configuration file states them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Options = Schema.Struct({
  baseUrl: Schema.NonEmptyString,
  apiKey: Secret,
  keyLimit: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  ...HttpBackend.HttpOptions.fields
})

/**
 * Says which Arthur deployment to manage, and how.
 *
 * - `baseUrl`: the engine's address; a path prefix is kept.
 * - `apiKey`: the deployment's admin key, or a Keycloak token where the deployment takes them.
 * - `keyLimit`: the deployment's `MAX_API_KEYS`, for `capabilities.quota`; it counts the active keys of all tenants.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

/**
 * Declares what Arthur can do.
 *
 * @category models
 * @since 0.1.0
 */
export const arthurCapabilities: Capabilities = {
  operations: {
    create: "native",
    get: "native",
    list: "native",
    revoke: "native",
    usage: "unsupported",
    verify: "unsupported"
  },
  identify: true,
  listsRevoked: "never",
  getsRevoked: true,
  expiry: false,
  scopes: true,
  owners: "unsupported",
  tags: false,
  pagination: "derived",
  usage: "unknown",
  createSafety: "marker",
  revokes: "any",
  revokeUnknown: "notFound",
  repeatedRevoke: "movesTime",
  // Each server process keeps a key it has accepted for 10 s.
  revocationLag: promised("10 seconds"),
  quota: { source: "unknown" },
  consistency: { visibility: promised(0), settle: observed("60 seconds") },
  tenancy: "label"
}

/**
 * Returns what Arthur can do with these options.
 *
 * @category constructors
 * @since 0.1.0
 */
export const capabilities = (options: Pick<Options, "keyLimit">): Capabilities =>
  withKeyLimit(arthurCapabilities, options.keyLimit)

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const idOf = (ref: KeyRef): Effect.Effect<string, DriverError> =>
  uuid.test(ref.id)
    ? Effect.succeed(ref.id.toLowerCase())
    : Effect.fail(refuse("id", "expected an Arthur key id: a UUID written with dashes"))

/** Exact slashes matter: with one on the collection, without one on a single key. */
const collection = ["auth", "api_keys", ""]
const single = (id: string) => ["auth", "api_keys", id]
const deactivation = (id: string) => ["auth", "api_keys", "deactivate", id]

const makeDriver = (backend: HttpBackend.HttpBackend, options: Options): Driver => ({
  backend: "arthur",
  capabilities: capabilities(options),
  // The server's own default, made explicit; `roles: null` or `[]` would make a key that may do nothing.
  defaultScopes: ["VALIDATION-USER"],
  create: (request) => {
    const description = request.label === undefined ? {} : { description: request.label }
    const json = { ...description, roles: [...request.scopes] }
    const refine = reason.create(options.keyLimit)
    return Effect.map(
      backend.decode(CreatedApiKeyResponse, { method: "POST", segments: collection, json, refine }),
      toIssuedKey
    )
  },
  get: (ref) =>
    Effect.flatMap(idOf(ref), (id) =>
      Effect.map(backend.decode(ApiKeyResponse, { method: "GET", segments: single(id), refine: reason.key }), toApiKey)
    ),
  list: {
    kind: "stream",
    open: () => backend.decodeItems(ApiKeyResponse, { method: "GET", segments: collection }, [], toApiKey)
  },
  revoke: (ref) =>
    Effect.flatMap(idOf(ref), (id) =>
      Effect.as(backend.discard({ method: "DELETE", segments: deactivation(id), refine: reason.key }), {
        id: ref.id,
        effectiveWithin: arthurCapabilities.revocationLag.within
      })
    ),
  identify: (secret) => Option.map(Option.fromUndefinedOr(keyIdOf(secret)), (id) => ({ id }))
})

/**
 * Builds the driver of one deployment.
 *
 * Fails with `ConfigurationError` where the address cannot be used.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Driver, ConfigurationError, Scope.Scope> {
  const backend = yield* HttpBackend.make({
    ...options,
    authorize: Effect.map(resolve(options.apiKey), (key) => ({
      authorization: Redacted.make(`Bearer ${Redacted.value(key)}`)
    })),
    refine: reason.shared
  })
  return makeDriver(backend, options)
})

/**
 * Connects Arthur to a configuration file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const adapter: Adapter.Adapter<Options> = Adapter.make({
  name: "arthur",
  options: Options,
  capabilities,
  driver: make
})

/**
 * Provides a store of one Arthur deployment.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: (options: Options & KeyStore.StoreOptions) => Layer.Layer<KeyStore.KeyStore, ConfigurationError> =
  adapter.layer

/**
 * Provides a store of one Arthur deployment from Effect's configuration.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: (
  options: Config.Wrap<Options & KeyStore.StoreOptions>
) => Layer.Layer<KeyStore.KeyStore, ConfigurationError | Config.ConfigError> = adapter.layerConfig
