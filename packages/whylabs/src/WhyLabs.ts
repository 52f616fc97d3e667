/**
 * WhyLabs ("Songbird") API keys: the v0 dialect of both published clients, and the v1 dialect by option.
 *
 * Wire facts come from the open-sourced server (whylabs/whylabs-oss at 151d1589).
 *
 * @since 0.1.0
 */
import * as Adapter from "@keyfold/core/Adapter"
import { observed, withKeyLimit, type Capabilities } from "@keyfold/core/Capabilities"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import type * as KeyStore from "@keyfold/core/KeyStore"
import { resolve, Secret } from "@keyfold/core/Secret"
import * as HttpBackend from "@keyfold/http/HttpBackend"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as reason from "./internal/reason.ts"
import * as v0 from "./internal/v0.ts"
import * as v1 from "./internal/v1.ts"
import { keyIdOf } from "./internal/wire.ts"

/**
 * Decodes the options as a configuration file states them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Options = Schema.Struct({
  apiKey: Secret,
  organization: Schema.optionalKey(Schema.NonEmptyString),
  dialect: Schema.optionalKey(Schema.Literals(["v0", "v1"])),
  baseUrl: Schema.optionalKey(Schema.NonEmptyString),
  keyLimit: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  ...HttpBackend.HttpOptions.fields
})

/**
 * Says which WhyLabs organization to manage, and how.
 *
 * - `apiKey`: sent as it is in `X-API-Key`: a key, or the JSON of short-lived AWS session credentials. v0 needs the
 *   `WHYLABS_SYSTEM` role, v1 `ADMINISTRATOR` or `ACCOUNT_ADMINISTRATOR`.
 * - `organization`: required by v0; v1 takes it from the credential.
 * - `dialect`: `v0` when omitted.
 * - `baseUrl`: WhyLabs' own host when omitted.
 * - `keyLimit`: how many live keys the organization may hold, for `capabilities.quota` (25 on the free tier).
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

const consistency: Capabilities["consistency"] = {
  // Reads go to an index that WhyLabs' own tests poll for up to about 12 s; its load balancer cuts requests at 60 s.
  visibility: observed("12 seconds"),
  settle: observed("60 seconds")
}

/**
 * Declares what the v0 dialect can do.
 *
 * @category models
 * @since 0.1.0
 */
export const v0Capabilities: Capabilities = {
  operations: {
    create: "native",
    get: "native",
    list: "native",
    revoke: "native",
    usage: "derived",
    verify: "unsupported"
  },
  identify: true,
  listsRevoked: "byOwner",
  getsRevoked: false,
  expiry: true,
  scopes: true,
  owners: "required",
  tags: false,
  pagination: "derived",
  usage: "lastUsedOnly",
  createSafety: "marker",
  revokes: "any",
  revokeUnknown: "ambiguous",
  repeatedRevoke: "unchanged",
  revocationLag: observed("1 second"),
  quota: { source: "unknown" },
  consistency,
  tenancy: "label"
}

/**
 * Declares what the v1 dialect can do.
 *
 * @category models
 * @since 0.1.0
 */
export const v1Capabilities: Capabilities = {
  ...v0Capabilities,
  operations: {
    create: "native",
    get: "derived",
    list: "native",
    revoke: "native",
    usage: "unsupported",
    verify: "native"
  },
  listsRevoked: "never",
  owners: "unsupported",
  usage: "unknown",
  revokes: "ownCreationsOnly"
}

/**
 * Returns what the dialect chosen by the options can do.
 *
 * @category constructors
 * @since 0.1.0
 */
export const capabilities = (options: Pick<Options, "dialect" | "keyLimit">): Capabilities =>
  withKeyLimit(options.dialect === "v1" ? v1Capabilities : v0Capabilities, options.keyLimit)

/** The host WhyLabs' published clients name. */
const publishedHost = "https://api.whylabsapp.com"

/**
 * Builds the driver of one organization.
 *
 * Fails with `ConfigurationError` where v0 has no organization or the address cannot be used.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Driver, ConfigurationError, Scope.Scope> {
  const { dialect = "v0", keyLimit, organization } = options
  const backend = yield* HttpBackend.make({
    ...options,
    baseUrl: options.baseUrl ?? publishedHost,
    authorize: Effect.map(resolve(options.apiKey), (key) => ({ "x-api-key": key })),
    requestIdHeader: "x-request-id",
    refine: reason.shared(dialect === "v0" ? "the WHYLABS_SYSTEM role" : "the administrator role")
  })
  const declared = capabilities(options)
  const effectiveWithin = declared.revocationLag.within
  const properties = {
    backend: "whylabs",
    capabilities: declared,
    // What WhyLabs' own callers send; without any scope a key may do nothing.
    defaultScopes: [":user"],
    identify: (secret) => Option.map(Option.fromUndefinedOr(keyIdOf(secret)), (id) => ({ id }))
  } satisfies Partial<Driver>
  if (dialect === "v1") {
    return { ...properties, providerInputs: ["resourceId"], ...v1.make({ backend, limit: keyLimit, effectiveWithin }) }
  }
  // The id is a path segment of every call; the server's router takes no other characters there either.
  if (organization === undefined || !/^[\w-]+$/.test(organization)) {
    const fix = "Set it to the organization's id, such as org-123."
    const problem =
      organization === undefined ? "the v0 dialect needs it." : "expected letters, digits and hyphens, found others."
    return yield* new ConfigurationError({ field: "organization", problem, fix })
  }
  const collection = ["v0", "organizations", organization, "api-key"]
  return { ...properties, ...v0.make({ backend, collection, limit: keyLimit, effectiveWithin }) }
})

/**
 * Connects WhyLabs to a configuration file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const adapter: Adapter.Adapter<Options> = Adapter.make({
  name: "whylabs",
  options: Options,
  capabilities,
  driver: make
})

/**
 * Provides a store of one WhyLabs organization.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: (options: Options & KeyStore.StoreOptions) => Layer.Layer<KeyStore.KeyStore, ConfigurationError> =
  adapter.layer

/**
 * Provides a store of one WhyLabs organization from Effect's configuration.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: (
  options: Config.Wrap<Options & KeyStore.StoreOptions>
) => Layer.Layer<KeyStore.KeyStore, ConfigurationError | Config.ConfigError> = adapter.layerConfig
