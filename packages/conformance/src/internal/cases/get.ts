/** Finding one key. */
import { KeyId, type ApiKey } from "@keyfold/core/ApiKey"
import * as Effect from "effect/Effect"
import { inGroup } from "../definition.ts"
import { fails, same, sameTexts } from "../expect.ts"
import { bare, created, found, listed, refusedUnsent, settled, unknownRef, type World } from "../world.ts"

const get = inGroup("get")

/** What every view of one key must agree on. Only a create may know an owner that reads do not show. */
export const agree = Effect.fnUntraced(function* (actual: ApiKey, expected: ApiKey, where: string) {
  yield* same(actual.id, expected.id, `id in ${where}`)
  yield* same(actual.name, expected.name, `name in ${where}`)
  yield* same(actual.status, expected.status, `status in ${where}`)
  yield* sameTexts(actual.scopes, expected.scopes, `scopes in ${where}`)
  yield* same(actual.tags, expected.tags, `tags in ${where}`)
  yield* same(actual.expiresAt, expected.expiresAt, `expiresAt in ${where}`)
  if (actual.owner !== undefined) yield* same(actual.owner, expected.owner, `owner in ${where}`)
  if (actual.createdAt !== undefined && expected.createdAt !== undefined) {
    yield* same(actual.createdAt, expected.createdAt, `createdAt in ${where}`)
  }
})

const finds = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci" })
  yield* created(world, { name: "another" })
  yield* agree(yield* world.store.get(bare(key)), key, "get")
})

const agreesWithList = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci" })
  const inList = yield* found(yield* listed(world.store), key, "the list")
  yield* agree(yield* world.store.get(bare(key)), inList, "get, compared with list")
})

const readsItsWrites = Effect.fnUntraced(function* ({ store }: World) {
  const { key } = yield* store.create({ name: "ci" })
  yield* same((yield* store.get(bare(key))).id, key.id, "the key that was made this instant")
})

const seesRevoked = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci" })
  yield* world.store.revoke(key)
  yield* settled(world)
  yield* same((yield* world.store.get(bare(key))).status, "revoked", "status of a revoked key")
})

const hidesRevoked = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci" })
  yield* world.store.revoke(key)
  yield* settled(world)
  yield* fails(world.store.get(bare(key)), "NotFound")
})

const refusesMalformed = (world: World) =>
  Effect.forEach(
    world.samples.malformedIds,
    (id) => refusedUnsent(world, world.store.get({ id: KeyId.make(id) }), "InvalidRequest"),
    { discard: true }
  )

/** An id that `KeyId.make` would refuse, as a caller without types could pass it. */
export const emptyRef = { id: "" as KeyId }

/** The cases of get. */
export const cases = [
  get("a key is found by its id", finds),
  get("get and list agree on a key", agreesWithList),
  get("a key is found the moment it was made", readsItsWrites),
  get("an unknown id is NotFound", (world) => fails(world.store.get(unknownRef(world)), "NotFound")),
  get("an empty id is refused unsent", (world) => refusedUnsent(world, world.store.get(emptyRef), "InvalidRequest")),
  get("a malformed id is refused unsent", refusesMalformed, { when: ({ operations }) => operations.get === "native" }),
  get("a revoked key is found and says so", seesRevoked, { when: ({ getsRevoked }) => getsRevoked }),
  get("a revoked key is NotFound", hidesRevoked, { when: ({ getsRevoked }) => !getsRevoked })
]
