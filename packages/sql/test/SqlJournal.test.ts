import { assert, it } from "@effect/vitest"
import * as Adapter from "@keyfold/core/Adapter"
import * as Journal from "@keyfold/core/Journal"
import * as Migrations from "@keyfold/sql/Migrations"
import * as Sql from "@keyfold/sql/Sql"
import * as SqlJournal from "@keyfold/sql/SqlJournal"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { DeadlockError, SqlError } from "effect/sql/SqlError"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { inspect } from "node:util"
import { client, contents, edit, onEachDialect, type Dialect, openStorage } from "./Dialects.ts"
import * as test from "./TestDatabase.ts"
import { claimOf, entriesOf, journalSecret, keyOf, leased, operationsOf, otherSecret } from "./TestJournal.ts"

const open = (url: string) => SqlJournal.make({ url, secret: journalSecret })

const refusal = (options: Partial<SqlJournal.Options>) =>
  Effect.flip(Effect.scoped(SqlJournal.make({ url: "sqlite::memory:", secret: journalSecret, ...options })))

/** One delivered operation, and one that is only intended. */
const fill = Effect.fnUntraced(function* (journal: Journal.Journal) {
  const lease = yield* leased(journal.claim(claimOf({ operationId: "delivered" })))
  yield* journal.delivered(lease, "nonce-1", keyOf("key-1", "ada"))
  yield* journal.claim(claimOf({ operationId: "intended" }))
})

/** What `verify` says of a journal after somebody changed its database by hand. */
const tampered = Effect.fnUntraced(function* ({ database }: Dialect, statement: string, head?: string) {
  const url = yield* database
  const journal = yield* open(url)
  yield* fill(journal)
  const kept = yield* journal.verify("monitoring")
  assert.deepInclude(kept, { intact: true, entries: 4 })
  yield* edit(url, statement)
  return yield* journal.verify("monitoring", head === "kept" && kept.intact ? kept.head : undefined)
}, Effect.scoped)

const tampering = (dialect: Dialect) => {
  const changes: Record<string, readonly [statement: string, sequence: number]> = {
    "a changed state": ["UPDATE keyfold_journal_entries SET state = 'minted' WHERE sequence = 1", 1],
    "a changed time": ["UPDATE keyfold_journal_entries SET at = at + 1 WHERE sequence = 2", 2],
    "a changed key": ["UPDATE keyfold_journal_entries SET key_id = 'key-2' WHERE sequence = 3", 3],
    "an owner that was taken away": ["UPDATE keyfold_journal_entries SET key_owner = NULL WHERE sequence = 2", 2],
    "a tenant that was added": ["UPDATE keyfold_journal_entries SET tenant = 'acme' WHERE sequence = 4", 4],
    "a removed first entry": ["DELETE FROM keyfold_journal_entries WHERE sequence = 1", 1],
    "a removed entry": ["DELETE FROM keyfold_journal_entries WHERE sequence = 2", 2],
    "an entry of another place": ["UPDATE keyfold_journal_entries SET previous = digest WHERE sequence = 2", 2],
    "a changed record": ["UPDATE keyfold_journal_operations SET state = 'abandoned' WHERE sequence = 3", 3],
    "a record of an older sender": ["UPDATE keyfold_journal_operations SET epoch = 7 WHERE sequence = 4", 4],
    "a removed record": ["DELETE FROM keyfold_journal_operations WHERE sequence = 4", 4]
  }
  it.effect.each(Object.entries(changes))("verify notices %s", ([, [statement, sequence]]) =>
    Effect.gen(function* () {
      const found = yield* tampered(dialect, statement)
      assert.deepInclude(found, { intact: false, store: "monitoring", sequence })
    })
  )

  it.effect("verify notices a tail that was cut off by the digest kept from before, and only by it", () =>
    Effect.gen(function* () {
      const cut = `DELETE FROM keyfold_journal_entries WHERE sequence = 4`
      assert.deepInclude(yield* tampered(dialect, cut, "kept"), { intact: false, sequence: 4 })
      assert.deepInclude(yield* tampered(dialect, cut), { intact: true, entries: 3 })
    })
  )

  it.effect("verify notices the next entry after a tail that was cut off", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      const journal = yield* open(url)
      yield* fill(journal)
      yield* edit(url, "DELETE FROM keyfold_journal_entries WHERE sequence = 4")
      yield* journal.claim(claimOf({ operationId: "next" }))
      assert.deepInclude(yield* journal.verify("monitoring"), { intact: false, sequence: 4 })
    }).pipe(Effect.scoped)
  )

  it.effect("verify tells another secret, and the same again", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      yield* Effect.scoped(Effect.flatMap(open(url), fill))
      const other = yield* SqlJournal.make({ url, secret: otherSecret })
      assert.deepInclude(yield* other.verify("monitoring"), { intact: false, sequence: 1 })
      assert.deepInclude(yield* (yield* open(url)).verify("monitoring"), { intact: true, entries: 4 })
    }).pipe(Effect.scoped)
  )

  it.effect("reports a row it did not write with a fixed text", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      const journal = yield* open(url)
      yield* fill(journal)
      yield* edit(url, "UPDATE keyfold_journal_operations SET nonces = 'canary'")
      const error = yield* Effect.flip(operationsOf(journal))
      assert.strictEqual(error._tag, "JournalError")
      assert.include(error.message, "cannot be read")
      assert.notInclude(inspect(error, { depth: 9 }), "canary")
      assert.strictEqual(
        (yield* Effect.flip(journal.find(claimOf({ operationId: "intended" })))).message,
        error.message
      )
    }).pipe(Effect.scoped)
  )
}

const transactions = ({ database, name }: Dialect) => {
  it.effect("rolls back a transaction that is interrupted and lets the next one in", () =>
    Effect.gen(function* () {
      const storage = yield* openStorage(yield* database)
      const journal = yield* Journal.make(storage, journalSecret)
      yield* fill(journal)
      const inside = yield* Deferred.make<void>()
      const fiber = yield* storage
        .transact(claimOf(), () => Effect.andThen(Deferred.succeed(inside, undefined), Effect.never))
        .pipe(Effect.forkChild)
      yield* Deferred.await(inside)
      yield* Fiber.interrupt(fiber)
      yield* leased(journal.claim(claimOf()))
      assert.deepInclude(yield* journal.verify("monitoring"), { intact: true, entries: 5 })
    }).pipe(Effect.scoped)
  )

  it.effect("writes all of a decision or nothing of it, and repeats no statement or value in the failure", () =>
    Effect.gen(function* () {
      const url = yield* database
      const storage = yield* openStorage(url)
      const journal = yield* Journal.make(storage, journalSecret)
      yield* fill(journal)
      const before = yield* contents(url)
      const [, , last] = yield* entriesOf(journal)
      const entry = { ...(last ?? assert.fail("there is no entry")), nonce: "canary" }
      const error = yield* Effect.flip(
        storage.transact(claimOf(), () =>
          // The second stands where another entry stands already.
          Effect.succeed({ entries: [{ ...entry, sequence: 5 }, entry], operation: undefined, answer: undefined })
        )
      )
      assert.strictEqual(error._tag, "JournalError")
      assert.strictEqual(error.message, "the journal cannot be used: the database could not do this")
      assert.notMatch(inspect(error, { depth: 9 }).replace(error.stack ?? "", ""), /canary|INSERT|monitoring|a\.db/)
      assert.strictEqual(yield* contents(url), before)
    }).pipe(Effect.scoped)
  )

  it.effect("reads more entries and records than fit one page, each once and in order", () =>
    Effect.gen(function* () {
      const storage = yield* openStorage(yield* database, Clock.currentTimeMillis)
      const journal = yield* Journal.make(storage, journalSecret)
      yield* journal.claim(claimOf({ store: "b" }))
      const [sample] = yield* entriesOf(journal)
      const { store: _store, ...entry } = sample ?? assert.fail("there is no entry")
      const entries = Array.from({ length: 1203 }, (_, index) => ({ ...entry, store: "a", sequence: index + 1 }))
      yield* storage.transact(claimOf({ store: "a" }), () =>
        Effect.succeed({ entries, operation: undefined, answer: undefined })
      )
      const numbers = (filter: Journal.Filter) =>
        Effect.map(entriesOf(journal, filter), (found) => found.map(({ sequence, store }) => `${store}${sequence}`))
      const expected = entries.map(({ sequence }) => `a${sequence}`)
      assert.deepStrictEqual(yield* numbers({ store: "a" }), expected)
      assert.deepStrictEqual(yield* numbers({}), [...expected, "b1"])
    }).pipe(Effect.scoped)
  )

  it.effect("takes its time from the database and not from the process", () =>
    Effect.gen(function* () {
      const journal = yield* open(yield* database)
      const lease = yield* leased(journal.claim(claimOf()))
      const [entry] = yield* entriesOf(journal)
      // The clock of the test stands at 0.
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
      assert.isBelow(Math.abs((entry?.at ?? 0) - Date.now()), 60_000)
      assert.strictEqual(lease.until, (entry?.at ?? 0) + 60_000)
      const again = yield* journal.claim(claimOf())
      assert.strictEqual(again.kind, "held")
      const short = claimOf({ operationId: "short", lasting: Duration.zero })
      yield* leased(journal.claim(short))
      assert.strictEqual((yield* leased(journal.claim(short))).epoch, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("tries again what the database gave up for another's sake, and not for ever", () =>
    Effect.gen(function* () {
      const deadlock = new SqlError({ reason: new DeadlockError({ cause: "canary", message: "canary" }) })
      let failures = 0
      const now = Effect.suspend(() => {
        failures -= 1
        return failures >= 0 ? Effect.fail(deadlock) : Clock.currentTimeMillis
      })
      const journal = yield* Journal.make(yield* openStorage(yield* database, now), journalSecret)
      failures = 3
      yield* leased(journal.claim(claimOf()))
      failures = 100
      const error = yield* Effect.flip(journal.claim(claimOf({ operationId: "deploy-2" })))
      assert.strictEqual(error.message, "the journal cannot be used: the database could not do this")
      assert.isAbove(failures, 80)
      failures = 0
      assert.deepInclude(yield* journal.verify("monitoring"), { intact: true, entries: 1 })
    }).pipe(Effect.scoped)
  )

  it.effect("refuses an empty tenant, which stands for none in the tables", () =>
    Effect.gen(function* () {
      const journal = yield* open(yield* database)
      const error = yield* Effect.flip(journal.claim(claimOf({ tenant: "" })))
      assert.include(error.message, "the tenant's name is empty")
      assert.deepStrictEqual(yield* journal.stores, [])
    }).pipe(Effect.scoped)
  )

  if (name === "postgres") {
    it.effect("lets a claim of one store through while a transaction of another is open", () =>
      Effect.gen(function* () {
        const storage = yield* openStorage(yield* database)
        const journal = yield* Journal.make(storage, journalSecret)
        yield* journal.claim(claimOf({ store: "slow", operationId: "first" }))
        const inside = yield* Deferred.make<void>()
        const finish = yield* Deferred.make<void>()
        const nothing = { entries: [], operation: undefined, answer: undefined }
        const slow = yield* storage
          .transact(claimOf({ store: "slow" }), () =>
            Deferred.succeed(inside, undefined).pipe(Effect.andThen(Deferred.await(finish)), Effect.as(nothing))
          )
          .pipe(Effect.forkChild)
        yield* Deferred.await(inside)
        const waiting = yield* Effect.forkChild(journal.claim(claimOf({ store: "slow" })))
        yield* leased(journal.claim(claimOf({ store: "quick" })))
        yield* leased(journal.claim(claimOf({ store: "quick", operationId: "deploy-2" })))
        // The claim of the same store began before and is still waiting.
        assert.isUndefined(waiting.pollUnsafe())
        yield* Deferred.succeed(finish, undefined)
        yield* Fiber.join(slow)
        assert.strictEqual((yield* Fiber.join(waiting)).kind, "claimed")
      }).pipe(Effect.scoped)
    )
  }
}

const opening = ({ database }: Dialect) => {
  it.effect("goes on where it was closed, beside the keys of a store in the same database", () =>
    Effect.gen(function* () {
      const url = yield* database
      yield* Effect.scoped(Effect.flatMap(open(url), fill))
      const driver = yield* Sql.make({ url, pepper: test.pepper })
      const journal = yield* open(url)
      const { key, secret } = yield* test.create(driver)
      const lease = yield* leased(journal.claim(claimOf()))
      yield* journal.delivered(lease, "nonce-1", key)
      assert.deepInclude(yield* journal.verify("monitoring"), { intact: true, entries: 7 })
      assert.deepStrictEqual((yield* journal.find(claimOf()))?.key, keyOf(key.id))
      const stored = yield* contents(url)
      assert.include(stored, key.id)
      for (const value of [secret, journalSecret, test.pepper]) assert.notInclude(stored, Redacted.value(value))
    }).pipe(Effect.scoped)
  )

  it.effect("does not stand in its own way where a store and a journal write to one database at once", () =>
    Effect.gen(function* () {
      const url = yield* database
      const driver = yield* Sql.make({ url, pepper: test.pepper })
      const journal = yield* open(url)
      const work = (number: number) =>
        Effect.all([test.create(driver), journal.claim(claimOf({ operationId: `deploy-${number}` }))], {
          concurrency: "unbounded"
        })
      yield* Effect.forEach(
        Array.from({ length: 20 }, (_, index) => index),
        work,
        { concurrency: "unbounded" }
      )
      assert.deepInclude(yield* journal.verify("monitoring"), { intact: true, entries: 20 })
      assert.strictEqual((yield* test.listAll(driver, 50)).length, 20)
    }).pipe(Effect.scoped)
  )

  it.effect("refuses a database from a newer Keyfold and changes nothing", () =>
    Effect.gen(function* () {
      const url = yield* database
      yield* Effect.scoped(open(url))
      yield* edit(url, `INSERT INTO keyfold_migrations (migration_id, name) VALUES (${Migrations.latest + 1}, 'later')`)
      const before = yield* contents(url)
      const error = yield* refusal({ url })
      assert.strictEqual(error.field, "url")
      assert.include(error.message, "newer Keyfold")
      assert.strictEqual(yield* contents(url), before)
    }).pipe(Effect.scoped)
  )

  it.effect("uses an index for every reading", () =>
    Effect.gen(function* () {
      const url = yield* database
      yield* Effect.scoped(open(url))
      const sql = yield* client(url)
      const isSqlite = url.startsWith("sqlite:")
      // Small tables are read whole unless the planner is told not to.
      if (!isSqlite) yield* sql`SET enable_seqscan = off`
      const statements = [
        "SELECT * FROM keyfold_journal_entries WHERE store = 's' AND sequence > 1 ORDER BY store, sequence LIMIT 9",
        `SELECT * FROM keyfold_journal_entries WHERE store = 's' AND tenant = '' AND operation_id = 'o'
          ORDER BY store, sequence LIMIT 9`,
        "SELECT * FROM keyfold_journal_entries WHERE (store, sequence) > ('s', 1) ORDER BY store, sequence LIMIT 9",
        "SELECT * FROM keyfold_journal_operations WHERE store = 's' AND sequence > 1 ORDER BY store, sequence LIMIT 9",
        "SELECT * FROM keyfold_journal_operations WHERE state IN ('intended', 'minted') AND at < 1 ORDER BY store, sequence",
        "SELECT * FROM keyfold_journal_operations WHERE store = 's' AND tenant = 't' AND operation_id = 'o'"
      ]
      for (const statement of statements) {
        const plan = yield* sql`${sql.literal(isSqlite ? "EXPLAIN QUERY PLAN " : "EXPLAIN ")}${sql.literal(statement)}`
        const text = JSON.stringify(plan)
        assert.match(text, isSqlite ? /SEARCH keyfold_journal_\w+ USING INDEX/ : /Index (Only )?Scan/, statement)
      }
    }).pipe(Effect.scoped)
  )
}

const options = ({ name }: Dialect) => {
  if (name !== "sqlite") return
  it.effect("needs a secret of 32 bytes, and does not repeat it", () =>
    Effect.gen(function* () {
      const error = yield* refusal({ secret: Redacted.make("canary") })
      assert.strictEqual(error.field, "secret")
      assert.include(error.message, "the journal's secret is too short: 6 of at least 32 bytes.")
      assert.notInclude(inspect(error, { depth: 9 }), "canary")
      const failing = yield* refusal({ secret: Effect.fail("canary") })
      assert.include(failing.message, "could not be obtained")
      assert.notInclude(inspect(failing, { depth: 9 }), "canary")
    })
  )

  it.effect("decodes its options from a file and refuses a literal secret", () =>
    Effect.gen(function* () {
      const decode = Schema.decodeUnknownEffect(SqlJournal.Options)
      const decoded = yield* decode({ url: "sqlite::memory:", secret: journalSecret, busyTimeout: "2 seconds" })
      const journal = yield* SqlJournal.make(decoded)
      assert.deepStrictEqual(yield* journal.stores, [])
      const issue = yield* Effect.flip(decode({ url: "sqlite::memory:", secret: "canary" }))
      assert.notInclude(issue.message, "canary")
    }).pipe(Effect.scoped)
  )

  it.effect("is provided to what is built below it, with relative paths from the configuration's folder", () =>
    Effect.gen(function* () {
      const path = yield* test.folder
      const journal = yield* Journal.Journal.pipe(
        Effect.provide(SqlJournal.layer({ url: "sqlite:journal.db", secret: journalSecret })),
        Effect.provideService(Adapter.BaseFolder, path)
      )
      assert.strictEqual(journal?.secret, journalSecret)
      assert.deepStrictEqual(Fs.readdirSync(path), ["journal.db"])
      assert.isUndefined(yield* Journal.Journal)
    }).pipe(Effect.scoped)
  )

  it.effect("leaves no secret in any byte of its files", () =>
    Effect.gen(function* () {
      const path = yield* test.folder
      const journal = yield* open(`sqlite:${Path.join(path, "journal.db")}`)
      yield* fill(journal)
      const bytes = Fs.readdirSync(path).map((file) => Fs.readFileSync(Path.join(path, file), "latin1"))
      assert.include(bytes.join(""), "key-1")
      assert.notInclude(bytes.join(""), Redacted.value(journalSecret))
      assert.notInclude(inspect(journal, { depth: 9 }), Redacted.value(journalSecret))
    }).pipe(Effect.scoped)
  )
}

onEachDialect("SqlJournal", (dialect) => {
  tampering(dialect)
  transactions(dialect)
  opening(dialect)
  options(dialect)
})
