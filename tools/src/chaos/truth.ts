/** The truth when all is over: which keys are live, who holds one, and what does not fit. */
import type { Holder } from "./message.ts"
import type { LiveKey, Server } from "./server.ts"
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

type Keys = ReadonlyArray<LiveKey>

/** Everything that does not fit. */
interface Misfits {
  readonly twins: ReadonlyArray<readonly [operationId: string, keys: Keys]>
  readonly orphans: Keys
  readonly ghosts: ReadonlyArray<Held>
  readonly overrun: ReadonlyArray<Held>
}

const detailsOf = ({ ghosts, orphans, overrun, twins }: Misfits, { deliveries }: Tally): ReadonlyArray<string> => [
  ...twins.map(([operationId, keys]) => `${operationId}: ${keys.length} live keys`),
  ...orphans.map(({ id, operationId }) => `${operationId}: nobody holds live key ${id}`),
  ...ghosts.map(({ operationId }) => `${operationId}: a holder's key is not live`),
  ...overrun.map(({ operationId }) => {
    const took = Math.round(deliveries.get(operationId) ?? 0)
    return `${operationId}: a holder's key is not live; its delivery took ${took} ms and outlived its lease`
  })
]

const damagedBy = ({ ghosts, orphans, overrun, twins }: Misfits): ReadonlyArray<string> => [
  ...new Set([
    ...twins.map(([operationId]) => operationId),
    ...[...orphans, ...ghosts, ...overrun].map(({ operationId }) => operationId)
  ])
]

/** Compares what a backend has with what holders have. `lease` is a delivery's, in the machine's milliseconds. */
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
  const dead = held.filter((_, index) => !liveIds.has(owners[index] ?? ""))
  const isOverrun = ({ operationId }: Held) => (tally.deliveries.get(operationId) ?? 0) > lease
  const misfits: Misfits = {
    twins: [...Map.groupBy(live, ({ operationId }) => operationId)].filter(([, keys]) => keys.length > 1),
    orphans: live.filter(({ id }) => !heldIds.has(id)),
    ghosts: dead.filter((one) => !isOverrun(one)),
    overrun: dead.filter(isOverrun)
  }
  return {
    live: live.length,
    held: held.length,
    duplicates: misfits.twins.reduce((sum, [, keys]) => sum + keys.length - 1, 0),
    orphans: misfits.orphans.length,
    ghosts: misfits.ghosts.length,
    overrun: misfits.overrun.length,
    damaged: damagedBy(misfits),
    details: detailsOf(misfits, tally)
  }
}
