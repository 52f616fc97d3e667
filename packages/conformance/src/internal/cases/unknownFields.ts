/** Answers of a backend that has moved on: new fields and new words break nothing. */
import * as Effect from "effect/Effect"
import { inGroup } from "../definition.ts"
import { broken, isTrue, same } from "../expect.ts"
import { bare, created, found, listed, settled, shown, type World } from "../world.ts"

const unknownFields = inGroup("unknownFields")

const grown = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { addUnknown } = world.backend
    return addUnknown === undefined ? Effect.die("the backend adds no unknown fields") : Effect.sync(addUnknown)
  })

const reads = Effect.fnUntraced(function* (world: World) {
  const scopes = world.capabilities.scopes ? { scopes: [world.samples.scopes[0]] } : {}
  const { key } = yield* created(world, { name: "before", ...scopes })
  yield* grown(world)
  const views = [yield* world.store.get(bare(key)), yield* found(yield* listed(world.store), key, "the list")]
  for (const view of views) {
    yield* same(view.name, "before", "name")
    yield* same(view.status, "active", "status")
    yield* isTrue(
      key.scopes.every((scope) => view.scopes.includes(scope)),
      "the scopes that were known before are still there"
    )
  }
  if (world.capabilities.operations.usage !== "unsupported") yield* world.store.usage(bare(key))
})

const writes = Effect.fnUntraced(function* (world: World) {
  yield* grown(world)
  const { key, secret } = yield* created(world, { name: "after" })
  yield* same(key.name, "after", "name of a key made by the newer backend")
  if (world.capabilities.operations.verify !== "unsupported") {
    yield* same((yield* world.store.verify(secret)).valid, true, "whether its secret is valid")
  }
  yield* world.store.revoke(bare(key))
  yield* settled(world)
  yield* same(shown(yield* listed(world.store), [key]), [], "keys listed after its revocation")
})

const keepsWords = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci", scopes: [world.samples.scopes[0]] })
  yield* grown(world)
  const { scopes } = yield* world.store.get(bare(key))
  if (!scopes.some((scope) => !key.scopes.includes(scope))) {
    yield* broken("a scope this version does not know is shown as it came")
  }
})

/** The cases about what a backend may add. */
export const cases = [
  unknownFields("reads survive fields and words nobody has heard of", reads, { needs: ["wire"] }),
  unknownFields("writes survive fields and words nobody has heard of", writes, { needs: ["wire"] }),
  unknownFields("a scope nobody has heard of is shown as it came", keepsWords, {
    needs: ["wire"],
    when: ({ scopes }) => scopes
  })
]
