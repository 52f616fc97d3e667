/** The truth when all is over: which keys are live, who holds one, and what does not fit. */
import type { Holder } from "./message.ts"
import type { Server } from "./server.ts"
import { secretIn } from "./sinks.ts"
import type { Tally } from "./tally.ts"

/** What must all be zero. */
export interface Damage {
  /** Live keys beyond the first of their operation. */
  readonly duplicates: number
  /** Live keys whose secret nobody holds. */
  readonly orphans: number
  /** Secrets that are held and whose key is not live. */
  readonly ghosts: number
}

/** What a round left. */
export interface Truth extends Damage {
  /** Holders without a live key whose sink took longer than its lease; not counted as damage. */
  readonly overrun: number
  readonly live: number
  readonly held: number
  /** A few words about each damage, without secrets, and the operations it is about. */
  readonly details: ReadonlyArray<string>
  readonly damaged: ReadonlyArray<string>
}

interface Held {
  readonly operationId: string
  readonly secret: string
}

const heldBy = (holders: ReadonlyMap<string, Holder>, { held }: Tally): ReadonlyArray<Held> => [
  ...[...held].flatMap(([operationId, secrets]) => secrets.map(({ secret }) => ({ operationId, secret }))),
  ...[...holders].flatMap(([operationId, holder]) => {
    const secret = holder.kind === "caller" ? undefined : secretIn(holder)
    return secret === undefined ? [] : [{ operationId, secret }]
  })
]

/** Compares what a backend has with what the holders have. `lease` is what a delivery has, in the machine's milliseconds. */
export const judge = async (
  server: Server,
  holders: ReadonlyMap<string, Holder>,
  tally: Tally,
  lease: number
): Promise<Truth> => {
  const live = await server.live()
  const held = heldBy(holders, tally)
  const owners = await server.owners(held.map(({ secret }) => secret))
  const liveIds = new Set(live.map(({ id }) => id))
  const heldIds = new Set(owners)
  const byOperation = Map.groupBy(live, ({ operationId }) => operationId)
  const twins = [...byOperation].filter(([, keys]) => keys.length > 1)
  const orphans = live.filter(({ id }) => !heldIds.has(id))
  const dead = held.filter((_, index) => !liveIds.has(owners[index] ?? ""))
  const ghosts = dead.filter(({ operationId }) => (tally.deliveries.get(operationId) ?? 0) <= lease)
  return {
    live: live.length,
    held: held.length,
    duplicates: twins.reduce((sum, [, keys]) => sum + keys.length - 1, 0),
    orphans: orphans.length,
    ghosts: ghosts.length,
    overrun: dead.length - ghosts.length,
    damaged: [
      ...new Set([
        ...twins.map(([operationId]) => operationId),
        ...orphans.map(({ operationId }) => operationId),
        ...ghosts.map(({ operationId }) => operationId)
      ])
    ],
    details: [
      ...twins.map(([operationId, keys]) => `${operationId}: ${keys.length} live keys`),
      ...orphans.map(({ id, operationId }) => `${operationId}: nobody holds live key ${id}`),
      ...ghosts.map(({ operationId }) => `${operationId}: a holder's key is not live`)
    ]
  }
}
