import { assert, describe, it } from "@effect/vitest"
import * as Arthur from "@keyfold/arthur/Arthur"
import * as Adapter from "@keyfold/core/Adapter"
import * as Capabilities from "@keyfold/core/Capabilities"
import * as KeyStore from "@keyfold/core/KeyStore"
import { Fetch } from "@keyfold/http/Fetch"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import { baseUrl, engine, keyId, keysPath, listed, ref, storeOver, type Options } from "./Engine.ts"

const nothing: typeof globalThis.fetch = () => Promise.reject(new TypeError("nothing may be sent while booting"))

const credential = Redacted.make("canary-credential")
const complete: Options = { apiKey: credential, baseUrl }

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
  refuses(
    "with plain http to another machine",
    { ...complete, baseUrl: "http://engine.example.com" },
    "baseUrl",
    "engine.example.com",
    "insecure: true"
  )
  refuses("with an address that is none", { ...complete, baseUrl: "engine" }, "baseUrl", "https")
  refuses("with a credential in the address", { ...complete, baseUrl: "https://ann:canary@engine.test" }, "baseUrl")
  refuses("with a query in the address", { ...complete, baseUrl: "https://engine.test/?key=canary" }, "baseUrl")
  refuses("with a default owner", { ...complete, defaults: { owner: "ann" } }, "defaults.owner", "no owner", "Remove")
  refuses(
    "with a default scope its own map does not know",
    { ...complete, defaults: { scopes: ["admin"] }, scopeMap: { validate: ["VALIDATION-USER"] } },
    "defaults.scopes",
    "accepted: validate"
  )
  refuses(
    "where Arthur cannot do what the program needs",
    { ...complete, require: { usage: true, verify: true, listRevoked: true, expiry: true, owners: true, tags: true } },
    "require",
    "usage, verify, listRevoked, expiry, owners, tags"
  )
  refuses(
    "with a proxy the platform's fetch cannot use",
    { ...complete, proxy: credential },
    "proxy",
    "@keyfold/undici"
  )
})

describe("a store boots", () => {
  it.effect("without any request, and declares what Arthur can do", () =>
    Effect.gen(function* () {
      const require = { get: true, identify: true, getRevoked: true, scopes: true, revokeAny: true } as const
      const store = yield* storeOver(nothing, { ...complete, require })
      assert.deepStrictEqual(store.capabilities, Arthur.arthurCapabilities)
      assert.strictEqual(store.store, "arthur")
      assert.strictEqual(store.backend, "arthur")
    })
  )

  it.effect("over plain http to this machine, and to another where that was asked for", () =>
    Effect.gen(function* () {
      for (const host of ["localhost", "127.0.0.1", "[::1]"]) {
        yield* storeOver(nothing, { ...complete, baseUrl: `http://${host}:3030` })
      }
      yield* storeOver(nothing, { ...complete, baseUrl: "http://engine.example.com", insecure: true })
    })
  )

  it.effect("and joins its paths to the address's own prefix", () =>
    Effect.gen(function* () {
      const urls: Array<string> = []
      const fetch: typeof globalThis.fetch = (input, init) => {
        urls.push(new Request(input, init).url)
        return Promise.resolve(Response.json([]))
      }
      for (const address of ["https://gateway.test/arthur", "https://gateway.test/arthur/", "https://gateway.test"]) {
        const store = yield* storeOver(fetch, { ...complete, baseUrl: address })
        yield* listed(store)
        yield* store.revoke(ref(keyId))
      }
      assert.deepStrictEqual(urls, [
        `https://gateway.test/arthur${keysPath}`,
        `https://gateway.test/arthur${keysPath}deactivate/${keyId}`,
        `https://gateway.test/arthur${keysPath}`,
        `https://gateway.test/arthur${keysPath}deactivate/${keyId}`,
        `https://gateway.test${keysPath}`,
        `https://gateway.test${keysPath}deactivate/${keyId}`
      ])
    })
  )

  it.effect("from Effect's configuration", () =>
    Effect.gen(function* () {
      const { emulator, master } = yield* engine()
      const layer = Arthur.layerConfig({
        apiKey: Config.Redacted("ARTHUR_API_KEY"),
        baseUrl: Config.String("ARTHUR_BASE_URL")
      }).pipe(Layer.provide(Layer.succeed(Fetch, emulator.fetch)))
      const env = { ARTHUR_API_KEY: master, ARTHUR_BASE_URL: baseUrl }
      const issued = yield* KeyStore.KeyStore.use((store) => store.create({ name: "one" })).pipe(
        Effect.provide(layer),
        Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
      )
      assert.strictEqual(issued.key.name, "one")
    })
  )
})

describe("the adapter", () => {
  it("is recognised and computes capabilities from its options alone", () => {
    assert.isTrue(Adapter.isAdapter(Arthur.adapter))
    assert.strictEqual(Arthur.adapter.name, "arthur")
    assert.deepStrictEqual(Arthur.capabilities({}), Arthur.arthurCapabilities)
    assert.deepStrictEqual(Arthur.capabilities({ keyLimit: 1000 }).quota, { source: "configured", limit: 1000 })
    assert.deepStrictEqual(Capabilities.unmet(Arthur.arthurCapabilities, { identify: true, getRevoked: true }), [])
  })

  const decode = Schema.decodeUnknownExit(Arthur.adapter.options)

  it("decodes a file's options and refuses a literal secret, a missing address and a limit of none", () => {
    assert.strictEqual(decode({ apiKey: credential, baseUrl, timeout: "5 seconds", keyLimit: 1000 })._tag, "Success")
    for (const bad of [
      { apiKey: "canary-credential", baseUrl },
      { apiKey: credential },
      { apiKey: credential, baseUrl: "" },
      { baseUrl },
      { apiKey: credential, baseUrl, keyLimit: 0 }
    ]) {
      assert.strictEqual(decode(bad)._tag, "Failure")
    }
  })
})
