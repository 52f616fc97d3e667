/** A connection to a server that can be cut. */
import * as Effect from "effect/Effect"
import * as Net from "node:net"

/** Where to connect instead of the server. `mute` holds back all answers, `cut` ends every connection for good. */
export interface Proxy {
  readonly port: number
  readonly mute: Effect.Effect<void>
  readonly cut: Effect.Effect<void>
}

/** Listens in the place of a server on the loopback interface until the scope ends. */
export const make = (target: number) =>
  Effect.acquireRelease(
    Effect.callback<Proxy>((resume) => {
      const sockets = new Set<Net.Socket>()
      const answers = new Set<Net.Socket>()
      const server = Net.createServer((socket) => {
        const upstream = Net.connect(target, "127.0.0.1")
        answers.add(upstream)
        for (const [from, to] of [
          [socket, upstream],
          [upstream, socket]
        ] as const) {
          sockets.add(from)
          from.pipe(to)
          from.on("error", () => to.destroy()).on("close", () => to.destroy())
        }
      })
      const mute = Effect.sync(() => {
        for (const socket of answers) socket.unpipe()
      })
      const cut = Effect.sync(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed({ port: typeof address === "object" ? (address?.port ?? 0) : 0, mute, cut }))
      })
    }),
    (proxy) => proxy.cut
  )
