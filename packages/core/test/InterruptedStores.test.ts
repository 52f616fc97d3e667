import { assert, describe, it } from "@effect/vitest"
import * as KeyStores from "@keyfold/core/KeyStores"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Interrupting from "./Interrupting.ts"

/** A store that counts how often its driver is open. */
const counted = () => {
  const driver = MemoryDriver.make()
  const opened = { now: 0, ever: 0 }
  const open = Effect.sync(() => {
    opened.now++
    opened.ever++
    return driver
  })
  const definition: KeyStores.StoreDefinition = {
    backend: "memory",
    capabilities: MemoryDriver.capabilities,
    driver: Effect.acquireRelease(open, () => Effect.sync(() => opened.now--))
  }
  return { definition, opened }
}

type Work = (stores: KeyStores.KeyStores["Service"]) => Effect.Effect<unknown, unknown>

const works: ReadonlyArray<readonly [string, Work]> = [
  [
    "a tenant's store in use",
    ({ forTenant }) => Effect.scoped(Effect.flatMap(forTenant("acme"), (store) => Stream.runDrain(store.list())))
  ],
  ["a source that is read", ({ sources }) => Stream.runDrain(sources[0]?.keys() ?? Stream.empty)],
  [
    "an invalidation",
    ({ forTenant, invalidate }) => Effect.andThen(Effect.scoped(forTenant("acme")), invalidate({ store: "main" }))
  ]
]

describe("stores", () => {
  it.live.each(works)("are closed again when nobody uses them, whenever %s is interrupted", ([, work]) =>
    Effect.gen(function* () {
      const ends = yield* Interrupting.atEveryStep((step) => {
        const { definition, opened } = counted()
        return Effect.scoped(
          Effect.gen(function* () {
            const stores = yield* KeyStores.make({ stores: { main: definition }, tenants: { "*": "main" }, idle: 0 })
            const exit = yield* Interrupting.interruptedAt(step, work(stores))
            yield* Effect.sleep("20 millis")
            const left = opened.now
            // Whatever was interrupted, the next one is served.
            const isServed = yield* Effect.isSuccess(Effect.timeout(work(stores), "10 seconds"))
            return { exit, left, isServed, ever: opened.ever }
          })
        )
      })
      const damaged = ends.flatMap(({ isServed, left }, index) =>
        left === 0 && isServed
          ? []
          : [`step ${index + 1}: ${left} left open, ${isServed ? "and" : "not"} served after it`]
      )
      assert.deepStrictEqual(damaged, [])
      assert.isTrue(ends.some(({ ever, exit }) => Exit.isFailure(exit) && ever === 2))
    })
  )
})
