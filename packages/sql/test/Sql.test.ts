import { assert, describe, it } from "@effect/vitest"
import * as Adapter from "@keyfold/core/Adapter"
import * as KeyStore from "@keyfold/core/KeyStore"
import { OperationId } from "@keyfold/core/OperationId"
import * as Sql from "@keyfold/sql/Sql"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { inspect } from "node:util"
import { contents, edit, onEachDialect, openNew } from "./Dialects.ts"
import * as test from "./TestDatabase.ts"

const { create, inMemory, listAll, native, open, openUrl, pepper, refOf, unknownId } = test

const later = (duration: Duration.Input) =>
  Effect.map(DateTime.now, (now) =>
    DateTime.add(now, { milliseconds: Duration.toMillis(Duration.fromInputUnsafe(duration)) })
  )

const reason = Effect.fnUntraced(function* (url: string, options: Partial<Sql.Options> = {}) {
  return yield* Effect.flip(Sql.make({ url, pepper, ...options }))
}, Effect.scoped)

/** Lets time pass until a store has written its counts, which a server takes some real time for; what was read last. */
const onceStored = <A>(read: Effect.Effect<A, unknown>, expected: A): Effect.Effect<A, unknown> =>
  Effect.gen(function* () {
    for (let left = 200; ; left--) {
      yield* TestClock.adjust("1 second")
      const found = yield* read
      if (left === 0 || JSON.stringify(found) === JSON.stringify(expected)) return found
      yield* TestClock.withLive(Effect.sleep("20 millis"))
    }
  })

/** Every byte of a folder's files. */
const bytesOf = (path: string) =>
  Fs.readdirSync(path)
    .map((name) => Fs.readFileSync(Path.join(path, name), "latin1"))
    .join("\n")

onEachDialect("Sql", (dialect) => {
  it.effect("creates a key, returns its secret once and finds it again", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      const expiresAt = yield* later("1 day")
      const spec = { name: "CI – ☃", owner: "ada", scopes: ["read", "write"], tags: { team: "x" }, expiresAt }
      const issued = yield* create(driver, spec)
      const { hint, id, ...rest } = issued.key
      assert.deepStrictEqual(rest, {
        ...spec,
        status: "active",
        createdAt: yield* DateTime.now,
        provider: { sql: { pepperVersion: 1 } }
      })
      assert.strictEqual(hint, Redacted.value(issued.secret).slice(-4))
      assert.deepStrictEqual(yield* native(driver, "get")({ id }), issued.key)
      assert.deepStrictEqual(native(driver, "identify")(issued.secret), Option.some({ id }))
    }).pipe(Effect.scoped)
  )

  it.effect("stores neither the secret nor its random part, in any form it was given", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      const driver = yield* openUrl(url)
      const issued = yield* create(driver, { name: "n" })
      const file = url.replace(/^sqlite:/, "")
      const stored = url === file ? yield* contents(url) : bytesOf(Path.dirname(file))
      assert.include(stored, issued.key.id)
      assert.notInclude(stored, Redacted.value(issued.secret).slice(20, 52))
      assert.notInclude(stored, Redacted.value(pepper))
      const shown = JSON.stringify(issued.key) + inspect(issued, { depth: 9 }) + inspect(driver, { depth: 9 })
      assert.notInclude(shown, Redacted.value(issued.secret))
      assert.notInclude(shown, Redacted.value(pepper))
    }).pipe(Effect.scoped)
  )

  it.effect("answers a second create under the same operation id with the key of the first", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      const operationId = OperationId.make("deploy-42")
      const first = yield* create(driver, { operationId, owner: "ada" })
      const error = yield* Effect.flip(create(driver, { operationId }))
      assert.deepStrictEqual(error.reason._tag === "Conflict" ? error.reason.existing : undefined, {
        id: first.key.id,
        owner: "ada"
      })
      assert.deepStrictEqual(yield* test.listAll(driver, 10), [first.key.id])
    }).pipe(Effect.scoped)
  )

  it.effect("makes one key of many concurrent creates under one operation id", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      const operationId = OperationId.make("deploy-43")
      const results = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => Effect.result(create(driver, { operationId })),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(results.filter((result) => result._tag === "Success").length, 1)
      assert.strictEqual((yield* test.listAll(driver, 10)).length, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("verifies a key and says why another is refused", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      const verify = native(driver, "verify")
      const good = yield* create(driver, { owner: "ada", scopes: ["read"] })
      const short = yield* create(driver, { expiresAt: yield* later("1 minute") })
      const gone = yield* create(driver)
      const foreign = yield* create(yield* openNew(dialect))
      yield* driver.revoke(refOf(gone))
      yield* TestClock.adjust("2 minutes")

      const accepted = yield* verify(good.secret)
      assert.isTrue(accepted.valid)
      assert.deepStrictEqual(accepted.valid ? accepted.key : undefined, {
        ...good.key,
        lastUsedAt: yield* DateTime.now
      })
      assert.deepStrictEqual(yield* verify(short.secret), { valid: false, reason: "expired" })
      assert.deepStrictEqual(yield* verify(gone.secret), { valid: false, reason: "revoked" })
      assert.deepStrictEqual(yield* verify(foreign.secret), { valid: false, reason: "unknown" })
      const typo = Redacted.make(Redacted.value(good.secret).replace(/.$/, "-"))
      assert.deepStrictEqual(yield* verify(typo), { valid: false, reason: "malformed" })
    }).pipe(Effect.scoped)
  )

  it.effect("does not accept another secret under a known id", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      const driver = yield* openUrl(url)
      const first = yield* create(driver)
      const second = yield* create(driver)
      // Gives the first key's row the second key's hash, as somebody with write access but without the pepper could.
      yield* edit(
        url,
        `UPDATE keyfold_keys SET secret_hash = (SELECT secret_hash FROM keyfold_keys WHERE id = '${second.key.id}')
         WHERE id = '${first.key.id}'`
      )
      const verify = native(driver, "verify")
      assert.deepStrictEqual(yield* verify(first.secret), { valid: false, reason: "unknown" })
      assert.isTrue((yield* verify(second.secret)).valid)
    }).pipe(Effect.scoped)
  )

  it.effect("revokes a key at once, says when it was revoked before, and keeps the first time", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      const issued = yield* create(driver)
      const revokedAt = yield* DateTime.now
      const id = issued.key.id
      assert.deepStrictEqual(yield* driver.revoke({ id }), { id, effectiveWithin: Duration.zero })
      assert.deepStrictEqual(yield* native(driver, "verify")(issued.secret), { valid: false, reason: "revoked" })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* driver.revoke({ id }), { id, alreadyRevoked: true, effectiveWithin: Duration.zero })
      assert.deepStrictEqual(yield* native(driver, "get")({ id }), { ...issued.key, status: "revoked", revokedAt })
    }).pipe(Effect.scoped)
  )

  it.effect("answers NotFound for an unknown id, whatever is asked", () =>
    Effect.gen(function* () {
      const driver = yield* openNew(dialect)
      const errors = yield* Effect.all([
        Effect.flip(native(driver, "get")({ id: unknownId })),
        Effect.flip(driver.revoke({ id: unknownId })),
        Effect.flip(native(driver, "usage")({ id: unknownId }))
      ])
      assert.deepStrictEqual(
        errors.map((error) => error.reason._tag),
        ["NotFound", "NotFound", "NotFound"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("survives closing and opening again", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      const kept = yield* Effect.scoped(Effect.flatMap(openUrl(url), (driver) => create(driver, { name: "kept" })))
      const driver = yield* openUrl(url)
      assert.deepStrictEqual(yield* native(driver, "get")(refOf(kept)), kept.key)
      assert.isTrue((yield* native(driver, "verify")(kept.secret)).valid)
    }).pipe(Effect.scoped)
  )

  it.effect("reports a row it did not write as InvalidResponse", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      const driver = yield* openUrl(url)
      const issued = yield* create(driver)
      const written = [
        ["scopes", "canary"],
        ["scopes", '["canary", 1]'],
        ["scopes", '{"canary": "1"}'],
        ["scopes", ""],
        ["tags", "canary"],
        ["tags", '["canary"]'],
        ["tags", '{"canary": 1}'],
        ["tags", "null"]
      ]
      for (const [column, text] of written) {
        yield* edit(url, `UPDATE keyfold_keys SET scopes = '["read"]', tags = '{"team":"x"}'`)
        assert.isTrue((yield* native(driver, "verify")(issued.secret)).valid)
        yield* edit(url, `UPDATE keyfold_keys SET ${column} = '${text}'`)
        const found = Effect.asVoid(native(driver, "get")(refOf(issued)))
        for (const reading of [
          found,
          Effect.asVoid(native(driver, "verify")(issued.secret)),
          Effect.asVoid(listAll(driver, 10))
        ]) {
          const error = yield* Effect.flip(reading)
          assert.strictEqual(error.reason._tag, "InvalidResponse", `${column}: ${text}`)
          assert.notInclude(error.message, "canary")
        }
      }
    }).pipe(Effect.scoped)
  )

  it.effect("stores the counts of many keys and tenants together, each where it belongs", () =>
    Effect.gen(function* () {
      const url = yield* dialect.database
      const acme = yield* openUrl(url, { tenant: "acme" })
      const globex = acme.partition?.('glob"ex\\') ?? acme
      const issued = yield* Effect.forEach([acme, globex, acme, globex], (driver) =>
        Effect.map(create(driver), (made) => ({ driver, ...made }))
      )
      yield* issued[3]?.driver.revoke(issued[3].key) ?? Effect.void
      for (let second = 1; second <= 2; second++) {
        for (const [index, { driver, secret }] of issued.entries()) {
          yield* Effect.replicateEffect(native(driver, "verify")(secret), index + 1)
        }
        // What is stored does not come from memory: another process reads it.
        const other = yield* openUrl(url, { tenant: "acme" })
        const expected = issued.map((_, index) => ({
          successfulRequests: index === 3 ? 0 : (index + 1) * second,
          failedRequests: index === 3 ? 4 * second : 0,
          isUnused: index === 3
        }))
        const stored = Effect.forEach(issued, ({ driver, key }) => {
          const reader = driver === acme ? other : (other.partition?.('glob"ex\\') ?? other)
          return Effect.map(native(reader, "usage")({ id: key.id }), (usage) => ({
            successfulRequests: usage.successfulRequests,
            failedRequests: usage.failedRequests,
            isUnused: usage.lastUsedAt === undefined
          }))
        })
        assert.deepStrictEqual(yield* onceStored(stored, expected), expected)
      }
    }).pipe(Effect.scoped)
  )
})

describe("Sql and its files", () => {
  it.effect("rejects a typo without asking the database", () =>
    Effect.gen(function* () {
      const driver = yield* Effect.scoped(inMemory)
      // The database is closed by now: any lookup would fail.
      const verification = yield* native(driver, "verify")(Redacted.make("kf_0000000000000000_typo_000000"))
      assert.deepStrictEqual(verification, { valid: false, reason: "malformed" })
      const error = yield* Effect.flip(native(driver, "get")({ id: unknownId }))
      assert.strictEqual(error.reason._tag, "Unavailable")
    }).pipe(Effect.scoped)
  )

  it.effect("reports a lock as Unavailable and unsent, without the file's name or any value", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* test.folder, "a.db")
      const driver = yield* open(file, { busyTimeout: Duration.millis(1) })
      const other = new DatabaseSync(file)
      other.exec("BEGIN IMMEDIATE")
      const error = yield* Effect.flip(create(driver, { name: "canary" }))
      other.close()
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.strictEqual(error.sent, "no")
      assert.strictEqual(error.message, "Unavailable: the database is locked by another process")
      assert.notMatch(inspect(error, { depth: 9 }).replace(error.stack ?? "", ""), /canary|a\.db|INSERT/)
    }).pipe(Effect.scoped)
  )

  it.effect("works behind the portable store, with defaults, scope map and tenant", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.KeyStore
      const issued = yield* store.create({ name: "portable" })
      assert.deepStrictEqual(issued.key.scopes, ["write"])
      assert.strictEqual(issued.key.owner, "ada")
      const keys = yield* Stream.runCollect(store.list({ owner: "ada" }))
      assert.deepStrictEqual(
        keys.map((key) => key.name),
        ["portable"]
      )
      assert.deepStrictEqual(store.tenant, Option.some("acme"))
      assert.isTrue((yield* store.verify(issued.secret)).valid)
      assert.strictEqual((yield* store.usage(issued.key)).successfulRequests, 1)
    }).pipe(
      Effect.provide(
        Sql.layer({
          url: "sqlite::memory:",
          pepper,
          tenant: "acme",
          defaults: { owner: "ada", scopes: ["write"] },
          scopeMap: { write: ["keys:write", "keys:read"] }
        })
      )
    )
  )

  it.effect("starts a relative path at the configuration's folder", () =>
    Effect.gen(function* () {
      const path = yield* test.folder
      yield* Sql.make({ url: "sqlite:here.db", pepper }).pipe(
        Effect.provideService(Adapter.BaseFolder, path),
        Effect.scoped
      )
      assert.deepStrictEqual(Fs.readdirSync(path), ["here.db"])
      const error = yield* reason("sqlite:nowhere/here.db").pipe(Effect.provideService(Adapter.BaseFolder, path))
      assert.strictEqual(error.field, "url")
      assert.include(error.message, '"nowhere/here.db"')
      assert.notInclude(error.message, path)
    })
  )

  it.effect("refuses an address it does not know without repeating it", () =>
    Effect.gen(function* () {
      const addresses = ["mysql://u:canary@host/db", "canary.db", "sqlite:", "sqlite://canary", "postgres:canary"]
      for (const address of addresses) {
        const error = yield* reason(address)
        assert.strictEqual(error.field, "url")
        assert.include(error.message, 'Write "sqlite:keyfold.db"')
        assert.notInclude(error.message, "canary")
      }
      assert.strictEqual((yield* reason("sqlite::memory:", { tenant: "" })).field, "tenant")
    })
  )

  it.effect("decodes its options from a file and refuses a literal pepper", () =>
    Effect.gen(function* () {
      const decode = Schema.decodeUnknownEffect(Sql.adapter.options)
      const options = yield* decode({ url: "sqlite::memory:", pepper, busyTimeout: "2 seconds" })
      assert.deepStrictEqual(Sql.adapter.capabilities(options), Sql.sqliteCapabilities)
      const issue = yield* Effect.flip(decode({ url: "sqlite::memory:", pepper: "canary" }))
      assert.include(issue.message, "pepper")
      assert.notInclude(issue.message, "canary")
      assert.isTrue(Adapter.isAdapter(Sql.adapter))
      yield* Layer.build(Sql.adapter.layer(options))
    }).pipe(Effect.scoped)
  )
})
