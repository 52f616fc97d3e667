/** The key table, and what reads see of it. */
import type { Clock, Lag, StoredKey } from "../../Emulator.ts"

/** One stored key. The real table keeps only a hash; the emulator keeps the secret to recognise it. */
export interface Row {
  readonly id: string
  readonly secret: string
  /** Null when none was given; the empty string is kept as such. */
  readonly description: string | null
  readonly roles: ReadonlyArray<string>
  readonly organization: string | undefined
  /** What the server reports as creation time: the start of the process that made the key. */
  readonly createdAt: number
  readonly origin: StoredKey["origin"]
  /** When reads started to learn of the row; minus infinity for a row that was always there. */
  readonly committedAt: number
  active: boolean
  deactivatedAt: number | undefined
  /** When reads started to learn of the deactivation. */
  deactivationCommittedAt: number
}

/** A row as reads show it. */
export interface View {
  readonly row: Row
  readonly active: boolean
}

/** Reads and writes the state of one emulator. */
export interface Table {
  readonly insert: (row: Row) => Row
  readonly all: () => ReadonlyArray<Row>
  readonly find: (id: string) => Row | undefined
  readonly findBySecret: (secret: string) => Row | undefined
  /** Counts the active keys of all organizations. */
  readonly countActive: () => number
  readonly deactivate: (row: Row) => void
  /** Shows every row a read sees, in order of insertion. */
  readonly visible: () => ReadonlyArray<View>
  /** Shows one row when a read sees it. */
  readonly see: (id: string) => View | undefined
}

/** Makes an empty table. */
export const makeTable = (clock: Clock, lag: () => Lag): Table => {
  const rows = new Map<string, Row>()
  const secrets = new Map<string, Row>()
  let countActive = 0
  const see = (some: Iterable<Row>): ReadonlyArray<View> => {
    const now = clock.now()
    const { revocation, visibility } = lag()
    const seen: Array<View> = []
    for (const row of some) {
      if (now - row.committedAt < visibility) continue
      seen.push({ row, active: row.active || now - row.deactivationCommittedAt < revocation })
    }
    return seen
  }
  return {
    insert: (row) => {
      countActive += Number(row.active) - Number(rows.get(row.id)?.active ?? false)
      rows.set(row.id, row)
      secrets.set(row.secret, row)
      return row
    },
    all: () => [...rows.values()],
    find: (id) => rows.get(id),
    findBySecret: (secret) => secrets.get(secret),
    countActive: () => countActive,
    deactivate: (row) => {
      if (row.active) {
        row.deactivationCommittedAt = clock.now()
        countActive -= 1
      }
      row.active = false
      // A repeat overwrites the time.
      row.deactivatedAt = clock.wall()
    },
    visible: () => see(rows.values()),
    see: (id) => {
      const row = rows.get(id)
      return row === undefined ? undefined : see([row])[0]
    }
  }
}
