import { assert, describe, it } from "@effect/vitest"
import type * as Gateway from "@keyfold/gateway/Gateway"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import { keyfoldUntil } from "./Keyfold.ts"
import { gatewayFolder, until } from "./Served.ts"

const renewals = vi.hoisted(() => ({ count: 0 }))

/** The gateway as it is, but for a certificate of which only the renewals are counted. */
vi.mock("@keyfold/gateway/Gateway", async (original) => {
  const actual = await original<typeof Gateway>()
  const renew = Effect.sync(() => void (renewals.count += 1))
  const serve: typeof actual.serve = (options) => Effect.map(actual.serve(options), (served) => ({ ...served, renew }))
  return { ...actual, serve }
})

const stores = [
  `stores: { local: { adapter: sql, url: "sqlite:data/keyfold.db", pepper: { file: ./secrets/pepper } } }`,
  "tenants: { acme: local }"
]

describe("keyfold serve", () => {
  it.live("has the certificate read again at each SIGHUP", () =>
    Effect.gen(function* () {
      const folder = yield* gatewayFolder(stores)
      yield* keyfoldUntil(["serve", "--json"], "\n", { folder })
      for (const times of [1, 2]) {
        process.emit("SIGHUP", "SIGHUP")
        yield* until("the certificate was read again", () => renewals.count === times)
      }
      assert.strictEqual(renewals.count, 2)
    }).pipe(Effect.scoped)
  )
})
