/** A small proxy on a loopback port: forwards plain requests, tunnels `CONNECT`, and can ask for a password. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http"
import { connect, type Socket } from "node:net"
import { listening } from "./LoopbackServer.ts"

export interface ProxyServer {
  readonly host: string
  /** The first lines of the requests it saw, such as `CONNECT 127.0.0.1:8443`. */
  readonly lines: ReadonlyArray<string>
  readonly authorizations: ReadonlyArray<string | undefined>
}

export interface ProxyOptions {
  /** The user and password it asks for, as in a URL; none when omitted. */
  readonly login?: string
}

const basic = (login: string): string => `Basic ${Buffer.from(login).toString("base64")}`

const passOn = (message: IncomingMessage, response: ServerResponse): void => {
  const { "proxy-authorization": _, ...headers } = message.headers
  const onward = forward(message.url ?? "", { method: message.method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  onward.on("error", () => response.writeHead(502).end())
  message.pipe(onward)
}

const tunnel = (target: string, socket: Socket): void => {
  const { hostname, port } = new URL(`http://${target}`)
  const onward = connect(Number(port), hostname, () => {
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
    onward.pipe(socket).pipe(onward)
  })
  onward.on("error", () => socket.destroy())
  socket.on("close", () => onward.destroy())
}

/** Runs a proxy until the scope closes. */
export const serveProxy = ({ login }: ProxyOptions = {}): Effect.Effect<ProxyServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const authorizations: Array<string | undefined> = []
    const isWelcome = (message: IncomingMessage): boolean => {
      const authorization = message.headers["proxy-authorization"]
      lines.push(`${message.method} ${message.url}`)
      authorizations.push(authorization)
      return login === undefined || authorization === basic(login)
    }
    const server = createServer((message, response) =>
      isWelcome(message) ? passOn(message, response) : response.writeHead(407).end()
    )
    server.on("connect", (message: IncomingMessage, socket: Socket) => {
      if (isWelcome(message)) tunnel(message.url ?? "", socket)
      else socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    })
    const { port } = yield* listening(server)
    return { host: `127.0.0.1:${port}`, lines, authorizations }
  })
