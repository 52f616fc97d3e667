/**
 * A published protocol of a key service, spoken over any store: what its clients send is carried out on a tenant's
 * `KeyStore`, and what comes of it is said in the protocol's own words.
 *
 * A dialect is a function from a web request to a web response. It is mounted under a path of its own, takes its callers'
 * credentials from where the protocol puts them, and lets a caller do what its grants allow and nothing else.
 *
 * @since 0.1.0
 */
import type * as KeyStore from "@keyfold/core/KeyStore"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Caller, StoreCall } from "./Gateway.ts"

/**
 * Fails what a host does for a dialect: the caller or the tenant has sent too many requests.
 *
 * @category errors
 * @since 0.1.0
 */
export class Limited extends Data.TaggedError("Limited")<{ readonly retryAfter?: Duration.Duration }> {}

/**
 * Does for the dialects what the gateway does for its own API.
 *
 * - `authenticate` finds out whose secret was presented; none where the secret is refused.
 * - `recall` finds a caller again by its `actor`; none where it may no longer call. Occam's tokens stand for a caller that
 *   came with its secret before.
 * - `store` opens the store of a tenant for one request. A host that audits or limits gives one that does. There is no
 *   `caller` where a key is shown to find out whether it is valid: WhyLabs' validate asks for no other credential.
 *
 * Whatever they fail with is an outage to the client, except for `Limited`.
 *
 * @category services
 * @since 0.1.0
 */
export interface Host {
  readonly authenticate: (secret: Redacted.Redacted<string>) => Effect.Effect<Option.Option<Caller>, Error>
  readonly recall: (actor: string) => Effect.Effect<Option.Option<Caller>, Error>
  readonly store: (call: StoreCall) => Effect.Effect<KeyStore.KeyStore["Service"], Error, Scope.Scope>
}

/**
 * Names the dialects.
 *
 * @category models
 * @since 0.1.0
 */
export type Name = "whylabs" | "arthur" | "occam"

/**
 * Answers the requests below one path.
 *
 * - `routeOf` returns the template of a request's path, for logs and spans: the path and the query themselves may hold
 *   anything, and on Occam's token route the query holds a key.
 * - `handle` answers; it never fails. Without a `requestId` it takes the client's `x-request-id`, or draws one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dialect {
  readonly name: Name
  readonly path: string
  readonly routeOf: (request: Request) => string
  readonly handle: (request: Request, requestId?: string) => Effect.Effect<Response>
}
