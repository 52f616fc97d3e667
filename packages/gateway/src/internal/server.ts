/** The socket: who is slow, too large or gone does not hold up the others. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { Server, ServerOptions } from "node:http"
import type { Socket } from "node:net"
import type { Listen, Options } from "../Gateway.ts"
import { types, uri } from "../Problem.ts"
import type { Assembled } from "./assemble.ts"
import { serverOf } from "./certificate.ts"
import { addressOf, unheard } from "./listening.ts"
import { untraced } from "./webHandler.ts"

const second = 1000

const serverOptions = ({
  limits: { arrival = "30 seconds", headerBytes = 16 * 1024 } = {}
}: Options): ServerOptions => {
  const whole = Math.max(Duration.toMillis(Duration.fromInputUnsafe(arrival)), 1)
  return {
    maxHeaderSize: headerBytes,
    headersTimeout: Math.ceil(whole / 3),
    requestTimeout: whole,
    keepAliveTimeout: 5 * second,
    connectionsCheckingInterval: Math.min(5 * second, Math.ceil(whole / 6)),
    insecureHTTPParser: false,
    requireHostHeader: true
  }
}

const refusals: Readonly<Record<string, readonly [status: string, detail: string]>> = {
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", "The headers are too large."],
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", "The request took too long to arrive."]
}

/** What Node refuses before a request is one: written by hand, because there is nothing to answer yet. */
const refuse = (error: Error & { readonly code?: string }, socket: Socket): void => {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy()
  const [status, detail] = refusals[error.code ?? ""] ?? ["400 Bad Request", "This is not a request in HTTP."]
  const { title } = types["invalid-request"]
  const body = JSON.stringify({ type: uri("invalid-request"), title, status: Number.parseInt(status, 10), detail })
  const head = [
    `HTTP/1.1 ${status}`,
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close"
  ]
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`)
}

/** So long the answers of calls that were given up may take to be sent. */
const sending = Duration.seconds(1)

/** What happens between the wish to end and the last byte. */
interface Ending {
  readonly shutdown: Duration.Duration
  /** Readiness says so, for as long as a balancer takes to see it. Then nobody is let in, and calls get their time. */
  readonly begin: Effect.Effect<void>
  /** Somebody who sends slowly, or takes no answer, would hold up the end for longer than calls in flight may. */
  readonly finish: Effect.Effect<void>
}

const ending = (
  { giveUp, stop }: Assembled,
  { drain = 0, shutdown = "30 seconds" }: Options,
  server: Server
): Ending => {
  const time = Duration.fromInputUnsafe(shutdown)
  let waiting: Fiber.Fiber<void> | undefined
  return {
    shutdown: Duration.sum(time, sending),
    begin: stop.pipe(
      Effect.andThen(Effect.sleep(drain)),
      Effect.andThen(Effect.forkDetach(Effect.delay(giveUp, time))),
      Effect.map((fiber) => void (waiting = fiber))
    ),
    finish: Effect.suspend(() => {
      server.closeAllConnections()
      return waiting === undefined ? Effect.void : Fiber.interrupt(waiting)
    })
  }
}

/** Where it is listened, and how the certificate is read again. */
export interface Listening {
  readonly url: string
  readonly renew: Effect.Effect<void>
}

/** Answers on a socket until the scope closes, and tells where. */
export const listen = Effect.fnUntraced(function* (
  assembled: Assembled,
  options: Options & Listen
): Effect.fn.Return<Listening, ConfigurationError, Scope.Scope> {
  const { host = "127.0.0.1", port = 8080, tls } = options
  const { renew, server } = yield* serverOf(options, serverOptions(options))
  const { begin, finish, shutdown } = ending(assembled, options, server)
  server.maxHeadersCount = 100
  // Whoever takes no more of an answer than this, for this long, is cut off.
  server.timeout = 2 * Duration.toMillis(Duration.fromInputUnsafe(options.limits?.timeout ?? "1 minute"))
  server.on("clientError", refuse)
  const listening = yield* NodeHttpServer.make(() => server, { host, port, gracefulShutdownTimeout: shutdown }).pipe(
    Effect.mapError(({ cause }) => unheard("port", host, port, cause))
  )
  yield* Effect.addFinalizer(() => finish)
  yield* untraced(listening.serve(assembled.answering))
  yield* Effect.addFinalizer(() => begin)
  const address = addressOf(server)
  if (address === undefined) return yield* unheard("port", host, port, undefined)
  return { url: `http${tls === undefined ? "" : "s"}://${address}`, renew }
})
