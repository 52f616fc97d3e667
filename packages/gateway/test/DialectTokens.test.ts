import { assert, describe, it } from "@effect/vitest"
import * as DialectOccam from "@keyfold/gateway/DialectOccam"
import * as DialectTokens from "@keyfold/gateway/DialectTokens"
import * as SqliteClient from "@keyfold/sql/SqliteClient"
import * as Effect from "effect/Effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import { makeHost, memory, root, send } from "./DialectHost.ts"

const day = 86_400_000

const token = (digest: string, changes: Partial<DialectTokens.RefreshToken> = {}): DialectTokens.RefreshToken => ({
  digest,
  family: "family",
  audience: "occam",
  actor: "ann",
  expiresAt: 28 * day,
  usedAt: undefined,
  ...changes
})

const sqlite = Effect.provideServiceEffect(
  SqliteClient.make({ filename: ":memory:" }),
  Reactivity.Reactivity,
  Reactivity.make
)

const over = (sql: SqlClient.SqlClient) => Effect.provideService(DialectTokens.inSql, SqlClient.SqlClient, sql)

type Open<E> = Effect.Effect<DialectTokens.TokenStorage, E, Scope.Scope>

const contract = <E>(name: string, open: Open<E>) => {
  describe(`tokens in ${name}`, () => {
    it.effect("keep signing keys, newest first, and drop those nobody needs any more", () =>
      Effect.gen(function* () {
        const storage = yield* open
        assert.deepStrictEqual(yield* storage.signingKeys, [])
        const [one, two, three] = [1, 2, 3].map((id) => ({ id: `key-${id}`, seed: `seed-${id}`, createdAt: id * 10 }))
        assert(one !== undefined && two !== undefined && three !== undefined)
        yield* storage.addSigningKey(one, 0)
        yield* storage.addSigningKey(two, 10)
        assert.deepStrictEqual(yield* storage.signingKeys, [two, one])
        yield* storage.addSigningKey(three, 11)
        assert.deepStrictEqual(yield* storage.signingKeys, [three, two])
      })
    )

    it.effect("find a refresh token as it was kept, and none that was not", () =>
      Effect.gen(function* () {
        const storage = yield* open
        yield* storage.addRefresh(token("one"), 0)
        assert.deepStrictEqual(yield* storage.findRefresh("one"), token("one"))
        assert.isUndefined(yield* storage.findRefresh("two"))
      })
    )

    it.effect("let a refresh token be used once, and keep its successor then and only then", () =>
      Effect.gen(function* () {
        const storage = yield* open
        yield* storage.addRefresh(token("one"), 0)
        const attempts = ["two", "three", "four"].map((digest) => storage.useRefresh("one", token(digest), 5))
        const used = yield* Effect.all(attempts, { concurrency: "unbounded" })
        assert.lengthOf(used.filter(Boolean), 1)
        assert.strictEqual((yield* storage.findRefresh("one"))?.usedAt, 5)
        const kept = yield* Effect.forEach(["two", "three", "four"], storage.findRefresh)
        assert.deepStrictEqual(
          kept.map((found) => found !== undefined),
          used
        )
        assert.isFalse(yield* storage.useRefresh("unknown", token("five"), 5))
        assert.isUndefined(yield* storage.findRefresh("five"))
      })
    )

    it.effect("end one family and leave the others alone", () =>
      Effect.gen(function* () {
        const storage = yield* open
        yield* storage.addRefresh(token("one"), 0)
        yield* storage.addRefresh(token("two", { usedAt: 3 }), 0)
        yield* storage.addRefresh(token("other", { family: "another" }), 0)
        yield* storage.endFamily("family", 9)
        assert.strictEqual((yield* storage.findRefresh("one"))?.usedAt, 9)
        assert.strictEqual((yield* storage.findRefresh("two"))?.usedAt, 3)
        assert.isUndefined((yield* storage.findRefresh("other"))?.usedAt)
      })
    )

    it.effect("forget a refresh token a week after its end", () =>
      Effect.gen(function* () {
        const storage = yield* open
        yield* storage.addRefresh(token("old", { expiresAt: day }), 0)
        yield* storage.addRefresh(token("new"), 8 * day)
        assert.isDefined(yield* storage.findRefresh("old"))
        yield* storage.addRefresh(token("newer"), 8 * day + 1)
        assert.isUndefined(yield* storage.findRefresh("old"))
      })
    )
  })
}

contract("memory", DialectTokens.inMemory)
contract("SQLite", Effect.flatMap(sqlite, over))

describe("a database with tokens", () => {
  it.effect("holds nothing that makes a token, and is opened again as it is", () =>
    Effect.gen(function* () {
      const sql = yield* sqlite
      yield* TestClock.adjust(day)
      const secret = Redacted.make("a secret for signing that is long enough for everyone")
      const host = makeHost({ acme: yield* memory() })
      const mounted = Effect.flatMap(over(sql), (storage) =>
        DialectOccam.make({ tenant: "acme", secret }, host, storage)
      )
      const [first, restarted] = [yield* mounted, yield* mounted]
      const body = new URLSearchParams({ username: "root", password: root.secret })
      const tokens = (yield* send(first, "/auth/access-token", { method: "POST", body })).json()
      const rows = yield* sql`SELECT digest, family, audience, actor FROM keyfold_gateway_refresh_tokens`
      const keys = yield* sql`SELECT id, seed FROM keyfold_gateway_signing_keys`
      const stored = JSON.stringify([rows, keys])
      for (const text of [tokens.refresh_token, tokens.access_token, root.secret, Redacted.value(secret)]) {
        assert.notInclude(stored, text)
      }
      const listed = yield* send(restarted, "/keys/", { headers: { authorization: `Bearer ${tokens.access_token}` } })
      assert.strictEqual(listed.status, 200)
      assert.lengthOf(keys, 1)
      const refreshed = yield* send(restarted, "/auth/refresh-token", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ refresh_token: tokens.refresh_token })
      })
      assert.strictEqual(refreshed.status, 200)
    })
  )

  it.effect("that fails makes a 500 that says nothing of it", () =>
    Effect.gen(function* () {
      const sql = yield* sqlite
      const storage = yield* over(sql)
      yield* sql`DROP TABLE keyfold_gateway_signing_keys`
      const secret = Redacted.make("a secret for signing that is long enough for everyone")
      const dialect = yield* DialectOccam.make({ tenant: "acme", secret }, makeHost({}), storage)
      const answer = yield* send(dialect, `/auth/access-token?key=${root.secret}`)
      assert.deepStrictEqual([answer.status, answer.text], [500, "Internal Server Error"])
    })
  )
})
