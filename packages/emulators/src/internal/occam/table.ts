/** The key table, and what reads and the token exchange see of it. */
import type { Clock, Lag, StoredKey } from "../../Emulator.ts"
import type { UsageChange } from "../../Occam.ts"

/** How often a key was used; `reported` overrides what is reported, null leaves it out. */
export interface Counters {
  completed: number
  successful: number
  failed: number
  reported: UsageChange
}

/** One stored key. */
export interface Row {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly created: number
  readonly origin: StoredKey["origin"]
  /** When lagging views started to learn of the row; minus infinity for a row that was always there. */
  readonly committedAt: number
  readonly counters: Counters
  secret: string
  lastUsed: number | undefined
  deleted: boolean
  deletedAt: number
}

/** A row as reads show it. */
export interface View {
  readonly row: Row
  readonly deleted: boolean
}

/** What inserting a row takes. */
export type NewRow = Pick<Row, "id" | "email" | "name" | "created" | "origin" | "committedAt" | "secret"> &
  Partial<Pick<Row, "lastUsed" | "deleted">>

/** Reads and writes the state of one emulator. */
export interface Table {
  readonly insert: (row: NewRow) => Row
  readonly all: () => ReadonlyArray<Row>
  readonly find: (id: string) => Row | undefined
  /** Finds the row of a secret, also of one that a rotation replaced. */
  readonly findBySecret: (secret: string) => Row | undefined
  /** Finds the key of a secret that the token exchange accepts now. */
  readonly authenticate: (secret: string) => Row | undefined
  /** The keys of one user that have this name, deleted ones included, oldest first. */
  readonly named: (email: string, name: string) => ReadonlyArray<Row>
  /** Counts the keys of one user that are truly live. */
  readonly countLive: (email: string) => number
  /** Shows every row of one user that reads see, oldest first. */
  readonly visible: (email: string) => ReadonlyArray<View>
  /** Shows one row when reads see it. */
  readonly see: (id: string) => View | undefined
  readonly rotate: (row: Row, secret: string) => void
  readonly remove: (row: Row) => void
}

interface UserKeys {
  readonly rows: Map<string, Row>
  readonly names: Map<string, Array<Row>>
  live: number
}

// Kept by user, so that neither a create nor a list looks at every key there ever was.
const makeUsers = () => {
  const users = new Map<string, UserKeys>()
  const of = (email: string): UserKeys => {
    const keys = users.get(email) ?? { rows: new Map(), names: new Map(), live: 0 }
    users.set(email, keys)
    return keys
  }
  return {
    of,
    reads: {
      named: (email: string, name: string): ReadonlyArray<Row> => of(email).names.get(name) ?? [],
      countLive: (email: string): number => of(email).live
    },
    add: (row: Row) => {
      const keys = of(row.email)
      keys.rows.set(row.id, row)
      const named = keys.names.get(row.name)
      if (named === undefined) keys.names.set(row.name, [row])
      else named.push(row)
      if (!row.deleted) keys.live += 1
    },
    drop: (row: Row) => {
      const keys = of(row.email)
      keys.rows.delete(row.id)
      keys.names.set(
        row.name,
        (keys.names.get(row.name) ?? []).filter((named) => named !== row)
      )
      if (!row.deleted) keys.live -= 1
    }
  }
}

const rowOf = (fields: NewRow): Row => {
  const counters = { completed: 0, successful: 0, failed: 0, reported: {} }
  return { lastUsed: undefined, deleted: false, deletedAt: -Infinity, counters, ...fields }
}

const makeSee =
  (clock: Clock) =>
  (rows: Iterable<Row>, visibility: number, revocation: number): ReadonlyArray<View> => {
    const now = clock.now()
    const seen: Array<View> = []
    for (const row of rows) {
      if (now - row.committedAt < visibility) continue
      seen.push({ row, deleted: row.deleted && now - row.deletedAt >= revocation })
    }
    return seen
  }

/** Makes an empty table. */
export const makeTable = (clock: Clock, lag: () => Lag): Table => {
  const rows = new Map<string, Row>()
  const secrets = new Map<string, Row>()
  const users = makeUsers()
  const see = makeSee(clock)
  return {
    insert: (fields) => {
      const row = rowOf(fields)
      const replaced = rows.get(row.id)
      if (replaced !== undefined) users.drop(replaced)
      rows.set(row.id, row)
      secrets.set(row.secret, row)
      users.add(row)
      return row
    },
    all: () => [...rows.values()],
    find: (id) => rows.get(id),
    findBySecret: (secret) => secrets.get(secret),
    authenticate: (secret) => {
      const row = secrets.get(secret)
      if (row === undefined || row.secret !== secret) return undefined
      return see([row], lag().authentication, lag().authentication)[0]?.deleted === false ? row : undefined
    },
    ...users.reads,
    visible: (email) => see(users.of(email).rows.values(), lag().visibility, lag().revocation),
    see: (id) => {
      const row = rows.get(id)
      return row === undefined ? undefined : see([row], lag().visibility, lag().revocation)[0]
    },
    rotate: (row, secret) => {
      row.secret = secret
      secrets.set(secret, row)
    },
    remove: (row) => {
      if (!row.deleted) users.of(row.email).live -= 1
      row.deleted = true
      row.deletedAt = clock.now()
    }
  }
}
