import { assert, describe, it } from "@effect/vitest"
import { InvalidRequest, Timeout } from "@keyfold/core/KeyStoreError"
import * as SqlDatabase from "@keyfold/sql/SqlDatabase"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { make, type Ask } from "./World.ts"

const under = (key: string, body: unknown, name = "once"): Ask => ({ key, body, headers: { "idempotency-key": name } })

describe("an idempotency key", () => {
  it.effect("makes one key, whatever the order of the members in a repeat, and shows its secret once", () =>
    Effect.gen(function* () {
      const { admin, ask, plain } = yield* make()
      const first = yield* ask(
        "POST /v1/tenants/poor/keys",
        under(admin, { name: "a", owner: "ada", provider: { x: { a: 1, b: 2 } } })
      )
      assert.strictEqual(first.status, 201, first.text)
      const again = yield* ask(
        "POST /v1/tenants/poor/keys",
        under(admin, { provider: { x: { b: 2, a: 1 } }, owner: "ada", name: "a" })
      )
      assert.strictEqual(again.status, 409)
      assert.strictEqual(again.json["type"], "urn:keyfold:problem:conflict")
      const { id } = first.json["key"] as { id: string }
      assert.deepStrictEqual(again.json["existing"], { id, owner: "ada" })
      assert.strictEqual(again.json["operationId"], first.json["operationId"])
      assert.notInclude(again.text, String(first.json["secret"]))
      assert.strictEqual(plain.creates, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("with another body is refused, and makes nothing", () =>
    Effect.gen(function* () {
      const { admin, ask, plain } = yield* make()
      yield* ask("POST /v1/tenants/poor/keys", under(admin, { name: "a" }))
      const other = yield* ask("POST /v1/tenants/poor/keys", under(admin, { name: "b" }))
      assert.strictEqual(other.status, 422)
      assert.strictEqual(other.json["type"], "urn:keyfold:problem:operation-reused")
      assert.strictEqual(plain.creates, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("of one caller says nothing for another caller or another tenant", () =>
    Effect.gen(function* () {
      const { admin, ask, caller } = yield* make()
      const other = yield* caller("*:create")
      const answers = [
        yield* ask("POST /v1/tenants/acme/keys", under(admin, { name: "a" })),
        yield* ask("POST /v1/tenants/acme/keys", under(other, { name: "b" })),
        yield* ask("POST /v1/tenants/globex/keys", under(admin, { name: "c" }))
      ]
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [201, 201, 201]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("may be used again where certainly no key was made", () =>
    Effect.gen(function* () {
      const { admin, ask, plain } = yield* make()
      plain.fault = new InvalidRequest({ problem: "no" })
      assert.strictEqual((yield* ask("POST /v1/tenants/poor/keys", under(admin, {}))).status, 422)
      plain.fault = undefined
      assert.strictEqual((yield* ask("POST /v1/tenants/poor/keys", under(admin, {}))).status, 201)
    }).pipe(Effect.scoped)
  )

  it.effect("whose outcome is not known never makes a second key where the store could not tell", () =>
    Effect.gen(function* () {
      const { admin, ask, plain } = yield* make()
      plain.fault = new Timeout({ after: Duration.seconds(1) })
      assert.strictEqual((yield* ask("POST /v1/tenants/poor/keys", under(admin, {}))).status, 409)
      plain.fault = undefined
      yield* TestClock.adjust("1 hour")
      const again = yield* ask("POST /v1/tenants/poor/keys", under(admin, {}))
      assert.strictEqual(again.json["type"], "urn:keyfold:problem:outcome-unknown")
      assert.strictEqual(plain.creates, 0)
    }).pipe(Effect.scoped)
  )

  it.effect(
    "is carried out again, once nobody can be at it, where the store itself makes one key for one operation",
    () =>
      Effect.gen(function* () {
        const { admin, ask, at, rich } = yield* make()
        const first = yield* ask("POST /v1/tenants/acme/keys", under(admin, {}))
        const sql = yield* SqlDatabase.open({ url: at.url })
        // As a process leaves it that dies after the key was made.
        yield* sql`UPDATE keyfold_gateway_operations SET state = 'claimed', key_id = NULL`
        const early = yield* ask("POST /v1/tenants/acme/keys", under(admin, {}))
        assert.strictEqual(early.json["type"], "urn:keyfold:problem:operation-under-way")
        yield* TestClock.adjust("5 minutes")
        const later = yield* ask("POST /v1/tenants/acme/keys", under(admin, {}))
        assert.strictEqual(later.json["type"], "urn:keyfold:problem:conflict", later.text)
        assert.deepStrictEqual(later.json["existing"], { id: (first.json["key"] as { id: string }).id })
        assert.strictEqual(rich.creates, 2)
        const listed = yield* ask("GET /v1/tenants/acme/keys", { key: admin })
        assert.strictEqual((listed.json["keys"] as ReadonlyArray<unknown>).length, 1)
      }).pipe(Effect.scoped)
  )

  it.effect("is carried out once where the same request comes many times at once", () =>
    Effect.gen(function* () {
      const { admin, ask, rich } = yield* make()
      const answers = yield* Effect.all(
        Array.from({ length: 8 }, () => ask("POST /v1/tenants/acme/keys", under(admin, {}))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(answers.filter(({ status }) => status === 201).length, 1)
      assert.strictEqual(answers.filter(({ status }) => status === 409).length, 7)
      assert.strictEqual(rich.creates, 1)
    }).pipe(Effect.scoped)
  )
})
