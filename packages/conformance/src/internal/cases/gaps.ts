/** What a driver declares it cannot do: with the guard lifted, it must not be able to. */
import type { Capabilities } from "@keyfold/core/Capabilities"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { inGroup, type Terms } from "../definition.ts"
import { isTrue, same } from "../expect.ts"
import { bare, baseOptions, created, listed, on, settled, shown, type World } from "../world.ts"

const gaps = inGroup("gaps")

/** The same world over a store that believes its driver to be able to do more. */
const lifted = Effect.fnUntraced(function* (world: World, more: Partial<Capabilities>) {
  const driver = yield* world.driver
  const store = yield* KeyStore.make(
    { ...driver, capabilities: { ...driver.capabilities, ...more } },
    baseOptions(world)
  )
  return on(world, store)
})

/** Reads a key back, or gives nothing where the driver refuses: a refusal is an honest gap too. */
const readBack = (world: World, spec: Parameters<typeof created>[1]) =>
  Effect.orElseSucceed(
    Effect.flatMap(created(world, spec), ({ key }) => world.store.get(bare(key))),
    () => undefined
  )

const noExpiry = Effect.fnUntraced(function* (world: World) {
  const expiresAt = DateTime.add(yield* DateTime.now, { minutes: 5 })
  const key = yield* readBack(yield* lifted(world, { expiry: true }), { name: "ci", expiresAt })
  yield* same(key?.expiresAt, undefined, "expiresAt of a key on a backend declared without expiry")
})

const noTags = Effect.fnUntraced(function* (world: World) {
  const key = yield* readBack(yield* lifted(world, { tags: true }), { name: "ci", tags: { team: "platform" } })
  yield* same(key?.tags ?? {}, {}, "tags of a key on a backend declared without tags")
})

const noScopes = Effect.fnUntraced(function* (world: World) {
  const scopes = world.samples.scopes
  const key = yield* readBack(yield* lifted(world, { scopes: true }), { name: "ci", scopes })
  yield* same(key?.scopes ?? [], [], "scopes of a key on a backend declared without scopes")
})

const noOwners = Effect.fnUntraced(function* (world: World) {
  const owner = world.samples.owners[1]
  const key = yield* readBack(yield* lifted(world, { owners: "optional" }), { name: "ci", owner })
  yield* isTrue(key?.owner !== owner, "owners are declared unsupported, but one reads back as it was given")
})

const hidesRevoked = Effect.fnUntraced(function* (world: World) {
  const open = yield* lifted(world, { listsRevoked: "always" })
  const { key } = yield* created(open, { name: "ci" })
  yield* open.store.revoke(key)
  yield* settled(world)
  const keys = yield* listed(open.store, { status: "revoked" })
  yield* same(shown(keys, [key]), [], "revoked keys listed without an owner by a backend declared to hide them")
})

const functions = ["get", "usage", "verify"] as const

const hasWhatItSays = Effect.fnUntraced(function* (world: World) {
  const driver = yield* world.driver
  for (const name of functions) {
    const native = world.capabilities.operations[name] === "native"
    yield* same(
      driver[name] !== undefined,
      native,
      `whether the driver has ${name}, declared ${world.capabilities.operations[name]}`
    )
  }
  yield* same(
    driver.findOperation !== undefined,
    world.capabilities.createSafety === "idempotent",
    `whether the driver has findOperation, with createSafety ${world.capabilities.createSafety}`
  )
  yield* same(driver.list.kind === "pages", world.capabilities.pagination === "native", "whether the driver pages")
})

const gap = (when: Terms["when"]): Terms => ({ needs: ["driver"], ...(when === undefined ? {} : { when }) })

/** The cases about declared gaps. */
export const cases = [
  gaps("a driver has a function exactly where its operation is native", hasWhatItSays, gap(undefined)),
  gaps(
    "a backend declared without expiry keeps none",
    noExpiry,
    gap(({ expiry }) => !expiry)
  ),
  gaps(
    "a backend declared without tags keeps none",
    noTags,
    gap(({ tags }) => !tags)
  ),
  gaps(
    "a backend declared without scopes keeps none",
    noScopes,
    gap(({ scopes }) => !scopes)
  ),
  gaps(
    "a backend declared without owners keeps none",
    noOwners,
    gap(({ owners }) => owners === "unsupported")
  ),
  gaps(
    "a backend declared to hide revoked keys lists none",
    hidesRevoked,
    gap(({ listsRevoked }) => listsRevoked !== "always")
  )
]
