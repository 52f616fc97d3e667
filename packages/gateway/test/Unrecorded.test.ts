import { assert, describe, it } from "@effect/vitest"
import * as SqlDatabase from "@keyfold/sql/SqlDatabase"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import { make } from "./World.ts"

describe("an outcome that the database could not take", () => {
  it.live("is written once it can, so that a repeat is told of the key", () =>
    Effect.gen(function* () {
      const { admin, ask, at, rich } = yield* make()
      const sql = yield* SqlDatabase.open({ url: at.url })
      yield* sql`CREATE TRIGGER away BEFORE UPDATE ON keyfold_gateway_operations
        BEGIN SELECT RAISE(ABORT, 'away'); END`
      const create = ask("POST /v1/tenants/acme/keys", { key: admin, body: {}, headers: { "idempotency-key": "a" } })
      const created = yield* create
      assert.strictEqual(created.status, 201)
      const { id } = created.json["key"] as { readonly id: string }
      assert.strictEqual((yield* create).json["type"], "urn:keyfold:problem:operation-under-way")
      yield* sql`DROP TRIGGER away`
      let again = yield* create
      while (again.json["type"] === "urn:keyfold:problem:operation-under-way") {
        yield* Effect.sleep("50 millis")
        again = yield* create
      }
      assert.strictEqual(again.status, 409)
      assert.deepInclude(again.json["existing"], { id })
      assert.strictEqual(rich.creates, 1)
    }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )
})
