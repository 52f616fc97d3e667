import { assert, describe, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as Label from "@keyfold/core/Label"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { OperationId } from "@keyfold/core/OperationId"
import * as Sink from "@keyfold/core/Sink"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as DeadProcess from "./DeadProcess.ts"
import { labelSecret } from "./DeadProcess.ts"
import * as MarkerBackend from "./MarkerBackend.ts"
import { pass, passing, until } from "./Passing.ts"

const operation = OperationId.make("op-1")

const open = Effect.fnUntraced(function* (
  driver: MarkerBackend.MarkerBackend["driver"],
  journal: Journal.Journal | undefined,
  options: KeyStore.StoreOptions = {}
) {
  const store = yield* Effect.provideService(
    KeyStore.make(driver, { labelSecret, ...options }),
    Journal.Journal,
    journal
  )
  yield* Effect.addFinalizer(() => pass(120))
  return store
})

const sinkHolding = (id: string | undefined): Sink.Sink => ({
  name: "a sink",
  open: Effect.fail(new Sink.SinkError({ sink: "a sink", problem: "it is not written in these tests." })),
  holds: () => Effect.succeed(Option.map(Option.fromUndefinedOr(id), (text) => KeyId.make(text)))
})

describe("recover with a journal", () => {
  it.effect("leaves an operation alone while its sender may be at work", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const journal = yield* Journal.memory
      const store = yield* open(backend.driver, journal)
      const id = yield* DeadProcess.leaveKey(backend, journal, operation)
      const recovery = yield* passing(store.recover(operation))
      assert.strictEqual(recovery.kind, "underWay")
      assert.deepStrictEqual(backend.live(), [id])
    }).pipe(Effect.scoped)
  )

  it.effect("revokes what a dead sender left, and the operation id may be used again", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const journal = yield* Journal.memory
      const store = yield* open(backend.driver, journal)
      const id = yield* DeadProcess.leaveKey(backend, journal, operation)
      yield* pass(91)
      const recovery = yield* passing(store.recover(operation))
      assert.deepStrictEqual(recovery, { kind: "cleared", revoked: [{ id }] })
      assert.deepStrictEqual(backend.live(), [])
      assert.deepStrictEqual(yield* store.recover(operation), { kind: "cleared", revoked: [] })
      const { key } = yield* store.create({ name: "ci" }, { operationId: operation })
      assert.deepStrictEqual(yield* store.recover(operation), { kind: "delivered", key: { id: key.id } })
    }).pipe(Effect.scoped)
  )

  it.effect("finds a key that became visible only at the end of the lease", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const journal = yield* Journal.memory
      const store = yield* open(backend.driver, journal)
      const dead = yield* DeadProcess.make(backend.driver, journal)
      backend.next({ late: 89_000 })
      yield* Effect.forkDetach(dead.create({ name: "ci" }, { operationId: operation }))
      yield* until(() => backend.counts.create === 1)
      // The process dies here: nobody watches.
      backend.fail("list", 1000)
      yield* pass(91)
      backend.fail("list", -1000)
      const recovery = yield* passing(store.recover(operation))
      assert.strictEqual(recovery.kind, "cleared")
      assert.deepStrictEqual(backend.live(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("believes a sink that holds the key", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const journal = yield* Journal.memory
      const store = yield* open(backend.driver, journal)
      const id = yield* DeadProcess.leaveDelivered(backend, journal, operation)
      yield* pass(120)
      const recovery = yield* passing(store.recover(operation, { sink: sinkHolding(id) }))
      assert.deepStrictEqual(recovery, { kind: "delivered", key: { id: KeyId.make(id) } })
      assert.deepStrictEqual(backend.live(), [id])
      assert.strictEqual((yield* journal.find({ store: "marked", operationId: operation }))?.state, "delivered")
    }).pipe(Effect.scoped)
  )

  it.effect("does not believe a sink that holds another key", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const journal = yield* Journal.memory
      const store = yield* open(backend.driver, journal)
      yield* DeadProcess.leaveDelivered(backend, journal, operation)
      yield* pass(120)
      yield* passing(store.recover(operation, { sink: sinkHolding("another") }))
      assert.deepStrictEqual(backend.live(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("knows nothing of an operation that never was", () =>
    Effect.gen(function* () {
      const store = yield* open(MarkerBackend.make().driver, yield* Journal.memory)
      assert.deepStrictEqual(yield* passing(store.recover(operation)), { kind: "unknown" })
    }).pipe(Effect.scoped)
  )

  it.effect("also works where the backend knows operations itself", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const journal = yield* Journal.memory
      const store = yield* open(driver, journal)
      const dead = yield* DeadProcess.make(driver, journal)
      const fiber = yield* Effect.forkDetach(dead.create({ name: "ci" }, { operationId: operation }))
      yield* pass(60)
      assert.isUndefined(fiber.pollUnsafe())
      const recovery = yield* passing(store.recover(operation))
      assert.strictEqual(recovery.kind, "cleared")
      assert.lengthOf(yield* Stream.runCollect(store.list()), 0)
      const { key } = yield* store.create({ name: "ci" }, { operationId: operation })
      assert.deepStrictEqual(
        (yield* Stream.runCollect(store.list())).map(({ id }) => id),
        [key.id]
      )
    }).pipe(Effect.scoped)
  )
})

describe("recover without a journal", () => {
  it.effect("reports the keys with the operation's mark and changes nothing", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make({ visibility: 0 })
      const store = yield* open(backend.driver, undefined)
      const { key } = yield* store.create({ name: "ci" }, { operationId: operation })
      yield* store.create({ name: "ci" })
      const recovery = yield* passing(store.recover(operation))
      assert.strictEqual(recovery.kind, "candidates")
      assert.deepStrictEqual(recovery.kind === "candidates" ? recovery.keys.map(({ id, name }) => [id, name]) : [], [
        [key.id, "ci"]
      ])
      assert.lengthOf(backend.live(), 2)
    }).pipe(Effect.scoped)
  )

  it.effect("ignores marks that another secret wrote", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make({ visibility: 0 })
      const other = yield* open(backend.driver, undefined, { labelSecret: Redacted.make("another") })
      const store = yield* open(backend.driver, undefined)
      yield* other.create({ name: "ci" }, { operationId: operation })
      assert.deepStrictEqual(yield* passing(store.recover(operation)), { kind: "unknown" })
    }).pipe(Effect.scoped)
  )

  it.effect("is Unsupported where nothing marks a create, and so is a sweep without a journal", () =>
    Effect.gen(function* () {
      const { driver } = MarkerBackend.make({ capabilities: { createSafety: "none" } })
      const store = yield* open(driver, undefined)
      const errors = [yield* Effect.flip(store.recover(operation)), yield* Effect.flip(store.sweepOrphans())]
      assert.deepStrictEqual(
        errors.map(({ reason }) => (reason._tag === "Unsupported" ? reason.capability : reason._tag)),
        ["createSafety", "journal"]
      )
    }).pipe(Effect.scoped)
  )
})

describe("sweepOrphans", () => {
  const orphaned = Effect.gen(function* () {
    const backend = MarkerBackend.make()
    const journal = yield* Journal.memory
    const store = yield* open(backend.driver, journal)
    const good = yield* store.create({ name: "good" })
    const orphan = yield* DeadProcess.leaveKey(backend, journal, operation)
    yield* pass(101)
    const young = yield* DeadProcess.leaveKey(backend, journal, OperationId.make("op-2"))
    return { backend, journal, store, good: good.key.id, orphan, young }
  })

  it.effect("revokes what nobody holds and leaves delivered keys, strangers and operations under way alone", () =>
    Effect.gen(function* () {
      const { backend, good, orphan, store, young } = yield* orphaned
      const codec = yield* Label.make({ secret: labelSecret, backend: "marked", tenant: undefined })
      const stranger = backend.insert(yield* codec.write("stranger", OperationId.make("elsewhere"), "nonce123"))
      const foreign = backend.insert("by hand")
      yield* pass(11)
      const sweep = yield* passing(store.sweepOrphans())
      assert.deepStrictEqual(sweep.orphans, [{ key: { id: orphan }, operationId: operation, fate: "revoked" }])
      assert.deepStrictEqual(sweep.underWay, [OperationId.make("op-2")])
      assert.deepStrictEqual(sweep.strangers, [{ id: stranger.id }])
      assert.sameMembers([...backend.live()], [good, young, stranger.id, foreign.id])
      assert.deepStrictEqual((yield* passing(store.sweepOrphans())).orphans, [])
    }).pipe(Effect.scoped)
  )

  it.effect("changes nothing in a dry run", () =>
    Effect.gen(function* () {
      const { backend, journal, orphan, store } = yield* orphaned
      const before = [backend.live(), (yield* Stream.runCollect(journal.entries({}))).length]
      const sweep = yield* passing(store.sweepOrphans({ dryRun: true }))
      assert.deepStrictEqual(sweep.orphans, [{ key: { id: orphan }, operationId: operation, fate: "found" }])
      assert.isTrue(sweep.dryRun)
      assert.deepStrictEqual([backend.live(), (yield* Stream.runCollect(journal.entries({}))).length], before)
    }).pipe(Effect.scoped)
  )

  it.effect("heeds olderThan", () =>
    Effect.gen(function* () {
      const { backend, orphan, store } = yield* orphaned
      const sweep = yield* passing(store.sweepOrphans({ olderThan: "1 hour" }))
      assert.deepStrictEqual(sweep.orphans, [])
      assert.include(backend.live(), orphan)
    }).pipe(Effect.scoped)
  )

  it.effect("finds the second key of a request that was carried out twice", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const store = yield* open(backend.driver, yield* Journal.memory)
      backend.next("twice")
      const { key } = yield* store.create({ name: "ci" })
      yield* pass(11)
      assert.lengthOf(backend.live(), 2)
      yield* passing(store.sweepOrphans())
      assert.deepStrictEqual(backend.live(), [key.id])
    }).pipe(Effect.scoped)
  )

  it.effect("asks the sink before it revokes", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const journal = yield* Journal.memory
      const store = yield* open(backend.driver, journal)
      const id = yield* DeadProcess.leaveDelivered(backend, journal, operation)
      yield* pass(120)
      const sweep = yield* passing(store.sweepOrphans({ sink: sinkHolding(id) }))
      assert.deepStrictEqual([sweep.delivered, sweep.orphans], [[operation], []])
      assert.deepStrictEqual(backend.live(), [id])
    }).pipe(Effect.scoped)
  )

  it.effect("keeps to its own tenant", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const journal = yield* Journal.memory
      const dead = yield* DeadProcess.make(driver, journal, { tenant: "acme" })
      yield* Effect.forkDetach(dead.create({ name: "ci" }, { operationId: operation }))
      yield* pass(60)
      const other = yield* open(driver, journal, { tenant: "globex" })
      assert.deepStrictEqual((yield* passing(other.sweepOrphans())).orphans, [])
      assert.deepStrictEqual(yield* passing(other.recover(operation)), { kind: "unknown" })
      const own = yield* open(driver, journal, { tenant: "acme" })
      assert.lengthOf(yield* Stream.runCollect(own.list()), 1)
      assert.lengthOf((yield* passing(own.sweepOrphans())).orphans, 1)
      assert.lengthOf(yield* Stream.runCollect(own.list()), 0)
    }).pipe(Effect.scoped)
  )

  it.effect("reports what it could not revoke, and tries again the next time", () =>
    Effect.gen(function* () {
      const { backend, orphan, store } = yield* orphaned
      backend.fail("revoke", 4)
      const sweep = yield* passing(store.sweepOrphans())
      assert.deepStrictEqual(
        sweep.orphans.map(({ fate, key }) => [key.id, fate]),
        [[orphan, "failed"]]
      )
      // The failed sweep holds the operation for five minutes.
      yield* pass(320)
      const again = yield* passing(store.sweepOrphans())
      assert.includeDeepMembers(
        again.orphans.map(({ fate, key }) => [key.id, fate]),
        [[orphan, "revoked"]]
      )
    }).pipe(Effect.scoped)
  )
})
