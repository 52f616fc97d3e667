/** Many calls at once. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { inGroup } from "../definition.ts"
import { mayForget } from "./revoke.ts"
import { isTrue, same, sameTexts } from "../expect.ts"
import { bare, created, createdMany, idsOf, listed, named, settled, shown, timesOf, type World } from "../world.ts"

const concurrency = inGroup("concurrency")

const together = { concurrency: "unbounded" } as const

const creates = Effect.fnUntraced(function* (world: World) {
  const issued = yield* Effect.forEach(named(20), (spec) => world.store.create(spec), together)
  const keys = issued.map(({ key }) => key)
  yield* same(new Set(idsOf(keys)).size, 20, "different ids of 20 keys made at once")
  yield* same(new Set(issued.map(({ secret }) => Redacted.value(secret))).size, 20, "different secrets")
  yield* same(
    keys.map(({ name }) => name),
    named(20).map(({ name }) => name),
    "names: each answer belongs to its call"
  )
  yield* settled(world)
  yield* sameTexts(shown(yield* listed(world.store), keys), idsOf(keys), "keys listed afterwards")
})

const gets = Effect.fnUntraced(function* (world: World) {
  const keys = yield* createdMany(world, named(10))
  const many = [...keys, ...keys, ...keys]
  const got = yield* Effect.forEach(many, (key) => world.store.get(bare(key)), together)
  yield* same(idsOf(got), idsOf(many), "ids of 30 keys read at once: each answer belongs to its call")
})

const batches = Effect.fnUntraced(function* (world: World) {
  const keys = yield* createdMany(world, named(10))
  const { times } = yield* timesOf(
    world,
    Effect.forEach(keys, (key) => world.store.get(bare(key)), together)
  )
  yield* isTrue(times.length <= 2, `10 derived gets at once are answered from one list, not from ${times.length}`)
})

const revokes = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci" })
  const results = yield* Effect.forEach([1, 2, 3, 4, 5], () => Effect.result(world.store.revoke(key)), together)
  yield* isTrue(
    results.some((result) => result._tag === "Success"),
    "at least one of five revocations succeeds"
  )
  for (const result of results) {
    if (result._tag === "Failure" && !mayForget(world, result.failure)) yield* result.failure
  }
  yield* settled(world)
  yield* same(shown(yield* listed(world.store), [key]), [], "keys listed after five revocations at once")
})

/** The cases about concurrency. */
export const cases = [
  concurrency("keys made at once are as many keys", creates),
  concurrency("keys read at once are told apart", gets),
  concurrency("derived gets that wait together share a list", batches, {
    needs: ["backend"],
    when: ({ operations }) => operations.get === "derived"
  }),
  concurrency("one key revoked many times at once is revoked", revokes)
]
