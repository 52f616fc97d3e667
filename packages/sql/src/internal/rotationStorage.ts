/** The storage of rotations in SQL that SQLite and PostgreSQL share. */
import {
  RotationRecordFromJson,
  type RotationStorageError,
  type Decision,
  type Filter,
  type Insertion,
  type RotationRecord,
  type RotationStorage,
  type Snapshot
} from "@keyfold/lifecycle/RotationStorage"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import * as databaseClock from "./databaseClock.ts"
import { toRotationError, unreadableRotation } from "./failure.ts"
import { retryingTransaction } from "./transaction.ts"

/** Rows read at once. */
const pageSize = 500

interface Row {
  readonly record: unknown
}

const ended = ["done", "undone"]

const encode = Schema.encodeSync(RotationRecordFromJson)

const decode = Schema.decodeUnknownEffect(RotationRecordFromJson)

const toRecord = ({ record }: Row) => Effect.mapError(decode(record), () => unreadableRotation)

/** A tenant's name is never empty. */
const tenantColumn = (tenant: string | undefined): string => tenant ?? ""

const fromRecord = (record: RotationRecord) => ({
  id: record.id,
  store: record.store,
  tenant: tenantColumn(record.tenant),
  status: record.status,
  old_key: record.old.id,
  new_key: record.custody?.id ?? null,
  due_at: record.dueAt ?? null,
  created_at: record.createdAt,
  record: encode(record)
})

type Failure = SqlError | RotationStorageError

const find = Effect.fnUntraced(function* (
  sql: SqlClient,
  id: string,
  isLocking: boolean
): Effect.fn.Return<RotationRecord | undefined, Failure> {
  const lock = sql.literal(isLocking ? sql.onDialectOrElse({ pg: () => "FOR UPDATE", orElse: () => "" }) : "")
  const [row] = yield* sql<Row>`SELECT record FROM keyfold_rotations WHERE id = ${id} ${lock}`
  return row === undefined ? undefined : yield* toRecord(row)
})

/** Finds another rotation of the same key that has not ended, for whichever tenant. */
const findBusy = Effect.fnUntraced(function* (
  sql: SqlClient,
  { old, store }: RotationRecord
): Effect.fn.Return<RotationRecord | undefined, Failure> {
  const [row] = yield* sql<Row>`SELECT record FROM keyfold_rotations
    WHERE (old_key = ${old.id} OR new_key = ${old.id}) AND store = ${store}
      AND NOT ${sql.in("status", ended)} LIMIT 1`
  return row === undefined ? undefined : yield* toRecord(row)
})

/** False where another transaction has written the id first, which is committed by now. */
const insertRow = (sql: SqlClient, record: RotationRecord) =>
  Effect.map(
    sql`INSERT INTO keyfold_rotations ${sql.insert(fromRecord(record))} ON CONFLICT (id) DO NOTHING RETURNING id`,
    (inserted) => inserted.length > 0
  )

const updateRow = (sql: SqlClient, record: RotationRecord) => {
  const { created_at: _created, id, old_key: _old, store: _store, tenant: _tenant, ...changing } = fromRecord(record)
  return sql`UPDATE keyfold_rotations SET ${sql.update(changing)} WHERE id = ${id}`
}

// Where a transaction does not exclude the others by itself; the number is "rotation" in ASCII, a little cut.
const excludeInsertions = (sql: SqlClient): Effect.Effect<void, SqlError> =>
  sql.onDialectOrElse({
    pg: () => Effect.asVoid(sql`SELECT pg_advisory_xact_lock(32210723226871151)`),
    orElse: () => Effect.void
  })

const insert = Effect.fnUntraced(function* (
  sql: SqlClient,
  now: databaseClock.Now,
  make: (now: number) => RotationRecord
): Effect.fn.Return<Insertion, Failure> {
  yield* excludeInsertions(sql)
  // The time is read under the lock: who waited for it must not act on the time before.
  const record = make(yield* now)
  const existing = yield* find(sql, record.id, false)
  if (existing !== undefined) return { kind: "exists", record: existing }
  const busy = yield* findBusy(sql, record)
  if (busy !== undefined) return { kind: "busy", record: busy }
  return (yield* insertRow(sql, record)) ? { kind: "inserted", record } : yield* insert(sql, now, make)
})

const transact = Effect.fnUntraced(function* <A>(
  sql: SqlClient,
  now: databaseClock.Now,
  id: string,
  decide: (snapshot: Snapshot) => Decision<A>
): Effect.fn.Return<A, Failure> {
  const record = yield* find(sql, id, true)
  const decision = decide({ now: yield* now, record })
  if (decision.record === undefined) return decision.answer
  if (record !== undefined) yield* updateRow(sql, decision.record)
  else if (!(yield* insertRow(sql, decision.record))) return yield* transact(sql, now, id, decide)
  return decision.answer
})

const conditionsOf = (sql: SqlClient, filter: Filter, after: RotationRecord | undefined) => {
  const { dueBefore, key, statuses, store, tenant } = filter
  return sql.and([
    ...(statuses === undefined ? [] : [sql.in("status", statuses)]),
    ...(store === undefined ? [] : [sql`store = ${store}`]),
    ...(tenant === undefined ? [] : [sql`tenant = ${tenant}`]),
    ...(key === undefined ? [] : [sql`(old_key = ${key} OR new_key = ${key})`]),
    ...(dueBefore === undefined ? [] : [sql`due_at < ${dueBefore}`]),
    ...(after === undefined ? [] : [sql`(created_at, id) > (${after.createdAt}, ${after.id})`])
  ])
}

const query = (sql: SqlClient, filter: Filter): Stream.Stream<RotationRecord, RotationStorageError> =>
  Stream.paginate<RotationRecord | undefined, RotationRecord, RotationStorageError>(undefined, (after) =>
    sql<Row>`SELECT record FROM keyfold_rotations WHERE ${conditionsOf(sql, filter, after)}
      ORDER BY created_at, id LIMIT ${pageSize}`.pipe(
      Effect.mapError(toRotationError),
      Effect.flatMap((rows) => Effect.forEach(rows, toRecord)),
      Effect.map((page) => [
        page,
        page.length < pageSize ? Option.none() : Option.fromUndefinedOr<RotationRecord | undefined>(page.at(-1))
      ])
    )
  )

const asRotationError = (error: Failure): RotationStorageError => (isSqlError(error) ? toRotationError(error) : error)

/** Makes the storage on an open client whose database has the latest schema; tests may bring a clock of their own. */
export const make = (sql: SqlClient, now: databaseClock.Now = databaseClock.make(sql)): RotationStorage["Service"] => ({
  insert: (make) => Effect.mapError(retryingTransaction(sql, insert(sql, now, make)), asRotationError),
  transact: (id, decide) => Effect.mapError(retryingTransaction(sql, transact(sql, now, id, decide)), asRotationError),
  query: (filter) => query(sql, filter)
})
