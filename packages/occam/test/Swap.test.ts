import { assert, describe, it } from "@effect/vitest"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { Fetch } from "@keyfold/http/Fetch"
import * as Occam from "@keyfold/occam/Occam"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { advancing, baseUrl, email, host, password } from "./OccamHost.ts"

/** What an application does with keys; it knows no backend. */
const program: Effect.Effect<ReadonlyArray<unknown>, KeyStoreError, KeyStore.KeyStore> = Effect.gen(function* () {
  const store = yield* KeyStore.KeyStore
  const { key, secret } = yield* store.create({ name: "nightly" })
  const found = yield* store.get(key)
  const before = yield* Stream.runCollect(store.list())
  const page = yield* store.listPage({ limit: 10 })
  const usage = yield* store.usage(key)
  const revocation = yield* store.revoke(found)
  const after = yield* Stream.runCollect(store.list())
  return [
    found.name,
    found.status,
    Redacted.value(secret).length > 16,
    before.map(({ id }) => id === key.id),
    page.keys.length,
    [usage.id === key.id, usage.completedRequests],
    revocation.id === key.id,
    after
  ]
})

const expected = ["nightly", "active", true, [true], 1, [true, 0], true, []]

const runWith = (layer: Layer.Layer<KeyStore.KeyStore, ConfigurationError>) => Effect.provide(program, layer)

describe("one program, two backends", () => {
  it.effect("runs in memory", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* runWith(MemoryDriver.layer()), expected)
    })
  )

  it.effect("runs on Occam with only the layer changed", () =>
    Effect.gen(function* () {
      const { emulator } = yield* host({ users: [{ email, password }], lag: { visibility: 200 } })
      const layer = Occam.layer({ username: email, password: Redacted.make(password), baseUrl }).pipe(
        Layer.provide(Layer.succeed(Fetch, emulator.fetch))
      )
      assert.deepStrictEqual(yield* advancing(runWith(layer)), expected)
    })
  )
})
