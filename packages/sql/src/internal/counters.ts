/** Counts verifications in memory and adds them to the database once a second. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { Scope } from "effect/Scope"
import { inTransaction } from "./transaction.ts"

/** What was counted for one key and is not stored yet. */
export interface Tally {
  readonly tenant: string
  readonly id: string
  readonly accepted: number
  readonly refused: number
  readonly lastUsedAt: number | undefined
}

/** The counters of one open database, shared by its tenants. */
export interface Counters {
  readonly add: (tally: Tally) => void
  readonly pending: (tenant: string, id: string) => Tally | undefined
}

/** The most keys counted between two flushes; while a database cannot be written, counts of further keys are lost. */
const capacity = 100_000

/** Keys written in one transaction, so that a flush never holds the database for long. */
const batchSize = 500

/** Returns the later of two times. */
export const latest = (left: number | undefined, right: number | undefined): number | undefined =>
  left === undefined ? right : right === undefined ? left : Math.max(left, right)

const store = (sql: SqlClient, tallies: ReadonlyArray<Tally>) =>
  inTransaction(
    sql,
    Effect.forEach(
      tallies,
      ({ accepted, id, lastUsedAt = null, refused, tenant }) =>
        // A key that was replaced meanwhile has no row any more, and its counts are dropped.
        sql`INSERT INTO keyfold_key_usage (tenant, id, accepted, refused, last_used_at)
          SELECT tenant, id, ${accepted}, ${refused}, CAST(${lastUsedAt} AS BIGINT)
            FROM keyfold_keys WHERE tenant = ${tenant} AND id = ${id}
          ON CONFLICT (tenant, id) DO UPDATE SET
            accepted = keyfold_key_usage.accepted + excluded.accepted,
            refused = keyfold_key_usage.refused + excluded.refused,
            last_used_at = CASE
              WHEN keyfold_key_usage.last_used_at IS NULL OR excluded.last_used_at > keyfold_key_usage.last_used_at
              THEN excluded.last_used_at ELSE keyfold_key_usage.last_used_at END`,
      { discard: true }
    )
  )

const inOrder = (left: Tally, right: Tally): number =>
  left.tenant === right.tenant ? (left.id < right.id ? -1 : 1) : left.tenant < right.tenant ? -1 : 1

const chunksOf = (unordered: Iterable<Tally>): ReadonlyArray<ReadonlyArray<Tally>> => {
  // Processes that write the same keys in the same order cannot deadlock.
  const tallies = [...unordered].toSorted(inOrder)
  const chunks: Array<ReadonlyArray<Tally>> = []
  for (let start = 0; start < tallies.length; start += batchSize) chunks.push(tallies.slice(start, start + batchSize))
  return chunks
}

/** Starts counting; the scope's end stores what is left. A failing flush keeps its counts and is tried again. */
export const make = Effect.fnUntraced(function* (sql: SqlClient): Effect.fn.Return<Counters, never, Scope> {
  let tallies = new Map<string, Tally>()
  // With its length in front a tenant cannot run into an id.
  const keyOf = (tenant: string, id: string) => `${tenant.length}:${tenant}${id}`

  const add = (tally: Tally) => {
    const key = keyOf(tally.tenant, tally.id)
    const known = tallies.get(key)
    if (known === undefined && tallies.size >= capacity) return
    tallies.set(key, {
      ...tally,
      accepted: tally.accepted + (known?.accepted ?? 0),
      refused: tally.refused + (known?.refused ?? 0),
      lastUsedAt: latest(tally.lastUsedAt, known?.lastUsedAt)
    })
  }

  const storeOrKeep = (chunk: ReadonlyArray<Tally>) =>
    Effect.catchTag(store(sql, chunk), "SqlError", (error) => {
      for (const tally of chunk) add(tally)
      return Effect.annotateLogs(
        Effect.logWarning(`usage counts could not be stored and are kept for later (${error.reason._tag})`),
        "keyfold.event",
        "usage.delayed"
      )
    })

  const flush = Effect.suspend(() => {
    const chunks = chunksOf(tallies.values())
    tallies = new Map()
    return Effect.forEach(chunks, storeOrKeep, { discard: true })
  }).pipe(Effect.uninterruptible)

  // Registered before the fiber starts, so it runs after the fiber has ended.
  yield* Effect.addFinalizer(() => flush)
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep("1 second"), flush)))
  return { add, pending: (tenant, id) => tallies.get(keyOf(tenant, id)) }
})
