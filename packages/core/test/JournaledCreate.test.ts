import { assert, describe, it } from "@effect/vitest"
import { DriverError } from "@keyfold/core/Driver"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import { PermissionDenied } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { OperationId } from "@keyfold/core/OperationId"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as DeadProcess from "./DeadProcess.ts"
import { labelSecret } from "./DeadProcess.ts"
import * as MarkerBackend from "./MarkerBackend.ts"
import { pass, passing, until } from "./Passing.ts"

const operation = OperationId.make("op-1")

/** Opens a store whose scope ends with the test's, after every watch had its time. */
const open = Effect.fnUntraced(function* (backend: MarkerBackend.MarkerBackend, options: KeyStore.StoreOptions = {}) {
  const store = yield* KeyStore.make(backend.driver, { labelSecret, ...options })
  yield* Effect.addFinalizer(() => pass(600))
  return store
})

describe("a create with a journal", () => {
  const journaled = Effect.fnUntraced(function* (backend: MarkerBackend.MarkerBackend) {
    const journal = yield* Journal.memory
    const store = yield* Effect.provideService(open(backend), Journal.Journal, journal)
    return { journal, store }
  })

  it.effect("is written down before it is sent and after it was delivered", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const { journal, store } = yield* journaled(backend)
      const { key } = yield* store.create({ name: "ci" }, { operationId: operation })
      const entries = yield* Stream.runCollect(journal.entries({}))
      assert.deepStrictEqual(
        entries.map(({ key, state }) => [state, key?.id]),
        [
          ["intended", undefined],
          ["minted", key.id],
          ["delivered", key.id]
        ]
      )
      assert.isTrue((yield* journal.verify("marked")).intact)
    }).pipe(Effect.scoped)
  )

  it.effect("is made once for an operation id, and the second is told which key it made", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const { store } = yield* journaled(backend)
      const { key } = yield* store.create({ name: "ci" }, { operationId: operation })
      const error = yield* Effect.flip(store.create({ name: "ci" }, { operationId: operation }))
      assert.strictEqual(error.reason._tag, "Conflict")
      assert.strictEqual(error.reason._tag === "Conflict" ? error.reason.existing?.id : undefined, key.id)
      assert.strictEqual(backend.counts.create, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("that is refused may be tried again under its id", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const { journal, store } = yield* journaled(backend)
      backend.next("refused", "refused", "refused", "refused")
      yield* passing(Effect.flip(store.create({ name: "ci" }, { operationId: operation })))
      assert.strictEqual((yield* journal.find({ store: "marked", operationId: operation }))?.state, "abandoned")
      const { key } = yield* store.create({ name: "ci" }, { operationId: operation })
      assert.deepStrictEqual(backend.live(), [key.id])
    }).pipe(Effect.scoped)
  )

  it.effect("whose outcome stayed unknown is abandoned once nothing of it can live", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const { journal, store } = yield* journaled(backend)
      backend.next("hangsCommitted")
      yield* passing(Effect.flip(store.create({ name: "ci" }, { operationId: operation })))
      const at = { store: "marked", operationId: operation }
      assert.strictEqual((yield* journal.find(at))?.state, "intended")
      yield* pass(300)
      assert.strictEqual((yield* journal.find(at))?.state, "abandoned")
      assert.deepStrictEqual(backend.live(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("that a dead process left is taken over when its lease has run out, and not before", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const { journal, store } = yield* journaled(backend)
      yield* DeadProcess.leaveKey(backend, journal, operation)
      assert.strictEqual(backend.live().length, 1)
      const early = yield* Effect.flip(store.create({ name: "ci" }, { operationId: operation }))
      assert.strictEqual(early.reason._tag, "Conflict")
      yield* pass(120)
      const { key } = yield* passing(store.create({ name: "ci" }, { operationId: operation }))
      yield* pass(300)
      assert.deepStrictEqual(backend.live(), [key.id])
      assert.strictEqual(backend.counts.create, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("is not sent again once its lease was lost", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const journal = yield* Journal.memory
      const store = yield* Effect.provideService(open(backend), Journal.Journal, {
        ...journal,
        attempt: () => Effect.succeed(false)
      })
      backend.next("lost")
      const error = yield* passing(Effect.flip(store.create({ name: "ci" })))
      // Its first attempt is still being watched.
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      assert.match(error.message, /took over/)
      assert.strictEqual(backend.counts.create, 1)
      yield* pass(120)
      assert.deepStrictEqual(backend.live(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("that takes over waits until a key made at the very end of the lease must show", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const { journal, store } = yield* journaled(backend)
      const dead = yield* DeadProcess.make(backend.driver, journal)
      backend.next({ late: 89_000 })
      yield* Effect.forkDetach(dead.create({ name: "ci" }, { operationId: operation, within: "20 seconds" }))
      yield* until(() => backend.counts.create === 1)
      // The process dies: nobody watches any more.
      backend.fail("list", 1000)
      yield* pass(90)
      backend.fail("list", -2000)
      const { key } = yield* passing(store.create({ name: "ci" }, { operationId: operation }))
      assert.deepStrictEqual(backend.live(), [key.id])
    }).pipe(Effect.scoped)
  )

  it.effect("never follows an unsettled one where nothing marks a create", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make({ capabilities: { createSafety: "none" } })
      const { journal, store } = yield* journaled(backend)
      backend.next("lost")
      yield* Effect.flip(store.create({ name: "ci" }, { operationId: operation }))
      yield* pass(120)
      const again = yield* Effect.flip(store.create({ name: "ci" }, { operationId: operation }))
      assert.strictEqual(again.reason._tag, "OutcomeUnknown")
      assert.strictEqual(backend.counts.create, 1)
      assert.strictEqual((yield* Effect.flip(store.recover(operation))).reason._tag, "Unsupported")
      yield* pass(120)
      assert.deepStrictEqual((yield* passing(store.sweepOrphans())).underWay, [operation])
      assert.strictEqual((yield* journal.find({ store: "marked", operationId: operation }))?.state, "intended")
    }).pipe(Effect.scoped)
  )

  it.effect("that takes over and cannot look for what was left is not sent, and ends nothing", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const { journal, store } = yield* journaled(backend)
      yield* DeadProcess.leaveKey(backend, journal, operation)
      yield* pass(120)
      backend.fail("list", 1000)
      const error = yield* passing(Effect.flip(store.create({ name: "ci" }, { operationId: operation })))
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      assert.strictEqual(backend.counts.create, 1)
      assert.strictEqual((yield* journal.find({ store: "marked", operationId: operation }))?.state, "intended")
      backend.fail("list", -2000)
      yield* pass(120)
      const { key } = yield* passing(store.create({ name: "ci" }, { operationId: operation }))
      yield* pass(300)
      assert.deepStrictEqual(backend.live(), [key.id])
    }).pipe(Effect.scoped)
  )

  it.effect("that takes over in vain where the backend knows operations leaves them open for the next", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const journal = yield* Journal.memory
      const provided = Effect.provideService(Journal.Journal, journal)
      const dead = yield* DeadProcess.make(driver, journal)
      yield* Effect.forkDetach(dead.create({ name: "ci" }, { operationId: operation }))
      yield* pass(60)
      const refusal = new DriverError({ reason: new PermissionDenied({}), sent: "maybe" })
      const failing = yield* provided(KeyStore.make({ ...driver, create: () => Effect.fail(refusal) }))
      yield* passing(Effect.flip(failing.create({ name: "ci" }, { operationId: operation })))
      assert.strictEqual((yield* journal.find({ store: "memory", operationId: operation }))?.state, "intended")
      yield* pass(60)
      const store = yield* provided(KeyStore.make(driver))
      yield* passing(store.recover(operation))
      assert.lengthOf(yield* Stream.runCollect(store.list()), 0)
    }).pipe(Effect.scoped)
  )

  it.effect("whose lease was lost revokes its own key and does not hand it over", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const { journal, store } = yield* journaled(backend)
      const slow = yield* Effect.provideService(open(backend), Journal.Journal, {
        ...journal,
        delivered: (lease, nonce, key) =>
          Effect.andThen(Effect.sleep("2 minutes"), journal.delivered(lease, nonce, key))
      })
      const fiber = yield* Effect.forkChild(Effect.flip(slow.create({ name: "ci" }, { operationId: operation })))
      yield* pass(100)
      const { key } = yield* passing(store.create({ name: "ci" }, { operationId: operation }))
      yield* pass(300)
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "Conflict")
      assert.deepStrictEqual(backend.live(), [key.id])
    }).pipe(Effect.scoped)
  )

  it.effect("is not sent while the journal cannot be written", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const journal = yield* Journal.memory
      const store = yield* Effect.provideService(open(backend), Journal.Journal, {
        ...journal,
        claim: () => Effect.fail(new Journal.JournalError({ problem: "the journal is full" }))
      })
      const error = yield* passing(Effect.flip(store.create({ name: "ci" })))
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.match(error.message, /the journal is full/)
      assert.strictEqual(backend.counts.create, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("that cannot be written down as delivered is revoked again", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const journal = yield* Journal.memory
      const store = yield* Effect.provideService(open(backend), Journal.Journal, {
        ...journal,
        delivered: () => Effect.fail(new Journal.JournalError({ problem: "the journal is full" }))
      })
      const error = yield* passing(Effect.flip(store.create({ name: "ci" })))
      assert.strictEqual(error.reason._tag, "Unavailable")
      yield* pass(300)
      assert.deepStrictEqual(backend.live(), [])
    }).pipe(Effect.scoped)
  )
})
