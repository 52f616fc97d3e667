/** The journal's storage in SQL that SQLite and PostgreSQL share. */
import {
  JournalError,
  type Address,
  type Decision,
  type Filter,
  type OperationRecord,
  type Snapshot,
  type Storage
} from "@keyfold/core/Journal"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import * as databaseClock from "./databaseClock.ts"
import { toJournalError } from "./failure.ts"
import * as rows from "./journalRows.ts"
import { retryingTransaction } from "./transaction.ts"

/** Rows read at once. */
const pageSize = 500

type Row = Readonly<Record<string, unknown>>
type Head = Snapshot["last"]

/** Reads the end of a store's chain, which on PostgreSQL keeps other transactions off this store alone. */
const lockHead = (sql: SqlClient, store: string): Effect.Effect<Head | undefined, SqlError> => {
  const lock = sql.literal(sql.onDialectOrElse({ pg: () => "FOR UPDATE", orElse: () => "" }))
  return Effect.map(
    sql<Row>`SELECT sequence, digest FROM keyfold_journal_heads WHERE store = ${store} ${lock}`,
    ([head]) =>
      head === undefined ? undefined : { sequence: Number(head["sequence"]), digest: String(head["digest"]) }
  )
}

/** Begins a store's chain; false where another transaction did so first, which is committed by now. */
const beginChain = (sql: SqlClient, store: string): Effect.Effect<boolean, SqlError> =>
  Effect.map(
    sql`INSERT INTO keyfold_journal_heads (store, sequence, digest) VALUES (${store}, 0, '')
      ON CONFLICT (store) DO NOTHING RETURNING store`,
    (begun) => begun.length > 0
  )

const findOperation = Effect.fnUntraced(function* (sql: SqlClient, { operationId, store, tenant }: Address) {
  const found = yield* sql<Row>`SELECT ${sql.literal(rows.operationColumns)} FROM keyfold_journal_operations
    WHERE store = ${store} AND tenant = ${rows.tenantColumn(tenant)} AND operation_id = ${operationId}`
  return (yield* rows.toOperations(found))[0]
})

const writeOperation = (sql: SqlClient, record: OperationRecord) =>
  sql`INSERT INTO keyfold_journal_operations ${sql.insert(rows.fromOperation(record))}
    ON CONFLICT (store, tenant, operation_id) DO UPDATE SET
      sequence = excluded.sequence, at = excluded.at, state = excluded.state, epoch = excluded.epoch,
      spec = excluded.spec, lease_until = excluded.lease_until, nonces = excluded.nonces, minted = excluded.minted,
      key_id = excluded.key_id, key_owner = excluded.key_owner`

const write = Effect.fnUntraced(function* (
  sql: SqlClient,
  { store }: Address,
  { entries, operation }: Decision<unknown>
): Effect.fn.Return<void, SqlError> {
  const last = entries.at(-1)
  if (last === undefined || !Arr.isReadonlyArrayNonEmpty(entries)) return
  yield* sql`INSERT INTO keyfold_journal_entries ${sql.insert(Arr.map(entries, rows.fromEntry))}`
  if (operation !== undefined) yield* writeOperation(sql, operation)
  yield* sql`UPDATE keyfold_journal_heads SET sequence = ${last.sequence}, digest = ${last.digest}
    WHERE store = ${store}`
})

type Decide<A> = (snapshot: Snapshot) => Effect.Effect<Decision<A>>

const decideAndWrite = Effect.fnUntraced(function* <A>(
  sql: SqlClient,
  now: databaseClock.Now,
  address: Address,
  decide: Decide<A>
): Effect.fn.Return<A, SqlError | JournalError> {
  const head = yield* lockHead(sql, address.store)
  // The time is read under the lock: who waited for it must not act on the time before.
  const decision = yield* decide({
    now: yield* now,
    operation: yield* findOperation(sql, address),
    last: head ?? { sequence: 0, digest: "" }
  })
  if (head === undefined && decision.entries.length > 0 && !(yield* beginChain(sql, address.store))) {
    return yield* decideAndWrite(sql, now, address, decide)
  }
  yield* write(sql, address, decision)
  return decision.answer
})

const asJournalError = (error: SqlError | JournalError): JournalError =>
  isSqlError(error) ? toJournalError(error) : error

const namelessTenant = new JournalError({ problem: "the tenant's name is empty; leave it out or name one" })

interface Position {
  readonly store: string
  readonly sequence: number
}

const conditionsOf = (sql: SqlClient, filter: Filter, after: Position | undefined) => {
  const { olderThan, operationId, states, store, tenant } = filter
  return sql.and([
    ...(store === undefined ? [] : [sql`store = ${store}`]),
    ...(tenant === undefined ? [] : [sql`tenant = ${tenant}`]),
    ...(operationId === undefined ? [] : [sql`operation_id = ${operationId}`]),
    ...(states === undefined ? [] : [sql.in("state", states)]),
    ...(olderThan === undefined ? [] : [sql`at < ${olderThan}`]),
    ...(after === undefined
      ? []
      : [
          store === undefined
            ? sql`(store, sequence) > (${after.store}, ${after.sequence})`
            : sql`sequence > ${after.sequence}`
        ])
  ])
}

/** Reads one table page by page, in the order of the chains. */
const read = <A extends Position>(
  sql: SqlClient,
  table: string,
  columns: string,
  decode: (found: ReadonlyArray<Row>) => Effect.Effect<ReadonlyArray<A>, JournalError>,
  filter: Filter
): Stream.Stream<A, JournalError> =>
  Stream.paginate<Position | undefined, A, JournalError>(undefined, (after) =>
    sql<Row>`SELECT ${sql.literal(columns)} FROM ${sql(table)} WHERE ${conditionsOf(sql, filter, after)}
      ORDER BY store, sequence LIMIT ${pageSize}`.pipe(
      Effect.mapError(toJournalError),
      Effect.flatMap(decode),
      Effect.map((page) => [
        page,
        page.length < pageSize ? Option.none() : Option.fromUndefinedOr<Position | undefined>(page.at(-1))
      ])
    )
  )

/** Makes the storage on an open client whose database has the latest schema; tests may bring a clock of their own. */
export const make = (sql: SqlClient, now: databaseClock.Now = databaseClock.make(sql)): Storage => ({
  transact: (address, decide) =>
    address.tenant === ""
      ? Effect.fail(namelessTenant)
      : Effect.mapError(retryingTransaction(sql, decideAndWrite(sql, now, address, decide)), asJournalError),
  operations: (filter) => read(sql, "keyfold_journal_operations", rows.operationColumns, rows.toOperations, filter),
  entries: (filter) => read(sql, "keyfold_journal_entries", rows.entryColumns, rows.toEntries, filter),
  stores: Effect.mapBoth(sql<Row>`SELECT store FROM keyfold_journal_heads ORDER BY store`, {
    onFailure: toJournalError,
    onSuccess: (found) => found.map((row) => String(row["store"]))
  })
})
