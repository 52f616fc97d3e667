/**
 * The server of the benchmark, in a process of its own: every client's answers from memory. It reads of HTTP only what
 * these clients send, so that it takes less of the time than any of them.
 */
import { createServer, type Socket } from "node:net"
import { answer, answers } from "./answers.ts"

const answerTo = answers([25, 1_000, 10_000])
/** Answers that were brought while this runs, by path. */
const brought = new Map<string, Uint8Array>()
const missing = answer("404 Not Found", "{}")
const refused = answer("501 Not Implemented", "{}")
let requests = 0

/** What the server may be told. */
interface Message {
  readonly path?: string
  readonly body?: string
}

const bodyOf = /\r\ncontent-length: *(\d+)/i
const chunked = /\r\ntransfer-encoding:/i

/** Answers the requests in a text, and returns what is left of it. */
const answerAll = (socket: Socket, text: string): string => {
  let rest = text
  for (;;) {
    const end = rest.indexOf("\r\n\r\n")
    if (end < 0) return rest
    const head = rest.slice(0, end)
    const isGet = rest.startsWith("GET ")
    const length = isGet ? 0 : Number(bodyOf.exec(head)?.[1] ?? 0)
    if (rest.length < end + 4 + length) return rest
    rest = rest.slice(end + 4 + length)
    requests++
    if (!isGet && chunked.test(head)) {
      socket.end(refused)
      return ""
    }
    const [method = "", path = ""] = head.split(" ", 2)
    socket.write(brought.get(path) ?? answerTo(method, path) ?? missing)
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  let rest = ""
  socket.on("data", (piece: Buffer) => (rest = answerAll(socket, rest + piece.toString("latin1"))))
  socket.on("error", () => socket.destroy())
})

server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.send?.(typeof address === "object" ? address?.port : undefined)
})

/** A message may bring an answer; each asks how many requests there were since the last one. */
process.on("message", ({ body, path }: Message) => {
  if (path !== undefined && body !== undefined) brought.set(path, answer("200 OK", body))
  process.send?.(requests)
  requests = 0
})
process.once("disconnect", () => process.exit())
