/** Counts verifications in memory and adds them to the database once a second. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { Scope } from "effect/Scope"

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

/** Keys written in one statement, so that a flush never holds the database for long. */
const batchSize = 500

/** Returns the later of two times. */
export const latest = (left: number | undefined, right: number | undefined): number | undefined =>
  left === undefined ? right : right === undefined ? left : Math.max(left, right)

/** The tallies of a text in JSON as a table, in as many columns: one statement for all of them. */
const tableOf = (sql: SqlClient, text: string) =>
  sql.onDialectOrElse({
    pg: () => sql`SELECT t.tally ->> 0 AS tenant, t.tally ->> 1 AS id, CAST(t.tally ->> 2 AS BIGINT) AS accepted,
        CAST(t.tally ->> 3 AS BIGINT) AS refused, CAST(t.tally ->> 4 AS BIGINT) AS last_used_at
      FROM json_array_elements(CAST(${text} AS json)) AS t (tally)`,
    orElse: () => sql`SELECT value ->> 0 AS tenant, value ->> 1 AS id, value ->> 2 AS accepted,
        value ->> 3 AS refused, value ->> 4 AS last_used_at
      FROM json_each(${text})`
  })

const store = (sql: SqlClient, tallies: ReadonlyArray<Tally>) => {
  const rows = tallies.map(({ accepted, id, lastUsedAt = null, refused, tenant }) => [
    tenant,
    id,
    accepted,
    refused,
    lastUsedAt
  ])
  // A key that was replaced meanwhile has no row any more, and its counts are dropped. Processes that write the same keys
  // in the same order cannot deadlock. A cross join has SQLite begin with the tallies.
  return sql`INSERT INTO keyfold_key_usage (tenant, id, accepted, refused, last_used_at)
    SELECT k.tenant, k.id, n.accepted, n.refused, n.last_used_at
      FROM (${tableOf(sql, JSON.stringify(rows))}) AS n CROSS JOIN keyfold_keys AS k
      WHERE k.tenant = n.tenant AND k.id = n.id ORDER BY k.tenant, k.id
    ON CONFLICT (tenant, id) DO UPDATE SET
      accepted = keyfold_key_usage.accepted + excluded.accepted,
      refused = keyfold_key_usage.refused + excluded.refused,
      last_used_at = CASE
        WHEN keyfold_key_usage.last_used_at IS NULL OR excluded.last_used_at > keyfold_key_usage.last_used_at
        THEN excluded.last_used_at ELSE keyfold_key_usage.last_used_at END`
}

const chunksOf = (tallies: ReadonlyArray<Tally>): ReadonlyArray<ReadonlyArray<Tally>> => {
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
    const chunks = chunksOf([...tallies.values()])
    tallies = new Map()
    return Effect.forEach(chunks, storeOrKeep, { discard: true })
  }).pipe(Effect.uninterruptible)

  // Registered before the fiber starts, so it runs after the fiber has ended.
  yield* Effect.addFinalizer(() => flush)
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep("1 second"), flush)))
  return { add, pending: (tenant, id) => tallies.get(keyOf(tenant, id)) }
})
