/** Keyfold itself: a `KeyStore` over either transport. */
import * as Arthur from "@keyfold/arthur/Arthur"
import { KeyId } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { Open, Target } from "../client.ts"
import { credential, formats, newName } from "../formats.ts"

type Store = (target: Target) => Layer.Layer<KeyStore.KeyStore, ConfigurationError>

const apiKey = Redacted.make(credential)

const stores = {
  whylabs: ({ keys, url }: Target) =>
    WhyLabs.layer({
      apiKey,
      baseUrl: url + formats.whylabs.base(keys),
      organization: "org-1",
      defaults: { owner: "user-1" }
    }),
  whylabsListOnly: ({ keys, url }: Target) =>
    WhyLabs.layer({ apiKey, baseUrl: url + formats.whylabs.base(keys), dialect: "v1" }),
  arthur: ({ keys, url }: Target) => Arthur.layer({ apiKey, baseUrl: url + formats.arthur.base(keys) })
} satisfies Readonly<Record<string, Store>>

const over =
  (store: Store, transport: Layer.Layer<never>): Open =>
  async (target) => {
    const runtime = ManagedRuntime.make(Layer.provide(store(target), transport))
    const keys = await runtime.runPromise(KeyStore.KeyStore)
    const list = Effect.map(Stream.runCollect(keys.list()), ({ length }) => length)
    const create = Effect.map(keys.create({ name: newName }), ({ secret }) => Redacted.value(secret))
    return {
      list: () => runtime.runPromise(list),
      create: () => runtime.runPromise(create),
      get: (ids) =>
        runtime.runPromise(
          Effect.map(
            Effect.forEach(ids, (id) => keys.get({ id: KeyId.make(id) }), { concurrency: "unbounded" }),
            ({ length }) => length
          )
        )
    }
  }

const ky = Layer.empty
const undici = UndiciTransport.layer

/** WhyLabs over ky. */
export const whylabsKy = over(stores.whylabs, ky)
/** WhyLabs over undici. */
export const whylabsUndici = over(stores.whylabs, undici)
/** Arthur over ky. */
export const arthurKy = over(stores.arthur, ky)
/** Arthur over undici. */
export const arthurUndici = over(stores.arthur, undici)
/** WhyLabs' dialect without a `get`, over ky. */
export const listOnlyKy = over(stores.whylabsListOnly, ky)
/** WhyLabs' dialect without a `get`, over undici. */
export const listOnlyUndici = over(stores.whylabsListOnly, undici)
