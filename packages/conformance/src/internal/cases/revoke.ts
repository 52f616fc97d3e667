/** Withdrawing keys. */
import { KeyId, type ApiKey, type KeyRef } from "@keyfold/core/ApiKey"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { inGroup } from "../definition.ts"
import { broken, fails, isTrue, same, sameTexts } from "../expect.ts"
import {
  bare,
  created,
  createdMany,
  found,
  idsOf,
  listed,
  named,
  refusedUnsent,
  revoked,
  settled,
  shown,
  unknownRef,
  type World
} from "../world.ts"
import { emptyRef } from "./get.ts"

const revoke = inGroup("revoke")

const leavesTheList = Effect.fnUntraced(function* (world: World) {
  const keys = yield* createdMany(world, named(3))
  const [first, second, third] = keys
  if (first === undefined || second === undefined || third === undefined) return
  const revocation = yield* world.store.revoke(second)
  yield* same(revocation.id, second.id, "id of the revocation")
  yield* isTrue(revocation.alreadyRevoked !== true, "a first revocation was not made before")
  yield* settled(world)
  yield* sameTexts(shown(yield* listed(world.store), keys), idsOf([first, third]), "keys listed afterwards")
})

const statesLag = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci" })
  const { effectiveWithin } = yield* world.store.revoke(key)
  yield* same(effectiveWithin, world.capabilities.revocationLag.within, "effectiveWithin of a revocation")
})

const takesEither = Effect.fnUntraced(function* (world: World) {
  const [first, second] = yield* createdMany(world, named(2))
  if (first === undefined || second === undefined) return
  yield* world.store.revoke(first)
  yield* world.store.revoke(bare(second))
  yield* settled(world)
  yield* same(shown(yield* listed(world.store), [first, second]), [], "keys listed afterwards")
})

const revokesAtOnce = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* world.store.create({ name: "ci" })
  yield* world.store.revoke(bare(key))
  yield* settled(world)
  yield* same(shown(yield* listed(world.store), [key]), [], "keys listed after the revocation of a brand-new one")
})

/** Where nobody says how a backend answers for an unknown id, it may answer so for a revoked one. */
export const mayForget = ({ capabilities }: World, { reason }: KeyStoreError): boolean =>
  capabilities.revokeUnknown === "undocumented" && reason._tag === "NotFound"

const revokesTwice = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci" })
  yield* world.store.revoke(key)
  yield* revoked(world)
  const again = yield* Effect.result(world.store.revoke(key))
  if (again._tag === "Success") yield* same(again.success.id, key.id, "id of the second revocation")
  else if (!mayForget(world, again.failure)) yield* again.failure
  yield* settled(world)
  yield* same(shown(yield* listed(world.store), [key]), [], "keys listed afterwards")
})

/** Reads a revoked key where the backend shows one at all. */
const recordOf = Effect.fnUntraced(function* (world: World, key: ApiKey) {
  if (world.capabilities.getsRevoked) return yield* world.store.get(bare(key))
  const owner = key.owner === undefined ? {} : { owner: key.owner }
  return yield* found(yield* listed(world.store, { status: "revoked", ...owner }), key, "the list of revoked keys")
})

const revokedTwice = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci" })
  yield* world.store.revoke(key)
  yield* revoked(world)
  const first = yield* recordOf(world, key)
  yield* Effect.sleep("90 seconds")
  yield* world.store.revoke(key)
  yield* revoked(world)
  return { first, second: yield* recordOf(world, key) }
})

const leavesRecord = (world: World) =>
  Effect.flatMap(revokedTwice(world), ({ first, second }) =>
    same(second, first, "the record after a second revocation")
  )

const movesRecord = (world: World) =>
  Effect.flatMap(revokedTwice(world), ({ first, second }) =>
    isTrue(
      JSON.stringify(second) !== JSON.stringify(first),
      "repeatedRevoke is movesTime, but a second revocation changes nothing"
    )
  )

const revokedNow = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci" })
  const now = yield* DateTime.now
  yield* world.store.revoke(key)
  yield* settled(world)
  const record = yield* recordOf(world, key)
  yield* same(record.status, "revoked", "status of a revoked key")
  const late = record.revokedAt === undefined ? 0 : record.revokedAt.epochMilliseconds - now.epochMilliseconds
  yield* isTrue(Math.abs(late) <= 2000, `revokedAt is ${late} ms away from the time of the revocation`)
})

const refusesMalformed = (world: World) =>
  Effect.forEach(
    world.samples.malformedIds,
    (id) => refusedUnsent(world, world.store.revoke({ id: KeyId.make(id) }), "InvalidRequest"),
    { discard: true }
  )

const isLive = (world: World, { id }: KeyRef) => Effect.map(world.backend.live, (live) => live.includes(id))

const foreignKey = (world: World): Effect.Effect<KeyRef> =>
  world.backend.foreignKey ?? Effect.die("the backend offers no foreign key")

const revokesForeign = Effect.fnUntraced(function* (world: World) {
  const key = yield* foreignKey(world)
  yield* settled(world)
  yield* world.store.revoke(bare(key))
  yield* settled(world)
  yield* same(shown(yield* listed(world.store), [key]), [], "keys listed after the revocation of a foreign one")
})

const leavesForeign = Effect.fnUntraced(function* (world: World) {
  const key = yield* foreignKey(world)
  yield* settled(world)
  yield* fails(world.store.revoke(bare(key)), "NotFound", "PermissionDenied")
  yield* settled(world)
  yield* same(shown(yield* listed(world.store), [key]), [key.id], "foreign keys that are still listed")
})

/** A "not found" that proves nothing: the owner is wrong, or the key belongs to somebody else. */
const wronglyNotFound = Effect.fnUntraced(function* (world: World) {
  const [ann, bob] = world.samples.owners
  const { key } = yield* created(world, { name: "ci", owner: ann })
  const result = yield* Effect.result(world.store.revoke({ id: key.id, owner: bob }))
  const live = yield* isLive(world, key)
  if (result._tag === "Failure" && result.failure.reason._tag !== "NotFound") return yield* result.failure
  if (result._tag === "Success" && live)
    return yield* broken("a revocation under a wrong owner succeeds and does nothing")
  return live
})

const isExact = (world: World) =>
  Effect.flatMap(wronglyNotFound(world), (wrong) =>
    isTrue(!wrong, "revokeUnknown is notFound, but a key that exists is NotFound under a wrong owner")
  )

const isAmbiguous = (world: World) =>
  Effect.flatMap(wronglyNotFound(world), (wrong) =>
    isTrue(wrong, "revokeUnknown is ambiguous, but no key that exists is NotFound")
  )

/** The cases of revoke. */
export const cases = [
  revoke("a revoked key leaves the list, and no other does", leavesTheList),
  revoke("a revocation says how long the secret may still be accepted", statesLag),
  revoke("a key is revoked by its id alone as well", takesEither),
  revoke("a key is revoked the moment it was made", revokesAtOnce),
  revoke("revoking twice succeeds, or finds nothing where unknown ids are undocumented", revokesTwice),
  revoke("a second revocation leaves the record alone", leavesRecord, {
    when: (capabilities) =>
      capabilities.repeatedRevoke === "unchanged" && (capabilities.getsRevoked || capabilities.listsRevoked !== "never")
  }),
  revoke("a second revocation changes the record", movesRecord, {
    when: (capabilities) =>
      capabilities.repeatedRevoke === "movesTime" && (capabilities.getsRevoked || capabilities.listsRevoked !== "never")
  }),
  revoke("a time of revocation is the time of the revocation", revokedNow, {
    when: ({ getsRevoked, listsRevoked }) => getsRevoked || listsRevoked !== "never"
  }),
  revoke("an unknown id is NotFound", (world) => fails(world.store.revoke(unknownRef(world)), "NotFound"), {
    when: ({ revokeUnknown }) => revokeUnknown !== "undocumented"
  }),
  revoke("an empty id is refused unsent", (world) =>
    refusedUnsent(world, world.store.revoke(emptyRef), "InvalidRequest")
  ),
  revoke("a malformed id is refused unsent", refusesMalformed),
  revoke("a key that others made is revoked too", revokesForeign, {
    needs: ["foreignKey"],
    when: ({ revokes }) => revokes === "any"
  }),
  revoke("a key that others made cannot be revoked and stays", leavesForeign, {
    needs: ["foreignKey"],
    when: ({ revokes }) => revokes === "ownCreationsOnly"
  }),
  revoke("a key that exists is never NotFound, whatever owner is given", isExact, {
    needs: ["backend"],
    when: ({ owners, revokeUnknown }) => revokeUnknown === "notFound" && owners !== "unsupported"
  }),
  revoke("a key that exists is NotFound under a wrong owner", isAmbiguous, {
    needs: ["backend"],
    when: ({ owners, revokeUnknown }) => revokeUnknown === "ambiguous" && owners !== "unsupported"
  })
]
