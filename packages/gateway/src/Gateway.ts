/**
 * One HTTP service in front of every KeyStore: a neutral REST API under `/v1`, its document at `/openapi.json` and a page
 * for people at `/docs`, and a console in the browser at `/`.
 *
 * Callers bring a key of the gateway's own store or a token of a trusted issuer. What they may do is said by grants; what
 * no grant allows is denied, and a tenant a caller may not see is one that does not exist.
 *
 * @since 0.1.0
 */
import type { GatewaySettings } from "@keyfold/config/GatewaySettings"
import type { LiveConfiguration } from "@keyfold/config/LiveConfiguration"
import type { IssuedKey } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { KeyStores, Source } from "@keyfold/core/KeyStores"
import type { Options as DatabaseOptions } from "@keyfold/sql/Sql"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Redacted from "effect/Redacted"
import type { JSONWebKeySet } from "jose"
import type { Audit } from "./Audit.ts"
import * as Dialects from "./Dialects.ts"
import type { Grant, Operation } from "./Grant.ts"
import * as GatewayRotations from "./GatewayRotations.ts"
import { assemble, type Assembled } from "./internal/assemble.ts"
import * as bootstrap from "./internal/bootstrap.ts"
import * as metricsServer from "./internal/metricsServer.ts"
import { listen } from "./internal/server.ts"
import { toFetch } from "./internal/webHandler.ts"
import type { Problem } from "./Problem.ts"

/**
 * Gives the stores that are served.
 *
 * - `forTenant` gives a tenant's store for as long as the scope is open.
 * - `sources` are all stores with the tenants they serve.
 * - `journaled` says whether the stores use a journal: then an operation whose process died may be taken up again.
 *
 * @category models
 * @since 0.1.0
 */
export interface Backends {
  readonly forTenant: (tenant: string) => Effect.Effect<KeyStore["Service"], ConfigurationError, Scope.Scope>
  readonly sources: Effect.Effect<ReadonlyArray<Source>, ConfigurationError, Scope.Scope>
  readonly journaled: Effect.Effect<boolean>
}

/**
 * Serves stores that do not change while the gateway runs.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromKeyStores = (
  { forTenant, sources }: Pick<KeyStores["Service"], "forTenant" | "sources">,
  journaled: boolean
): Backends => ({ forTenant, sources: Effect.succeed(sources), journaled: Effect.succeed(journaled) })

/**
 * Serves the stores of a configuration that may be read again while the gateway runs.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromConfiguration = ({ current, forTenant, sources }: LiveConfiguration): Backends => ({
  forTenant,
  sources,
  journaled: Effect.map(current, ({ journal }) => journal !== undefined)
})

/**
 * Trusts the tokens of one issuer.
 *
 * - `issuer` and `audience` must be in the token as they are here; `exp` and `sub` must be there.
 * - `jwks` is where the issuer publishes its keys, an https: URL, or the keys themselves.
 * - `algorithms` are those a signature may have: RS256, PS256, ES256 and EdDSA when omitted. None that needs a shared
 *   secret is accepted.
 * - `clockTolerance` is how far the clocks may be apart, 30 seconds when omitted.
 * - `scopesClaim` names the claim with the grants, a list or one text with spaces: `scope` when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface Issuer {
  readonly issuer: string
  readonly audience: string | ReadonlyArray<string>
  readonly jwks: string | JSONWebKeySet
  readonly algorithms?: ReadonlyArray<string>
  readonly clockTolerance?: Duration.Input
  readonly scopesClaim?: string
}

/**
 * Says where the gateway keeps its callers' keys, its audit and its idempotency keys: the options of a store on SQL.
 *
 * @category options
 * @since 0.1.0
 */
export interface Database extends Omit<DatabaseOptions, "tenant"> {}

/**
 * Bounds what callers may send.
 *
 * - `caller` and `tenant` are requests within a time: 1200 and 6000 a minute when omitted.
 * - `refusals` are credentials that may be refused to one address (a /64 of IPv6) within a time, by each process: 60 a
 *   minute when omitted. Beyond that only credentials are checked from there that were good before.
 * - `counted` is where requests are counted: in `memory` (when omitted), by each process for itself, or in the `database`
 *   that several processes share.
 * - `bodyBytes` is the longest body, 64 KiB when omitted; `headerBytes` all headers together, 16 KiB when omitted.
 * - `arrival` is how long a whole request may take to arrive, 30 seconds when omitted; its headers have a third of that.
 * - `timeout` is how long the answer to a request may take to begin, a minute when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface Limits {
  readonly caller?: { readonly requests: number; readonly within: Duration.Input }
  readonly tenant?: { readonly requests: number; readonly within: Duration.Input }
  readonly refusals?: { readonly requests: number; readonly within: Duration.Input }
  readonly counted?: "memory" | "database"
  readonly bodyBytes?: number
  readonly headerBytes?: number
  readonly arrival?: Duration.Input
  readonly timeout?: Duration.Input
}

/**
 * Says where metrics are served for Prometheus: on the loopback address, at port 9464, when omitted. Nobody is asked for a
 * credential there.
 *
 * @category options
 * @since 0.1.0
 */
export interface Metrics {
  readonly host?: string
  readonly port?: number
}

/**
 * Says where the gateway listens: on the loopback address, at port 8080, when omitted. `tls` names the files with the
 * certificate and its key. Without `metrics` none are served.
 *
 * @category options
 * @since 0.1.0
 */
export interface Listen {
  readonly host?: string
  readonly port?: number
  readonly tls?: { readonly certificate: string; readonly key: string }
  readonly metrics?: Metrics
}

/**
 * Describes who calls: a name for the audit, and what it may do.
 *
 * @category models
 * @since 0.1.0
 */
export interface Caller {
  readonly actor: string
  readonly grants: ReadonlyArray<Grant>
}

/**
 * Says what a store is opened for. Without a `caller` it is somebody who shows a key to learn whether it is valid, and only
 * `verify` is let through.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoreCall {
  readonly caller: Caller | undefined
  readonly tenant: string
  readonly operation: Operation
  readonly requestId: string
}

/**
 * Lets routes in by the callers, the grants, the limits and the audit of the gateway.
 *
 * - `authenticate` tells whose credential was presented.
 * - `recall` finds a caller with a key of the gateway's again by its `actor`, as long as the key is active.
 * - `store` opens a tenant's store for one call that was allowed. Creates and revocations with it are audited.
 *
 * @category models
 * @since 0.1.0
 */
export interface Access {
  readonly authenticate: (credential: Redacted.Redacted<string>) => Effect.Effect<Caller, Problem>
  readonly recall: (actor: string) => Effect.Effect<Caller, Problem>
  readonly store: (call: StoreCall) => Effect.Effect<KeyStore["Service"], Problem, Scope.Scope>
}

/**
 * Says what a route of the program's own is called with: the parts of its path and who asks from where.
 *
 * @category models
 * @since 0.1.0
 */
export interface RouteContext {
  readonly requestId: string
  readonly address: string | undefined
  readonly params: Readonly<Record<string, string | undefined>>
}

/**
 * Serves a path beside the neutral API. Nothing is asked for a credential there; limits of size and time, the headers and
 * the log line are those of every request. `path` may have parts such as `:id` and end in `/*`, and
 * `*` is any method.
 *
 * @category models
 * @since 0.1.0
 */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "*"
  readonly path: `/${string}`
  readonly handle: (request: Request, context: RouteContext) => Effect.Effect<Response, Problem>
}

/**
 * Configures a gateway.
 *
 * - `cacheFor` is how long a caller's credential is taken for good after it was checked, 5 seconds when omitted and a
 *   minute at most: so long a revoked key may still be let in.
 * - `trustedProxies` are addresses or networks (`10.0.0.0/8`) whose `X-Forwarded-For` is believed; nobody's when omitted.
 * - `drain` is how long a gateway on a socket still takes requests once it is closed, while readiness says that it ends:
 *   as long as a load balancer needs to see that; not at all when omitted.
 * - `shutdown` is how long calls in flight may take to finish after that, 30 seconds when omitted; what is left is cut off.
 * - `console` serves pages for people at `/` and below `/console/`, unless it is false.
 * - `rotations` are what keys are rotated with; without them the gateway says that it is not set up for that.
 * - `routes` makes what is served beside the neutral API.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly backends: Backends
  readonly database: Database
  readonly jwt?: ReadonlyArray<Issuer>
  readonly cacheFor?: Duration.Input
  readonly limits?: Limits
  readonly trustedProxies?: ReadonlyArray<string>
  readonly drain?: Duration.Input
  readonly shutdown?: Duration.Input
  readonly console?: boolean
  readonly rotations?: GatewayRotations.GatewayRotations | undefined
  readonly routes?: (access: Access) => Effect.Effect<ReadonlyArray<Route>, ConfigurationError, Scope.Scope>
}

/**
 * Opens the rotations of a configuration and runs them: see `GatewayRotations.fromConfiguration`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const rotationsOf: typeof GatewayRotations.fromConfiguration = (live) => GatewayRotations.fromConfiguration(live)

/**
 * Returns where the gateway of a configuration file keeps what it knows.
 *
 * @category combinators
 * @since 0.1.0
 */
export const databaseOf = ({ busyTimeout, password, pepper, previousPeppers, url }: GatewaySettings): Database => ({
  url,
  pepper,
  ...(password === undefined ? {} : { password }),
  ...(previousPeppers === undefined ? {} : { previousPeppers }),
  ...(busyTimeout === undefined ? {} : { busyTimeout })
})

/**
 * Configures a gateway as the member `gateway` of a configuration file says, its dialects included: it does not start
 * where one of these names a tenant that no store serves.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromSettings = (settings: GatewaySettings, backends: Backends): Options & Listen => {
  const {
    busyTimeout: _busy,
    dialects,
    password: _password,
    pepper: _pepper,
    previousPeppers: _old,
    url: _url,
    ...rest
  } = settings
  const database = databaseOf(settings)
  const options = { ...rest, backends, database }
  if (dialects === undefined) return options
  const routes = Dialects.routes(dialects, database)
  return { ...options, routes: (access) => Effect.andThen(Dialects.checkTenants(dialects, backends), routes(access)) }
}

/**
 * A gateway that is listening: at `url`, which has no trailing slash, with its `audit`, and with the URL of its `metrics`
 * where these are served. `renew` reads the certificate and its key again, for the connections that come then; where they
 * cannot be used the old ones stay, and the log says so.
 *
 * @category services
 * @since 0.1.0
 */
export class Gateway extends Context.Service<
  Gateway,
  {
    readonly url: string
    readonly audit: Audit
    readonly metrics?: string
    readonly renew: Effect.Effect<void>
  }
>()("@keyfold/gateway/Gateway") {}

/**
 * Serves until the scope closes. Then readiness says that it ends and, after `drain`, no connection is accepted any more;
 * calls in flight finish, and what they used is closed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serve = Effect.fnUntraced(function* (
  options: Options & Listen
): Effect.fn.Return<Gateway["Service"], ConfigurationError, Scope.Scope> {
  const assembled: Assembled = yield* assemble(options)
  const metrics = yield* metricsServer.serve(options)
  const { renew, url } = yield* listen(assembled, options)
  return Gateway.of({ url, audit: assembled.audit, renew, ...(metrics === undefined ? {} : { metrics }) })
})

/**
 * Provides a gateway that is listening.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options & Listen): Layer.Layer<Gateway, ConfigurationError> =>
  Layer.effect(Gateway, serve(options))

/**
 * A gateway without a socket: a function from a request to its response, for other servers and for tests.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handler {
  readonly fetch: (request: Request) => Promise<Response>
  readonly audit: Audit
}

/**
 * Makes a gateway without a socket. The scope's end closes what it uses.
 *
 * @category constructors
 * @since 0.1.0
 */
export const handler = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Handler, ConfigurationError, Scope.Scope> {
  const assembled: Assembled = yield* assemble(options)
  return { fetch: yield* toFetch(assembled), audit: assembled.audit }
})

/**
 * Opens the audit of a gateway, whether one runs on the database or not.
 *
 * @category constructors
 * @since 0.1.0
 */
export const openAudit = (database: Database): Effect.Effect<Audit, ConfigurationError, Scope.Scope> =>
  bootstrap.openAudit(database)

/**
 * Creates the first key of a gateway: it may do everything everywhere. A second call fails with the `Conflict` that names
 * the first key, whatever became of it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const init = (database: Database): Effect.Effect<IssuedKey, ConfigurationError | KeyStoreError> =>
  bootstrap.init(database)

/**
 * Says what a caller's key may do, by the grants of `Grant`.
 *
 * @category options
 * @since 0.1.0
 */
export interface CallerSpec {
  readonly name?: string
  readonly grants: ReadonlyArray<string>
}

/**
 * Creates a key for a caller in the gateway's own store. A grant that is not one is refused.
 *
 * @category constructors
 * @since 0.1.0
 */
export const createCaller = (
  database: Database,
  spec: CallerSpec
): Effect.Effect<IssuedKey, ConfigurationError | KeyStoreError> => bootstrap.createCaller(database, spec)

/**
 * Opens the store of the callers' keys, to list and revoke them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const callers = (database: Database): Effect.Effect<KeyStore["Service"], ConfigurationError, Scope.Scope> =>
  bootstrap.open(database)
