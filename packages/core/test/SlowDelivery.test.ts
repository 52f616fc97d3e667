import { assert, describe, it } from "@effect/vitest"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import { OperationId } from "@keyfold/core/OperationId"
import * as Sink from "@keyfold/core/Sink"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import * as MarkerBackend from "./MarkerBackend.ts"
import { pass, passing, until } from "./Passing.ts"
import { remembering } from "./RememberingSink.ts"

const operation = OperationId.make("op-1")
const address = { store: "marked", operationId: operation }

/** Another process that takes the operation over once the lease is over. */
const takenOver = (journal: Journal.Journal) =>
  Effect.gen(function* () {
    yield* TestClock.adjust("10 minutes")
    const claim = yield* journal.claim({ ...address, nonce: "other", spec: "", lasting: Duration.minutes(5) })
    return claim.kind === "claimed" ? claim.lease : assert.fail("the lease is not over")
  })

const open = Effect.fnUntraced(function* (around: (journal: Journal.Journal) => Journal.Journal) {
  const backend = MarkerBackend.make({ visibility: 0 })
  const journal = yield* Journal.memory
  const store = yield* Effect.provideService(KeyStore.make(backend.driver), Journal.Journal, around(journal))
  yield* Effect.addFinalizer(() => pass(120))
  return { backend, journal, store, create: store.create({ name: "ci" }, { operationId: operation }) }
})

describe("a process that stands still", () => {
  it.effect("between minting and delivering for longer than its lease delivers nothing", () =>
    Effect.gen(function* () {
      const { backend, create } = yield* open((journal) => ({
        ...journal,
        minted: (...given) => Effect.tap(journal.minted(...given), () => Effect.orDie(takenOver(journal)))
      }))
      const { held, sink } = remembering()
      const error = yield* Effect.flip(create.pipe(Sink.deliverTo(sink)))
      assert.strictEqual(error.reason._tag, "Conflict")
      assert.isTrue(Option.isNone(held()))
      assert.deepStrictEqual(backend.live(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("after delivering keeps the key that was meanwhile found in its sink", () =>
    Effect.gen(function* () {
      const { backend, create } = yield* open((journal) => ({
        ...journal,
        delivered: (lease, nonce, key) =>
          Effect.andThen(
            Effect.flatMap(takenOver(journal), (other) => journal.delivered(other, nonce, key)),
            journal.delivered(lease, nonce, key)
          )
      }))
      const { held, sink } = remembering()
      const { key } = yield* create.pipe(Sink.deliverTo(sink))
      assert.deepStrictEqual(held(), Option.some(key.id))
      assert.deepStrictEqual(backend.live(), [key.id])
    }).pipe(Effect.scoped)
  )

  it.effect("after delivering leaves the key to the process that took over, which looks into the sink", () =>
    Effect.gen(function* () {
      let lease: Journal.Lease | undefined
      const { backend, create, journal } = yield* open((journal) => ({
        ...journal,
        delivered: (own, nonce, key) =>
          Effect.andThen(
            Effect.map(takenOver(journal), (other) => void (lease = other)),
            journal.delivered(own, nonce, key)
          )
      }))
      const { held, sink } = remembering()
      const error = yield* passing(Effect.flip(create.pipe(Sink.deliverTo(sink))))
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      assert.deepStrictEqual([...backend.live()], [...Option.toArray(held())])
      const id = Option.getOrThrow(held())
      assert.isTrue(lease !== undefined && (yield* journal.delivered(lease, "other", { id })))
      assert.deepStrictEqual(backend.live(), [id])
    }).pipe(Effect.scoped)
  )

  it.effect("after delivering gives the key back that the other process has settled", () =>
    Effect.gen(function* () {
      const { backend, create } = yield* open((journal) => ({
        ...journal,
        delivered: (lease, nonce, key) =>
          Effect.andThen(Effect.flatMap(takenOver(journal), journal.abandon), journal.delivered(lease, nonce, key))
      }))
      const error = yield* passing(Effect.flip(create.pipe(Sink.deliverTo(remembering().sink))))
      assert.strictEqual(error.reason._tag, "Conflict")
      assert.deepStrictEqual(backend.live(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("before each look at the journal gives the key back after three tries", () =>
    Effect.gen(function* () {
      const { backend, create } = yield* open((journal) => ({
        ...journal,
        minted: (...given) => Effect.tap(journal.minted(...given), () => TestClock.adjust("11 seconds"))
      }))
      const { held, sink } = remembering()
      const error = yield* Effect.flip(create.pipe(Sink.deliverTo(sink)))
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.isTrue(Option.isNone(held()))
      assert.deepStrictEqual(backend.live(), [])
    }).pipe(Effect.scoped)
  )
})

describe("a journal that fails once the sink has the secret", () => {
  it.effect("leaves the key to recover, which finds it in the sink", () =>
    Effect.gen(function* () {
      const failure = new Journal.JournalError({ problem: "the disk is full" })
      let isBroken = true
      const { backend, create, store } = yield* open((journal) => ({
        ...journal,
        delivered: (...given) => (isBroken ? Effect.fail(failure) : journal.delivered(...given))
      }))
      const { held, sink } = remembering()
      const error = yield* passing(Effect.flip(create.pipe(Sink.deliverTo(sink))))
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      isBroken = false
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* passing(store.recover(operation, { sink })), {
        kind: "delivered",
        key: { id: Option.getOrThrow(held()) }
      })
      assert.deepStrictEqual([...backend.live()], [...Option.toArray(held())])
    }).pipe(Effect.scoped)
  )
})

describe("an interruption while the sink works", () => {
  it.effect("leaves the key alone that the sink holds all the same", () =>
    Effect.gen(function* () {
      const { backend, create, journal } = yield* open((journal) => journal)
      let isWriting = false
      const { held, sink } = remembering(
        Effect.andThen(
          Effect.sync(() => void (isWriting = true)),
          Effect.sleep("5 seconds")
        )
      )
      const fiber = yield* Effect.forkChild(create.pipe(Sink.deliverTo(sink)))
      yield* until(() => isWriting)
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* pass(10)
      yield* Fiber.join(interruption)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      yield* pass(120)
      assert.deepStrictEqual([...backend.live()], [...Option.toArray(held())])
      assert.lengthOf(backend.live(), 1)
      assert.strictEqual((yield* journal.find(address))?.state, "delivered")
    }).pipe(Effect.scoped)
  )
})
