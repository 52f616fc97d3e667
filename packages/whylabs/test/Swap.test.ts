import { assert, describe, it } from "@effect/vitest"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { Fetch } from "@keyfold/http/Fetch"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { advancing, organization, songbird } from "./Songbird.ts"

/** What an application does with keys; it knows no backend. */
const program: Effect.Effect<ReadonlyArray<unknown>, KeyStoreError, KeyStore.KeyStore> = Effect.gen(function* () {
  const store = yield* KeyStore.KeyStore
  const { key, secret } = yield* store.create({ name: "nightly", scopes: ["write"] })
  const found = yield* store.get(key)
  const before = yield* Stream.runCollect(store.list())
  const usage = yield* store.usage(key)
  const identified = store.identify(secret)
  yield* store.revoke(found)
  yield* store.revoke(found)
  const after = yield* Stream.runCollect(store.list())
  return [
    found.name,
    found.owner,
    found.scopes,
    found.status,
    before.map(({ id }) => id === key.id),
    usage.id === key.id,
    Option.map(identified, ({ id }) => id === key.id),
    after
  ]
})

const expected = ["nightly", "ann", ["write"], "active", [true], true, Option.some(true), []]

const runWith = (layer: Layer.Layer<KeyStore.KeyStore, ConfigurationError>) => Effect.provide(program, layer)

describe("one program, two backends", () => {
  const defaults = { owner: "ann" }

  it.effect("runs in memory", () =>
    Effect.gen(function* () {
      const layer = MemoryDriver.layer({ defaults, scopeMap: { write: ["w"] } })
      assert.deepStrictEqual(yield* runWith(layer), expected)
    })
  )

  it.effect("runs on WhyLabs with only the layer changed", () =>
    Effect.gen(function* () {
      const { emulator, system } = yield* songbird({ lag: { visibility: 200 } })
      const layer = WhyLabs.layer({
        apiKey: Redacted.make(system),
        organization,
        defaults,
        scopeMap: { write: [":write_data", ":write_resource"] }
      }).pipe(Layer.provide(Layer.succeed(Fetch, emulator.fetch)))
      assert.deepStrictEqual(yield* advancing(runWith(layer)), expected)
    })
  )
})
