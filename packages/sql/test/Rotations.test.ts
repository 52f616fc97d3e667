/** The storage of rotations and that of bulk revocations, in memory and in SQL. */
import { assert, describe, it } from "@effect/vitest"
import { BaseFolder } from "@keyfold/core/Adapter"
import * as BulkStorage from "@keyfold/lifecycle/BulkStorage"
import * as RotationStorage from "@keyfold/lifecycle/RotationStorage"
import * as Migrations from "@keyfold/sql/Migrations"
import * as SqlBulkRevocation from "@keyfold/sql/SqlBulkRevocation"
import * as SqlRotations from "@keyfold/sql/SqlRotations"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import { inspect } from "node:util"
import { bulkContract, planOf } from "./BulkContract.ts"
import { client, contents, edit, onEachDialect, openBulk, openRotations, type Dialect } from "./Dialects.ts"
import { idsOf, recordOf, rotationContract } from "./RotationContract.ts"
import { folder } from "./TestDatabase.ts"

describe("a storage of rotations in memory", () => rotationContract(RotationStorage.memory))

describe("a storage of bulk revocations in memory", () => bulkContract(Effect.sync(BulkStorage.memory)))

const opening = ({ database }: Dialect) => {
  it.effect("goes on where it was closed, by the database's clock", () =>
    Effect.gen(function* () {
      const url = yield* database
      const inserted = yield* Effect.scoped(
        Effect.flatMap(SqlRotations.make({ url }), (storage) => storage.insert(recordOf()))
      )
      // The clock of the test stands at 0.
      assert.isBelow(Math.abs(inserted.record.createdAt - Date.now()), 60_000)
      const storage = yield* SqlRotations.make({ url })
      assert.deepStrictEqual(yield* Stream.runCollect(storage.query({})), [inserted.record])
      const bulk = yield* SqlBulkRevocation.make({ url })
      yield* bulk.save(planOf())
      yield* bulk.claim("d1", "ada", Duration.minutes(1))
      const claim = yield* bulk.claim("d1", "bob", Duration.minutes(1))
      assert.isBelow(claim.held ? Number.POSITIVE_INFINITY : Math.abs(claim.until - Date.now() - 60_000), 60_000)
    }).pipe(Effect.scoped)
  )

  it.effect("refuses a database from a newer Keyfold and changes nothing", () =>
    Effect.gen(function* () {
      const url = yield* database
      yield* Effect.scoped(SqlRotations.make({ url }))
      yield* edit(url, `INSERT INTO keyfold_migrations (migration_id, name) VALUES (${Migrations.latest + 1}, 'later')`)
      const before = yield* contents(url)
      const errors = yield* Effect.all([
        Effect.flip(Effect.asVoid(SqlRotations.make({ url }))),
        Effect.flip(Effect.asVoid(SqlBulkRevocation.make({ url })))
      ])
      for (const error of errors) assert.include(error.message, "newer Keyfold")
      assert.strictEqual(yield* contents(url), before)
    }).pipe(Effect.scoped)
  )

  it.effect("says what it cannot read or use, without a word of what is stored", () =>
    Effect.gen(function* () {
      const url = yield* database
      const storage = yield* SqlRotations.make({ url })
      const bulk = yield* SqlBulkRevocation.make({ url })
      yield* storage.insert(recordOf())
      yield* bulk.save(planOf())
      yield* edit(url, `UPDATE keyfold_rotations SET record = '{"canary":1}'`)
      yield* edit(url, `UPDATE keyfold_revocation_plans SET plan = 'canary'`)
      const unreadable = [yield* Effect.flip(idsOf(storage)), yield* Effect.flip(bulk.load("d1"))]
      assert.strictEqual(unreadable[0]?.message, "a stored rotation cannot be read; was the database changed by hand?")
      assert.strictEqual(unreadable[1]?.message, "a stored plan cannot be read; was the database changed by hand?")
      yield* edit(url, "DROP TABLE keyfold_rotations")
      yield* edit(url, "DROP TABLE keyfold_revocation_runs")
      const unusable = [yield* Effect.flip(storage.insert(recordOf())), yield* Effect.flip(bulk.release("d1", "a"))]
      assert.match(unusable[0]?.message ?? "", /^the storage of rotations cannot be used: /)
      assert.match(unusable[1]?.message ?? "", /^the storage of bulk revocations cannot be used: /)
      for (const error of [...unreadable, ...unusable]) {
        assert.notMatch(inspect(error, { depth: 9 }).replace(error.stack ?? "", ""), /canary|INSERT|monitoring|a\.db/)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("reads more records than fit one page, each once and in order, from an index", () =>
    Effect.gen(function* () {
      const url = yield* database
      const storage = yield* SqlRotations.make({ url })
      yield* storage.insert(recordOf({ id: "r-0" }))
      yield* edit(
        url,
        `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
          INSERT INTO keyfold_rotations SELECT 'r-' || i, store, tenant, status, 'k-' || i, new_key, due_at,
            created_at + i / 2, replace(replace(record, '"r-0"', '"r-' || i || '"'), CAST(created_at AS TEXT),
            CAST(created_at + i / 2 AS TEXT)) FROM keyfold_rotations, n`
      )
      const found = yield* Stream.runCollect(storage.query({ statuses: ["running"] }))
      const order = found.map(({ createdAt, id }) => [createdAt, id] as const)
      assert.strictEqual(new Set(order.map(([, id]) => id)).size, 1201)
      assert.lengthOf(order, 1201)
      assert.deepStrictEqual(
        order,
        order.toSorted(([left, first], [right, second]) => left - right || (first < second ? -1 : 1))
      )
      const sql = yield* client(url)
      const isSqlite = url.startsWith("sqlite:")
      // Small tables are read whole unless the planner is told not to.
      if (!isSqlite) yield* sql`SET enable_seqscan = off`
      for (const condition of [
        "(created_at, id) > (1, 'a') ORDER BY created_at, id LIMIT 9",
        "status IN ('running') AND due_at < 9 ORDER BY created_at, id LIMIT 9",
        "(old_key = 'a' OR new_key = 'a') AND store = 's' AND tenant = '' AND NOT status IN ('done', 'undone') LIMIT 1"
      ]) {
        const explain = sql.literal(isSqlite ? "EXPLAIN QUERY PLAN " : "EXPLAIN ")
        const plan = yield* sql`${explain} SELECT record FROM keyfold_rotations WHERE ${sql.literal(condition)}`
        assert.match(JSON.stringify(plan), isSqlite ? /USING INDEX/ : /Index/, condition)
        if (isSqlite) assert.notMatch(JSON.stringify(plan), /"SCAN keyfold_rotations"/, condition)
      }
    }).pipe(Effect.scoped)
  )
}

onEachDialect("a storage of rotations", (dialect) => {
  const { database, name } = dialect
  rotationContract(Effect.flatMap(database, (url) => openRotations(url, Clock.currentTimeMillis)))
  bulkContract(Effect.flatMap(database, (url) => openBulk(url, Clock.currentTimeMillis)))
  opening(dialect)
  if (name !== "sqlite") return
  it.effect("is provided to what is built below it, with relative paths from the configuration's folder", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const insert = Effect.flatMap(RotationStorage.RotationStorage, (storage) => storage.insert(recordOf()))
      const { kind } = yield* insert.pipe(
        Effect.provide(SqlRotations.layer({ url: "sqlite:rotations.db" })),
        Effect.provideService(BaseFolder, path)
      )
      assert.strictEqual(kind, "inserted")
      assert.deepStrictEqual(Fs.readdirSync(path), ["rotations.db"])
    })
  )
})
