import { assert, describe, it } from "@effect/vitest"
import {
  InvalidResponse,
  Network,
  QuotaExceeded,
  RateLimited,
  Timeout,
  Unauthenticated,
  Unavailable
} from "@keyfold/core/KeyStoreError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { make, type Answer } from "./World.ts"

const isProblem = (answer: Answer, status: number, name: string) => {
  assert.strictEqual(answer.status, status, answer.text)
  assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
  assert.strictEqual(answer.json["type"], `urn:keyfold:problem:${name}`)
  assert.strictEqual(answer.json["status"], status)
  assert.strictEqual(answer.json["requestId"], answer.headers.get("x-request-id"))
  assert.strictEqual(typeof answer.json["detail"], "string")
}

describe("problems", () => {
  it.effect("say what is wrong in a body, by pointers and never with the value", () =>
    Effect.gen(function* () {
      const { admin, ask } = yield* make()
      const body = { name: 7, scopes: ["a", "hunter2".length], expiresAt: "hunter2", unknown: "hunter2" }
      const answer = yield* ask("POST /v1/tenants/acme/keys", { key: admin, body })
      isProblem(answer, 400, "invalid-request")
      const errors = answer.json["errors"] as ReadonlyArray<{ in: string; pointer: string; detail: string }>
      assert.sameMembers(
        errors.map((error) => `${error.in} ${error.pointer}`),
        ["body /name", "body /scopes/1", "body /expiresAt", "body /unknown"]
      )
      assert.notInclude(answer.text, "hunter2")
      assert.strictEqual(answer.json["field"], errors[0]?.pointer)
    }).pipe(Effect.scoped)
  )

  it.effect("say what is wrong in a query, a header and a body that is no JSON", () =>
    Effect.gen(function* () {
      const { admin, ask } = yield* make()
      const query = yield* ask("GET /v1/tenants/acme/keys?limit=0&stauts=active", { key: admin })
      isProblem(query, 400, "invalid-request")
      assert.sameMembers(
        (query.json["errors"] as ReadonlyArray<{ pointer: string }>).map(({ pointer }) => pointer),
        ["limit", "stauts"]
      )
      const headers = { "idempotency-key": "with space" }
      const header = yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: {}, headers })
      isProblem(header, 400, "invalid-request")
      assert.strictEqual(header.json["field"], "idempotency-key")
      isProblem(yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: "{" }), 400, "invalid-request")
      isProblem(yield* ask("DELETE /v1/tenants/acme/keys/a%00b", { key: admin }), 400, "invalid-request")
      const surrogate = '{ "owner": "\\ud800" }'
      isProblem(yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: surrogate }), 400, "invalid-request")
      const secret = yield* ask("POST /v1/tenants/acme/verify", { key: admin, body: { secret: ["hunter2"] } })
      isProblem(secret, 400, "invalid-request")
      assert.notInclude(secret.text, "hunter2")
    }).pipe(Effect.scoped)
  )

  it.effect("answer unknown paths, other methods, other types and bodies that are too large", () =>
    Effect.gen(function* () {
      const { admin, ask } = yield* make({ limits: { bodyBytes: 1000 } })
      isProblem(yield* ask("GET /v2/tenants", { key: admin }), 404, "not-found")
      isProblem(yield* ask("GET /v1/%ZZ", { key: admin }), 404, "not-found")
      const method = yield* ask("PUT /v1/tenants/acme/keys", { key: admin, body: {} })
      isProblem(method, 405, "method-not-allowed")
      assert.strictEqual(method.headers.get("allow"), "GET, HEAD, POST")
      isProblem(yield* ask("OPTIONS /v1/tenants"), 405, "method-not-allowed")
      const headers = { "content-type": "text/csv" }
      const type = yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: "a,b", headers })
      isProblem(type, 415, "unsupported-media-type")
      const large = yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: { name: "x".repeat(1000) } })
      isProblem(large, 413, "payload-too-large")
    }).pipe(Effect.scoped)
  )

  it.effect("tell what the store refuses and what its backend cannot do", () =>
    Effect.gen(function* () {
      const { admin, ask } = yield* make()
      const past = yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: { expiresAt: "1969-01-01T00:00:00Z" } })
      isProblem(past, 422, "refused-by-store")
      assert.strictEqual(past.json["field"], "/expiresAt")
      const cursor = yield* ask("GET /v1/tenants/acme/keys?cursor=made-up", { key: admin })
      isProblem(cursor, 422, "refused-by-store")
      assert.strictEqual(cursor.json["field"], "cursor")
      const verify = yield* ask("POST /v1/tenants/poor/verify", { key: admin, body: { secret: "abc" } })
      isProblem(verify, 422, "unsupported")
      assert.strictEqual(verify.json["capability"], "verify")
    }).pipe(Effect.scoped)
  )

  const table = [
    [new Unauthenticated({}), 502, "backend-refused"],
    [new QuotaExceeded({}), 409, "quota-exceeded"],
    [new RateLimited({ retryAfter: Duration.seconds(90) }), 503, "backend-rate-limited"],
    [new Unavailable({ problem: "https://upstream.example/?token=hunter2" }), 503, "backend-unavailable"],
    [new Network({ code: "ECONNREFUSED" }), 502, "backend-unreachable"],
    [new InvalidResponse({ problem: "hunter2" }), 502, "backend-misbehaved"]
  ] as const

  it.effect("have one status for each reason of a store, and repeat nothing of a backend", () =>
    Effect.gen(function* () {
      const { admin, ask, rich } = yield* make()
      for (const [reason, status, name] of table) {
        rich.fault = reason
        const answer = yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: {} })
        isProblem(answer, status, name)
        assert.notInclude(answer.text, "hunter2")
        if (name === "backend-rate-limited") assert.strictEqual(answer.headers.get("retry-after"), "90")
      }
    }).pipe(Effect.scoped)
  )

  it.effect("name the operation of a create whose outcome is not known", () =>
    Effect.gen(function* () {
      const { admin, ask, plain } = yield* make()
      plain.fault = new Timeout({ after: Duration.seconds(1) })
      const answer = yield* ask("POST /v1/tenants/poor/keys", { key: admin, body: {} })
      isProblem(answer, 409, "outcome-unknown")
      assert.match(String(answer.json["operationId"]), /^op_/)
    }).pipe(Effect.scoped)
  )
})
