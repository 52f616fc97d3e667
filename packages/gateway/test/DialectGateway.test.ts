import { assert, describe, it } from "@effect/vitest"
import { scan, watch } from "@keyfold/canary/Canary"
import type { GatewaySettings } from "@keyfold/config/GatewaySettings"
import * as Dialects from "@keyfold/gateway/Dialects"
import * as Gateway from "@keyfold/gateway/Gateway"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { asking, database, stores } from "./World.ts"

const organization = "/whylabs/v0/organizations/org-7Kd3mQ/api-key"

const options: Dialects.Options = {
  whylabs: { organizations: { "org-7Kd3mQ": "acme" }, owner: "ann" },
  arthur: { tenant: "globex" },
  occam: { tenant: "team-1", secret: Redacted.make("a secret for signing that is long enough for everyone") }
}

const speaking = Effect.fnUntraced(function* (more: Partial<Gateway.Options> = {}) {
  const { opened } = yield* stores
  const at = yield* database
  const { secret } = yield* Gateway.init(at)
  const { audit, fetch } = yield* Gateway.handler({
    backends: Gateway.fromKeyStores(opened, false),
    database: at,
    routes: Dialects.routes(options, at),
    ...more
  })
  const caller = (...grants: ReadonlyArray<string>) => Gateway.createCaller(at, { grants })
  return { admin: Redacted.value(secret), ask: asking(fetch), audit, at, caller, opened }
})

describe("a gateway that speaks dialects", () => {
  it.live("lets its own callers in, carries out what they ask on their tenant, and audits it", () =>
    Effect.gen(function* () {
      const { admin, ask, audit, opened } = yield* speaking()
      const made = yield* ask(`POST ${organization}?user_id=ann`, { headers: { "x-api-key": admin } })
      assert.strictEqual(made.status, 200)
      const keyId = String(made.json["keyId"])
      yield* ask(`DELETE ${organization}?user_id=ann&key_id=${keyId}`, { headers: { "x-api-key": admin } })
      assert.strictEqual((yield* ask("POST /arthur/auth/api_keys/", { key: admin, body: {} })).status, 200)
      const globex = yield* opened.forTenant("globex")
      const [key] = yield* Stream.runCollect(globex.list())
      const entries = yield* Stream.runCollect(audit.entries())
      const told = entries.map(({ operation, outcome, tenant }) => [tenant, operation, outcome])
      assert.deepStrictEqual(told, [
        ["acme", "create", "begun"],
        ["acme", "create", "done"],
        ["acme", "revoke", "begun"],
        ["acme", "revoke", "done"],
        ["globex", "create", "begun"],
        ["globex", "create", "done"]
      ])
      assert.strictEqual(entries.at(-1)?.key, key?.id)
      assert.isTrue(entries.every(({ actor, requestId }) => actor.startsWith("key:") && requestId !== ""))
      // The neutral API is there as well.
      assert.strictEqual((yield* ask("GET /v1/tenants/acme/keys", { key: admin })).status, 200)
    })
  )

  it.live("refuses who has no grant, in the words of the protocol", () =>
    Effect.gen(function* () {
      const { ask, caller } = yield* speaking()
      const reader = Redacted.value((yield* caller("acme:list")).secret)
      const headers = { "x-api-key": reader }
      assert.strictEqual((yield* ask(`GET ${organization}`, { headers })).status, 200)
      const refused = yield* ask(`POST ${organization}?user_id=ann`, { headers })
      assert.deepStrictEqual([refused.status, refused.text], [403, ""])
      const elsewhere = yield* ask("GET /arthur/auth/api_keys/", { key: reader })
      assert.deepStrictEqual([elsewhere.status, elsewhere.json], [403, { detail: "Forbidden" }])
      const wrong = yield* ask("GET /arthur/auth/api_keys/", { key: "kf_wrong" })
      assert.deepStrictEqual([wrong.status, wrong.json], [401, { detail: "Bad credentials" }])
    })
  )

  it.live("refuses a token as soon as the key behind it is revoked", () =>
    Effect.gen(function* () {
      const { ask, at, caller } = yield* speaking()
      const { key, secret } = yield* caller("team-1:*")
      const entered = yield* ask(`GET /occam/auth/access-token?key=${Redacted.value(secret)}`)
      const token = String(entered.json["access_token"])
      assert.strictEqual((yield* ask("PUT /occam/keys/", { key: token, body: { name: "x" } })).status, 200)
      yield* Effect.flatMap(Gateway.callers(at), (store) => store.revoke(key))
      const refused = yield* ask("GET /occam/keys/", { key: token })
      assert.deepStrictEqual([refused.status, refused.json], [401, { detail: "User removed" }])
    })
  )

  it.live("answers who sends too much as the protocol does", () =>
    Effect.gen(function* () {
      const { admin, ask } = yield* speaking({ limits: { caller: { requests: 1, within: "1 hour" } } })
      const headers = { "x-api-key": admin }
      assert.strictEqual((yield* ask(`GET ${organization}`, { headers })).status, 200)
      const limited = yield* ask(`GET ${organization}`, { headers })
      assert.deepStrictEqual([limited.status, limited.text], [429, "Too many requests. Please try again later."])
      const second = yield* ask("GET /arthur/auth/api_keys/", { key: admin })
      assert.strictEqual(second.status, 429)
      assert.isAbove(Number(second.headers.get("retry-after")), 0)
    })
  )

  it.live("is made from the settings of a file, and does not start for a tenant that nobody serves", () =>
    Effect.gen(function* () {
      const { opened } = yield* stores
      const at = yield* database
      const backends = Gateway.fromKeyStores(opened, false)
      const settingsFor = (tenant: string): GatewaySettings => ({
        url: at.url,
        pepper: at.pepper,
        dialects: { arthur: [{ tenant: "acme" }, { tenant, path: "/arthur-two" }] }
      })
      const start = (tenant: string) => Gateway.handler(Gateway.fromSettings(settingsFor(tenant), backends))
      const { fetch } = yield* start("team-2")
      assert.strictEqual((yield* asking(fetch)("GET /arthur-two/auth/api_keys/", { key: "kf_wrong" })).status, 401)
      const error = yield* Effect.flip(start("nobody"))
      assert.strictEqual(error.field, "gateway.dialects")
      assert.include(error.message, '"nobody"')
    }).pipe(Effect.scoped)
  )

  it.live("tells in the log line of a request who asked about which tenant", () =>
    Effect.gen(function* () {
      const asked = Effect.gen(function* () {
        const { admin, ask, caller } = yield* speaking()
        const stranger = Redacted.value((yield* caller("acme:list")).secret)
        yield* ask("GET /arthur/auth/api_keys/", { key: admin })
        yield* ask("POST /arthur/auth/api_keys/", { key: stranger, body: {} })
      })
      const { records } = yield* watch("the gateway", asked)
      const lines = records.flatMap(([where, value]) => (where === "log line" ? [String(value)] : []))
      const [served, refused] = ["GET /arthur", "POST /arthur"].map((start) =>
        lines.find((line) => line.includes(start))
      )
      assert.match(served ?? "", /keyfold\.actor=key:\w+.*keyfold\.tenant=globex/)
      assert.match(refused ?? "", /keyfold\.actor=key:\w+/)
      assert.notInclude(refused, "keyfold.tenant")
    })
  )

  it.live("drops the query of the token route before any log line or span", () =>
    Effect.gen(function* () {
      let secret = ""
      const asked = Effect.gen(function* () {
        const { admin, ask } = yield* speaking()
        secret = admin
        for (const path of ["/occam/auth/access-token", "/occam/somewhere/else", "/occam"]) {
          yield* ask(`GET ${path}?key=${admin}`)
        }
      })
      const { records } = yield* watch("the gateway", asked)
      const lines = records.flatMap(([where, value]) => (where === "log line" ? [String(value)] : []))
      assert.isTrue(lines.some((line) => line.includes("GET /occam/auth/access-token 200")))
      assert.isTrue(lines.some((line) => line.includes("GET /occam/* 404")))
      assert.isTrue(records.some(([where]) => where.startsWith("span")))
      assert.deepStrictEqual(scan(records, [secret]), [])
    })
  )
})
