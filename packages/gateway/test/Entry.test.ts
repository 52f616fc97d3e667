import { assert, describe, it } from "@effect/vitest"
import * as Gateway from "@keyfold/gateway/Gateway"
import * as Grant from "@keyfold/gateway/Grant"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { decide } from "../src/internal/admission.ts"
import { make, stores } from "./World.ts"

const withoutId = ({ requestId: _requestId, ...rest }: Readonly<Record<string, unknown>>) => rest

describe("who may enter", () => {
  it.effect("is nobody without a credential, before anything else is looked at", () =>
    Effect.gen(function* () {
      const { ask } = yield* make()
      for (const key of [
        undefined,
        "made-up",
        "kf_0123456789abcdef_0123456789abcdef0123456789abcdef_000000",
        "a.b.c"
      ]) {
        const answer = yield* ask("POST /v1/tenants/acme/keys", { key, body: { name: 7 } })
        assert.strictEqual(answer.status, 401, answer.text)
        assert.strictEqual(answer.headers.get("www-authenticate"), "Bearer")
      }
      const [health, ready] = [yield* ask("GET /health"), yield* ask("GET /ready")]
      assert.deepStrictEqual([health.status, ready.status], [200, 200])
    }).pipe(Effect.scoped)
  )

  it.effect("may do what its grants say, at the tenants they name, and nothing else", () =>
    Effect.gen(function* () {
      const { ask, caller } = yield* make()
      const key = yield* caller("acme:list", "team-*:create")
      assert.strictEqual((yield* ask("GET /v1/tenants/acme/keys", { key })).status, 200)
      assert.strictEqual((yield* ask("POST /v1/tenants/acme/keys", { key, body: {} })).status, 403)
      assert.strictEqual((yield* ask("DELETE /v1/tenants/acme/keys/x", { key })).status, 403)
      assert.strictEqual((yield* ask("GET /v1/tenants/acme/capabilities", { key })).status, 200)
      assert.strictEqual((yield* ask("POST /v1/tenants/team-1/keys", { key, body: {} })).status, 201)
      assert.strictEqual((yield* ask("GET /v1/tenants/team-1/keys", { key })).status, 403)
    }).pipe(Effect.scoped)
  )

  it.effect("sees a foreign tenant exactly as one that does not exist", () =>
    Effect.gen(function* () {
      const { ask, caller } = yield* make()
      const key = yield* caller("acme:*", "nowhere:*")
      const paths = ["keys", "keys/some-id", "keys/some-id/usage", "capabilities", "inventory"]
      for (const path of paths) {
        const foreign = yield* ask(`GET /v1/tenants/globex/${path}`, { key })
        const missing = yield* ask(`GET /v1/tenants/nobody/${path}`, { key })
        const granted = yield* ask(`GET /v1/tenants/nowhere/${path}`, { key })
        assert.strictEqual(foreign.status, 404)
        assert.deepStrictEqual(withoutId(foreign.json), withoutId(missing.json))
        assert.deepStrictEqual(withoutId(foreign.json), withoutId(granted.json))
        assert.deepStrictEqual([...foreign.headers.keys()], [...missing.headers.keys()])
      }
    }).pipe(Effect.scoped)
  )

  it.effect("is nobody at an endpoint that does not say what it needs", () =>
    Effect.gen(function* () {
      const { opened } = yield* stores
      const administrator = { actor: "key:any", grants: Grant.parseAll(["*:*"]) }
      const backends = Gateway.fromKeyStores(opened, false)
      const refused = yield* Effect.flip(decide(backends, administrator, "acme", undefined))
      assert.strictEqual(refused.name, "forbidden")
    }).pipe(Effect.scoped)
  )

  it.effect("is shown its own tenants, with what it may do there", () =>
    Effect.gen(function* () {
      const { admin, ask, caller } = yield* make()
      const key = yield* caller("acme:list", "acme:get", "team-7:*")
      const own = yield* ask("GET /v1/tenants", { key })
      assert.deepStrictEqual(own.json["tenants"], [
        { tenant: "acme", backend: "memory", operations: ["get", "list"] },
        {
          tenant: "team-7",
          backend: "memory",
          operations: ["create", "get", "list", "revoke", "usage", "verify", "rotate", "inventory"]
        }
      ])
      const all = yield* ask("GET /v1/tenants", { key: admin })
      assert.deepStrictEqual(
        (all.json["tenants"] as ReadonlyArray<{ tenant: string }>).map(({ tenant }) => tenant),
        ["acme", "globex", "poor"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("is let in no longer than the declared time after its key was revoked", () =>
    Effect.gen(function* () {
      const { admin, ask, at, caller } = yield* make({ cacheFor: "5 seconds" })
      const key = yield* caller("acme:list")
      const status = () => Effect.map(ask("GET /v1/tenants/acme/keys", { key }), (answer) => answer.status)
      assert.strictEqual(yield* status(), 200)
      const callers = yield* Gateway.callers(at)
      const page = yield* callers.listPage()
      const found = page.keys.find(({ scopes }) => scopes[0] === "acme:list")
      if (found === undefined) return assert.fail("the caller's key is not listed")
      yield* callers.revoke(found)
      assert.strictEqual(yield* status(), 200)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* status(), 401)
      assert.strictEqual((yield* ask("GET /v1/tenants", { key: admin })).status, 200)
    }).pipe(Effect.scoped)
  )

  it.effect("may send so many requests, each caller and each tenant for itself", () =>
    Effect.gen(function* () {
      for (const counted of ["memory", "database"] as const) {
        const { ask, caller } = yield* make({
          limits: {
            counted,
            caller: { requests: 3, within: Duration.minutes(1) },
            tenant: { requests: 4, within: Duration.minutes(1) }
          }
        })
        const [first, second] = [yield* caller("acme:list"), yield* caller("acme:list", "globex:list")]
        const status = (key: string, tenant = "acme") =>
          Effect.map(ask(`GET /v1/tenants/${tenant}/keys`, { key }), (answer) => answer.status)
        assert.deepStrictEqual(yield* Effect.all([status(first), status(first), status(first)]), [200, 200, 200])
        const limited = yield* ask("GET /v1/tenants/acme/keys", { key: first })
        assert.strictEqual(limited.status, 429)
        assert.isAbove(Number(limited.headers.get("retry-after")), 0)
        assert.deepStrictEqual(
          yield* Effect.all([status(second), status(second), status(second, "globex")]),
          [200, 429, 200]
        )
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* status(first), 200)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("cannot be said by who has no limit, no audience or too long a memory", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<Partial<Gateway.Options>> = [
        { cacheFor: "2 minutes" },
        { limits: { caller: { requests: 0, within: "1 minute" } } },
        { trustedProxies: ["example.com"] },
        { jwt: [{ issuer: "https://issuer.test", audience: [], jwks: { keys: [] } }] },
        { jwt: [{ issuer: "https://issuer.test", audience: "a", jwks: "http://issuer.test/keys" }] },
        { jwt: [{ issuer: "https://issuer.test", audience: "a", jwks: { keys: [] }, algorithms: ["HS256"] }] }
      ]
      for (const options of wrong) {
        const error = yield* Effect.flip(make(options))
        assert.strictEqual(error._tag, "ConfigurationError")
        assert.match("field" in error ? String(error.field) : "", /^gateway\./)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("begins with one key that may do everything, made once", () =>
    Effect.gen(function* () {
      const { at } = yield* make()
      const error = yield* Effect.flip(Gateway.init(at))
      assert.strictEqual(error._tag === "KeyStoreError" ? error.reason._tag : "", "Conflict")
      const stray = yield* Effect.flip(Gateway.createCaller(at, { grants: ["acme:read"] }))
      assert.strictEqual(stray._tag, "ConfigurationError")
    }).pipe(Effect.scoped)
  )
})
