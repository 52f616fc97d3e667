/**
 * A transport for Node over `undici`: a connection pool, proxies, private authorities and client certificates.
 *
 * @since 0.1.0
 */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { DriverError } from "@keyfold/core/Driver"
import { resolve, type Secret } from "@keyfold/core/Secret"
import { fromCause, tooLong } from "@keyfold/http/NetworkFailure"
import {
  Transport,
  type ConnectionOptions,
  type TransportFactory,
  type TransportResponse
} from "@keyfold/http/Transport"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { Agent, ProxyAgent, request as send, type Dispatcher } from "undici"

const defaultLimit = 16 * 1024 * 1024

const reveal = (value: string | Redacted.Redacted<string>): string =>
  typeof value === "string" ? value : Redacted.value(value)

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

const makeDispatcher = Effect.fnUntraced(function* (
  options: ConnectionOptions
): Effect.fn.Return<Dispatcher, ConfigurationError> {
  const tls = yield* readTls(options)
  const proxy = yield* readOption("proxy", options.proxy)
  if (proxy !== undefined && !/^https?:$/.test(URL.parse(proxy)?.protocol ?? "")) {
    return yield* new ConfigurationError({ field: "proxy", problem: "expected an http or https URL of a proxy." })
  }
  // Timers belong to Effect's clock: the pool's own would fail a slow answer on another clock.
  const timers = { headersTimeout: 0, bodyTimeout: 0 }
  return yield* Effect.try({
    try: () =>
      proxy === undefined
        ? new Agent({ ...timers, connect: tls })
        : new ProxyAgent({
            ...timers,
            uri: proxy,
            requestTls: tls,
            proxyTls: tls.ca === undefined ? {} : { ca: tls.ca }
          }),
    // The cause could quote a key or the proxy's password.
    catch: () =>
      new ConfigurationError({
        field: proxy === undefined ? "clientCertificate" : "proxy",
        problem: "the connection options were refused.",
        fix: "Check that ca, certificate and key are PEM text that belongs together."
      })
  })
})

const readText = async (body: Dispatcher.ResponseData["body"], limit: number): Promise<string | undefined> => {
  const chunks: Array<Buffer> = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.byteLength
    if (length > limit) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString("utf8")
}

const toResponse = ({ body, headers, statusCode }: Dispatcher.ResponseData): TransportResponse => ({
  status: statusCode,
  header: (name) => {
    const value = headers[name.toLowerCase()]
    return Array.isArray(value) ? value.join(", ") : value
  },
  text: (limit = defaultLimit) =>
    Effect.flatMap(Effect.tryPromise({ try: () => readText(body, limit), catch: fromCause }), (text) =>
      text === undefined ? Effect.fail(tooLong(limit)) : Effect.succeed(text)
    ),
  bytes: Stream.fromAsyncIterable<Uint8Array, DriverError>(body as AsyncIterable<Uint8Array>, fromCause)
})

/**
 * Builds a pooled transport; its connections close with the scope.
 *
 * Redirects are never followed and no cookies are kept. Fails with `ConfigurationError` where a certificate, key or
 * proxy cannot be used.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: TransportFactory = Effect.fnUntraced(function* (options) {
  const dispatcher = yield* Effect.acquireRelease(makeDispatcher(options), (dispatcher) =>
    Effect.ignore(Effect.tryPromise(() => dispatcher.destroy()))
  )
  return {
    execute: (request) =>
      Effect.gen(function* () {
        const controller = yield* Effect.acquireRelease(
          Effect.sync(() => new AbortController()),
          (controller) => Effect.sync(() => controller.abort())
        )
        const headers: Record<string, string> = {}
        for (const [name, value] of Object.entries(request.headers)) headers[name] = reveal(value)
        const response = yield* Effect.tryPromise({
          try: () =>
            send(request.url, {
              method: request.method as Dispatcher.HttpMethod,
              headers,
              body: request.body === undefined ? null : reveal(request.body),
              dispatcher,
              signal: controller.signal
            }),
          catch: fromCause
        })
        // Aborting an unread body emits an error on the stream that nobody else would listen to.
        response.body.on("error", () => {})
        return toResponse(response)
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
