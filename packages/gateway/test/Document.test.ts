import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { conforming, operationsOf, type Document } from "./Conforming.ts"
import { make } from "./World.ts"

describe("the document", () => {
  it.effect("is OpenAPI 3.1, made of schemas that a validator takes, and says of each operation what it is for", () =>
    Effect.gen(function* () {
      const { ask } = yield* make()
      const answer = yield* ask("GET /openapi.json")
      const document = answer.json as unknown as Document
      assert.match(document.openapi, /^3\.1\./)
      const judge = conforming(document)
      for (const { method, path } of operationsOf(document)) {
        const described = document.paths[path]?.[method.toLowerCase()]
        assert.isString(described?.summary, `${method} ${path}`)
        for (const [status, { content = {} }] of Object.entries(described?.responses ?? {})) {
          for (const type of Object.keys(content)) {
            const headers = new Headers({ "content-type": type })
            const found = judge.of({ method, path }, { status: Number(status), headers, text: "7", json: {} })
            assert.isNotEmpty(found, `${method} ${path} ${status} accepts anything`)
          }
        }
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
