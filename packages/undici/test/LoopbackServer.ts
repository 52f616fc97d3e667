/** A real server on a loopback port whose answers a test chooses, and which records what reaches it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createSecureServer, type ServerOptions } from "node:https"
import type { AddressInfo, Server, Socket } from "node:net"

export interface Arrival {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Resolves when the exchange is over; true where the client left before the answer was complete. */
  readonly left: Promise<boolean>
}

export interface LoopbackServer {
  readonly url: string
  readonly port: number
  readonly requests: ReadonlyArray<Arrival>
  /** Resolves with the first request. */
  readonly first: Effect.Effect<Arrival>
  readonly sockets: ReadonlySet<Socket>
  readonly connections: () => number
  /** Resolves when no connection is open any more. */
  readonly quiet: Effect.Effect<void>
}

export type Handler = (response: ServerResponse, request: Arrival, message: IncomingMessage) => void

const listen = (server: Server): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
    }),
    () => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
  )

interface Connections {
  readonly open: ReadonlySet<Socket>
  readonly accepted: () => number
  readonly quiet: Effect.Effect<void>
}

const trackConnections = (server: Server): Connections => {
  const open = new Set<Socket>()
  const waiting: Array<() => void> = []
  let accepted = 0
  server.on("connection", (socket) => {
    accepted++
    open.add(socket)
    socket.on("error", () => {})
    socket.once("close", () => {
      open.delete(socket)
      if (open.size === 0) for (const resolve of waiting.splice(0)) resolve()
    })
  })
  return {
    open,
    accepted: () => accepted,
    quiet: Effect.promise(async () => {
      if (open.size > 0) await new Promise<void>((resolve) => waiting.push(resolve))
    })
  }
}

/** Listens on any free loopback port until the scope closes, then drops what is still connected. */
export const listening = (server: Server): Effect.Effect<Connections & { readonly port: number }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const connections = trackConnections(server)
    const port = yield* listen(server)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const socket of connections.open) socket.destroy()
      })
    )
    return { ...connections, port }
  })

const readBody = async (message: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of message) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** Serves `handler` over HTTP, or over HTTPS where `tls` is given. */
export const serve = (handler: Handler, tls?: ServerOptions): Effect.Effect<LoopbackServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const requests: Array<Arrival> = []
    const first = Promise.withResolvers<Arrival>()
    const listener = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
      const left = new Promise<boolean>((resolve) => response.once("close", () => resolve(!response.writableFinished)))
      const body = await readBody(message)
      const arrival = { method: message.method ?? "", url: message.url ?? "", headers: message.headers, body, left }
      requests.push(arrival)
      first.resolve(arrival)
      handler(response, arrival, message)
    }
    const onRequest = (message: IncomingMessage, response: ServerResponse): void => {
      listener(message, response).catch(() => response.destroy())
    }
    const server = tls === undefined ? createServer(onRequest) : createSecureServer(tls, onRequest)
    const { accepted, open, port, quiet } = yield* listening(server)
    return {
      url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
      port,
      requests,
      first: Effect.promise(() => first.promise),
      sockets: open,
      connections: accepted,
      quiet
    }
  })

/** Finds a loopback port on which nobody listens. */
export const closedPort: Effect.Effect<number> = Effect.scoped(
  Effect.map(listening(createServer()), ({ port }) => port)
)
