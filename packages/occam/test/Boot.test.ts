import { assert, describe, it } from "@effect/vitest"
import * as Adapter from "@keyfold/core/Adapter"
import * as KeyStore from "@keyfold/core/KeyStore"
import { Fetch } from "@keyfold/http/Fetch"
import * as Occam from "@keyfold/occam/Occam"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import { baseUrl, email, host, listed, storeOver, type Options } from "./OccamHost.ts"

const nothing: typeof globalThis.fetch = () => Promise.reject(new TypeError("nothing may be sent while booting"))

const secret = Redacted.make("sk-occam-canary")
const complete: Options = { apiKey: secret, baseUrl }

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
  const both = "either an API key or a user name with its password"
  refuses("without any login", { baseUrl }, "apiKey", both, "Set apiKey, or both username and password")
  refuses("with both logins", { ...complete, username: email, password: secret }, "apiKey", both)
  refuses("with an API key and a user name", { ...complete, username: email }, "apiKey", both)
  refuses("with a user name without its password", { baseUrl, username: email }, "password", both)
  refuses("with a password without its user name", { baseUrl, password: secret }, "username", both)
  refuses(
    "with plain http to another machine",
    { ...complete, baseUrl: "http://api.occam.test" },
    "baseUrl",
    "api.occam.test",
    "insecure: true"
  )
  refuses("with an address that is none", { ...complete, baseUrl: "occam" }, "baseUrl", "https")
  refuses("with a credential in the address", { ...complete, baseUrl: "https://ann:canary@occam.test" }, "baseUrl")
  refuses("with a key in the address", { ...complete, baseUrl: "https://occam.test/?key=canary" }, "baseUrl")
  refuses("with a default owner: keys have none", { ...complete, defaults: { owner: "ann" } }, "defaults.owner")
  refuses("with default scopes", { ...complete, defaults: { scopes: ["write"] } }, "defaults.scopes", "no scopes")
  refuses("with a scope map that names scopes", { ...complete, scopeMap: { w: ["x"] } }, "scopeMap.w", "no scopes")
  refuses("with a proxy the platform's fetch cannot use", { ...complete, proxy: secret }, "proxy", "@keyfold/undici")
  for (const name of [
    "exactUsage",
    "verify",
    "identify",
    "listRevoked",
    "getRevoked",
    "expiry",
    "scopes",
    "owners",
    "tags",
    "nativePagination"
  ] as const) {
    refuses(`where ${name} is required`, { ...complete, require: { [name]: true } }, "require", name)
  }
})

describe("a store boots", () => {
  it.effect("without any request, with either login, and declares what Occam can do", () =>
    Effect.gen(function* () {
      const require = { get: true, usage: true, revokeAny: true, safeCreate: true } as const
      for (const options of [complete, { baseUrl, username: email, password: secret }]) {
        const store = yield* storeOver(nothing, { ...options, require })
        assert.deepStrictEqual(store.capabilities, Occam.occamCapabilities)
        assert.strictEqual(store.store, "occam")
        assert.strictEqual(store.backend, "occam")
      }
      yield* storeOver(nothing, { ...complete, verifyByTokenExchange: true, require: { verify: true } })
    })
  )

  it.effect("over plain http to this machine, and to another where that was asked for", () =>
    Effect.gen(function* () {
      for (const name of ["localhost", "127.0.0.1", "[::1]"]) {
        yield* storeOver(nothing, { ...complete, baseUrl: `http://${name}:8000` })
      }
      yield* storeOver(nothing, { ...complete, baseUrl: "http://occam.test", insecure: true })
    })
  )

  it.effect("on the published host where no address is given, and keeps the path prefix of one", () =>
    Effect.gen(function* () {
      const urls: Array<string> = []
      const fetch: typeof globalThis.fetch = (input, init) => {
        const { origin, pathname } = new URL(new Request(input, init).url)
        urls.push(`${origin}${pathname}`)
        return Promise.resolve(Response.json(pathname.endsWith("/keys/") ? [] : { access_token: "token" }))
      }
      yield* listed(yield* storeOver(fetch, { apiKey: secret }))
      yield* listed(yield* storeOver(fetch, { apiKey: secret, baseUrl: "https://proxy.test/occam/" }))
      assert.deepStrictEqual(urls, [
        "https://api.occam.ai/auth/access-token",
        "https://api.occam.ai/keys/",
        "https://proxy.test/occam/auth/access-token",
        "https://proxy.test/occam/keys/"
      ])
    })
  )

  it.effect("from Effect's configuration", () =>
    Effect.gen(function* () {
      const { credential, emulator } = yield* host()
      const layer = Occam.layerConfig({ apiKey: Config.Redacted("OCCAM_API_KEY"), baseUrl: Config.String("OCCAM_URL") })
      const env = { OCCAM_API_KEY: credential, OCCAM_URL: baseUrl }
      const issued = yield* Effect.flatMap(KeyStore.KeyStore, (store) => store.create({ name: "one" })).pipe(
        Effect.provide(layer.pipe(Layer.provide(Layer.succeed(Fetch, emulator.fetch)))),
        Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
      )
      assert.strictEqual(issued.key.name, "one")
    })
  )
})

describe("the adapter", () => {
  it("is recognised and computes capabilities from its options alone", () => {
    assert.isTrue(Adapter.isAdapter(Occam.adapter))
    assert.strictEqual(Occam.adapter.name, "occam")
    assert.deepStrictEqual(Occam.capabilities({}), Occam.occamCapabilities)
    assert.deepStrictEqual(Occam.capabilities({ verifyByTokenExchange: true }), Occam.verifyingCapabilities)
    assert.deepStrictEqual(Occam.capabilities({ keyLimit: 5 }).quota, { source: "configured", limit: 5 })
  })

  it("declares roles, scopes, expiry, limits, paging and everything else Occam lacks as missing", () => {
    assert.deepInclude(Occam.occamCapabilities, {
      identify: false,
      listsRevoked: "never",
      getsRevoked: false,
      expiry: false,
      scopes: false,
      owners: "unsupported",
      tags: false,
      pagination: "derived",
      quota: { source: "unknown" }
    })
    assert.strictEqual(Occam.occamCapabilities.operations.get, "derived")
    assert.strictEqual(Occam.occamCapabilities.operations.verify, "unsupported")
  })

  it.effect("builds a driver that verifies exactly where that was asked for", () =>
    Effect.gen(function* () {
      const driver = yield* Occam.make(complete)
      assert.notProperty(driver, "verify")
      const verifying = yield* Occam.make({ ...complete, verifyByTokenExchange: true })
      assert.property(verifying, "verify")
      for (const { capabilities, usage, get } of [driver, verifying]) {
        assert.isDefined(usage)
        assert.isUndefined(get)
        assert.strictEqual(capabilities.operations.get, "derived")
      }
    })
  )

  const decode = Schema.decodeUnknownExit(Occam.adapter.options)

  it("decodes a file's options and refuses literal secrets and empty texts", () => {
    assert.strictEqual(decode({ apiKey: secret, timeout: "5 seconds", verifyByTokenExchange: true })._tag, "Success")
    assert.strictEqual(decode({ username: email, password: secret })._tag, "Success")
    for (const bad of [
      { apiKey: "sk-occam-canary" },
      { username: email, password: "canary" },
      { username: "", password: secret },
      { apiKey: secret, baseUrl: "" },
      { apiKey: secret, keyLimit: 0 },
      { apiKey: secret, verifyByTokenExchange: "yes" }
    ]) {
      assert.strictEqual(decode(bad)._tag, "Failure")
    }
  })
})
