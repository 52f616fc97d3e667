import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { violations } from "./Conforming.ts"
import { make, type Answer } from "./World.ts"

interface Operation {
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: unknown }>> }>>
}

interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const typeOf = ({ headers }: Answer): string => (headers.get("content-type") ?? "").split(";")[0] ?? ""

const judge = (document: Document, method: string, path: string, answer: Answer): ReadonlyArray<string> => {
  const content = document.paths[path]?.[method.toLowerCase()]?.responses[answer.status]?.content
  const schema = content?.[typeOf(answer)]?.schema
  if (schema === undefined) return [`${method} ${path} ${answer.status} ${typeOf(answer)} is not documented`]
  const lines = typeOf(answer) === "application/x-ndjson" ? answer.text.trim().split("\n") : [answer.text]
  return lines.flatMap((line) => violations(document, schema, JSON.parse(line)))
}

describe("the document", () => {
  it.effect("is OpenAPI 3.1, and every response of every operation is as it says", () =>
    Effect.gen(function* () {
      const { admin, ask, caller } = yield* make()
      const document = (yield* ask("GET /openapi.json")).json as unknown as Document
      assert.match(document.openapi, /^3\.1\./)
      const created = yield* ask("POST /v1/tenants/acme/keys", {
        key: admin,
        body: { name: "a", owner: "ada", scopes: ["x"], expiresAt: "2030-01-01T00:00:00Z", tags: { team: "blue" } }
      })
      const { key, secret } = created.json as { key: { id: string }; secret: string }
      const asked = new Set<string>()
      for (const [path, item] of Object.entries(document.paths)) {
        for (const method of Object.keys(item).map((name) => name.toUpperCase())) {
          for (const tenant of ["acme", "poor", "nobody"]) {
            for (const caller_ of [admin, undefined, yield* caller("acme:list")]) {
              for (const body of path.endsWith("verify")
                ? [{ secret }, { secret: 1 }, "{"]
                : [{ name: "b" }, { name: "b" }, { name: "c" }, { name: 1 }]) {
                const url = path.replace("{tenant}", tenant).replace("{id}", key.id)
                const sent = method === "POST" ? { body, headers: { "idempotency-key": `${tenant}-once` } } : {}
                const answer = yield* ask(`${method} ${url}`, { key: caller_, ...sent })
                assert.deepStrictEqual(judge(document, method, path, answer), [], answer.text)
                asked.add(`${method} ${path} ${answer.status}`)
              }
            }
          }
        }
      }
      for (const path of Object.keys(document.paths)) {
        assert.isTrue(
          [...asked].some((line) => line.includes(` ${path} 20`)),
          path
        )
      }
    }).pipe(Effect.scoped)
  )

  it.effect("is shown to people on a page that loads and runs nothing", () =>
    Effect.gen(function* () {
      const { ask } = yield* make()
      const page = yield* ask("GET /docs")
      assert.strictEqual(page.headers.get("content-type"), "text/html; charset=utf-8")
      assert.match(page.headers.get("content-security-policy") ?? "", /^default-src 'none'; style-src 'sha256-/)
      assert.notMatch(page.text, /<script|<link|<img|<iframe|@import|url\(|https?:\/\//)
      assert.include(page.text, "/v1/tenants/{tenant}/keys/{id}/usage")
      assert.include(page.text, "urn:keyfold:problem:operation-reused")
    }).pipe(Effect.scoped)
  )
})
