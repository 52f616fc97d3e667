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
  /** The live keys of one user as they truly are, oldest first. */
  readonly live: (email: string) => ReadonlyArray<Row>
  /** Shows every row that reads see, oldest first. */
  readonly visible: () => ReadonlyArray<View>
  readonly rotate: (row: Row, secret: string) => void
  readonly remove: (row: Row) => void
}

/** Makes an empty table. */
export const makeTable = (clock: Clock, lag: () => Lag): Table => {
  const rows = new Map<string, Row>()
  const secrets = new Map<string, Row>()
  const view = (row: Row, visibility: number, revocation: number): View | undefined => {
    const now = clock.now()
    if (now - row.committedAt < visibility) return undefined
    return { row, deleted: row.deleted && now - row.deletedAt >= revocation }
  }
  return {
    insert: (fields) => {
      const counters = { completed: 0, successful: 0, failed: 0, reported: {} }
      const row: Row = { lastUsed: undefined, deleted: false, deletedAt: -Infinity, counters, ...fields }
      rows.set(row.id, row)
      secrets.set(row.secret, row)
      return row
    },
    all: () => [...rows.values()],
    find: (id) => rows.get(id),
    findBySecret: (secret) => secrets.get(secret),
    authenticate: (secret) => {
      const row = secrets.get(secret)
      if (row === undefined || row.secret !== secret) return undefined
      return view(row, lag().authentication, lag().authentication)?.deleted === false ? row : undefined
    },
    live: (email) => [...rows.values()].filter((row) => row.email === email && !row.deleted),
    visible: () =>
      [...rows.values()].flatMap((row) => {
        const shown = view(row, lag().visibility, lag().revocation)
        return shown === undefined ? [] : [shown]
      }),
    rotate: (row, secret) => {
      row.secret = secret
      secrets.set(secret, row)
    },
    remove: (row) => {
      row.deleted = true
      row.deletedAt = clock.now()
    }
  }
}
