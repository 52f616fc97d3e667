import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { make } from "./World.ts"

describe("keys", () => {
  it.effect("are created with their secret, shown without it, listed, used, verified and revoked", () =>
    Effect.gen(function* () {
      const { admin, ask } = yield* make()
      const created = yield* ask("POST /v1/tenants/acme/keys", {
        key: admin,
        body: { name: "report", scopes: ["read"] }
      })
      assert.strictEqual(created.status, 201, created.text)
      assert.strictEqual(created.headers.get("cache-control"), "no-store")
      const { key, secret } = created.json as { key: { id: string; name: string }; secret: string }
      assert.strictEqual(key.name, "report")
      const path = `/v1/tenants/acme/keys/${key.id}`
      const shown = yield* ask(`GET ${path}`, { key: admin })
      assert.strictEqual(shown.status, 200)
      assert.deepStrictEqual(shown.json["scopes"], ["read"])
      assert.notInclude(shown.text, secret)
      const verified = yield* ask("POST /v1/tenants/acme/verify", { key: admin, body: { secret } })
      assert.strictEqual(verified.json["valid"], true)
      const usage = yield* ask(`GET ${path}/usage`, { key: admin })
      assert.strictEqual(usage.json["successfulRequests"], 1)
      const listed = yield* ask("GET /v1/tenants/acme/keys", { key: admin })
      assert.strictEqual((listed.json["keys"] as Array<{ id: string }>)[0]?.id, key.id)
      const revoked = yield* ask(`DELETE ${path}`, { key: admin })
      assert.deepStrictEqual(revoked.json, { id: key.id, effectiveWithinMillis: 0 })
      const refused = yield* ask("POST /v1/tenants/acme/verify", { key: admin, body: { secret } })
      assert.deepStrictEqual(refused.json, { valid: false, reason: "revoked" })
    }).pipe(Effect.scoped)
  )

  it.effect("are listed a page at a time and by owner and state", () =>
    Effect.gen(function* () {
      const { admin, ask } = yield* make()
      for (const owner of ["ada", "ada", "bob"]) {
        yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: { owner } })
      }
      const ids: Array<string> = []
      let cursor = ""
      do {
        const page = yield* ask(`GET /v1/tenants/acme/keys?limit=2${cursor}`, { key: admin })
        assert.strictEqual(page.status, 200, page.text)
        ids.push(...(page.json["keys"] as Array<{ id: string }>).map(({ id }) => id))
        const { next } = page.json as { next?: string }
        cursor = next === undefined ? "" : `&cursor=${next}`
      } while (cursor !== "")
      assert.strictEqual(new Set(ids).size, 3)
      yield* ask(`DELETE /v1/tenants/acme/keys/${ids[0]}`, { key: admin })
      const count = (query: string) =>
        Effect.map(
          ask(`GET /v1/tenants/acme/keys?${query}`, { key: admin }),
          ({ json }) => [json["keys"]].flat().length
        )
      assert.strictEqual(yield* count("owner=bob"), 1)
      assert.strictEqual(yield* count("status=revoked"), 1)
      assert.strictEqual(yield* count("status=revoked&status=active"), 3)
    }).pipe(Effect.scoped)
  )

  it.effect("of one tenant are unknown at another", () =>
    Effect.gen(function* () {
      const { admin, ask } = yield* make()
      const created = yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: {} })
      const { id } = created.json["key"] as { id: string }
      const foreign = yield* ask(`GET /v1/tenants/globex/keys/${id}`, { key: admin })
      assert.strictEqual(foreign.status, 404)
      assert.strictEqual(foreign.json["type"], "urn:keyfold:problem:unknown-key")
    }).pipe(Effect.scoped)
  )

  it.effect("are told of in an inventory of lines, with the end of their source", () =>
    Effect.gen(function* () {
      const { admin, ask } = yield* make()
      yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: { name: "one" } })
      yield* ask("POST /v1/tenants/globex/keys", { key: admin, body: { name: "two" } })
      const answer = yield* ask("GET /v1/tenants/acme/inventory", { key: admin })
      assert.strictEqual(answer.headers.get("content-type"), "application/x-ndjson")
      const lines = answer.text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { kind: string; tenant?: string })
      assert.deepStrictEqual(
        lines.map(({ kind, tenant }) => [kind, tenant]),
        [
          ["key", "acme"],
          ["end", undefined]
        ]
      )
      assert.notInclude(answer.text, "globex")
    }).pipe(Effect.scoped)
  )
})
