/** One request and its response between `node:http` and a `fetch` function. */
import type { IncomingMessage, ServerResponse } from "node:http"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { ReadableStream as NodeReadableStream } from "node:stream/web"
import { codeOf } from "./systemError.ts"

type Fetch = (request: Request) => Promise<Response>

const brokenConnection = new Set([
  "ECONNRESET",
  "ECONNREFUSED",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "UND_ERR_SOCKET",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_CONNECT_TIMEOUT"
])

const headersOf = (incoming: IncomingMessage): Headers => {
  const headers = new Headers()
  // The raw list keeps repeated fields, which the parsed one drops or joins.
  for (let index = 0; index + 1 < incoming.rawHeaders.length; index += 2) {
    headers.append(incoming.rawHeaders[index] ?? "", incoming.rawHeaders[index + 1] ?? "")
  }
  return headers
}

/** Appends the target as text, so that a path that starts with two slashes stays a path. */
const urlOf = (incoming: IncomingMessage): string => {
  const target = incoming.url ?? "/"
  if (!target.startsWith("/")) return new URL(target).href
  return new URL(`http://${incoming.headers.host ?? "localhost"}${target}`).href
}

const toRequest = (incoming: IncomingMessage, signal: AbortSignal): Request => {
  const method = incoming.method ?? "GET"
  const withBody = method !== "GET" && method !== "HEAD" && hasBody(incoming)
  return new Request(urlOf(incoming), {
    method,
    headers: headersOf(incoming),
    redirect: "manual",
    signal,
    ...(withBody ? { body: Readable.toWeb(incoming) as unknown as BodyInit, duplex: "half" } : {})
  })
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0

const send = async (response: Response, method: string | undefined, outgoing: ServerResponse): Promise<void> => {
  outgoing.statusCode = response.status
  if (response.statusText !== "") outgoing.statusMessage = response.statusText
  // Iterating headers gives each `set-cookie` by itself; `setHeader` would keep only the last.
  for (const [name, value] of response.headers) outgoing.appendHeader(name, value)
  if (response.body === null || method === "HEAD") {
    await response.body?.cancel()
    outgoing.end()
    return
  }
  // A client may wait for the status while the first part of the body takes its time.
  outgoing.flushHeaders()
  await pipeline(Readable.fromWeb(response.body as NodeReadableStream), outgoing)
}

const fail = (outgoing: ServerResponse, status: number): void => {
  if (outgoing.headersSent) return void outgoing.destroy()
  for (const name of outgoing.getHeaderNames()) outgoing.removeHeader(name)
  outgoing.writeHead(status, { "content-length": "0" }).end()
}

const receive = (incoming: IncomingMessage, signal: AbortSignal): Request | undefined => {
  try {
    return toRequest(incoming, signal)
  } catch {
    return undefined
  }
}

/** Answers one request and never rejects. */
export const answer = async (fetch: Fetch, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
  const controller = new AbortController()
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) controller.abort()
  })
  const request = receive(incoming, controller.signal)
  // A target or method that no `Request` can hold.
  if (request === undefined) return fail(outgoing, 400)
  try {
    await send(await fetch(request), incoming.method, outgoing)
  } catch (error) {
    if (outgoing.destroyed) return
    if (brokenConnection.has(codeOf(error) ?? "")) outgoing.socket?.resetAndDestroy()
    else fail(outgoing, 500)
  }
}
