/** Reading a key's id from its secret, without asking anybody. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { inGroup } from "../definition.ts"
import { same } from "../expect.ts"
import { created, revoked, sendingNothing, type World } from "../world.ts"

const identify = inGroup("identify")

const idIn = (world: World, secret: Redacted.Redacted<string>) =>
  Option.getOrUndefined(Option.map(world.store.identify(secret), ({ id }) => id))

const reads = Effect.fnUntraced(function* (world: World) {
  const first = yield* created(world, { name: "first" })
  const second = yield* created(world, { name: "second" })
  yield* same(idIn(world, first.secret), first.key.id, "id read from the first secret")
  yield* same(idIn(world, second.secret), second.key.id, "id read from the second secret")
})

const readsRevoked = Effect.fnUntraced(function* (world: World) {
  const { key, secret } = yield* created(world, { name: "ci" })
  yield* world.store.revoke(key)
  yield* revoked(world)
  yield* same(idIn(world, secret), key.id, "id read from the secret of a revoked key")
})

const asksNobody = Effect.fnUntraced(function* (world: World) {
  const { secret } = yield* created(world, { name: "ci" })
  yield* sendingNothing(
    world,
    Effect.andThen(
      Effect.sync(() => world.store.identify(secret)),
      Effect.sleep("1 minute")
    )
  )
})

const strangers = [
  "",
  "nonsense",
  "two words",
  "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
  "AKIAIOSFODNN7EXAMPLE",
  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
  "x".repeat(2000)
]

const leavesStrangers = (world: World) =>
  Effect.forEach(
    [...strangers, ...world.samples.foreignSecrets],
    (text, index) => same(idIn(world, Redacted.make(text)), undefined, `id read from foreign secret ${index + 1}`),
    { discard: true }
  )

const readsNothing = Effect.fnUntraced(function* (world: World) {
  const { secret } = yield* created(world, { name: "ci" })
  yield* same(idIn(world, secret), undefined, "id read where the store declares that secrets carry none")
})

/** The cases of identify. */
export const cases = [
  identify("the id is read from the secret of a key", reads, { when: (capabilities) => capabilities.identify }),
  identify("the id is read from the secret of a revoked key", readsRevoked, {
    when: (capabilities) => capabilities.identify
  }),
  identify("reading an id sends nothing", asksNobody, { needs: ["backend"] }),
  identify("no id is read from foreign secrets", leavesStrangers),
  identify("no id is read where secrets carry none", readsNothing, { when: (capabilities) => !capabilities.identify })
]
