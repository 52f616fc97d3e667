import { assert, describe, it } from "@effect/vitest"
import type * as Gateway from "@keyfold/gateway/Gateway"
import * as Problem from "@keyfold/gateway/Problem"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import { make } from "./World.ts"

/** Collects what is logged, with its annotations. */
const logged = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ fiber, message }) => {
    lines.push(JSON.stringify([message, fiber.getRef(References.CurrentLogAnnotations)]))
  })
  return { lines, layer: Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, "All")) }
}

describe("an exchange", () => {
  const { layer, lines } = logged()

  it.effect("has one line in the log, without path, query, credential or secret", () =>
    Effect.gen(function* () {
      const { admin, ask } = yield* make()
      lines.length = 0
      const created = yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: { name: "in-the-body" } })
      const { id } = created.json["key"] as { id: string }
      yield* ask(`GET /v1/tenants/acme/keys/${id}?owner=in-the-query`, { key: admin })
      yield* ask("GET /nowhere/in-the-path?token=in-the-query", { key: "in-the-header" })
      assert.strictEqual(lines.length, 3)
      const text = lines.join("")
      for (const hidden of [admin, String(created.json["secret"]), id, "in-the-query", "in-the-path", "in-the-body"]) {
        assert.notInclude(text, hidden)
      }
      assert.match(lines[1] ?? "", /GET \/v1\/tenants\/:tenant\/keys\/:id 200 \d+ ms/)
      assert.match(lines[1] ?? "", /"keyfold.tenant":"acme"/)
      assert.match(lines[2] ?? "", /GET - 404/)
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect(
    "that fails in a route of the program's own is a problem, and its log line tells nothing of what it said",
    () =>
      Effect.gen(function* () {
        const routes: ReadonlyArray<Gateway.Route> = [
          {
            method: "POST",
            path: "/own/:name",
            handle: (request, { params }) =>
              Effect.promise(async () => new Response(`${params["name"]} ${await request.text()}`, { status: 201 }))
          },
          { method: "GET", path: "/broken", handle: () => Effect.die(new Error("hunter2")) },
          { method: "GET", path: "/refused", handle: () => Effect.fail(Problem.make("forbidden", "Not here.")) }
        ]
        const { ask } = yield* make({ routes: () => Effect.succeed(routes) })
        lines.length = 0
        const own = yield* ask("POST /own/one", { body: "hello" })
        assert.deepStrictEqual([own.status, own.text], [201, "one hello"])
        assert.strictEqual(own.headers.get("x-content-type-options"), "nosniff")
        const broken = yield* ask("GET /broken")
        assert.strictEqual(broken.json["type"], "urn:keyfold:problem:internal")
        assert.strictEqual((yield* ask("GET /refused")).json["type"], "urn:keyfold:problem:forbidden")
        assert.strictEqual((yield* ask("GET /own/one")).headers.get("allow"), "POST")
        assert.include(lines.join(""), "Exchange.test.ts")
        assert.notInclude(`${lines.join("")}${broken.text}`, "hunter2")
      }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("that takes too long is given up", () =>
    Effect.gen(function* () {
      const routes: ReadonlyArray<Gateway.Route> = [{ method: "GET", path: "/slow", handle: () => Effect.never }]
      const { ask } = yield* make({ routes: () => Effect.succeed(routes), limits: { timeout: 0 } })
      const late = yield* ask("GET /slow")
      assert.deepStrictEqual([late.status, late.json["type"]], [504, "urn:keyfold:problem:timeout"])
    }).pipe(Effect.scoped)
  )

  it.effect("of a route of the program's own is let in by the gateway's callers, grants and audit", () =>
    Effect.gen(function* () {
      const { admin, ask, audit, caller } = yield* make({
        routes: (access) =>
          Effect.succeed([
            {
              method: "POST",
              path: "/mint/:tenant",
              handle: Effect.fnUntraced(function* (request, { params: { tenant = "" }, requestId }) {
                const who = yield* access.authenticate(Redacted.make(request.headers.get("x-own-key") ?? ""))
                const recalled = yield* access.recall(who.actor)
                const call = { caller: recalled, tenant, operation: "create", requestId } as const
                const store = yield* access.store(call)
                const { key } = yield* Effect.orDie(store.create({}))
                const anybody = { ...call, caller: undefined }
                yield* access.store({ ...anybody, operation: "verify" })
                const refused = yield* Effect.match(access.store(anybody), {
                  onFailure: ({ name }) => name,
                  onSuccess: () => "let in"
                })
                return new Response(`${key.id} ${refused}`)
              }, Effect.scoped)
            }
          ])
      })
      const minted = yield* ask("POST /mint/acme", { headers: { "x-own-key": admin } })
      const [id, refused] = minted.text.split(" ")
      assert.strictEqual(refused, "forbidden")
      const entries = yield* Stream.runCollect(audit.entries())
      assert.deepStrictEqual(
        entries.map(({ key, operation, outcome }) => [operation, outcome, key]),
        [
          ["create", "begun", undefined],
          ["create", "done", id]
        ]
      )
      const other = yield* caller("globex:*")
      assert.strictEqual((yield* ask("POST /mint/acme", { headers: { "x-own-key": other } })).status, 404)
      assert.strictEqual((yield* ask("POST /mint/acme")).status, 401)
    }).pipe(Effect.scoped)
  )
})
