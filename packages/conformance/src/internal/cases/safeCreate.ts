/** A create whose answer is lost: one live key at the most, and none that nobody holds. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { DriverError, type CreateRequest, type Driver } from "@keyfold/core/Driver"
import * as KeyStore from "@keyfold/core/KeyStore"
import { Network } from "@keyfold/core/KeyStoreError"
import * as Label from "@keyfold/core/Label"
import * as OperationId from "@keyfold/core/OperationId"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import { inGroup, type Terms } from "../definition.ts"
import { fails, isTrue, same, sameTexts } from "../expect.ts"
import { atRest, bare, baseOptions, created, settled, type Store, warm, type World } from "../world.ts"
import { interrupted } from "./interruption.ts"
import { whileFailing } from "./operations.ts"

const safeCreate = inGroup("safeCreate")

const many = 100

/** Waits until nothing can come any more, and expects exactly these keys to live. */
export const leaves = Effect.fnUntraced(function* (world: World, ids: ReadonlyArray<string>, after: string) {
  yield* atRest(world)
  yield* sameTexts(yield* world.backend.live, ids, `keys that live once nothing can come any more after ${after}`)
})

const makesOne = (what: string, begin: (world: World) => void) =>
  Effect.fnUntraced(function* (world: World) {
    yield* warm(world)
    begin(world)
    const { key, secret } = yield* world.store.create({ name: "ci" })
    yield* same(key.name, "ci", "name of the key")
    yield* same(yield* world.backend.live, [key.id], "keys that live as the create returns")
    yield* leaves(world, [key.id], what)
    yield* same((yield* world.store.get(bare(key))).status, "active", "status of the key that was returned")
    if (world.capabilities.operations.verify === "unsupported") return
    yield* same((yield* world.store.verify(secret)).valid, true, "whether the secret that was returned is valid")
  })

/** The ways an answer is lost that leave the create time to make a key all the same. */
const lost: Readonly<Record<string, (world: World) => void>> = {
  "a lost answer": ({ backend }) => backend.lose(),
  "a connection that broke before the backend acted": ({ backend }) => backend.fail({ network: "reset" }),
  "a 500 after the backend acted": ({ backend }) => backend.fail({ status: 500 }, 1, true),
  "an answer that cannot be read": ({ backend }) => backend.garble("truncated")
}

/** Lets what was held up arrive when its client has long given up, and within the bound the backend declares. */
const arrivesLate = ({ backend, capabilities }: World): Effect.Effect<void> =>
  Effect.delay(backend.release, Duration.times(capabilities.consistency.settle.within, 0.5))

const clearsLateArrival = Effect.fnUntraced(function* (world: World) {
  yield* warm(world)
  world.backend.hold()
  const { key } = yield* world.store.create({ name: "ci" })
  yield* arrivesLate(world)
  yield* leaves(world, [key.id], "a request that arrived late")
})

const interrupts = (acts: "before" | "after" | "never") =>
  Effect.fnUntraced(function* (world: World) {
    yield* warm(world)
    world.backend.hang(1, acts === "before")
    const fiber = yield* Effect.forkDetach(world.store.create({ name: "ci" }))
    yield* Effect.sleep("1 second")
    yield* interrupted(fiber)
    const exit = yield* Fiber.await(fiber)
    yield* isTrue(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause), "the create ends by interruption")
    if (acts === "after") yield* arrivesLate(world)
    yield* leaves(world, [], "an interrupted create")
  })

const runsOutOfTime = (acts: boolean) =>
  Effect.fnUntraced(function* (world: World) {
    yield* warm(world)
    const operationId = yield* OperationId.generate
    const call = world.store.create({ name: "ci" }, { operationId, within: "1 second" })
    const begin = () => world.backend.hang(many, acts)
    const started = yield* Clock.currentTimeMillis
    const error = yield* whileFailing(world, begin, fails(call, "OutcomeUnknown"))
    const lasted = (yield* Clock.currentTimeMillis) - started
    yield* isTrue(lasted <= 1500, `a create that was given a second lasted ${lasted} ms`)
    yield* same(error.operationId, operationId, "operation id of the error")
    yield* same(error.isRetryable, false, "whether the caller may simply repeat the call")
    yield* arrivesLate(world)
    yield* leaves(world, [], "a create that ran out of time")
  })

const leavesOthers = Effect.fnUntraced(function* (world: World) {
  const stranger = yield* world.open({})
  const theirs = yield* stranger.create({ name: "ci" })
  const before = yield* created(world, { name: "ci" })
  world.backend.lose()
  const { key } = yield* world.store.create({ name: "ci" })
  const ids = [theirs.key.id, before.key.id, key.id]
  yield* leaves(world, ids, "a lost create between others of its name")
})

const reset = new DriverError({ reason: new Network({}), sent: "maybe" })

/** The store's driver with another create, and the store over it. */
const over = (
  world: World,
  create: (driver: Driver) => Driver["create"]
): Effect.Effect<Store, ConfigurationError, Scope.Scope> =>
  Effect.flatMap(world.driver, (driver) => KeyStore.make({ ...driver, create: create(driver) }, baseOptions(world)))

/** Labels that look like those of a create under way and are none of it. */
const lookalikes = (label: string): ReadonlyArray<string> => {
  const { name = "", mark } = Label.read(label)
  const copied = label.slice(name.length)
  // The same nonce under another check.
  const check = mark?.check === "AAAAAA" ? "BBBBBB" : "AAAAAA"
  return [name, `theirs${copied}`, `${label.slice(0, -6)}${check}`, `${name} kf1-${"A".repeat(26)}`]
}

const believesNoCopies = Effect.fnUntraced(function* (world: World) {
  const theirs: Array<string> = []
  let requests = 0
  const plant = (driver: Driver, request: CreateRequest) =>
    Effect.forEach(lookalikes(request.label ?? ""), (label) =>
      Effect.map(
        Effect.flatMap(OperationId.generate, (operationId) => driver.create({ ...request, operationId, label })),
        (issued) => void theirs.push(issued.key.id)
      )
    )
  const store = yield* over(world, (driver) => (request) => {
    requests += 1
    return requests === 1
      ? driver.create(request).pipe(Effect.andThen(plant(driver, request)), Effect.andThen(Effect.fail(reset)))
      : driver.create(request)
  })
  const { key } = yield* store.create({ name: "ci" })
  yield* leaves(world, [...theirs, key.id], "a lost create whose mark was copied")
})

const keepsMarks = Effect.fnUntraced(function* (world: World) {
  yield* created(world, { name: "ci" })
  yield* settled(world)
  yield* same(world.store.capabilities.createSafety, "marker", "createSafety once the first mark was read back")
})

const noticesLoss = (alter: (label: string) => string | undefined) =>
  Effect.fnUntraced(
    function* (world: World) {
      let requests = 0
      const store = yield* over(world, (driver) => (request) => {
        requests += 1
        return driver.create({ ...request, label: request.label === undefined ? undefined : alter(request.label) })
      })
      const { key } = yield* store.create({ name: "ci" })
      yield* settled(world)
      yield* same(store.capabilities.createSafety, "none", "createSafety of a backend that does not keep marks")
      world.backend.lose()
      yield* fails(store.create({ name: "another" }), "OutcomeUnknown")
      yield* atRest(world)
      yield* same(requests, 2, "requests: a create that cannot be found again is not repeated")
      yield* isTrue((yield* world.backend.live).includes(key.id), "the key that was made before is left alone")
    },
    // The store warns, as it should.
    Effect.provide(Logger.layer([]))
  )

const safe = { needs: ["backend"], when: ({ createSafety }) => createSafety !== "none" } satisfies Terms

/** Where a request that its client gave up on may still be carried out. */
const patient = {
  ...safe,
  when: (capabilities) =>
    safe.when(capabilities) && Duration.isGreaterThan(capabilities.consistency.settle.within, Duration.zero)
} satisfies Terms

const marked = {
  needs: ["backend", "driver"],
  when: ({ createSafety }) => createSafety === "marker"
} satisfies Terms

/** The cases of safe create. */
export const cases = [
  ...Object.entries(lost).map(([what, begin]) =>
    safeCreate(`a create makes one key despite ${what}`, makesOne(what, begin), safe)
  ),
  safeCreate(
    "a create makes one key despite a request without an answer",
    makesOne("a request without an answer", ({ backend }) => backend.hang(1, true)),
    { ...safe, needs: ["wire"] }
  ),
  safeCreate("a request that arrives late leaves no second key", clearsLateArrival, patient),
  safeCreate("a create interrupted before the backend acts leaves no key", interrupts("never"), safe),
  safeCreate("a create interrupted after the backend acted leaves no key", interrupts("before"), safe),
  safeCreate("a request that arrives after its create was interrupted leaves no key", interrupts("after"), patient),
  safeCreate("a create that runs out of time is OutcomeUnknown and leaves no key", runsOutOfTime(true), safe),
  safeCreate("a request that arrives after its create ran out of time leaves no key", runsOutOfTime(false), patient),
  safeCreate("a create leaves the keys of others and of other operations alone", leavesOthers, safe),
  safeCreate("a copied or invented mark is not believed", believesNoCopies, marked),
  safeCreate("the mark of a new key is kept", keepsMarks, { when: marked.when }),
  safeCreate(
    "a backend that drops marks is noticed, and a create is not repeated there",
    noticesLoss((label) => Label.read(label).name),
    marked
  ),
  safeCreate(
    "a backend that cuts marks is noticed, and a create is not repeated there",
    noticesLoss((label) => label.slice(0, -1)),
    marked
  )
]
