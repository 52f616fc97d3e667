/** A server in a process of its own: one that answers fixed bytes, or node:http before better-auth or keypal. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import { text } from "node:stream/consumers"
import type { Client, Place } from "../sqlBenchmark/client.ts"

/** Which server is wanted: with the bytes it is to answer, or on the database it is to ask. */
export type Wanted =
  | { readonly kind: "bare"; readonly verification: string; readonly page: string }
  | { readonly kind: "better-auth"; readonly place: Place; readonly keypal: string | undefined }
  | { readonly kind: "keypal"; readonly place: Place; readonly keypal: string | undefined; readonly tracking: boolean }

const answer = (response: ServerResponse, body: string): void => {
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) }
  response.writeHead(200, headers).end(body)
}

const bare =
  (verification: string, page: string): RequestListener =>
  (request, response) => {
    if (request.method === "GET") return answer(response, page)
    text(request).then(
      () => answer(response, verification),
      () => response.destroy()
    )
  }

const verify = async ({ verify }: Client, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const { secret }: { readonly secret: string } = JSON.parse(await text(request))
  answer(response, JSON.stringify((await verify(secret)).answer))
}

const list = async ({ list }: Client, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const { searchParams } = new URL(request.url ?? "", "http://127.0.0.1")
  answer(response, JSON.stringify({ keys: await list(Number(searchParams.get("owner"))) }))
}

const over =
  (client: Client): RequestListener =>
  (request, response) => {
    const answered = request.method === "GET" ? list(client, request, response) : verify(client, request, response)
    answered.catch(() => response.writeHead(500).end())
  }

/** Loads only what the server needs, since its memory is measured. */
const listenerOf = async (wanted: Wanted): Promise<RequestListener> => {
  switch (wanted.kind) {
    case "bare":
      return bare(wanted.verification, wanted.page)
    case "keypal": {
      const keypal = await import("../sqlBenchmark/keypal.ts")
      return over(await keypal.open(wanted.place, { owners: undefined, keypal: wanted.keypal }, wanted.tracking))
    }
    case "better-auth": {
      const betterAuth = await import("../sqlBenchmark/betterAuth.ts")
      const { toNodeHandler } = await import("better-auth/node")
      const client = await betterAuth.open(wanted.place, { owners: undefined, keypal: wanted.keypal })
      // It verifies for the program it is in only, and lists for whoever signs in.
      const [verifying, handler] = [over(client), toNodeHandler(client.auth)]
      return (request, response) =>
        request.method === "GET" ? void handler(request, response) : verifying(request, response)
    }
  }
}

const server = createServer({ keepAliveTimeout: 60_000 }, await listenerOf(JSON.parse(process.argv[2] ?? "")))

server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.send?.(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`)
})

process.once("disconnect", () => process.exit())
