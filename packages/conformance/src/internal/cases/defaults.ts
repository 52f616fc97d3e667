/** What a store adds to every spec: default owner and scopes, and the map from portable scope names. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import { inGroup, type Terms } from "../definition.ts"
import { broken, isTrue, same, sameTexts } from "../expect.ts"
import { baseOptions, created, found, listed, on, refusedUnsent, type World } from "../world.ts"

const defaults = inGroup("defaults")

const mapOf = ({ samples }: World) => ({ look: [samples.scopes[0]], change: [samples.scopes[1]], both: samples.scopes })

interface Added {
  readonly owner?: string
  readonly scopes?: ReadonlyArray<string>
}

/** The same world over a store with more defaults than it cannot do without, and with a scope map if asked for. */
const adding = (world: World, added: Added, mapped: boolean) =>
  Effect.map(
    world.open({
      defaults: { ...baseOptions(world).defaults, ...added },
      ...(mapped ? { scopeMap: mapOf(world) } : {})
    }),
    (store) => on(world, store)
  )

const refusesConfiguration = (world: World, added: Added, mapped = false) =>
  Effect.flatMap(Effect.result(adding(world, added, mapped)), (result) =>
    result._tag === "Success"
      ? broken("the store boots with defaults it cannot honour")
      : isTrue(result.failure instanceof ConfigurationError, "a ConfigurationError was expected")
  )

const defaultOwner = Effect.fnUntraced(function* (world: World) {
  const [asked, usual] = world.samples.owners
  const other = yield* adding(world, { owner: usual }, false)
  const without = yield* created(other, { name: "ci" })
  yield* same(without.key.owner, usual, "owner of a key created without one")
  const within = yield* created(other, { name: "ci", owner: asked })
  yield* same(within.key.owner, asked, "owner of a key created with one")
})

const defaultScopes = Effect.fnUntraced(function* (world: World) {
  const [asked, usual] = world.samples.scopes
  const other = yield* adding(world, { scopes: [usual] }, false)
  yield* sameTexts((yield* created(other, { name: "ci" })).key.scopes, [usual], "scopes of a key created without any")
  yield* sameTexts((yield* created(other, { scopes: [asked] })).key.scopes, [asked], "scopes of a key created with one")
  yield* sameTexts((yield* created(other, { scopes: [] })).key.scopes, [], "scopes of a key created with an empty list")
})

const translates = Effect.fnUntraced(function* (world: World) {
  const other = yield* adding(world, { scopes: ["look"] }, true)
  const usual = yield* created(other, { name: "ci" })
  yield* sameTexts(usual.key.scopes, ["look"], "portable scopes of a key created without any")
  const { key } = yield* created(other, { name: "ci", scopes: ["both"] })
  const names = ["both", "change", "look"]
  yield* sameTexts(key.scopes, names, "portable scopes as created")
  yield* sameTexts((yield* other.store.get(key)).scopes, names, "portable scopes as read")
  yield* sameTexts(
    (yield* found(yield* listed(other.store), key, "the list")).scopes,
    names,
    "portable scopes as listed"
  )
})

const sendsNative = Effect.fnUntraced(function* (world: World) {
  const mapped = yield* adding(world, {}, true)
  const { key } = yield* created(mapped, { name: "ci", scopes: ["look"] })
  yield* sameTexts((yield* world.store.get(key)).scopes, [world.samples.scopes[0]], "scopes as the backend knows them")
})

const refusesUnmapped = Effect.fnUntraced(function* (world: World) {
  const { store } = yield* adding(world, {}, true)
  const error = yield* refusedUnsent(world, store.create({ scopes: ["look", "no-such-name"] }), "InvalidRequest")
  yield* isTrue(error.reason.message.includes("no-such-name"), "the error names the unknown scope")
  yield* isTrue(error.reason.message.includes("change"), "the error names what is accepted")
})

const needsOwner = Effect.fnUntraced(function* (world: World) {
  const result = yield* Effect.result(world.open({ defaults: {} }))
  yield* isTrue(
    result._tag === "Failure" && result.failure instanceof ConfigurationError,
    "a store without the default owner its backend needs refuses to boot"
  )
})

/** Keys without scopes may do everything; a map from a portable name to nothing is how a store accepts that. */
const acceptsConsent = Effect.fnUntraced(function* (world: World) {
  const { defaults = {} } = baseOptions(world)
  const store = yield* world.open({ defaults: { ...defaults, scopes: ["look"] }, scopeMap: { look: [], change: [] } })
  const other = on(world, store)
  yield* created(other, { name: "by default" })
  const { key } = yield* created(other, { name: "asked for", scopes: ["change"] })
  yield* same(key.scopes, [], "scopes of a key where keys have none")
  yield* refusedUnsent(world, store.create({ scopes: ["look", "elsewhere"] }), "Unsupported")
})

const owned = { needs: ["options"], when: ({ owners }) => owners !== "unsupported" } satisfies Terms
const unowned = { needs: ["options"], when: ({ owners }) => owners === "unsupported" } satisfies Terms
const scoped = { needs: ["options"], when: ({ scopes }) => scopes } satisfies Terms
const unscoped = { needs: ["options"], when: ({ scopes }) => !scopes } satisfies Terms

/** The cases of store defaults and scope maps. */
export const cases = [
  defaults("the default owner is used where the spec names none", defaultOwner, owned),
  defaults(
    "a default owner keeps a store without owners from booting",
    (world) => refusesConfiguration(world, { owner: "ann" }),
    unowned
  ),
  defaults("a store without the default owner it needs does not boot", needsOwner, {
    needs: ["options"],
    when: ({ owners }) => owners === "required"
  }),
  defaults("the default scopes are used where the spec names none, and only there", defaultScopes, scoped),
  defaults(
    "default scopes keep a store without scopes from booting",
    (world) => refusesConfiguration(world, { scopes: ["look"] }),
    unscoped
  ),
  defaults("portable scopes that the map gives nothing are accepted where keys have none", acceptsConsent, unscoped),
  defaults("portable scope names are translated there and back", translates, scoped),
  defaults("the backend is sent its own names of mapped scopes", sendsNative, {
    ...scoped,
    needs: ["options", "backend"]
  }),
  defaults("a scope that is not in the map is refused unsent", refusesUnmapped, scoped),
  defaults(
    "a default that is not in the map keeps the store from booting",
    (world) => refusesConfiguration(world, { scopes: ["nowhere"] }, true),
    scoped
  )
]
