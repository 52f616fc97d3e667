import { assert, describe, it } from "@effect/vitest"
import * as Adapter from "@keyfold/core/Adapter"
import * as Capabilities from "@keyfold/core/Capabilities"
import * as KeyStore from "@keyfold/core/KeyStore"
import { Fetch } from "@keyfold/http/Fetch"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import { baseUrl, listed, organization, owner, songbird, storeOver, type Options } from "./Songbird.ts"

const nothing: typeof globalThis.fetch = () => Promise.reject(new TypeError("nothing may be sent while booting"))

const credential = Redacted.make("canary-credential")
const complete: Options = { apiKey: credential, organization, baseUrl, defaults: { owner } }

const { organization: _organization, ...withoutOrganization } = complete
const { defaults: _defaults, ...withoutOwner } = complete

const refuses = (title: string, options: Options, field: string, ...says: ReadonlyArray<string>) =>
  it.effect(title, () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(storeOver(nothing, options))
      assert.strictEqual(error._tag, "ConfigurationError")
      assert.strictEqual(error.field, field)
      for (const text of says) assert.include(error.message, text)
      assert.notInclude(inspect(error, { depth: Infinity, showHidden: true }), "canary")
    })
  )

describe("a store refuses to boot", () => {
  refuses("on v0 without an organization", withoutOrganization, "organization", "v0", "org-123")
  for (const id of ["", " ", "org/1", "org+1", "org-1;x", ".."]) {
    refuses(`on v0 with the organization ${JSON.stringify(id)}`, { ...complete, organization: id }, "organization")
  }
  refuses("on v0 without a default owner", withoutOwner, "defaults.owner", "needs an owner")
  refuses("on v0 with an empty default owner", { ...complete, defaults: { owner: "" } }, "defaults.owner")
  refuses("on v1 with a default owner", { ...complete, dialect: "v1" }, "defaults.owner", "Remove")
  refuses(
    "with plain http to another machine",
    { ...complete, baseUrl: "http://songbird.example.com" },
    "baseUrl",
    "songbird.example.com",
    "insecure: true"
  )
  refuses("with an address that is none", { ...complete, baseUrl: "songbird" }, "baseUrl", "https")
  refuses("with a credential in the address", { ...complete, baseUrl: "https://ann:canary@songbird.test" }, "baseUrl")
  refuses("where v0 cannot verify", { ...complete, require: { verify: true } }, "require", "verify")
  refuses("where v0 has no exact usage", { ...complete, require: { exactUsage: true } }, "require", "exactUsage")
  refuses(
    "where v0 cannot list or get revoked keys",
    { ...complete, require: { listRevoked: true, getRevoked: true } },
    "require",
    "listRevoked, getRevoked"
  )
  refuses(
    "where v1 has no usage, no owners and cannot revoke any key",
    { ...withoutOwner, dialect: "v1", require: { usage: true, owners: true, revokeAny: true } },
    "require",
    "usage, owners, revokeAny"
  )
  refuses(
    "with a default scope its own map does not know",
    { ...complete, defaults: { owner, scopes: ["admin"] }, scopeMap: { write: [":write_data"] } },
    "defaults.scopes",
    "accepted: write"
  )
  refuses(
    "with a proxy the platform's fetch cannot use",
    { ...complete, proxy: credential },
    "proxy",
    "@keyfold/undici"
  )
})

describe("a store boots", () => {
  it.effect("without any request, and declares its dialect", () =>
    Effect.gen(function* () {
      const v0 = yield* storeOver(nothing, { ...complete, require: { expiry: true, scopes: true, owners: true } })
      assert.deepStrictEqual(v0.capabilities, WhyLabs.v0Capabilities)
      const v1 = yield* storeOver(nothing, { ...withoutOwner, dialect: "v1", require: { verify: true } })
      assert.deepStrictEqual(v1.capabilities, WhyLabs.v1Capabilities)
      assert.strictEqual(v0.store, "whylabs")
      assert.strictEqual(v0.backend, "whylabs")
    })
  )

  it.effect("over plain http to this machine, and to another where that was asked for", () =>
    Effect.gen(function* () {
      for (const host of ["localhost", "127.0.0.1", "[::1]"]) {
        yield* storeOver(nothing, { ...complete, baseUrl: `http://${host}:8080` })
      }
      yield* storeOver(nothing, { ...complete, baseUrl: "http://songbird.example.com", insecure: true })
    })
  )

  it.effect("on the published host where no address is given, and keeps the path prefix of one", () =>
    Effect.gen(function* () {
      const urls: Array<string> = []
      const fetch: typeof globalThis.fetch = (input, init) => {
        urls.push(new Request(input, init).url)
        return Promise.resolve(Response.json({ items: [] }))
      }
      const { baseUrl: _baseUrl, ...published } = complete
      yield* listed(yield* storeOver(fetch, published))
      yield* listed(yield* storeOver(fetch, { ...complete, baseUrl: "https://gateway.test/whylabs/" }))
      assert.deepStrictEqual(urls, [
        `https://api.whylabsapp.com/v0/organizations/${organization}/api-key`,
        `https://gateway.test/whylabs/v0/organizations/${organization}/api-key`
      ])
    })
  )

  it.effect("from Effect's configuration", () =>
    Effect.gen(function* () {
      const { emulator, system } = yield* songbird()
      const layer = WhyLabs.layerConfig({
        apiKey: Config.Redacted("WHYLABS_API_KEY"),
        organization: Config.String("WHYLABS_ORGANIZATION"),
        baseUrl: Config.succeed(baseUrl),
        defaults: Config.succeed({ owner })
      }).pipe(Layer.provide(Layer.succeed(Fetch, emulator.fetch)))
      const env = { WHYLABS_API_KEY: system, WHYLABS_ORGANIZATION: organization }
      const key = yield* KeyStore.KeyStore.use((store) => store.create({ name: "one" })).pipe(
        Effect.provide(layer),
        Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
      )
      assert.strictEqual(key.key.name, "one")
    })
  )
})

describe("the adapter", () => {
  it("is recognised and computes capabilities from its options alone", () => {
    assert.isTrue(Adapter.isAdapter(WhyLabs.adapter))
    assert.strictEqual(WhyLabs.adapter.name, "whylabs")
    assert.deepStrictEqual(WhyLabs.capabilities({}), WhyLabs.v0Capabilities)
    assert.deepStrictEqual(WhyLabs.capabilities({ dialect: "v1" }), WhyLabs.v1Capabilities)
    assert.deepStrictEqual(WhyLabs.capabilities({ keyLimit: 25 }).quota, { source: "configured", limit: 25 })
    assert.deepStrictEqual(Capabilities.unmet(WhyLabs.v0Capabilities, { identify: true, usage: true }), [])
  })

  const decode = Schema.decodeUnknownExit(WhyLabs.adapter.options)

  it("decodes a file's options and refuses a literal secret, an empty organization and an unknown dialect", () => {
    assert.strictEqual(decode({ apiKey: credential, organization, timeout: "5 seconds" })._tag, "Success")
    for (const bad of [
      { apiKey: "canary-credential", organization },
      { organization },
      { apiKey: credential, organization: "" },
      { apiKey: credential, dialect: "v2" },
      { apiKey: credential, keyLimit: 0 }
    ]) {
      const exit = decode(bad)
      assert.strictEqual(exit._tag, "Failure")
    }
  })
})
