import { assert, describe, it } from "@effect/vitest"
import * as Arthur from "@keyfold/arthur/Arthur"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { Fetch } from "@keyfold/http/Fetch"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { baseUrl, engine } from "./Engine.ts"

/** What an application does with keys; it knows no backend. */
const program: Effect.Effect<ReadonlyArray<unknown>, KeyStoreError, KeyStore.KeyStore> = Effect.gen(function* () {
  const store = yield* KeyStore.KeyStore
  const { key, secret } = yield* store.create({ name: "nightly", scopes: ["validate"] })
  const found = yield* store.get(key)
  const before = yield* Stream.runCollect(store.list())
  const page = yield* store.listPage({ limit: 1 })
  const identified = store.identify(secret)
  yield* store.revoke(found)
  yield* store.revoke(found)
  const after = yield* Stream.runCollect(store.list())
  const revoked = yield* store.get(key)
  return [
    found.name,
    found.scopes,
    found.status,
    before.map(({ id }) => id === key.id),
    page.keys.length,
    page.next,
    Option.map(identified, ({ id }) => id === key.id),
    after,
    revoked.status
  ]
})

const expected = ["nightly", ["validate"], "active", [true], 1, undefined, Option.some(true), [], "revoked"]

const runWith = (layer: Layer.Layer<KeyStore.KeyStore, ConfigurationError>) => Effect.provide(program, layer)

describe("one program, two backends", () => {
  it.effect("runs in memory", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* runWith(MemoryDriver.layer({ scopeMap: { validate: ["v"] } })), expected)
    })
  )

  it.effect("runs on Arthur with only the layer changed", () =>
    Effect.gen(function* () {
      const { emulator, master } = yield* engine()
      const layer = Arthur.layer({
        apiKey: Redacted.make(master),
        baseUrl,
        scopeMap: { validate: ["VALIDATION-USER"] }
      }).pipe(Layer.provide(Layer.succeed(Fetch, emulator.fetch)))
      assert.deepStrictEqual(yield* runWith(layer), expected)
    })
  )
})
