/** The worker processes, each of which keeps a key it has accepted for a while. */
import type { Clock, Lag } from "../../Emulator.ts"
import type { Row, Table } from "./table.ts"

/** Authenticates created keys. */
export interface Workers {
  /** Lets the next worker in turn look at a secret, as a request would; gives the key it belongs to when accepted. */
  readonly use: (secret: string) => Row | undefined
  /** Forgets what was cached. */
  readonly restart: () => void
}

/** Makes workers that take turns. An entry lives from its insertion on and is not renewed by use. */
export const makeWorkers = (clock: Clock, table: Table, lag: () => Lag, count: number): Workers => {
  const makeCaches = () => Array.from({ length: count }, () => new Map<string, number>())
  let caches = makeCaches()
  let turn = 0
  return {
    use: (secret) => {
      const cache = caches[turn++ % count]
      const row = table.findBySecret(secret)
      if (row === undefined) return undefined
      const now = clock.now()
      const cachedAt = cache?.get(secret)
      if (cachedAt !== undefined && now - cachedAt < lag().authentication) return row
      cache?.delete(secret)
      if (!row.active) return undefined
      cache?.set(secret, now)
      return row
    },
    restart: () => {
      caches = makeCaches()
    }
  }
}
