/**
 * Occam AI API keys.
 *
 * The server is closed: the wire facts come from clients generated from its OpenAPI document (Occam-AI/occam-sdk at
 * 72e3238 and 47ac141), and what they leave open is read defensively.
 *
 * @since 0.1.0
 */
import * as Adapter from "@keyfold/core/Adapter"
import type { KeyRef } from "@keyfold/core/ApiKey"
import { observed, withKeyLimit, type Capabilities } from "@keyfold/core/Capabilities"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { refuse, type Driver, type DriverError } from "@keyfold/core/Driver"
import { Conflict, NotFound } from "@keyfold/core/KeyStoreError"
import type * as KeyStore from "@keyfold/core/KeyStore"
import { Secret } from "@keyfold/core/Secret"
import * as BearerToken from "@keyfold/http/BearerToken"
import * as HttpBackend from "@keyfold/http/HttpBackend"
import type { Refine } from "@keyfold/http/HttpReason"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as login from "./internal/login.ts"
import { ApiKeyUsage, HiddenApiKey, toApiKey, toIssuedKey, toUsage, VisibleApiKey } from "./internal/wire.ts"

/**
 * Decodes the options as a configuration file states them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Options = Schema.Struct({
  baseUrl: Schema.optionalKey(Schema.NonEmptyString),
  apiKey: Schema.optionalKey(Secret),
  username: Schema.optionalKey(Schema.NonEmptyString),
  password: Schema.optionalKey(Secret),
  keyLimit: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  verifyByTokenExchange: Schema.optionalKey(Schema.Boolean),
  ...HttpBackend.HttpOptions.fields
})

/**
 * Says which Occam user's keys to manage, and how.
 *
 * - `baseUrl`: Occam's own host when omitted.
 * - `apiKey`, or `username` (the e-mail address) and `password`: traded for short-lived bearer tokens.
 * - `keyLimit`: how many keys the user may hold, for `capabilities.quota`.
 * - `verifyByTokenExchange`: lets `verify` trade the presented secret for a token, which is thrown away. The secret then
 *   travels in a URL's query, as Occam's route wants it.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

/**
 * Declares what Occam can do.
 *
 * @category models
 * @since 0.1.0
 */
export const occamCapabilities: Capabilities = {
  operations: {
    create: "native",
    get: "derived",
    list: "native",
    revoke: "native",
    usage: "native",
    verify: "unsupported"
  },
  identify: false,
  listsRevoked: "never",
  getsRevoked: false,
  expiry: false,
  scopes: false,
  owners: "unsupported",
  tags: false,
  pagination: "derived",
  usage: "approximate",
  createSafety: "marker",
  revokes: "any",
  revokeUnknown: "undocumented",
  repeatedRevoke: "unchanged",
  // A token minted from a key may outlive it; the template Occam is probably built from lets tokens live 24 hours.
  revocationLag: observed("24 hours"),
  quota: { source: "unknown" },
  consistency: { visibility: observed("10 seconds"), settle: observed("60 seconds") },
  tenancy: "label"
}

/**
 * Declares what Occam can do where `verifyByTokenExchange` is chosen.
 *
 * @category models
 * @since 0.1.0
 */
export const verifyingCapabilities: Capabilities = {
  ...occamCapabilities,
  operations: { ...occamCapabilities.operations, verify: "native" }
}

/**
 * Returns what Occam can do with these options.
 *
 * @category constructors
 * @since 0.1.0
 */
export const capabilities = (options: Pick<Options, "keyLimit" | "verifyByTokenExchange">): Capabilities =>
  withKeyLimit(options.verifyByTokenExchange === true ? verifyingCapabilities : occamCapabilities, options.keyLimit)

/** The host Occam's published clients name. */
const publishedHost = "https://api.occam.ai"

const readLogin = ({ apiKey, password, username }: Options): login.Login | ConfigurationError => {
  if (apiKey !== undefined && password === undefined && username === undefined) return { kind: "apiKey", apiKey }
  if (apiKey === undefined && password !== undefined && username !== undefined) {
    return { kind: "password", username, password }
  }
  const absent = username === undefined ? (password === undefined ? "apiKey" : "username") : "password"
  const field = apiKey === undefined ? absent : "apiKey"
  const problem = "expected either an API key or a user name with its password."
  return new ConfigurationError({ field, problem, fix: "Set apiKey, or both username and password." })
}

const uuid = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i

const idOf = (ref: KeyRef): Effect.Effect<string, DriverError> =>
  uuid.test(ref.id) ? Effect.succeed(ref.id) : Effect.fail(refuse("id", "expected an Occam key id: a UUID"))

/** Exact slashes matter: with one on the collection, without one on a single key. */
const collection = ["keys", ""]

/** A 404 about one key; nobody documents it, and a missing route answers alike. */
const missing: Refine = ({ json, status }) => (status === 404 && json !== undefined ? new NotFound({}) : undefined)

/** Whether names are unique is unknown; the table would speak of the operation id, which Occam never sees. */
const nameTaken: Refine = ({ status }) =>
  status === 409 ? new Conflict({ problem: "Occam already holds a key of this name" }) : undefined

const makeDriver = (backend: HttpBackend.HttpBackend, options: Options): Driver => ({
  backend: "occam",
  capabilities: capabilities(options),
  defaultScopes: [],
  // The name is required. There always is a label: a key without a name has a mark.
  create: ({ label: name = "" }) =>
    Effect.map(
      backend.decode(VisibleApiKey, { method: "PUT", segments: collection, json: { name }, refine: nameTaken }),
      (created) => toIssuedKey(created, name)
    ),
  list: {
    kind: "stream",
    open: () => backend.decodeItems(HiddenApiKey, { method: "GET", segments: collection }, [], toApiKey)
  },
  revoke: (ref) =>
    Effect.flatMap(idOf(ref), (id) =>
      Effect.as(backend.discard({ method: "DELETE", segments: ["keys", id], refine: missing }), {
        id: ref.id,
        effectiveWithin: occamCapabilities.revocationLag.within
      })
    ),
  usage: (ref) =>
    Effect.flatMap(idOf(ref), (id) =>
      Effect.map(
        backend.decode(ApiKeyUsage, { method: "GET", segments: ["keys", id, "usage"], refine: missing }),
        (usage) => toUsage(ref.id, usage)
      )
    ),
  ...(options.verifyByTokenExchange === true ? { verify: (secret) => login.verify(backend, secret) } : {})
})

/**
 * Builds the driver of one user.
 *
 * Fails with `ConfigurationError` where neither or both kinds of login are given, or the address cannot be used.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Driver, ConfigurationError, Scope.Scope> {
  const chosen = readLogin(options)
  if (chosen instanceof ConfigurationError) return yield* chosen
  const backend: HttpBackend.HttpBackend = yield* HttpBackend.make({
    ...options,
    baseUrl: options.baseUrl ?? publishedHost,
    authorize: Effect.suspend(() => cell.authorize),
    renew: (refused) => cell.renew(refused),
    refine: login.shared
  })
  const cell = yield* BearerToken.make(login.acquire(backend, chosen))
  return makeDriver(backend, options)
})

/**
 * Connects Occam to a configuration file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const adapter: Adapter.Adapter<Options> = Adapter.make({
  name: "occam",
  options: Options,
  capabilities,
  driver: make
})

/**
 * Provides a store of one Occam user's keys.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: (options: Options & KeyStore.StoreOptions) => Layer.Layer<KeyStore.KeyStore, ConfigurationError> =
  adapter.layer

/**
 * Provides a store of one Occam user's keys from Effect's configuration.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: (
  options: Config.Wrap<Options & KeyStore.StoreOptions>
) => Layer.Layer<KeyStore.KeyStore, ConfigurationError | Config.ConfigError> = adapter.layerConfig
