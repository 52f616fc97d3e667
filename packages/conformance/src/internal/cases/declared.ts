/** What a store says about itself. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { unmet, type Requirements } from "@keyfold/core/Capabilities"
import * as Effect from "effect/Effect"
import { inGroup } from "../definition.ts"
import { broken, isTrue, same } from "../expect.ts"
import type { World } from "../world.ts"

const declared = inGroup("declared")

const everything = {
  get: true,
  usage: true,
  exactUsage: true,
  verify: true,
  identify: true,
  listRevoked: true,
  getRevoked: true,
  expiry: true,
  scopes: true,
  owners: true,
  tags: true,
  revokeAny: true,
  safeCreate: true,
  nativePagination: true
} satisfies Requirements

const statesEachFlag = ({ capabilities, store }: World) =>
  Effect.forEach(
    Object.keys(capabilities) as Array<keyof typeof capabilities>,
    (flag) => same(store.capabilities[flag], capabilities[flag], `capabilities.${flag} of the store`),
    { discard: true }
  )

const refusesToBoot = (world: World) => {
  const missing = unmet(world.capabilities, everything)
  return Effect.forEach(
    missing,
    (name) =>
      world.open({ require: { [name]: true } }).pipe(
        Effect.result,
        Effect.flatMap((result) =>
          result._tag === "Success"
            ? broken(`the store boots although it cannot meet require.${name}`)
            : isTrue(result.failure instanceof ConfigurationError, "a ConfigurationError was expected")
        )
      ),
    { discard: true }
  )
}

const bootsWithWhatItMeets = (world: World) => {
  const missing = new Set<string>(unmet(world.capabilities, everything))
  const met = Object.fromEntries(Object.keys(everything).flatMap((name) => (missing.has(name) ? [] : [[name, true]])))
  return world.open({ require: met })
}

/** The cases about declarations themselves. */
export const cases = [
  declared("the store declares exactly the capabilities it is documented with", statesEachFlag),
  declared("a requirement that is not met keeps the store from booting", refusesToBoot, {
    needs: ["options"],
    when: (capabilities) => unmet(capabilities, everything).length > 0
  }),
  declared("a store boots with every requirement it meets", bootsWithWhatItMeets, { needs: ["options"] })
]
