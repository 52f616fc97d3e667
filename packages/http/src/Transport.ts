/**
 * The seam between adapters and the network. An adapter never knows which transport carries its requests.
 *
 * @since 0.1.0
 */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { DriverError } from "@keyfold/core/Driver"
import * as Secret from "@keyfold/core/Secret"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as KyTransport from "./internal/kyTransport.ts"

/**
 * Accepts how to reach a server through a proxy or a private certificate authority.
 *
 * All values are secrets, so that a proxy's password or a private key never stands in a configuration file: `proxy` is
 * the proxy's URL, `ca` the authority's certificates and `clientCertificate` a certificate and its key, each PEM text.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ConnectionOptions = Schema.Struct({
  proxy: Schema.optionalKey(Secret.Secret),
  ca: Schema.optionalKey(Secret.Secret),
  clientCertificate: Schema.optionalKey(Schema.Struct({ certificate: Secret.Secret, key: Secret.Secret }))
})

/**
 * The type of a connection's options.
 *
 * @category options
 * @since 0.1.0
 */
export interface ConnectionOptions extends Schema.Schema.Type<typeof ConnectionOptions> {}

/**
 * Asks a transport for one exchange. The URL is complete; `headers` hold secrets only as `Redacted` values.
 *
 * @category models
 * @since 0.1.0
 */
export interface TransportRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string | Redacted.Redacted<string>>>
  readonly body?: string | Redacted.Redacted<string>
}

/**
 * Answers one exchange. The body can be read once, as bounded text or as bytes.
 *
 * Text beyond `limit` bytes (16 MiB when omitted) fails `InvalidResponse`.
 *
 * @category models
 * @since 0.1.0
 */
export interface TransportResponse {
  readonly status: number
  readonly header: (name: string) => string | undefined
  readonly text: (limit?: number) => Effect.Effect<string, DriverError>
  readonly bytes: Stream.Stream<Uint8Array, DriverError>
}

/**
 * Carries requests to one server.
 *
 * It never retries, never follows a redirect, keeps no cookies and sets no timer. Closing the scope of an exchange
 * aborts what is still under way. Every failure says whether the server can have seen the request.
 *
 * @category models
 * @since 0.1.0
 */
export interface Transport {
  readonly execute: (request: TransportRequest) => Effect.Effect<TransportResponse, DriverError, Scope.Scope>
}

/**
 * Builds the transport of one store.
 *
 * @category models
 * @since 0.1.0
 */
export type TransportFactory = (options: ConnectionOptions) => Effect.Effect<Transport, ConfigurationError, Scope.Scope>

/**
 * Holds the transport factory of every HTTP store built below it: ky over the platform's `fetch` by default.
 *
 * The default runs anywhere and refuses `proxy`, `ca` and `clientCertificate`; provide the layer of `@keyfold/undici`
 * for those.
 *
 * @category services
 * @since 0.1.0
 */
export const Transport: Context.Reference<TransportFactory> = Context.Reference<TransportFactory>(
  "@keyfold/http/Transport",
  { defaultValue: () => KyTransport.make }
)
