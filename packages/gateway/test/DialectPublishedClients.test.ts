import { assert, describe, it } from "@effect/vitest"
import type { Dialect } from "@keyfold/gateway/Dialect"
import * as DialectArthur from "@keyfold/gateway/DialectArthur"
import * as DialectWhyLabs from "@keyfold/gateway/DialectWhyLabs"
import * as KeyStore from "@keyfold/core/KeyStore"
import { serve } from "@keyfold/node/FetchServer"
import * as Sql from "@keyfold/sql/Sql"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { account, makeHost, root } from "./DialectHost.ts"
import { open } from "./PublishedClient.ts"

const organization = "org-7Kd3mQ"

const timeout = 60_000

const sql = Effect.flatMap(
  Sql.make({ url: "sqlite::memory:", pepper: Redacted.make("a pepper for tests that is long enough for everyone") }),
  (driver) => KeyStore.make(driver)
)

const listening = Effect.fnUntraced(function* (dialect: Dialect) {
  const { url } = yield* serve({ fetch: (request) => Effect.runPromise(dialect.handle(request)) })
  return { BASE_URL: `${url}${dialect.path}`, API_KEY: root.secret }
})

const whylabs = Effect.gen(function* () {
  const store = yield* sql
  const host = makeHost({ acme: store }, [root, account("ann", "acme:*")])
  const dialect = yield* DialectWhyLabs.make({ organizations: { [organization]: "acme" }, owner: "nobody" }, host)
  return { store, environment: yield* listening(dialect) }
})

const v0 = open("whylabs-v0", "whylabs_v0.py")

describe.skipIf(v0.problem !== undefined)("the WhyLabs client 0.4.2, as published", () => {
  it.live(
    "makes, lists, gets and revokes keys of a SQL store",
    () =>
      Effect.gen(function* () {
        const { environment, store } = yield* whylabs
        const seen = yield* v0.run(environment)
        const { key, scopes, ...made } = seen.made
        assert.deepInclude(made, { user_id: "ann", org_id: organization, alias: "nightly & daily", revoked: false })
        assert.strictEqual(made.expiration_time, "2100-01-01T00:00:00")
        assert.sameMembers(scopes, [":user", ":administrator"])
        assert.isFalse((yield* store.verify(Redacted.make(key))).valid)
        assert.isTrue((yield* store.verify(Redacted.make(seen.bare.key))).valid)
        assert.strictEqual(seen.bare.alias, "")
        const ids: Array<string> = seen.listed.map((item: { readonly key_id: string }) => item.key_id)
        assert.sameMembers(ids, [made.key_id, seen.bare.key_id])
        assert.deepStrictEqual(seen.found, { ...made, scopes: seen.found.scopes })
        assert.deepStrictEqual([seen.revoked.revoked, seen.revoked.key_id], [true, made.key_id])
        assert.lengthOf(seen.of_user, 2)
        assert.deepStrictEqual(seen.gone, {})
        assert.strictEqual(seen.wrong_scope[0], 400)
        assert.include(seen.wrong_scope[1], "Invalid scope provided")
        assert.strictEqual(seen.wrong_user[0], 404)
      }),
    timeout
  )
})

const v1 = open("whylabs-v1", "whylabs_v1.py")

describe.skipIf(v1.problem !== undefined)("the WhyLabs client 0.6.16, as published", () => {
  it.live(
    "makes, lists, validates and revokes keys of a SQL store",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* whylabs
        const { listed, made, refused, revoked } = yield* v1.run(environment)
        assert.deepInclude(made, { user_id: "root", org_id: organization, alias: "nightly", scopes: [":user"] })
        assert.deepStrictEqual(
          listed.map((item: { readonly key_id: string }) => item.key_id),
          [made.key_id]
        )
        assert.isTrue(revoked.revoked)
        assert.strictEqual(refused, 403)
      }),
    timeout
  )
})

const arthur = open("arthur", "arthur.py")

describe.skipIf(arthur.problem !== undefined)("the client of Arthur's engine 2.1.683, as published", () => {
  it.live(
    "makes, lists, gets and deactivates keys of a SQL store",
    () =>
      Effect.gen(function* () {
        const store = yield* sql
        const dialect = yield* DialectArthur.make({ tenant: "acme" }, makeHost({ acme: store }))
        const seen = yield* arthur.run(yield* listening(dialect))
        const { key, message, ...made } = seen.made
        assert.deepInclude(made, { description: "billing worker", is_active: true, roles: ["TASK-ADMIN"] })
        assert.isAbove(message.length, 20)
        assert.isFalse((yield* store.verify(Redacted.make(key))).valid)
        assert.isTrue((yield* store.verify(Redacted.make(seen.bare.key))).valid)
        assert.deepStrictEqual(seen.bare.roles, ["VALIDATION-USER"])
        assert.sameMembers(
          seen.listed.map((item: { readonly id: string }) => item.id),
          [made.id, seen.bare.id]
        )
        assert.deepStrictEqual(seen.found, { ...made, key: null, message: "" })
        assert.isNull(seen.deactivated)
        assert.isFalse(seen.gone.is_active)
        assert.isString(seen.gone.deactivated_at)
        assert.deepStrictEqual(seen.unknown, [404, '{"detail":"API Key not found"}'])
        assert.strictEqual(seen.malformed[0], 400)
      }),
    timeout
  )
})
