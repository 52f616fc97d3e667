import { assert, describe, it } from "@effect/vitest"
import * as Adapter from "@keyfold/core/Adapter"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { KeyStore } from "@keyfold/core/KeyStore"
import * as Secret from "@keyfold/core/Secret"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import { capabilitiesWith, secretText, willing } from "./RecordedDriver.ts"

const Options = Schema.Struct({ region: Schema.String, apiKey: Secret.Secret })

interface Options extends Schema.Schema.Type<typeof Options> {}

const adapter = Adapter.make<Options>({
  name: "fake",
  options: Options,
  capabilities: ({ region }) => capabilitiesWith({ expiry: region === "eu" }),
  driver: ({ region }) =>
    region === ""
      ? Effect.fail(new ConfigurationError({ field: "region", problem: "it is empty." }))
      : Effect.succeed({ ...willing, backend: `fake-${region}` })
})

const apiKey = Redacted.make(secretText)

describe("an adapter", () => {
  it.effect("builds a store from its own options and the store's", () =>
    Effect.gen(function* () {
      const store = yield* Effect.provide(KeyStore, adapter.layer({ region: "eu", apiKey, store: "main" }))
      assert.deepInclude(store, { store: "main", backend: "fake-eu" })
    })
  )

  it.effect("fails to boot with its driver's and the store's complaints", () =>
    Effect.gen(function* () {
      const own = yield* Effect.flip(Effect.provide(KeyStore, adapter.layer({ region: "", apiKey })))
      assert.strictEqual(own.field, "region")
      const options = { region: "eu", apiKey, require: { safeCreate: true } } as const
      const unmet = yield* Effect.flip(Effect.provide(KeyStore, adapter.layer(options)))
      assert.strictEqual(unmet.field, "require")
    })
  )

  it.effect("reads its options from the configuration", () =>
    Effect.gen(function* () {
      const layer = adapter.layerConfig({ region: Config.String("REGION"), apiKey: Config.Redacted("API_KEY") })
      const from = (env: Record<string, string>) =>
        Effect.provide(KeyStore, layer).pipe(
          Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))
        )
      const store = yield* from({ REGION: "us", API_KEY: secretText })
      assert.strictEqual(store.backend, "fake-us")
      const error = yield* Effect.flip(from({ API_KEY: secretText }))
      assert.strictEqual(error._tag, "ConfigError")
      assert.notInclude(inspect(error, { depth: 20 }), secretText)
    })
  )

  it("says what it can do before anything is built", () => {
    assert.isTrue(adapter.capabilities({ region: "eu", apiKey }).expiry)
    assert.isFalse(adapter.capabilities({ region: "us", apiKey }).expiry)
  })

  it("is told from anything else a package may export", () => {
    assert.isTrue(Adapter.isAdapter(adapter))
    assert.isTrue(Adapter.isAdapter({ "~@keyfold/core/Adapter": "~@keyfold/core/Adapter" }))
    for (const other of [undefined, null, {}, "adapter", { name: "fake", options: Options }]) {
      assert.isFalse(Adapter.isAdapter(other))
    }
  })

  it.effect("finds no base folder where nobody named one", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* Adapter.BaseFolder)
      assert.strictEqual(yield* Effect.provideService(Adapter.BaseFolder, Adapter.BaseFolder, "conf"), "conf")
    })
  )
})

describe("a secret", () => {
  it.effect("is used as it is, or obtained each time", () =>
    Effect.gen(function* () {
      assert.strictEqual(Redacted.value(yield* Secret.resolve(apiKey)), secretText)
      let drawn = 0
      const fresh = Effect.sync(() => Redacted.make(`token-${++drawn}`))
      assert.strictEqual(Redacted.value(yield* Secret.resolve(fresh)), "token-1")
      assert.strictEqual(Redacted.value(yield* Secret.resolve(fresh)), "token-2")
    })
  )

  it.effect("that cannot be obtained is Unauthenticated, unsent, without the text it failed with", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Secret.resolve(Effect.fail(new Error(`helper printed ${secretText}`))))
      assert.strictEqual(error.reason._tag, "Unauthenticated")
      assert.strictEqual(error.sent, "no")
      for (const text of [inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error), String(error)]) {
        assert.notInclude(text, secretText)
      }
    })
  )

  it("is refused as a literal, with what to write instead and without the literal", () => {
    const result = Schema.decodeUnknownResult(Options)({ region: "eu", apiKey: secretText })
    assert.strictEqual(result._tag, "Failure")
    const text = result._tag === "Failure" ? String(result.failure) : ""
    assert.include(text, "{ env: NAME }")
    assert.notInclude(text, secretText)
    assert.isTrue(Secret.isSecret(apiKey))
    assert.isTrue(Secret.isSecret(Effect.succeed(apiKey)))
    assert.isFalse(Secret.isSecret(secretText))
  })
})
