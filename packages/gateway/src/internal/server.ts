/** The socket: who is slow, too large or gone does not hold up the others. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import { createServer, type Server, type ServerOptions } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import type { Listen, Options } from "../Gateway.ts"
import { types, uri } from "../Problem.ts"
import type { Assembled } from "./assemble.ts"
import { untraced } from "./webHandler.ts"

const failure = (field: string, problem: string, fix: string) =>
  new ConfigurationError({ field: `gateway.${field}`, problem, fix })

const second = 1000

const serverOptions = ({ limits: { headerBytes = 16 * 1024 } = {} }: Options): ServerOptions => ({
  maxHeaderSize: headerBytes,
  headersTimeout: 10 * second,
  requestTimeout: 30 * second,
  keepAliveTimeout: 5 * second,
  connectionsCheckingInterval: 5 * second,
  insecureHTTPParser: false,
  requireHostHeader: true
})

const read = (field: string, path: string): Effect.Effect<Buffer, ConfigurationError> =>
  Effect.try({
    try: () => readFileSync(path),
    catch: () => failure(`tls.${field}`, "the file cannot be read.", "Name a PEM file that this user may read.")
  })

/** What Node refuses before a request is one: written by hand, because there is nothing to answer yet. */
const refuse = (error: Error & { readonly code?: string }, socket: Socket): void => {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy()
  const isLarge = error.code === "HPE_HEADER_OVERFLOW"
  const status = isLarge ? "431 Request Header Fields Too Large" : "400 Bad Request"
  const { title } = types["invalid-request"]
  const detail = isLarge ? "The headers are too large." : "This is not a request in HTTP."
  const body = JSON.stringify({ type: uri("invalid-request"), title, status: Number.parseInt(status, 10), detail })
  const head = [
    `HTTP/1.1 ${status}`,
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close"
  ]
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`)
}

const create = Effect.fnUntraced(function* (
  options: Options & Listen
): Effect.fn.Return<() => Server, ConfigurationError> {
  const { tls } = options
  const common = serverOptions(options)
  if (tls === undefined) return () => createServer(common)
  const [cert, key] = [yield* read("certificate", tls.certificate), yield* read("key", tls.key)]
  return yield* Effect.try({
    try: () => {
      const server = createSecureServer({ ...common, cert, key, minVersion: "TLSv1.2" })
      return () => server
    },
    catch: () => failure("tls", "the certificate and the key do not fit each other.", "Name a certificate and its key.")
  })
})

const problems: Readonly<Record<string, readonly [problem: string, fix: string]>> = {
  EADDRINUSE: ["is in use", "Choose another port, or 0 for any free one."],
  EACCES: ["may not be used by this user", "Choose a port from 1024 up, or 0 for any free one."],
  EADDRNOTAVAIL: ["is not an address of this machine", "Choose 127.0.0.1 to serve this machine only."],
  ENOTFOUND: ["is not a host that can be found", "Choose 127.0.0.1 to serve this machine only."]
}

const unheard = (host: string, port: number, cause: unknown): ConfigurationError => {
  const code: unknown = typeof cause === "object" && cause !== null ? Reflect.get(cause, "code") : undefined
  const [problem, fix] = problems[String(code)] ?? ["cannot be listened on", "Choose another host and port."]
  return failure("port", `${host}:${port} ${problem}.`, fix)
}

const reachable = ({ address, family }: AddressInfo): string => {
  if (address === "0.0.0.0") return "127.0.0.1"
  if (address === "::") return "[::1]"
  return family === "IPv6" ? `[${address}]` : address
}

/** Answers on a socket until the scope closes, and tells where. */
export const listen = Effect.fnUntraced(function* (
  { answering, stop }: Assembled,
  options: Options & Listen
): Effect.fn.Return<string, ConfigurationError, Scope.Scope> {
  const { host = "127.0.0.1", port = 8080, shutdown = "30 seconds", tls } = options
  const server = (yield* create(options))()
  server.maxHeadersCount = 100
  // Whoever takes no more of an answer than this, for this long, is cut off.
  server.timeout = 2 * Duration.toMillis(Duration.fromInputUnsafe(options.limits?.timeout ?? "1 minute"))
  server.on("clientError", refuse)
  const listening = yield* NodeHttpServer.make(() => server, { host, port, gracefulShutdownTimeout: shutdown }).pipe(
    Effect.mapError(({ cause }) => unheard(host, port, cause))
  )
  yield* untraced(listening.serve(answering))
  yield* Effect.addFinalizer(() => stop)
  const address = server.address()
  if (address === null || typeof address === "string") return yield* unheard(host, port, undefined)
  return `http${tls === undefined ? "" : "s"}://${reachable(address)}:${address.port}`
})
