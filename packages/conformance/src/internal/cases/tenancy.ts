/** Tenants of one backend that keeps them apart by itself. */
import * as KeyStore from "@keyfold/core/KeyStore"
import * as Effect from "effect/Effect"
import { inGroup } from "../definition.ts"
import { fails, same } from "../expect.ts"
import { bare, baseOptions, listed, shown, type World } from "../world.ts"

const tenancy = inGroup("tenancy")

const apart = Effect.fnUntraced(function* (world: World) {
  const driver = yield* world.driver
  const of = (tenant: string) => KeyStore.make(driver, { ...baseOptions(world), tenant })
  const first = yield* of("first")
  const second = yield* of("second")
  const again = yield* of("first")
  const { key } = yield* first.create({ name: "ci" })
  yield* same(shown(yield* listed(second), [key]), [], "keys another tenant lists")
  yield* fails(second.get(bare(key)), "NotFound")
  yield* fails(second.revoke(key), "NotFound")
  yield* same(shown(yield* listed(world.store), [key]), [], "keys listed without a tenant")
  yield* same((yield* again.get(bare(key))).status, "active", "status of the key for its own tenant")
})

const undivided = Effect.fnUntraced(function* (world: World) {
  const { partition } = yield* world.driver
  yield* same(partition, undefined, "the partition of a driver whose tenancy is not native")
})

/** The cases about tenants. */
export const cases = [
  tenancy("native partitions see nothing of each other", apart, {
    needs: ["driver"],
    when: (capabilities) => capabilities.tenancy === "native"
  }),
  tenancy("a driver without native tenancy has no partitions", undivided, {
    needs: ["driver"],
    when: (capabilities) => capabilities.tenancy !== "native"
  })
]
