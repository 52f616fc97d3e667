/**
 * A transport for Node over `undici`: a connection pool, proxies, private authorities and client certificates.
 *
 * @since 0.1.0
 */
import { X509Certificate } from "node:crypto"
import { createSecureContext } from "node:tls"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { resolve, type Secret } from "@keyfold/core/Secret"
import * as Exchange from "@keyfold/http/Exchange"
import { fromCause } from "@keyfold/http/NetworkFailure"
import { Transport, type ConnectionOptions, type TransportFactory } from "@keyfold/http/Transport"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { Agent, ProxyAgent, type Dispatcher } from "undici"
import * as exchanges from "./internal/exchange.ts"

const readOption = (field: string, secret: Secret | undefined): Effect.Effect<string | undefined, ConfigurationError> =>
  secret === undefined
    ? Effect.succeed(undefined)
    : Effect.mapBoth(resolve(secret), {
        onSuccess: Redacted.value,
        onFailure: () => new ConfigurationError({ field, problem: "its value could not be obtained." })
      })

interface Tls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

const readTls = Effect.fnUntraced(function* (options: ConnectionOptions): Effect.fn.Return<Tls, ConfigurationError> {
  const ca = yield* readOption("ca", options.ca)
  const cert = yield* readOption("clientCertificate.certificate", options.clientCertificate?.certificate)
  const key = yield* readOption("clientCertificate.key", options.clientCertificate?.key)
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key })
  }
})

const works = (attempt: () => unknown): boolean => {
  try {
    attempt()
    return true
  } catch {
    return false
  }
}

/** Node trusts nobody where `ca` is no certificate, and refuses a bad pair only at the first request. */
const checkTls = (tls: Tls): ConfigurationError | undefined => {
  const { ca, cert } = tls
  if (ca !== undefined && !works(() => new X509Certificate(ca))) {
    const fix = "Give the authority's certificates as PEM text."
    return new ConfigurationError({ field: "ca", problem: "no certificate can be read from it.", fix })
  }
  if (cert !== undefined && !works(() => createSecureContext(tls))) {
    const fix = "Give both as PEM text, the key without a passphrase."
    return new ConfigurationError({ field: "clientCertificate", problem: "certificate and key do not work.", fix })
  }
  return undefined
}

const badProxy = (): ConfigurationError =>
  new ConfigurationError({
    field: "proxy",
    problem: "expected the http or https URL of a proxy.",
    fix: "Write it like http://user:password@proxy.example.com:3128, with special characters percent-encoded."
  })

// Timers belong to Effect's clock: the pool's own would fail a slow answer on another clock.
const timers = { headersTimeout: 0, bodyTimeout: 0 }

/** Connections, and how many transports use them. */
interface Pool {
  readonly dispatcher: Dispatcher
  users: number
}

/** What all transports use that ask for nothing special: a credential belongs to a request, not to a connection. */
let plainPool: Pool | undefined

const joinPlainPool = Effect.sync(() => {
  plainPool ??= { dispatcher: new Agent(timers), users: 0 }
  plainPool.users++
  return plainPool
})

const leave = (pool: Pool): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (--pool.users > 0) return Effect.void
    if (pool === plainPool) plainPool = undefined
    return Effect.ignore(Effect.tryPromise(() => pool.dispatcher.destroy()))
  })

const makeDispatcher = Effect.fnUntraced(function* (
  options: ConnectionOptions
): Effect.fn.Return<Dispatcher, ConfigurationError> {
  const tls = yield* readTls(options)
  const refusal = checkTls(tls)
  if (refusal !== undefined) return yield* refusal
  const uri = yield* readOption("proxy", options.proxy)
  if (uri === undefined) return new Agent({ ...timers, connect: tls })
  if (!/^https?:$/.test(URL.parse(uri)?.protocol ?? "")) return yield* badProxy()
  const proxyTls = tls.ca === undefined ? {} : { ca: tls.ca }
  // The cause could quote the proxy's password.
  return yield* Effect.try({
    try: () => new ProxyAgent({ ...timers, uri, requestTls: tls, proxyTls }),
    catch: badProxy
  })
})

const join = (options: ConnectionOptions): Effect.Effect<Pool, ConfigurationError> => {
  const { ca, clientCertificate, proxy } = options
  return ca === undefined && clientCertificate === undefined && proxy === undefined
    ? joinPlainPool
    : Effect.map(makeDispatcher(options), (dispatcher) => ({ dispatcher, users: 1 }))
}

/**
 * Builds a pooled transport; its calls end with the scope, and its connections with the last transport that uses them.
 *
 * Transports without a proxy, an authority or a certificate of their own share connections. Redirects are never followed and no cookies are kept. Fails with `ConfigurationError` where a certificate, key or
 * proxy cannot be used.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: TransportFactory = Effect.fnUntraced(function* (options) {
  // The pool may go on without this transport; its calls must not.
  const open = new Set<exchanges.Exchange>()
  let isClosed = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isClosed = true
      for (const exchange of open) exchange.leave()
    })
  )
  const { dispatcher } = yield* Effect.acquireRelease(join(options), leave)
  return {
    execute: (request) =>
      Effect.flatMap(Effect.scope, (scope) => {
        if (isClosed) return Effect.fail(fromCause(undefined))
        const exchange = exchanges.make(dispatcher, Exchange.revealed(request))
        const end = Effect.sync(() => {
          open.delete(exchange)
          exchange.leave()
        })
        open.add(exchange)
        return Effect.andThen(Scope.addFinalizer(scope, end), exchange.response)
      })
  }
})

/**
 * Provides the pooled transport to every HTTP store built below it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Layer.succeed(Transport, make)
