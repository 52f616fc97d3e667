/** The audit in SQL. */
import * as SqlDatabase from "@keyfold/sql/SqlDatabase"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { AuditError, Entry, type Audit, type Fact, type Filter, type Verified } from "../Audit.ts"
import type { Keying } from "./keying.ts"

const unusable = new AuditError({ problem: "the audit cannot be used: its database failed" })
const unreadable = new AuditError({ problem: "a stored entry cannot be read; was the database changed by hand?" })

type Unsigned = Omit<Entry, "digest">

const textOf = (entry: Unsigned): string =>
  JSON.stringify([
    entry.sequence,
    entry.at,
    entry.actor,
    entry.tenant,
    entry.operation,
    entry.requestId,
    entry.outcome,
    entry.key ?? null,
    entry.operationId ?? null,
    entry.reason ?? null,
    entry.previous
  ])

type Row = Readonly<Record<string, unknown>>

const decode = Schema.decodeUnknownEffect(Schema.Array(Entry))

const optional = (name: string, value: unknown) => (value === null ? {} : { [name]: value })

// PostgreSQL hands a BIGINT over as a bigint.
const toEntries = (rows: ReadonlyArray<Row>): Effect.Effect<ReadonlyArray<Entry>, AuditError> =>
  Effect.mapError(
    decode(
      rows.map((row) => ({
        actor: row["actor"],
        tenant: row["tenant"],
        operation: row["operation"],
        requestId: row["request_id"],
        outcome: row["outcome"],
        ...optional("key", row["key_id"]),
        ...optional("operationId", row["operation_id"]),
        ...optional("reason", row["reason"]),
        sequence: Number(row["sequence"]),
        at: Number(row["at"]),
        keyed: row["keyed"],
        previous: row["previous"],
        digest: row["digest"]
      }))
    ),
    () => unreadable
  )

const rowOf = (entry: Entry) => ({
  sequence: entry.sequence,
  at: entry.at,
  actor: entry.actor,
  tenant: entry.tenant,
  operation: entry.operation,
  request_id: entry.requestId,
  outcome: entry.outcome,
  key_id: entry.key ?? null,
  operation_id: entry.operationId ?? null,
  reason: entry.reason ?? null,
  keyed: entry.keyed,
  previous: entry.previous,
  digest: entry.digest
})

interface Head {
  readonly sequence: unknown
  readonly digest: string
}

/** One chain for all processes: whoever appends holds this lock. The number is "audit" in ASCII. */
const exclude = (sql: SqlClient) =>
  sql.onDialectOrElse({
    pg: () => Effect.asVoid(sql`SELECT pg_advisory_xact_lock(418581342580)`),
    orElse: () => Effect.void
  })

const append = (sql: SqlClient, keying: Keying, fact: Fact) =>
  Effect.gen(function* () {
    yield* exclude(sql)
    const [last] = yield* sql<Head>`SELECT sequence, digest FROM keyfold_gateway_audit ORDER BY sequence DESC LIMIT 1`
    const unsigned: Unsigned = {
      ...fact,
      sequence: Number(last?.sequence ?? 0) + 1,
      at: yield* Clock.currentTimeMillis,
      keyed: keying.current,
      previous: last?.digest ?? ""
    }
    const entry: Entry = { ...unsigned, digest: keying.digest(keying.current, textOf(unsigned)) ?? "" }
    yield* sql`INSERT INTO keyfold_gateway_audit ${sql.insert(rowOf(entry))}`
    return entry
  })

const pageSize = 500

const conditionsOf = (sql: SqlClient, filter: Filter, after: number) => {
  const { actor, key, operation, outcome, requestId, since, tenant, unfinished = false } = filter
  const equal = { actor, tenant, operation, outcome, key_id: key, request_id: requestId }
  return sql.and([
    sql`sequence > ${after}`,
    ...Object.entries(equal).flatMap(([column, value]) =>
      value === undefined ? [] : [sql`${sql(column)} = ${value}`]
    ),
    ...(since === undefined ? [] : [sql`at >= ${since}`]),
    ...(unfinished
      ? [
          sql`outcome = 'begun'`,
          sql`NOT EXISTS (SELECT 1 FROM keyfold_gateway_audit AS later
            WHERE later.sequence > keyfold_gateway_audit.sequence AND later.outcome <> 'begun'
            AND later.request_id = keyfold_gateway_audit.request_id
            AND later.operation = keyfold_gateway_audit.operation)`
        ]
      : [])
  ])
}

const readPage = Effect.fnUntraced(function* (
  sql: SqlClient,
  filter: Filter,
  after: number
): Effect.fn.Return<ReadonlyArray<Entry>, AuditError> {
  const query = sql<Row>`SELECT * FROM keyfold_gateway_audit
    WHERE ${conditionsOf(sql, filter, after)} ORDER BY sequence LIMIT ${pageSize}`
  return yield* toEntries(yield* Effect.mapError(query, () => unusable))
})

const entries = (sql: SqlClient, filter: Filter): Stream.Stream<Entry, AuditError> =>
  Stream.paginate(filter.after ?? 0, (after) =>
    Effect.map(readPage(sql, filter, after), (page) => {
      const last = page.at(-1)
      return [page, last !== undefined && page.length === pageSize ? Option.some(last.sequence) : Option.none()]
    })
  )

interface Reading {
  sequence: number
  head: string
  sawHead: boolean
  problem: string | undefined
}

const judge = (keying: Keying, reading: Reading, entry: Entry, head: string | undefined): boolean => {
  const expected = keying.digest(entry.keyed, textOf(entry))
  if (entry.sequence !== reading.sequence + 1) reading.problem = `entry ${reading.sequence + 1} is missing`
  else if (entry.previous !== reading.head) reading.problem = "it does not follow from the entry before it"
  else if (expected === undefined) reading.problem = "it is keyed with a pepper that is not supplied"
  else if (entry.digest !== expected) reading.problem = "it was changed after it was written"
  else {
    reading.sequence = entry.sequence
    reading.head = entry.digest
    reading.sawHead ||= entry.digest === head
  }
  return reading.problem === undefined
}

const verify = Effect.fnUntraced(function* (
  sql: SqlClient,
  keying: Keying,
  head: string | undefined
): Effect.fn.Return<Verified, AuditError> {
  const reading: Reading = { sequence: 0, head: "", sawHead: false, problem: undefined }
  yield* entries(sql, {}).pipe(
    Stream.takeWhile((entry) => judge(keying, reading, entry, head)),
    Stream.runDrain
  )
  const isCut = head !== undefined && !reading.sawHead
  const problem = reading.problem ?? (isCut ? "the entry with the digest that was kept is gone" : undefined)
  return problem === undefined
    ? { intact: true, entries: reading.sequence, head: reading.head }
    : { intact: false, sequence: reading.sequence + 1, problem }
})

/** Makes the audit in the gateway's database. */
export const make = (sql: SqlClient, keying: Keying): Audit => ({
  append: (fact) => Effect.mapError(SqlDatabase.inTransaction(sql, append(sql, keying, fact)), () => unusable),
  entries: (filter = {}) => entries(sql, filter),
  verify: (head) => verify(sql, keying, head)
})
