/** A pipe whose writer learns whether everything in it was read. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mkdtemp, rm } from "node:fs/promises"
import { connect, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Two ends of one connection: what is written into `near` is read from `far`. */
export interface SocketPair {
  readonly near: Socket
  readonly far: Socket
}

const connected = async (folder: string): Promise<SocketPair> =>
  new Promise((resolve, reject) => {
    const path = join(folder, "socket")
    // Nothing may read from the far end here: its bytes are for the program that will hold it.
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true })
    server.on("error", reject)
    server.listen(path, () => {
      const near = connect({ path, allowHalfOpen: true })
      near.on("error", reject)
      server.on("connection", (far) => {
        server.close()
        near.removeListener("error", reject)
        resolve({ near, far })
      })
    })
  })

/**
 * Connects two sockets through a folder that only this user can enter, and removes it at once.
 *
 * An ordinary pipe takes a short text whether anybody reads it or not. A socket whose other end closes with unread bytes
 * in it fails.
 */
export const make: Effect.Effect<SocketPair, unknown, Scope.Scope> = Effect.acquireRelease(
  Effect.tryPromise({
    try: async () => {
      const folder = await mkdtemp(join(tmpdir(), "keyfold-"))
      return connected(folder).finally(() => rm(folder, { recursive: true, force: true }))
    },
    catch: (error) => error
  }),
  ({ far, near }) =>
    Effect.sync(() => {
      near.destroy()
      far.destroy()
    })
)
