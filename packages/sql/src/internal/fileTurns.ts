/** Lets the clients of one file in one process take turns. */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Fs from "node:fs"

interface Turn {
  readonly semaphore: Semaphore.Semaphore
  users: number
}

const turns = new Map<string, Turn>()

const identify = (path: string): string => {
  const { dev, ino } = Fs.statSync(path, { bigint: true })
  return `${dev}:${ino}`
}

const release = (key: string, turn: Turn) =>
  Effect.sync(() => {
    turn.users -= 1
    if (turn.users === 0) turns.delete(key)
  })

/**
 * Returns the semaphore of an existing file, the same for every client of it in this process until the last is closed.
 *
 * SQLite waits for a lock by blocking the process. Where this process itself holds the lock, between two statements of a
 * transaction, nobody would be left to release it.
 */
export const share = (path: string): Effect.Effect<Semaphore.Semaphore, never, Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const key = identify(path)
        const turn = turns.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
        turn.users += 1
        turns.set(key, turn)
        return { key, turn }
      }),
      ({ key, turn }) => release(key, turn)
    ),
    ({ turn }) => turn.semaphore
  )
