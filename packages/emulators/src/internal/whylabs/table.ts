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
  /** Reads the index by organization, in ascending order of key id. */
  readonly byOrganization: (organization: string) => ReadonlyArray<View>
  /** Reads the index by organization and user, in ascending order of key id. */
  readonly byOwner: (organization: string, userId: string) => ReadonlyArray<View>
  /** Reads the entries of one key id in the index by organization and user. */
  readonly byOwnerAndId: (organization: string, userId: string, keyId: string) => ReadonlyArray<View>
  readonly setRevoked: (row: Row, revoked: boolean | undefined) => void
  /** Buffers a use; it reaches `lastUsedTime` only when flushed. */
  readonly markUsed: (row: Row) => void
  /** Takes up to `limit` buffered uses out of the buffer. */
  readonly takeUses: (limit: number) => ReadonlyArray<{ readonly row: Row; readonly time: number }>
}

// Sorted as rows come: sorting on every read is most of the cost of a list.
const insertByKeyId = (rows: Array<Row>, row: Row): void => {
  let [low, high] = [0, rows.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((rows[middle]?.keyId ?? "") <= row.keyId) low = middle + 1
    else high = middle
  }
  rows.splice(low, 0, row)
}

const makeIndex = <Parts extends ReadonlyArray<string>>() => {
  const groups = new Map<string, Array<Row>>()
  const nameOf = (parts: Parts) => JSON.stringify(parts)
  return {
    add: (row: Row, ...parts: Parts) => {
      const name = nameOf(parts)
      const rows = groups.get(name) ?? []
      groups.set(name, rows)
      insertByKeyId(rows, row)
    },
    of: (...parts: Parts): ReadonlyArray<Row> => groups.get(nameOf(parts)) ?? []
  }
}

const makeIndexes = () => {
  const byId = makeIndex<[keyId: string]>()
  const byOrganization = makeIndex<[organization: string]>()
  const byOwner = makeIndex<[organization: string, userId: string]>()
  return {
    byId,
    byOrganization,
    byOwner,
    add: (row: Row) => {
      byId.add(row, row.keyId)
      byOrganization.add(row, row.organization)
      byOwner.add(row, row.organization, row.userId)
    }
  }
}

const makeUses = (clock: Clock): Pick<Table, "markUsed" | "takeUses"> => {
  const uses = new Map<Row, number>()
  return {
    markUsed: (row) => {
      uses.set(row, clock.wall())
    },
    takeUses: (limit) => {
      const taken = [...uses].slice(0, limit).map(([row, time]) => ({ row, time }))
      for (const { row } of taken) uses.delete(row)
      return taken
    }
  }
}

const makeSee =
  (clock: Clock) =>
  (rows: ReadonlyArray<Row>, visibility: number, revocation: number): ReadonlyArray<View> => {
    const now = clock.now()
    const seen: Array<View> = []
    for (const row of rows) {
      if (now - row.committedAt < visibility) continue
      seen.push({ row, revoked: now - row.revokedChangedAt < revocation ? row.revokedBefore : row.revoked })
    }
    return seen
  }

/** Makes an empty table. */
export const makeTable = (clock: Clock, lag: () => Lag): Table => {
  const rows = new Map<string, Row>()
  const indexes = makeIndexes()
  const see = makeSee(clock)
  const indexed = (some: ReadonlyArray<Row>) => see(some, lag().visibility, lag().revocation)
  return {
    insert: (fields) => {
      const row = { lastUsedTime: undefined, revokedBefore: false, revokedChangedAt: -Infinity, ...fields }
      rows.set(row.key, row)
      indexes.add(row)
      return row
    },
    all: () => [...rows.values()],
    find: (key) => rows.get(key),
    findById: (keyId) => indexes.byId.of(keyId)[0],
    authenticate: (key) => {
      const row = rows.get(key)
      return row === undefined ? undefined : see([row], lag().authentication, lag().authentication)[0]
    },
    byOrganization: (organization) => indexed(indexes.byOrganization.of(organization)),
    byOwner: (organization, userId) => indexed(indexes.byOwner.of(organization, userId)),
    byOwnerAndId: (organization, userId, keyId) =>
      indexed(indexes.byId.of(keyId).filter((row) => row.organization === organization && row.userId === userId)),
    setRevoked: (row, revoked) => {
      row.revokedBefore = row.revoked
      row.revoked = revoked
      row.revokedChangedAt = clock.now()
    },
    ...makeUses(clock)
  }
}
