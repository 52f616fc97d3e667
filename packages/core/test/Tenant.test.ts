import { assert, describe, it } from "@effect/vitest"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { capabilitiesWith, recorded } from "./RecordedDriver.ts"

describe("a store of one tenant", () => {
  it.effect("sees its own keys and no others, whichever operation is asked", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const acme = yield* KeyStore.make(driver, { tenant: "acme" })
      const globex = yield* KeyStore.make(driver, { tenant: "globex" })
      const { key, secret } = yield* acme.create({ name: "of acme" })
      assert.deepStrictEqual(yield* Stream.runCollect(globex.list()), [])
      const foreign = [
        Effect.asVoid(globex.get(key)),
        Effect.asVoid(globex.revoke(key)),
        Effect.asVoid(globex.usage(key))
      ]
      for (const call of foreign) assert.strictEqual((yield* Effect.flip(call)).reason._tag, "NotFound")
      assert.deepStrictEqual(yield* globex.verify(secret), { valid: false, reason: "unknown" })
      assert.strictEqual((yield* acme.get(key)).status, "active")
    })
  )

  it.effect("does not boot on a backend that keeps no tenants apart, or without a name", () =>
    Effect.gen(function* () {
      const shared = recorded({ capabilities: capabilitiesWith({ tenancy: "label" }) })
      const refusal = yield* Effect.flip(KeyStore.make(shared.driver, { tenant: "acme" }))
      assert.instanceOf(refusal, ConfigurationError)
      assert.match(String(refusal), /tenant: fake does not keep tenants apart/)
      const empty = yield* Effect.flip(KeyStore.make(MemoryDriver.make(), { tenant: "" }))
      assert.strictEqual(empty.field, "tenant")
    })
  )
})
