import { assert, describe, it } from "@effect/vitest"
import * as Journal from "@keyfold/core/Journal"
import type { Secret } from "@keyfold/core/Secret"
import { OperationId } from "@keyfold/core/OperationId"
import * as Sql from "@keyfold/sql/Sql"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Redacted from "effect/Redacted"
import { execFile } from "node:child_process"
import * as Path from "node:path"
import { inspect } from "node:util"
import * as postgres from "../src/internal/postgres.ts"
import { client, edit, openStorage } from "./Dialects.ts"
import * as Postgres from "./Postgres.ts"
import * as TcpProxy from "./TcpProxy.ts"
import { create, folder, listAll, native, openUrl, otherPepper, pepper } from "./TestDatabase.ts"
import { claimOf, entriesOf, journalSecret, leased } from "./TestJournal.ts"

const refusal = (url: string, options: Partial<Sql.Options> = {}) => Effect.flip(Effect.scoped(openUrl(url, options)))

const withoutDriver = (url: string) =>
  Effect.callback<string>((resume) => {
    const program = Path.join(import.meta.dirname, "withoutPostgres.ts")
    execFile(process.execPath, ["--conditions=@keyfold/source", program, url], (error, stdout, stderr) =>
      resume(Effect.succeed(error === null ? stdout : `failed: ${stderr}`))
    )
  })

describe("a url of PostgreSQL", () => {
  it.effect("may not hold a password, and says where to put it instead", () =>
    Effect.gen(function* () {
      const urls = [
        "postgres://ada:canary@db/keys",
        "postgresql://db/keys?password=canary",
        "POSTGRES://:canary@db/keys"
      ]
      for (const url of urls) {
        const error = yield* refusal(url)
        assert.strictEqual(error.field, "url")
        assert.include(error.message, "the url holds a password. Take it out of the url and set password")
        assert.notInclude(inspect(error, { depth: 9 }), "canary")
      }
    })
  )

  it.effect("is refused unrepeated where it is malformed or asks for something unknown", () =>
    Effect.gen(function* () {
      const urls = {
        "postgres:keys": "the url is not well formed.",
        "postgres://canary:99999999/keys": "the url is not well formed.",
        "postgres://db/keys?canary=1": "Use only host, port, user, dbname, sslmode",
        "postgres://db/keys?sslpassword=canary": "a parameter that is not accepted",
        "postgres://db/keys?sslmode=canary": "Write one of disable, allow, prefer, require, verify-ca, verify-full."
      }
      for (const [url, problem] of Object.entries(urls)) {
        const error = yield* refusal(url)
        assert.strictEqual(error.field, "url")
        assert.include(error.message, problem)
        assert.notInclude(error.message, "canary")
      }
    })
  )

  it.effect("declares what an abandoned statement may still do, and SQLite that it does nothing", () =>
    Effect.sync(() => {
      const settle = (url: string) => {
        const { basis, within } = Sql.capabilities({ url, pepper }).consistency.settle
        return [basis, Duration.toMillis(within)]
      }
      assert.deepStrictEqual(settle("postgres://db/keys"), ["observed", 30_000])
      assert.deepStrictEqual(settle("sqlite:keys.db"), ["promised", 0])
      assert.isBelow(Duration.toMillis(postgres.statementTimeout), 30_000)
    })
  )

  it.effect("is what loads the driver; SQLite does without, and has no password", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* withoutDriver(`sqlite:${Path.join(yield* folder, "a.db")}`), "opened\n")
      const problem = "url: the driver for PostgreSQL cannot be loaded."
      assert.include(yield* withoutDriver("postgres://127.0.0.1:1/keys"), problem)
      const error = yield* refusal("sqlite::memory:", { password: Redacted.make("canary") })
      assert.include(error.message, "password: a SQLite file has no password.")
    }).pipe(Effect.scoped)
  )

  it.live("names what to check where no server answers", () =>
    Effect.gen(function* () {
      const error = yield* refusal("postgres://ada@127.0.0.1:1/keys")
      assert.strictEqual(
        error.message,
        "url: the database cannot be used: the connection to the database failed. " +
          "Check that the server runs, and the host, the database, the user and the password."
      )
    })
  )
})

const reason = Postgres.problem
describe.skipIf(reason !== undefined)(
  `a PostgreSQL server${reason === undefined ? "" : ` (SKIPPED: ${reason})`}`,
  () => {
    const { database } = Postgres.usePostgres()

    /** A new database whose connection can be cut. */
    const fragile = Effect.gen(function* () {
      const url = yield* database
      const proxy = yield* TcpProxy.make(Number(new URL(url).port))
      const detour = new URL(url)
      detour.port = String(proxy.port)
      return { ...proxy, url, detour: detour.href }
    })

    it.effect("is given the password, asked for anew for each connection", () =>
      Effect.gen(function* () {
        const url = new URL(yield* database)
        yield* edit(url.href, "CREATE ROLE locked LOGIN PASSWORD 'canary-1'")
        yield* edit(url.href, "GRANT ALL ON SCHEMA public TO locked")
        const address = url.href.replace("postgres@", "locked@")
        let asked = 0
        const password: Secret = Effect.sync(() => {
          asked += 1
          return Redacted.make("canary-1")
        })
        const driver = yield* openUrl(address, { password })
        yield* Effect.forEach([1, 2, 3], () => create(driver), { concurrency: "unbounded" })
        assert.isAbove(asked, 2)
        assert.notInclude(inspect(driver, { depth: 9 }), "canary")

        const wrong = yield* refusal(address, { password: Redacted.make("canary-2") })
        assert.include(wrong.message, "url: the database cannot be used: the database did not accept the connection.")
        assert.notInclude(inspect(wrong, { depth: 9 }), "canary")
        const missing = yield* refusal(address)
        assert.strictEqual(missing.field, "url")
        const failing = yield* refusal(address, { password: Effect.fail("canary") })
        assert.strictEqual(failing.field, "password")
        assert.notInclude(inspect(failing, { depth: 9 }), "canary")
      }).pipe(Effect.scoped)
    )

    it.effect("ends what a client that is cut off left behind", () =>
      Effect.gen(function* () {
        const url = new URL(yield* database)
        const sql = yield* postgres
          .make({ url, password: undefined, busyTimeout: Duration.millis(250) })
          .pipe(Effect.provide(Reactivity.layer))
        const limits = ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "application_name"]
        const shown = yield* Effect.forEach(limits, (name) => sql`SELECT current_setting(${name})`.values)
        assert.deepStrictEqual(shown.flat(2), ["250ms", "20s", "20s", "keyfold"])
      }).pipe(Effect.scoped)
    )

    it.effect("may be opened for the first time by many at once, also with different peppers", () =>
      Effect.gen(function* () {
        const url = yield* database
        const drivers = yield* Effect.forEach(
          [pepper, otherPepper, pepper, otherPepper, pepper],
          (current) => openUrl(url, { pepper: current, previousPeppers: [pepper, otherPepper] }),
          { concurrency: "unbounded" }
        )
        const issued = yield* Effect.forEach(drivers, (driver) => create(driver), { concurrency: "unbounded" })
        const last = drivers.at(-1) ?? assert.fail("there is no driver")
        assert.sameMembers(
          yield* listAll(last, 10),
          issued.map(({ key }) => key.id)
        )
        const versions = issued.map(({ key }) => JSON.stringify(key.provider["sql"]))
        assert.strictEqual(new Set(versions).size, 2)
      }).pipe(Effect.scoped)
    )

    it.effect("reports a lock that is held too long as Unavailable and unsent", () =>
      Effect.gen(function* () {
        const url = yield* database
        const driver = yield* openUrl(url, { busyTimeout: Duration.millis(1) })
        const sql = yield* client(url)
        const error = yield* sql`LOCK TABLE keyfold_keys IN ACCESS EXCLUSIVE MODE`.pipe(
          Effect.andThen(Effect.flip(create(driver))),
          sql.withTransaction
        )
        assert.strictEqual(error.message, "Unavailable: the database is locked by another process")
        assert.strictEqual(error.sent, "no")
        yield* create(driver)
      }).pipe(Effect.scoped)
    )

    it.live("is known not to have got a create where it cannot be reached", () =>
      Effect.gen(function* () {
        const { cut, detour, url } = yield* fragile
        const driver = yield* openUrl(detour)
        yield* create(driver)
        yield* cut
        // The first statement may still meet a connection that has just ended.
        yield* Effect.flip(create(driver))
        const error = yield* Effect.flip(create(driver))
        assert.strictEqual(error.sent, "no")
        assert.strictEqual(error.message, "Unavailable: the connection to the database failed")
        assert.notMatch(inspect(error, { depth: 9 }).replace(error.stack ?? "", ""), /127\.0\.0\.1|INSERT/)
        assert.strictEqual((yield* listAll(yield* openUrl(url), 10)).length, 1)
      }).pipe(Effect.scoped)
    )

    it.live("may or may not have made the key of a create that it was cut off in", () =>
      Effect.gen(function* () {
        const { cut, detour, url } = yield* fragile
        const driver = yield* openUrl(detour)
        const sql = yield* client(url)
        const error = yield* Effect.gen(function* () {
          yield* sql`LOCK TABLE keyfold_keys IN ACCESS EXCLUSIVE MODE`
          const fiber = yield* Effect.forkChild(Effect.flip(create(driver)))
          yield* Effect.repeat(waiting(url), { until: (count) => count > 0 })
          yield* cut
          return yield* Fiber.join(fiber)
        }).pipe(sql.withTransaction)
        assert.strictEqual(error.reason._tag, "Unavailable")
        assert.strictEqual(error.sent, "maybe")
      }).pipe(Effect.scoped)
    )

    it.live("may have made the key of a create whose answer was lost, and replaces it under the same nonce", () =>
      Effect.gen(function* () {
        const { cut, detour, mute, url } = yield* fragile
        const driver = yield* openUrl(detour)
        const direct = yield* openUrl(url)
        const attempt = { operationId: OperationId.make("deploy-1"), nonce: "first" }
        const find = Effect.suspend(() => native(direct, "findOperation")(attempt.operationId))
        yield* mute
        const fiber = yield* Effect.forkChild(Effect.flip(create(driver, attempt)))
        const lost = yield* Effect.repeat(find, { until: (found) => found !== undefined })
        yield* cut
        assert.strictEqual((yield* Fiber.join(fiber)).sent, "maybe")
        assert.strictEqual(lost?.nonce, "first")
        const { key, secret } = yield* create(direct, attempt)
        assert.notStrictEqual(key.id, lost?.key.id)
        assert.deepStrictEqual(yield* listAll(direct, 10), [key.id])
        assert.isTrue((yield* native(direct, "verify")(secret)).valid)
      }).pipe(Effect.scoped)
    )

    it.live("fails a journal that is cut off in a transaction as JournalError, and keeps the chain", () =>
      Effect.gen(function* () {
        const url = yield* database
        const journal = yield* Journal.make(yield* openStorage(url), journalSecret)
        yield* leased(journal.claim(claimOf()))
        const written = (yield* entriesOf(journal)).map((entry) => ({ ...entry, sequence: 2 }))
        // Cut off before the commit, and before a statement whose failure has to be rolled back.
        for (const entries of [[], written]) {
          const proxy = yield* TcpProxy.make(Number(new URL(url).port))
          const storage = yield* openStorage(url.replace(/:\d+/, `:${proxy.port}`))
          const error = yield* Effect.flip(
            storage.transact(claimOf(), () =>
              Effect.as(proxy.cut, { entries, operation: undefined, answer: undefined })
            )
          )
          assert.strictEqual(error.message, "the journal cannot be used: the connection to the database failed")
        }
        assert.deepInclude(yield* journal.verify("monitoring"), { intact: true, entries: 1 })
      }).pipe(Effect.scoped)
    )

    it.live("waits for another process that is bringing a pepper, and takes the next version", () =>
      Effect.gen(function* () {
        const url = yield* database
        yield* Effect.scoped(openUrl(url))
        const sql = yield* client(url)
        const opening = yield* Effect.gen(function* () {
          yield* sql`LOCK TABLE keyfold_peppers IN SHARE ROW EXCLUSIVE MODE`
          yield* sql`INSERT INTO keyfold_peppers (version, fingerprint, created_at) VALUES (2, 'another', 0)`
          const fiber = yield* Effect.forkScoped(openUrl(url, { pepper: otherPepper, previousPeppers: [pepper] }))
          yield* Effect.repeat(waiting(url), { until: (count) => count > 0 })
          return fiber
        }).pipe(sql.withTransaction)
        const { key } = yield* create(yield* Fiber.join(opening))
        assert.deepStrictEqual(key.provider, { sql: { pepperVersion: 3 } })
      }).pipe(Effect.scoped)
    )

    /** How many statements wait for a lock. */
    const waiting = (url: string) =>
      Effect.scoped(
        Effect.flatMap(client(url), (sql) =>
          Effect.map(sql`SELECT 1 FROM pg_locks WHERE NOT granted`, (rows) => rows.length)
        )
      )
  }
)
