/** Rows of the journal's tables and the entries and records they stand for. */
import { KeyRef } from "@keyfold/core/ApiKey"
import * as Journal from "@keyfold/core/Journal"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { unreadableJournal } from "./failure.ts"

type Row = Readonly<Record<string, unknown>>

/** The columns of an entry. */
export const entryColumns =
  "store, sequence, tenant, operation_id, at, state, epoch, nonce, spec, lease_until, key_id, key_owner, previous, digest"

/** The columns of an operation's record. */
export const operationColumns =
  "store, tenant, operation_id, sequence, at, state, epoch, spec, lease_until, nonces, minted, key_id, key_owner"

/** How a tenant is written; a tenant's name is never empty. */
export const tenantColumn = (tenant: string | undefined): string => tenant ?? ""

const keyColumns = (key: KeyRef | undefined) => ({ key_id: key?.id ?? null, key_owner: key?.owner ?? null })

/** The row of an entry, by column. */
export const fromEntry = (entry: Journal.Entry) => ({
  store: entry.store,
  sequence: entry.sequence,
  tenant: tenantColumn(entry.tenant),
  operation_id: entry.operationId,
  at: entry.at,
  state: entry.state,
  epoch: entry.epoch,
  nonce: entry.nonce,
  spec: entry.spec,
  lease_until: entry.leaseUntil,
  ...keyColumns(entry.key),
  previous: entry.previous,
  digest: entry.digest
})

/** The row of an operation's record, by column. */
export const fromOperation = (record: Journal.OperationRecord) => ({
  store: record.store,
  tenant: tenantColumn(record.tenant),
  operation_id: record.operationId,
  sequence: record.sequence,
  at: record.at,
  state: record.state,
  epoch: record.epoch,
  spec: record.spec,
  lease_until: record.leaseUntil,
  nonces: JSON.stringify(record.nonces),
  minted: JSON.stringify(record.minted),
  ...keyColumns(record.key)
})

// PostgreSQL hands a BIGINT over as a bigint.
const common = (row: Row) => ({
  store: row["store"],
  ...(row["tenant"] === "" ? {} : { tenant: row["tenant"] }),
  operationId: row["operation_id"],
  sequence: Number(row["sequence"]),
  at: Number(row["at"]),
  state: row["state"],
  epoch: Number(row["epoch"]),
  spec: row["spec"],
  leaseUntil: Number(row["lease_until"]),
  ...(row["key_id"] === null
    ? {}
    : { key: { id: row["key_id"], ...(row["key_owner"] === null ? {} : { owner: row["key_owner"] }) } })
})

const decodeEntries = Schema.decodeUnknownEffect(Schema.Array(Journal.Entry))

const decodeOperations = Schema.decodeUnknownEffect(
  Schema.Array(
    Schema.Struct({
      ...Journal.OperationRecord.fields,
      nonces: Schema.fromJsonString(Schema.Array(Schema.String)),
      minted: Schema.fromJsonString(Schema.Array(KeyRef))
    })
  )
)

/** Reads entries; a row that this package did not write is an error. */
export const toEntries = (
  rows: ReadonlyArray<Row>
): Effect.Effect<ReadonlyArray<Journal.Entry>, Journal.JournalError> =>
  Effect.mapError(
    decodeEntries(
      rows.map((row) => ({
        ...common(row),
        nonce: row["nonce"],
        previous: row["previous"],
        digest: row["digest"]
      }))
    ),
    () => unreadableJournal
  )

/** Reads operations' records; a row that this package did not write is an error. */
export const toOperations = (
  rows: ReadonlyArray<Row>
): Effect.Effect<ReadonlyArray<Journal.OperationRecord>, Journal.JournalError> =>
  Effect.mapError(
    decodeOperations(rows.map((row) => ({ ...common(row), nonces: row["nonces"], minted: row["minted"] }))),
    () => unreadableJournal
  )
