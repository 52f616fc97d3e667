/** The key table: true state, plus the index views that lag behind it. */
import type { Clock, Lag, StoredKey } from "../../Emulator.ts"

/** One stored key. The real table keeps only a hash; the emulator keeps the key to recognise it in `owns`. */
export interface Row {
  readonly key: string
  readonly keyId: string
  readonly organization: string
  readonly userId: string
  readonly alias: string | undefined
  readonly scopes: ReadonlyArray<string> | undefined
  readonly resourceId: string | undefined
  readonly creationTime: number
  readonly expirationTime: number | undefined
  readonly origin: StoredKey["origin"]
  /** When the indexes started to learn of the row; minus infinity for a row that was always there. */
  readonly committedAt: number
  lastUsedTime: number | undefined
  /** Undefined stands for a very old item without the attribute. */
  revoked: boolean | undefined
  revokedBefore: boolean | undefined
  revokedChangedAt: number
}

/** What inserting a row takes; the bookkeeping of its revocation starts here. */
export type NewRow = Omit<Row, "revokedBefore" | "revokedChangedAt" | "lastUsedTime"> &
  Partial<Pick<Row, "lastUsedTime">>

/** A row as a lagging view shows it. */
export interface View {
  readonly row: Row
  readonly revoked: boolean | undefined
}

/** Reads and writes the state of one emulator. */
export interface Table {
  readonly insert: (row: NewRow) => Row
  readonly all: () => ReadonlyArray<Row>
  readonly find: (key: string) => Row | undefined
  readonly findById: (keyId: string) => Row | undefined
  /** Reads the base table as authentication does. */
  readonly authenticate: (key: string) => View | undefined
  /** Reads the index by organization; unordered. */
  readonly byOrganization: (organization: string) => ReadonlyArray<View>
  /** Reads the index by organization and user, in ascending order of key id. */
  readonly byOwner: (organization: string, userId: string) => ReadonlyArray<View>
  readonly setRevoked: (row: Row, revoked: boolean | undefined) => void
  /** Buffers a use; it reaches `lastUsedTime` only when flushed. */
  readonly markUsed: (row: Row) => void
  /** Takes up to `limit` buffered uses out of the buffer. */
  readonly takeUses: (limit: number) => ReadonlyArray<{ readonly row: Row; readonly time: number }>
}

const byKeyId = (left: View, right: View) =>
  left.row.keyId < right.row.keyId ? -1 : left.row.keyId > right.row.keyId ? 1 : 0

const makeUses = (clock: Clock): Pick<Table, "markUsed" | "takeUses"> => {
  const uses = new Map<Row, number>()
  return {
    markUsed: (row) => {
      uses.set(row, clock.now())
    },
    takeUses: (limit) => {
      const taken = [...uses].slice(0, limit).map(([row, time]) => ({ row, time }))
      for (const { row } of taken) uses.delete(row)
      return taken
    }
  }
}

/** Makes an empty table. */
export const makeTable = (clock: Clock, lag: () => Lag): Table => {
  const rows = new Map<string, Row>()
  const organizations = new Map<string, Array<Row>>()
  const view = (row: Row, visibility: number, revocation: number): ReadonlyArray<View> => {
    const now = clock.now()
    if (now - row.committedAt < visibility) return []
    return [{ row, revoked: now - row.revokedChangedAt < revocation ? row.revokedBefore : row.revoked }]
  }
  const indexed = (organization: string) =>
    (organizations.get(organization) ?? []).flatMap((row) => view(row, lag().visibility, lag().revocation))
  return {
    insert: (fields) => {
      const row = { lastUsedTime: undefined, revokedBefore: false, revokedChangedAt: -Infinity, ...fields }
      rows.set(row.key, row)
      organizations.set(row.organization, organizations.get(row.organization) ?? [])
      organizations.get(row.organization)?.push(row)
      return row
    },
    all: () => [...rows.values()],
    find: (key) => rows.get(key),
    findById: (keyId) => [...rows.values()].find((row) => row.keyId === keyId),
    authenticate: (key) => {
      const row = rows.get(key)
      return row === undefined ? undefined : view(row, lag().authentication, lag().authentication)[0]
    },
    byOrganization: indexed,
    byOwner: (organization, userId) =>
      indexed(organization)
        .filter((item) => item.row.userId === userId)
        .toSorted(byKeyId),
    setRevoked: (row, revoked) => {
      row.revokedBefore = row.revoked
      row.revoked = revoked
      row.revokedChangedAt = clock.now()
    },
    ...makeUses(clock)
  }
}
