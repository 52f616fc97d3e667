import { assert, describe, it } from "@effect/vitest"
import * as Arthur from "@keyfold/arthur/Arthur"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as ArthurEmulator from "@keyfold/emulators/Arthur"
import * as OccamEmulator from "@keyfold/emulators/Occam"
import * as WhyLabsEmulator from "@keyfold/emulators/WhyLabs"
import type { Dialect, Host } from "@keyfold/gateway/Dialect"
import * as Dialects from "@keyfold/gateway/Dialects"
import * as DialectTokens from "@keyfold/gateway/DialectTokens"
import { Fetch } from "@keyfold/http/Fetch"
import * as Occam from "@keyfold/occam/Occam"
import * as Sql from "@keyfold/sql/Sql"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { makeHost, memory, origin, reaching, root, send } from "./DialectHost.ts"

const organization = "org-7Kd3mQ"

const options: Dialects.Options = {
  whylabs: {
    organizations: { [organization]: "acme" },
    owner: "ann",
    scopes: { ":user": "use" },
    defaultScopes: [":user"]
  },
  arthur: { tenant: "acme", roles: { "VALIDATION-USER": "use" } },
  occam: {
    tenant: "acme",
    scopes: ["use"],
    secret: Redacted.make("a secret for signing that is long enough for everyone")
  }
}

const apiKey = Redacted.make(root.secret)

/** Our own clients, each at the dialect it speaks. */
const clients = {
  whylabs: (baseUrl: string) => WhyLabs.make({ baseUrl, organization, apiKey }),
  arthur: (baseUrl: string) => Arthur.make({ baseUrl, apiKey }),
  occam: (baseUrl: string) => Occam.make({ baseUrl, apiKey })
}

type Name = keyof typeof clients

const storeOptions: KeyStore.StoreOptions = {
  defaults: { owner: "ann" },
  scopeMap: { use: [] },
  labelSecret: Redacted.make("a secret for marks that is long enough for everyone")
}

const withFetch = <A, E, R>(effect: Effect.Effect<A, E, R>, fetch: typeof globalThis.fetch) =>
  Effect.provideService(effect, Fetch, fetch)

const engineKey = ArthurEmulator.makeCredential()
const systemKey = WhyLabsEmulator.makeCredential()
const [username, password] = ["ann@example.com", "the password of a test"]

/** Every kind of store there is, with what its keys may do left to the one scope of the gateway. */
const backends = {
  memory: memory({ ...storeOptions, scopeMap: { use: ["u"] } }),
  sql: Effect.flatMap(
    Sql.make({ url: "sqlite::memory:", pepper: Redacted.make("a pepper for tests that is long enough for everyone") }),
    (driver) => KeyStore.make(driver, { ...storeOptions, scopeMap: { use: ["u"] } })
  ),
  whylabs: Effect.suspend(() => {
    const emulator = WhyLabsEmulator.make({
      organizations: [{ id: "org-behind" }],
      credentials: [{ kind: "system", value: systemKey }],
      lag: { visibility: 0, revocation: 0, authentication: 0 }
    })
    return withFetch(WhyLabs.make({ organization: "org-behind", apiKey: Redacted.make(systemKey) }), emulator.fetch)
  }).pipe(Effect.flatMap((driver) => KeyStore.make(driver, { ...storeOptions, scopeMap: { use: [":user"] } }))),
  arthur: Effect.suspend(() => {
    const emulator = ArthurEmulator.make({ credentials: [{ kind: "master", value: engineKey }] })
    return withFetch(Arthur.make({ baseUrl: "https://engine.test", apiKey: Redacted.make(engineKey) }), emulator.fetch)
  }).pipe(
    Effect.flatMap((driver) =>
      KeyStore.make(driver, { labelSecret: storeOptions.labelSecret ?? apiKey, scopeMap: { use: ["VALIDATION-USER"] } })
    )
  ),
  occam: Effect.suspend(() => {
    const emulator = OccamEmulator.make({ users: [{ email: username, password }] })
    return withFetch(
      Occam.make({ baseUrl: "https://occam.test", username, password: Redacted.make(password) }),
      emulator.fetch
    )
  }).pipe(
    Effect.flatMap((driver) =>
      KeyStore.make(driver, { labelSecret: storeOptions.labelSecret ?? apiKey, scopeMap: { use: [] } })
    )
  )
}

const mounted = Effect.fnUntraced(function* (store: KeyStore.KeyStore["Service"]) {
  const host: Host = makeHost({ acme: store })
  return yield* Dialects.make(options, host, DialectTokens.inMemory)
})

const storeOver = Effect.fnUntraced(function* (name: Name, dialects: ReadonlyArray<Dialect>) {
  const dialect = dialects.find((one) => one.name === name)
  if (dialect === undefined) return yield* Effect.die(`${name} is not mounted`)
  const driver = yield* reaching(clients[name](`${origin}${dialect.path}`), dialect)
  const hasOwners = driver.capabilities.owners !== "unsupported"
  return yield* KeyStore.make(driver, hasOwners ? { defaults: { owner: "ann" } } : {})
})

describe("a client of ours at a dialect", () => {
  for (const [behind, open] of Object.entries(backends)) {
    for (const name of ["whylabs", "arthur", "occam"] as const) {
      it.live(`of ${name} makes, finds, lists and revokes keys of a ${behind} store`, () =>
        Effect.gen(function* () {
          const store = yield* open
          const client = yield* storeOver(name, yield* mounted(store))
          const { key, secret } = yield* client.create({ name: "nightly" })
          assert.isAbove(Redacted.value(secret).length, 20)
          const [kept] = yield* Stream.runCollect(store.list())
          assert.deepStrictEqual(kept?.scopes ?? [], behind === "occam" ? [] : ["use"])
          assert.strictEqual((yield* client.get(key)).name, "nightly")
          const listed = yield* Stream.runCollect(client.list())
          assert.deepStrictEqual(
            listed.map(({ id }) => id),
            [key.id]
          )
          yield* client.revoke(key)
          // Occam's list is all there is to see of a key, and what was deleted is not in it.
          if (name === "whylabs" && behind !== "occam") yield* client.revoke(key)
          assert.lengthOf(yield* Stream.runCollect(client.list()), 0)
          assert.lengthOf(yield* Stream.runCollect(store.list()), 0)
          const missing = yield* Effect.flip(client.get({ id: "00000000-0000-4000-8000-000000000000" as never }))
          assert.include(["NotFound", "InvalidRequest"], missing.reason._tag)
        })
      )
    }
  }
})

describe("a store that can do little", () => {
  const driver = () => {
    const memoryDriver = MemoryDriver.make()
    const little = { owners: "unsupported", expiry: false, scopes: false } as const
    return { ...memoryDriver, capabilities: { ...memoryDriver.capabilities, ...little } }
  }
  const keys = `/v0/organizations/${organization}/api-key`

  const dialectsOver = Effect.fnUntraced(function* (scopeMap: KeyStore.StoreOptions["scopeMap"]) {
    const store = yield* KeyStore.make(driver(), scopeMap === undefined ? {} : { scopeMap })
    const bare = { whylabs: { organizations: { [organization]: "acme" }, owner: "ann" }, arthur: { tenant: "acme" } }
    const [whylabs, arthur] = yield* Dialects.make(bare, makeHost({ acme: store }), Effect.die("nobody needs it"))
    assert(whylabs !== undefined && arthur !== undefined)
    const json = { "content-type": "application/json" }
    return {
      call: (method: string, path: string) => send(whylabs, path, { method, headers: { "x-api-key": root.secret } }),
      create: (body: string) =>
        send(arthur, "/auth/api_keys/", {
          method: "POST",
          headers: { ...json, authorization: `Bearer ${root.secret}` },
          body
        })
    }
  })

  it.effect("is told of in the protocol's own errors, and nothing is dropped", () =>
    Effect.gen(function* () {
      const { call, create } = yield* dialectsOver(undefined)
      for (const [query, message] of [
        ["user_id=bob", /^Invalid user_id provided/],
        ["user_id=ann", /^Invalid scope provided/],
        ["user_id=ann&scopes=:user", /^Invalid scope provided/],
        ["user_id=ann&expiration_time=4102444800000", /^Invalid (?:expiration time|scope)/]
      ] as const) {
        const refused = yield* call("POST", `${keys}?${query}`)
        assert.deepStrictEqual([refused.status, refused.json().type], [400, "IllegalArgument"])
        assert.match(refused.json().message, message)
      }
      assert.strictEqual((yield* create("{}")).status, 400)
      assert.strictEqual((yield* create('{"roles":[]}')).status, 400)
      assert.deepStrictEqual((yield* call("GET", keys)).json(), { items: [] })
    })
  )

  it.effect("makes keys that may do everything where its operator has accepted that", () =>
    Effect.gen(function* () {
      const { call, create } = yield* dialectsOver({ ":user": [], "VALIDATION-USER": [] })
      const made = yield* call("POST", `${keys}?user_id=ann&scopes=:user`)
      assert.deepStrictEqual([made.status, made.json().userId], [200, "ann"])
      const expiring = yield* call("POST", `${keys}?user_id=ann&scopes=:user&expiration_time=4102444800000`)
      assert.match(expiring.json().message, /^Invalid expiration time/)
      assert.deepStrictEqual((yield* create("{}")).json().roles, [])
      assert.lengthOf((yield* call("GET", `${keys}?user_id=ann`)).json().items, 2)
      assert.deepStrictEqual((yield* call("GET", `${keys}?user_id=bob`)).json(), { items: [] })
    })
  )
})

describe("the dialects of one gateway", () => {
  it.effect("are found by the longest path, and need a path each", () =>
    Effect.gen(function* () {
      const host = makeHost({ acme: yield* memory() })
      const arthur = { tenant: "acme" }
      const two = { arthur: [arthur, { ...arthur, path: "/arthur/two" }] }
      const dialects = yield* Dialects.make(two, host, Effect.die("nobody needs it"))
      const find = (path: string) => Dialects.find(dialects, new Request(`${origin}${path}`))?.path
      assert.strictEqual(find("/arthur/auth/api_keys/"), "/arthur")
      assert.strictEqual(find("/arthur/two/auth/api_keys/"), "/arthur/two")
      assert.strictEqual(find("/arthurs"), undefined)
      assert.strictEqual(find("/v1/tenants"), undefined)
      const error = yield* Effect.flip(
        Dialects.make(
          { ...two, whylabs: { organizations: { a: "b" }, owner: "c", path: "/arthur" } },
          host,
          Effect.never
        )
      )
      assert.strictEqual(error.field, "dialects.arthur.path")
      assert.deepStrictEqual(Dialects.tenantsOf({ ...options, ...two }), ["acme"])
    })
  )

  it.effect("tell logs a template in place of a path, and nothing of a query", () =>
    Effect.gen(function* () {
      const dialects = yield* mounted(yield* memory())
      const templates = [
        "/occam/auth/access-token?key=a-secret-key",
        "/occam/keys/some-id/usage",
        "/occam/a-secret-path",
        "/whylabs/v0/organizations/acme-inc/api-key/some-id?user_id=ann",
        "/arthur/auth/api_keys/deactivate/some-id"
      ].map((path) => {
        const request = new Request(`${origin}${path}`, { method: path.includes("deactivate") ? "DELETE" : "GET" })
        return Dialects.find(dialects, request)?.routeOf(request)
      })
      assert.deepStrictEqual(templates, [
        "/occam/auth/access-token",
        "/occam/keys/{id}/usage",
        "/occam/*",
        "/whylabs/v0/organizations/{org_id}/api-key/{key_id}",
        "/arthur/auth/api_keys/deactivate/{id}"
      ])
    })
  )
})
