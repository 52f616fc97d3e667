/** The Promise API over a driver of the test's making, without a configuration file. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import type { KeyStore } from "@keyfold/core/KeyStore"
import * as KeyStores from "@keyfold/core/KeyStores"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { KeyStoreError, type ApiKey, type Keys } from "keyfold"
import { makeKeys, type Source } from "../src/internal/promise/open.ts"

/** Makes keys of which only one tenant, `acme`, is configured. */
export const keysOver = async (
  driver: Partial<Driver> = {},
  around: (take: Source["forTenant"]) => Source["forTenant"] = (take) => take,
  onClose: () => void = () => {}
): Promise<Keys> => {
  // Without partitions the tenant uses the driver itself, whatever of it the test has replaced.
  const { partition: _, partitions: __, ...rest } = { ...MemoryDriver.make(), ...driver }
  const capabilities = { ...rest.capabilities, tenancy: "none" } as const
  const whole = { ...rest, capabilities }
  const scope = Scope.makeUnsafe()
  const options = {
    stores: {
      memory: {
        backend: whole.backend,
        capabilities,
        driver: Effect.acquireRelease(Effect.succeed(whole), () => Effect.sync(onClose))
      }
    },
    tenants: { acme: "memory" }
  }
  const stores = await Effect.runPromise(Scope.provide(KeyStores.make(options), scope))
  const source = {
    forTenant: around(stores.forTenant),
    store: (): Effect.Effect<KeyStore["Service"], ConfigurationError, Scope.Scope> => stores.forTenant("acme"),
    reload: Effect.never
  }
  return makeKeys(source, Context.empty(), scope)
}

/** Awaits what must be rejected, and gives what it was rejected with. */
export const rejection = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error("expected a rejection")
}

/** Awaits what must be rejected by a store. */
export const failure = async (promise: Promise<unknown>): Promise<KeyStoreError> => {
  const error = await rejection(promise)
  if (error instanceof KeyStoreError) return error
  throw new Error("expected a KeyStoreError", { cause: error })
}

/** Reads a listing to its end, and gives the ids. */
export const collect = async (keys: AsyncIterable<ApiKey>): Promise<ReadonlyArray<string>> => {
  const ids: Array<string> = []
  for await (const { id } of keys) ids.push(id)
  return ids
}
