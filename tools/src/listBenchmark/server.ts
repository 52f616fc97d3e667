/** A server in a process of its own that answers lists of any length, as WhyLabs writes them, as fast as they are read. */
import { createServer, type ServerResponse } from "node:http"

const perBlock = 250

const item = (index: number) => ({
  keyId: `K#####${String(index).padStart(4, "0")}`,
  orgId: "org-1",
  userId: `user-${index % 50}`,
  creationTime: "2025-03-01T10:00:00.123",
  expirationTime: "2027-03-01T10:00:00.123",
  lastUsedTime: "2026-02-01T10:00:00.456",
  scopes: [":user", ":write_data"],
  alias: `deploy job ${index} of the payments team`,
  revoked: false
})

const items = Array.from({ length: perBlock }, (_, index) => JSON.stringify(item(index)))
const block = items.join(",")

const answer = async (response: ServerResponse, keys: number): Promise<void> => {
  response.writeHead(200, { "content-type": "application/json" })
  response.write(`{"items":[`)
  for (let made = 0; made < keys && !response.destroyed; made += perBlock) {
    const left = keys - made
    const written = left < perBlock ? items.slice(0, left).join(",") : block
    const text = written.replaceAll("#####", String(made / perBlock).padStart(5, "0"))
    const part = made === 0 ? text : `,${text}`
    if (!response.write(part)) await drained(response)
  }
  response.end("]}")
}

/** Waits until more can be written, or nobody is left to read it. */
const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const leave = (): void => {
      response.off("drain", leave).off("close", leave)
      resolve()
    }
    response.on("drain", leave).on("close", leave)
  })

/** The organization in the path says how many keys it has. */
const server = createServer((request, response) => {
  const keys = Number(/organizations\/(\d+)\//.exec(request.url ?? "")?.[1] ?? 0)
  answer(response, keys).catch(() => response.destroy())
})

server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.send?.(typeof address === "object" ? address?.port : undefined)
})

process.once("disconnect", () => process.exit())
