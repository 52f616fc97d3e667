/** One SQLite connection as `effect/sql` sees it: every statement runs to its end synchronously. */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"

/** The most prepared statements kept; the least recently used one goes first. */
const cacheCapacity = 128

/** Rows a stream hands over at once. */
const streamChunk = 64

/** Adds what only a connection to SQLite knows. */
export interface SqliteConnection extends Connection {
  readonly isTransaction: () => boolean
}

const failure = (cause: unknown, operation: string): SqlError => {
  // node:sqlite keeps SQLite's extended result code in `errcode`; the classifier reads `code`.
  const known = Predicate.hasProperty(cause, "errcode") && typeof cause.errcode === "number"
  const detail = cause instanceof Error ? cause.message : "unknown failure"
  const reported = known ? { code: cause.errcode, message: detail } : { message: detail }
  return new SqlError({ reason: classifySqliteError(reported, { message: `Failed to ${operation}`, operation }) })
}

const toInput = (value: unknown): SQLInputValue => {
  switch (typeof value) {
    case "string":
    case "number":
    case "bigint":
      return value
    case "boolean":
      return value ? 1 : 0
    case "undefined":
      return null
    default:
      if (value === null || value instanceof Uint8Array) return value
      // The value itself stays out of the message: a parameter may be a secret.
      throw new TypeError(`a parameter of type ${typeof value} cannot be stored`)
  }
}

const makeCache = (database: DatabaseSync) => {
  const statements = new Map<string, StatementSync>()
  return (sql: string, asArrays: boolean): StatementSync => {
    const key = `${asArrays ? "a" : "o"}${sql}`
    const known = statements.get(key)
    if (known !== undefined) {
      statements.delete(key)
      statements.set(key, known)
      return known
    }
    const statement = database.prepare(sql)
    if (asArrays) statement.setReturnArrays(true)
    statements.set(key, statement)
    if (statements.size > cacheCapacity) {
      for (const oldest of statements.keys()) {
        statements.delete(oldest)
        break
      }
    }
    return statement
  }
}

const runRaw = (statement: StatementSync, params: ReadonlyArray<unknown>): unknown =>
  statement.columns().length === 0 ? statement.run(...params.map(toInput)) : statement.all(...params.map(toInput))

// @types/node describes rows as objects even after setReturnArrays(true).
const rowsAsArrays = (rows: ReadonlyArray<unknown>): ReadonlyArray<ReadonlyArray<unknown>> => rows.filter(Array.isArray)

const streamRows = (
  database: DatabaseSync,
  sql: string,
  params: ReadonlyArray<unknown>,
  transform: (rows: ReadonlyArray<object>) => ReadonlyArray<object>
) => {
  const attempt = <A>(evaluate: () => A) =>
    Effect.try({ try: evaluate, catch: (cause) => failure(cause, "stream rows") })
  const opened = Effect.acquireRelease(
    attempt(() => database.prepare(sql).iterate(...params.map(toInput))),
    // An iterator left open would hold its read transaction and with it the log.
    (rows) => Effect.sync(() => void rows.return?.())
  )
  return Stream.unwrap(
    Effect.map(opened, (rows) =>
      Stream.paginate(undefined, () =>
        attempt(() => {
          const chunk: Array<object> = []
          while (chunk.length < streamChunk) {
            const next = rows.next()
            if (next.done === true) return [transform(chunk), Option.none<undefined>()] as const
            chunk.push(next.value)
          }
          return [transform(chunk), Option.some(undefined)] as const
        })
      )
    )
  )
}

/** Wraps an open database; one fiber at a time may use it, which the caller's semaphore ensures. */
export const make = (database: DatabaseSync): SqliteConnection => {
  const prepare = makeCache(database)
  const attempt = <A>(evaluate: () => A) =>
    Effect.try({ try: evaluate, catch: (cause) => failure(cause, "execute statement") })
  const execute: Connection["execute"] = (sql, params, transformRows) =>
    attempt(() => {
      const rows = prepare(sql, false).all(...params.map(toInput))
      return transformRows === undefined ? rows : transformRows(rows)
    })
  const executeValues: Connection["executeValues"] = (sql, params) =>
    attempt(() => rowsAsArrays(prepare(sql, true).all(...params.map(toInput))))
  return {
    execute,
    executeRaw: (sql, params) => attempt(() => runRaw(prepare(sql, false), params)),
    executeValues,
    executeValuesUnprepared: executeValues,
    executeUnprepared: (sql, params, transformRows) =>
      attempt(() => {
        const rows = database.prepare(sql).all(...params.map(toInput))
        return transformRows === undefined ? rows : transformRows(rows)
      }),
    executeStream: (sql, params, transformRows) => streamRows(database, sql, params, transformRows ?? identity),
    isTransaction: () => database.isTransaction
  }
}
