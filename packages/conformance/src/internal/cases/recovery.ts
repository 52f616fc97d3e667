/** What a journal keeps, and what can be finished of creates whose process is gone. */
import type { KeyId } from "@keyfold/core/ApiKey"
import type { Driver } from "@keyfold/core/Driver"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as OperationId from "@keyfold/core/OperationId"
import * as Sink from "@keyfold/core/Sink"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { inGroup, type Terms } from "../definition.ts"
import { broken, fails, isTrue, same } from "../expect.ts"
import { lasting, baseOptions, created, idsOf, refusedUnsent, settled, type World } from "../world.ts"
import { interrupted } from "./interruption.ts"
import { leaves } from "./safeCreate.ts"

const recovery = inGroup("recovery")

/** A store with a journal of its own, and what opens others over both. */
const journaled = Effect.fnUntraced(function* (world: World) {
  const journal = yield* Journal.memory
  const open = (options: KeyStore.StoreOptions = {}) =>
    Effect.provideService(world.open(options), Journal.Journal, journal)
  return { journal, open, store: yield* open() }
})

type Journaled = Effect.Success<ReturnType<typeof journaled>>

const stateOf = Effect.fnUntraced(function* ({ journal, store }: Journaled, operationId: OperationId.OperationId) {
  const record = yield* journal.find({ store: store.store, operationId })
  return record?.state
})

/** A driver whose process dies once a key is made: what is under way then never ends. */
const dying = (driver: Driver): Driver => ({
  ...driver,
  create: (request) => Effect.andThen(driver.create(request), Effect.never),
  ...(driver.findOperation === undefined ? {} : { findOperation: () => Effect.never }),
  list:
    driver.list.kind === "pages"
      ? { kind: "pages", page: () => Effect.never }
      : { kind: "stream", open: () => Stream.never },
  revoke: () => Effect.never
})

/** Leaves a key that nobody holds, as a process does that dies in the middle of a create; gives the key's id. */
const abandoned = Effect.fnUntraced(function* (
  world: World,
  { journal }: Journaled,
  operationId: OperationId.OperationId
) {
  const before = yield* world.backend.live
  // A process that is gone closes nothing.
  const store = yield* KeyStore.make(dying(yield* world.driver), baseOptions(world)).pipe(
    Effect.provideService(Journal.Journal, journal),
    Effect.provideService(Scope.Scope, yield* Scope.make())
  )
  yield* Effect.forkDetach(store.create({ name: "ci" }, { operationId }))
  yield* Effect.sleep("1 second")
  const [id] = (yield* world.backend.live).filter((live) => !before.includes(live))
  return id === undefined ? yield* broken("a create under way has made a key") : id
})

/** The longest that the lease of a create lasts, with the time until what it made is seen. */
const longestLease = ({ capabilities: { consistency } }: World): Duration.Duration =>
  lasting(consistency.settle.within, consistency.visibility.within, Duration.seconds(31))

/** Waits until the lease of a create that began a moment ago has run out. */
const leaseOver = (world: World): Effect.Effect<void> => Effect.sleep(longestLease(world))

const repeats = Effect.fnUntraced(function* (world: World) {
  const { store } = yield* journaled(world)
  const operationId = yield* OperationId.generate
  const { key } = yield* store.create({ name: "ci" }, { operationId })
  for (const wait of [Effect.void, leaseOver(world)]) {
    yield* wait
    const error = yield* fails(store.create({ name: "ci" }, { operationId }), "Conflict")
    const existing = error.reason._tag === "Conflict" ? error.reason.existing?.id : undefined
    yield* same(existing, key.id, "the existing key the conflict names")
  }
  yield* leaves(world, [key.id], "further creates")
})

const excludes = Effect.fnUntraced(function* (world: World) {
  const { open, store } = yield* journaled(world)
  const other = yield* open()
  const operationId = yield* OperationId.generate
  world.backend.hang(1, true)
  const fiber = yield* Effect.forkDetach(store.create({ name: "ci" }, { operationId }))
  yield* Effect.sleep("1 second")
  const made = yield* world.backend.live
  yield* fails(other.create({ name: "ci" }, { operationId }), "Conflict")
  yield* same((yield* other.recover(operationId)).kind, "underWay", "what recover finds")
  yield* same((yield* other.sweepOrphans()).orphans, [], "orphans a sweep finds")
  yield* same(yield* world.backend.live, made, "keys that live")
  yield* interrupted(fiber)
  yield* leaves(world, [], "an interrupted create")
  const { key } = yield* other.create({ name: "ci" }, { operationId })
  yield* leaves(world, [key.id], "a create under an operation id that left nothing before")
})

const recovers = Effect.fnUntraced(function* (world: World) {
  const at = yield* journaled(world)
  const operationId = yield* OperationId.generate
  const orphan = yield* abandoned(world, at, operationId)
  yield* leaseOver(world)
  const found = yield* at.store.recover(operationId)
  yield* same(found.kind === "cleared" ? idsOf(found.revoked) : found.kind, [orphan], "keys that recover revoked")
  yield* same(yield* world.backend.live, [], "keys that live")
  const { key } = yield* at.store.create({ name: "ci" }, { operationId })
  yield* leaves(world, [key.id], "a create under a recovered operation id")
})

const takesOver = Effect.fnUntraced(function* (world: World) {
  const at = yield* journaled(world)
  const operationId = yield* OperationId.generate
  yield* abandoned(world, at, operationId)
  yield* leaseOver(world)
  const { key } = yield* at.store.create({ name: "ci" }, { operationId })
  yield* leaves(world, [key.id], "a create that took over")
})

const keepsDelivered = Effect.fnUntraced(function* (world: World) {
  const at = yield* journaled(world)
  const operationId = yield* OperationId.generate
  const { key } = yield* at.store.create({ name: "ci" }, { operationId })
  yield* same(yield* stateOf(at, operationId), "delivered", "state of a create that returned")
  yield* leaseOver(world)
  const found = yield* at.store.recover(operationId)
  yield* same(found.kind === "delivered" ? found.key?.id : found.kind, key.id, "the key that recover says is delivered")
  yield* same((yield* at.store.sweepOrphans()).orphans, [], "orphans a sweep finds")
  yield* same(yield* world.backend.live, [key.id], "keys that live")
})

const sweeps = Effect.fnUntraced(function* (world: World) {
  const at = yield* journaled(world)
  const { key } = yield* at.store.create({ name: "delivered" })
  const operationId = yield* OperationId.generate
  const orphan = yield* abandoned(world, at, operationId)
  yield* leaseOver(world)
  const { dryRun, orphans } = yield* at.store.sweepOrphans()
  yield* same(dryRun, false, "whether the sweep changed nothing")
  yield* same(
    orphans.map((found) => [found.key.id, found.operationId, found.fate]),
    [[orphan, operationId, "revoked"]],
    "orphans of the sweep"
  )
  yield* leaves(world, [key.id], "a sweep")
  yield* same((yield* at.store.sweepOrphans()).orphans, [], "orphans of a second sweep")
})

const rehearses = Effect.fnUntraced(function* (world: World) {
  const at = yield* journaled(world)
  const operationId = yield* OperationId.generate
  const orphan = yield* abandoned(world, at, operationId)
  yield* leaseOver(world)
  const entries = yield* Stream.runCollect(at.journal.entries({}))
  const { dryRun, orphans } = yield* at.store.sweepOrphans({ dryRun: true })
  yield* same(dryRun, true, "whether the sweep changed nothing")
  yield* same(
    orphans.map((found) => [found.key.id, found.fate]),
    [[orphan, "found"]],
    "orphans of the dry run"
  )
  yield* same(yield* world.backend.live, [orphan], "keys that live after a dry run")
  yield* same((yield* Stream.runCollect(at.journal.entries({}))).length, entries.length, "entries of the journal")
})

const spares = Effect.fnUntraced(function* (world: World) {
  const at = yield* journaled(world)
  const orphan = yield* abandoned(world, at, yield* OperationId.generate)
  yield* leaseOver(world)
  const olderThan = lasting(longestLease(world), Duration.minutes(5))
  yield* same((yield* at.store.sweepOrphans({ olderThan })).orphans, [], "orphans of that age")
  yield* same(yield* world.backend.live, [orphan], "keys that live")
  yield* Effect.sleep(olderThan)
  yield* same((yield* at.store.sweepOrphans({ olderThan })).orphans.length, 1, "orphans of that age later")
  yield* same(yield* world.backend.live, [], "keys that live later")
})

const leavesStrangers = Effect.fnUntraced(function* (world: World) {
  const { journal, store } = yield* journaled(world)
  // Its marks are trusted, and the journal knows nothing of it.
  const other = yield* world.open({ labelSecret: journal.secret })
  const { key } = yield* other.create({ name: "ci" })
  const unmarked = yield* (yield* world.open({ labelSecret: Redacted.make("another secret of 16") })).create({})
  yield* settled(world)
  const { orphans, strangers } = yield* store.sweepOrphans()
  yield* same(orphans, [], "orphans of the sweep")
  const seen: ReadonlyArray<KeyId> = world.capabilities.createSafety === "marker" ? [key.id] : []
  yield* same(idsOf(strangers), seen, "strangers of the sweep")
  yield* leaves(world, [key.id, unmarked.key.id], "a sweep over strangers")
})

const showsCandidates = Effect.fnUntraced(function* (world: World) {
  const operationId = yield* OperationId.generate
  const { key } = yield* world.store.create({ name: "ci" }, { operationId })
  yield* created(world, { name: "ci" })
  const found = yield* world.store.recover(operationId)
  yield* same(found.kind === "candidates" ? idsOf(found.keys) : found.kind, [key.id], "candidates")
  const names = found.kind === "candidates" ? found.keys.map(({ name }) => name) : []
  yield* same(names, ["ci"], "names of the candidates")
  const other = yield* OperationId.generate
  yield* same((yield* world.store.recover(other)).kind, "unknown", "what is found of an operation that never was")
  yield* isTrue((yield* world.backend.live).includes(key.id), "a candidate is not revoked")
})

const undeliverable = Effect.fnUntraced(function* (world: World) {
  const at = yield* journaled(world)
  const operationId = yield* OperationId.generate
  const full = Sink.callback("a full disk", () => Effect.fail("no space left"))
  const error = yield* fails(
    at.store.create({ name: "ci" }, { operationId }).pipe(Sink.deliverTo(full)),
    "NotDelivered"
  )
  const { reason } = error
  yield* isTrue(reason._tag === "NotDelivered" && reason.revoked, "the error says that the key was revoked")
  yield* same(yield* world.backend.live, [], "keys that live")
  yield* same(yield* stateOf(at, operationId), "abandoned", "state of a create whose key was revoked")
})

const delivers = Effect.fnUntraced(function* (world: World) {
  const at = yield* journaled(world)
  const operationId = yield* OperationId.generate
  const received: Array<string> = []
  const memory = Sink.callback("memory", ({ secret }) => Effect.sync(() => received.push(Redacted.value(secret))))
  const { holds, key } = yield* at.store.create({ name: "ci" }, { operationId }).pipe(Sink.deliverTo(memory))
  yield* same(received.length, 1, "secrets the sink received")
  yield* same(Option.getOrUndefined(holds), key.id, "the key the sink says it holds")
  yield* same(yield* stateOf(at, operationId), "delivered", "state of a create whose sink confirmed")
  yield* leaves(world, [key.id], "a delivery")
})

const safe = { needs: ["backend"], when: ({ createSafety }) => createSafety !== "none" } satisfies Terms
const killable = { ...safe, needs: ["backend", "driver"] } satisfies Terms

/** The cases of recovery. */
export const cases = [
  recovery("a second create under the same operation id is a Conflict that names the key", repeats, safe),
  recovery("a create under way elsewhere is a Conflict, and nobody touches it", excludes, safe),
  recovery("recover revokes what a dead process left, and frees its operation id", recovers, killable),
  recovery("a create takes over from a dead process and leaves one key", takesOver, killable),
  recovery("a key that was delivered is neither recovered nor swept", keepsDelivered, safe),
  recovery("a sweep revokes orphans and nothing else", sweeps, killable),
  recovery("a dry run finds orphans and changes nothing", rehearses, killable),
  recovery("a sweep spares what is younger than it is told", spares, killable),
  recovery("a sweep leaves keys alone that the journal does not know", leavesStrangers, {
    ...safe,
    needs: ["backend", "options"]
  }),
  recovery("without a journal recover shows candidates and revokes none", showsCandidates, safe),
  recovery(
    "without a journal sweepOrphans is Unsupported and sends nothing",
    (world) => refusedUnsent(world, world.store.sweepOrphans(), "Unsupported"),
    {}
  ),
  recovery(
    "recover is Unsupported and sends nothing where creates leave no mark",
    (world) =>
      Effect.flatMap(OperationId.generate, (operationId) =>
        refusedUnsent(world, world.store.recover(operationId), "Unsupported")
      ),
    { when: ({ createSafety }) => createSafety === "none" }
  ),
  recovery("a key whose sink fails is revoked and NotDelivered", undeliverable, safe),
  recovery("a key whose sink confirms is delivered", delivers, safe)
]
