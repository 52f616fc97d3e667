/** Listing keys as a stream. */
import type { KeyStatus } from "@keyfold/core/ApiKey"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { inGroup } from "../definition.ts"
import { isTrue, same, sameTexts } from "../expect.ts"
import {
  created,
  createdMany,
  idsOf,
  listed,
  named,
  refusedUnsent,
  sendingNothing,
  settled,
  shown,
  timesOf,
  warm,
  type World
} from "../world.ts"

const list = inGroup("list")

const everyKeyOnce = Effect.fnUntraced(function* (world: World) {
  const keys = yield* createdMany(world, named(7))
  const all = idsOf(yield* listed(world.store))
  yield* same(new Set(all).size, all.length, "different ids among those listed")
  yield* sameTexts(shown(yield* listed(world.store), keys), idsOf(keys), "keys listed")
})

const hidesRevoked = Effect.fnUntraced(function* (world: World) {
  const [first, second, third] = yield* createdMany(world, named(3))
  if (first === undefined || second === undefined || third === undefined) return
  yield* world.store.revoke(second)
  yield* settled(world)
  const keys = yield* listed(world.store)
  yield* sameTexts(shown(keys, [first, second, third]), idsOf([first, third]), "keys listed without a status")
  const active = yield* listed(world.store, { status: "active" })
  yield* sameTexts(shown(active, [first, second, third]), idsOf([first, third]), "active keys")
})

const showsRevoked = (byOwner: boolean) =>
  Effect.fnUntraced(function* (world: World) {
    const owner = byOwner ? { owner: world.samples.owners[0] } : {}
    const [first, second] = yield* createdMany(world, [
      { name: "stays", ...owner },
      { name: "goes", ...owner }
    ])
    if (first === undefined || second === undefined) return
    yield* world.store.revoke(second)
    yield* settled(world)
    const revoked = yield* listed(world.store, { ...owner, status: "revoked" })
    yield* sameTexts(shown(revoked, [first, second]), [second.id], "revoked keys")
    yield* sameTexts([...new Set(revoked.map(({ status }) => status))], ["revoked"], "statuses of revoked keys")
    const all: ReadonlyArray<KeyStatus> = ["active", "expired", "revoked"]
    const every = yield* listed(world.store, { ...owner, status: all })
    yield* sameTexts(shown(every, [first, second]), idsOf([first, second]), "keys of any status")
  })

const selectsExpired = Effect.fnUntraced(function* (world: World) {
  const expiresAt = DateTime.add(yield* DateTime.now, { minutes: 5 })
  const lasting = yield* created(world, { name: "lasting" })
  const passing = yield* created(world, { name: "passing", expiresAt })
  yield* Effect.sleep("6 minutes")
  const ours = [lasting.key, passing.key]
  yield* sameTexts(shown(yield* listed(world.store, { status: "expired" }), ours), [passing.key.id], "expired keys")
  yield* sameTexts(shown(yield* listed(world.store, { status: "active" }), ours), [lasting.key.id], "active keys")
  yield* sameTexts(shown(yield* listed(world.store), ours), idsOf(ours), "keys listed without a status")
})

const selectsOwner = Effect.fnUntraced(function* (world: World) {
  const [ann, bob] = world.samples.owners
  const [first, second] = yield* createdMany(world, [
    { name: "first", owner: ann },
    { name: "second", owner: bob }
  ])
  if (first === undefined || second === undefined) return
  const keys = yield* listed(world.store, { owner: bob })
  yield* sameTexts(shown(keys, [first, second]), [second.id], "keys of one owner")
  yield* isTrue(
    keys.every(({ owner }) => owner === bob),
    "every key listed for an owner belongs to that owner"
  )
})

const runsAfresh = Effect.fnUntraced(function* (world: World) {
  const stream = world.store.list()
  const before = yield* Stream.runCollect(stream)
  const { key } = yield* created(world, { name: "later" })
  const after = yield* Stream.runCollect(stream)
  yield* same(shown(before, [key]).length, 0, "keys listed before one was made")
  yield* same(shown(after, [key]).length, 1, "keys listed by the same stream afterwards")
})

const isLazy = Effect.fnUntraced(function* (world: World) {
  yield* warm(world)
  const stream = yield* sendingNothing(
    world,
    Effect.sync(() => world.store.list())
  )
  const { times } = yield* timesOf(world, Stream.runDrain(stream))
  yield* isTrue(times.length > 0, "running a listing sends requests")
})

const stopsEarly = Effect.fnUntraced(function* (world: World) {
  yield* createdMany(world, named(3))
  const whole = yield* timesOf(world, Stream.runDrain(world.store.list()))
  const first = yield* timesOf(world, Stream.runCollect(Stream.take(world.store.list(), 1)))
  yield* same(first.value.length, 1, "keys taken")
  yield* isTrue(first.times.length <= whole.times.length, "a listing that is stopped sends no more than a whole one")
  yield* sendingNothing(world, Effect.sleep("1 minute"))
})

const beyondOnePage = 1001

const stopsBetweenPages = Effect.fnUntraced(function* (world: World) {
  yield* Effect.forEach(named(beyondOnePage), (spec) => world.store.create(spec), { concurrency: 50, discard: true })
  yield* settled(world)
  const first = yield* timesOf(world, Stream.runCollect(Stream.take(world.store.list(), 1)))
  yield* same(first.times.length, 1, "requests for the first key of many")
  const whole = yield* timesOf(world, listed(world.store))
  yield* same(new Set(idsOf(whole.value)).size, beyondOnePage, "different keys listed")
  yield* isTrue(whole.times.length > 1, "a natively paged listing of many keys takes more than one request")
})

/** The cases of list. */
export const cases = [
  list("every key is listed once", everyKeyOnce),
  list("revoked keys are left out unless asked for", hidesRevoked),
  list("revoked keys are listed when asked for", showsRevoked(false), {
    when: ({ listsRevoked }) => listsRevoked === "always"
  }),
  list("revoked keys of one owner are listed when asked for", showsRevoked(true), {
    when: ({ listsRevoked }) => listsRevoked === "byOwner"
  }),
  list(
    "revoked keys without an owner are Unsupported and send nothing",
    (world) => refusedUnsent(world, listed(world.store, { status: "revoked" }), "Unsupported"),
    { when: ({ listsRevoked }) => listsRevoked === "byOwner" }
  ),
  list(
    "revoked keys are Unsupported and send nothing",
    (world) => refusedUnsent(world, listed(world.store, { status: ["active", "revoked"] }), "Unsupported"),
    { when: ({ listsRevoked }) => listsRevoked === "never" }
  ),
  list("active and expired keys are told apart", selectsExpired, { when: ({ expiry }) => expiry }),
  list("an owner's keys are listed alone", selectsOwner, { when: ({ owners }) => owners !== "unsupported" }),
  list(
    "an owner is Unsupported and sends nothing",
    (world) => refusedUnsent(world, listed(world.store, { owner: "ann" }), "Unsupported"),
    { when: ({ owners }) => owners === "unsupported" }
  ),
  list("an empty list of statuses and an empty owner are refused unsent", (world) =>
    Effect.andThen(
      refusedUnsent(world, listed(world.store, { status: [] }), "InvalidRequest"),
      refusedUnsent(world, listed(world.store, { owner: "" }), "InvalidRequest")
    )
  ),
  list("a listing that runs twice reads twice", runsAfresh),
  list("nothing is sent before a listing runs", isLazy, { needs: ["backend"] }),
  list("a listing that is stopped sends nothing more", stopsEarly, { needs: ["backend"] }),
  list("native pages are asked for one by one, and no more than are consumed", stopsBetweenPages, {
    needs: ["backend"],
    when: ({ pagination }) => pagination === "native"
  })
]
