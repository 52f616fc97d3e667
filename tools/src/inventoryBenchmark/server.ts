/** A process of its own that answers lists from memory, so that it is never what is waited for. */
import { createServer } from "node:http"
import { arthurList, whylabsList } from "./bodies.ts"

const [keysOfEach = "", keysOfShared = ""] = process.argv.slice(2)

/** Stores do not share an answer with their neighbours. */
const variants = 32

const encoder = new TextEncoder()

const small = Array.from({ length: variants }, (_, number) =>
  encoder.encode(whylabsList(`org-${number}`, Number(keysOfEach)))
)
const large = encoder.encode(await arthurList(Number(keysOfShared)))

const bodyOf = (path: string): Uint8Array | undefined => {
  if (path === "/auth/api_keys/") return large
  const organization = /^\/v0\/organizations\/org-(\d+)\/api-key$/.exec(path)?.[1]
  return organization === undefined ? undefined : small[Number(organization) % variants]
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const body = bodyOf(request.url ?? "")
  if (body === undefined) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, { "content-type": "application/json", "content-length": body.byteLength }).end(body)
})

server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.send?.(typeof address === "object" && address !== null ? address.port : 0)
})

process.on("disconnect", () => process.exit(0))
