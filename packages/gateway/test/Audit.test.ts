import { assert, describe, it } from "@effect/vitest"
import * as SqlDatabase from "@keyfold/sql/SqlDatabase"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { make } from "./World.ts"

describe("the audit", () => {
  it.effect("tells of each mutation before it and after it, and of no reading", () =>
    Effect.gen(function* () {
      const { admin, ask, audit } = yield* make()
      const headers = { "x-keyfold-reason": "rotation of spring" }
      const created = yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: {}, headers })
      const { id } = created.json["key"] as { id: string }
      yield* ask(`GET /v1/tenants/acme/keys/${id}`, { key: admin })
      yield* ask(`DELETE /v1/tenants/acme/keys/${id}`, { key: admin })
      yield* ask("DELETE /v1/tenants/acme/keys/none", { key: admin })
      const entries = yield* Stream.runCollect(audit.entries())
      assert.deepStrictEqual(
        entries.map(({ key, operation, outcome, reason, tenant }) => [tenant, operation, outcome, key, reason]),
        [
          ["acme", "create", "begun", undefined, "rotation of spring"],
          ["acme", "create", "done", id, "rotation of spring"],
          ["acme", "revoke", "begun", id, undefined],
          ["acme", "revoke", "done", id, undefined],
          ["acme", "revoke", "begun", "none", undefined],
          ["acme", "revoke", "unknown-key", "none", undefined]
        ]
      )
      assert.match(entries[0]?.actor ?? "", /^key:\w{16}$/)
      assert.strictEqual(entries[1]?.requestId, created.headers.get("x-request-id"))
      assert.strictEqual(entries[1]?.operationId, created.json["operationId"])
      assert.notInclude(JSON.stringify(entries), String(created.json["secret"]))
      const globex = yield* Stream.runCollect(audit.entries({ tenant: "globex" }))
      assert.strictEqual(globex.length, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("shows what was changed, taken out or cut off in it", () =>
    Effect.gen(function* () {
      const { admin, ask, at, audit } = yield* make()
      for (const name of ["a", "b"]) yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: { name } })
      const whole = yield* audit.verify()
      assert.isTrue(whole.intact)
      const head = whole.intact ? whole.head : ""
      const sql = yield* SqlDatabase.open({ url: at.url })
      yield* sql`UPDATE keyfold_gateway_audit SET actor = 'key:somebody' WHERE sequence = 3`
      assert.deepInclude(yield* audit.verify(), { intact: false, sequence: 3 })
      yield* sql`DELETE FROM keyfold_gateway_audit WHERE sequence = 3`
      assert.deepInclude(yield* audit.verify(), { intact: false, sequence: 3 })
      yield* sql`DELETE FROM keyfold_gateway_audit WHERE sequence > 2`
      assert.isTrue((yield* audit.verify()).intact)
      assert.isFalse((yield* audit.verify(head)).intact)
    }).pipe(Effect.scoped)
  )

  it.effect("that cannot be written has mutations refused, and reading goes on", () =>
    Effect.gen(function* () {
      const { admin, ask, at, rich } = yield* make()
      const sql = yield* SqlDatabase.open({ url: at.url })
      yield* sql`DROP TABLE keyfold_gateway_audit`
      for (const line of ["POST /v1/tenants/acme/keys", "DELETE /v1/tenants/acme/keys/some"]) {
        const body = line.startsWith("POST") ? { body: {} } : {}
        const answer = yield* ask(line, { key: admin, ...body })
        assert.strictEqual(answer.status, 503)
        assert.strictEqual(answer.json["type"], "urn:keyfold:problem:audit-unavailable")
      }
      assert.strictEqual(rich.creates, 0)
      assert.strictEqual((yield* ask("GET /v1/tenants/acme/keys", { key: admin })).status, 200)
    }).pipe(Effect.scoped)
  )
})
