/**
 * Sockets for `fetch` functions.
 *
 * @since 0.1.0
 */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { answer } from "./internal/exchange.ts"
import { codeOf } from "./internal/systemError.ts"

/**
 * Answers a request: the shape of an emulator, and of most web frameworks' entry points.
 *
 * @category models
 * @since 0.1.0
 */
export type Fetch = (request: Request) => Promise<Response>

/**
 * Says what is served and where. `host` is the loopback address and `port` any free one when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly fetch: Fetch
  readonly host?: string
  readonly port?: number
}

/**
 * Tells where a server listens. `url` has no trailing slash.
 *
 * @category models
 * @since 0.1.0
 */
export interface Address {
  readonly url: string
  readonly port: number
}

const problems: Readonly<Record<string, readonly [problem: string, fix: string]>> = {
  EADDRINUSE: ["is in use", "Choose another port, or 0 for any free one."],
  EACCES: ["may not be used by this user", "Choose a port from 1024 up, or 0 for any free one."],
  EADDRNOTAVAIL: ["is not an address of this machine", "Choose 127.0.0.1 to serve this machine only."],
  ENOTFOUND: ["is not a host that can be found", "Choose 127.0.0.1 to serve this machine only."]
}

const failure = (host: string, port: number, error: unknown): ConfigurationError => {
  const code = codeOf(error) ?? "unknown error"
  const [problem, fix] = problems[code] ?? [`cannot be listened on (${code})`, "Choose another host and port."]
  return new ConfigurationError({ problem: `${host}:${port} ${problem}.`, fix })
}

const listen = (server: Server, host: string, port: number): Effect.Effect<void, ConfigurationError> =>
  Effect.callback((resume) => {
    server.once("error", (error) => resume(Effect.fail(failure(host, port, error))))
    try {
      server.listen({ host, port }, () => resume(Effect.void))
    } catch {
      const problem = `${port} is not a port.`
      resume(Effect.fail(new ConfigurationError({ problem, fix: "Choose one from 0 to 65535; 0 is any free one." })))
    }
  })

const close = (server: Server): Effect.Effect<void> =>
  Effect.callback((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

const reachable = ({ address, family }: AddressInfo): string => {
  if (address === "0.0.0.0") return "127.0.0.1"
  if (address === "::") return "[::1]"
  return family === "IPv6" ? `[${address}]` : address
}

/**
 * Serves a `fetch` function on a socket until the scope closes, which also closes the connections in use.
 *
 * Bodies are streamed both ways. A client that goes away aborts the request's signal. A function that rejects as a broken
 * connection does (`ECONNRESET` and its kind, as its code or its cause's) breaks the client's connection; any other
 * rejection is a 500 without a body. Redirects are passed on, never followed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serve = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Address, ConfigurationError, Scope.Scope> {
  const { fetch, host = "127.0.0.1", port = 0 } = options
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => createServer((incoming, outgoing) => void answer(fetch, incoming, outgoing))),
    close
  )
  yield* listen(server, host, port)
  const address = server.address()
  if (address === null || typeof address === "string") return yield* failure(host, port, undefined)
  return { url: `http://${reachable(address)}:${address.port}`, port: address.port }
})
