import { assert, describe, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import { OperationId } from "@keyfold/core/OperationId"
import * as Sink from "@keyfold/core/Sink"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as MarkerBackend from "./MarkerBackend.ts"
import { pass, passing, until } from "./Passing.ts"

const operation = OperationId.make("op-1")

const open = Effect.gen(function* () {
  const backend = MarkerBackend.make({ visibility: 0 })
  const journal = yield* Journal.memory
  const store = yield* Effect.provideService(KeyStore.make(backend.driver), Journal.Journal, journal)
  yield* Effect.addFinalizer(() => pass(120))
  const state = Effect.map(journal.find({ store: "marked", operationId: operation }), (record) => record?.state)
  return { backend, journal, store, state, create: store.create({ name: "ci" }, { operationId: operation }) }
})

const failing = (write: Sink.Sink["open"], holds: Sink.Sink["holds"] = () => Effect.succeedNone): Sink.Sink => ({
  name: "a vault",
  open: write,
  holds
})

const refusal = new Sink.SinkError({ sink: "a vault", problem: "it is sealed." })

describe("a create into a sink", () => {
  it.effect("hands the secret over, returns the key without it, and the journal says delivered", () =>
    Effect.gen(function* () {
      const { create, state } = yield* open
      const kept: Array<string> = []
      const sink = Sink.callback("a list", ({ secret }) => Effect.sync(() => kept.push(Redacted.value(secret))))
      const delivered = yield* create.pipe(Sink.deliverTo(sink))
      assert.deepStrictEqual(kept, [`secret of ${delivered.key.id}`])
      assert.deepStrictEqual([delivered.sink, delivered.holds], ["a list", Option.some(delivered.key.id)])
      assert.notInclude(JSON.stringify(delivered), "secret of")
      assert.strictEqual(yield* state, "delivered")
    }).pipe(Effect.scoped)
  )

  it.effect("is not sent where the sink cannot be opened", () =>
    Effect.gen(function* () {
      const { backend, create, state } = yield* open
      const error = yield* Effect.flip(create.pipe(Sink.deliverTo(failing(Effect.fail(refusal)))))
      assert.strictEqual(error.reason._tag, "NotDelivered")
      assert.match(error.message, /a vault: it is sealed\. no key was made/)
      assert.strictEqual(backend.counts.create, 0)
      assert.isUndefined(yield* state)
    }).pipe(Effect.scoped)
  )

  it.effect("that the sink does not take is revoked, and its operation abandoned", () =>
    Effect.gen(function* () {
      const { backend, create, state } = yield* open
      const sink = failing(Effect.succeed(() => Effect.fail(refusal)))
      const error = yield* Effect.flip(create.pipe(Sink.deliverTo(sink)))
      const { reason } = error
      assert.isTrue(reason._tag === "NotDelivered" && reason.revoked && reason.key?.id === "key-1")
      assert.deepStrictEqual(backend.live(), [])
      assert.strictEqual(yield* state, "abandoned")
    }).pipe(Effect.scoped)
  )

  it.effect("that cannot be revoked at once says so, and is revoked later", () =>
    Effect.gen(function* () {
      const { backend, create, state } = yield* open
      backend.fail("revoke", 6)
      const sink = failing(Effect.succeed(() => Effect.fail(refusal)))
      const { reason } = yield* passing(Effect.flip(create.pipe(Sink.deliverTo(sink))))
      assert.isTrue(reason._tag === "NotDelivered" && !reason.revoked)
      assert.strictEqual(yield* state, "minted")
      yield* pass(120)
      assert.deepStrictEqual(backend.live(), [])
      assert.strictEqual(yield* state, "abandoned")
    }).pipe(Effect.scoped)
  )

  it.effect("that a callback does not take says nothing of what the callback said", () =>
    Effect.gen(function* () {
      const { create } = yield* open
      const sink = Sink.callback("a list", ({ secret }) =>
        Effect.fail(new Error(`no room for ${Redacted.value(secret)}`))
      )
      const error = yield* Effect.flip(create.pipe(Sink.deliverTo(sink)))
      assert.notInclude(`${error.message} ${JSON.stringify(error)}`, "secret of")
    }).pipe(Effect.scoped)
  )

  it.effect("whose sink failed but holds the key all the same is delivered", () =>
    Effect.gen(function* () {
      const { backend, create, state } = yield* open
      let held: Option.Option<KeyId> = Option.none()
      const sink = failing(
        Effect.succeed(({ key }) => {
          held = Option.some(key.id)
          return Effect.fail(refusal)
        }),
        () => Effect.succeed(held)
      )
      const { key } = yield* create.pipe(Sink.deliverTo(sink))
      assert.deepStrictEqual(backend.live(), [key.id])
      assert.strictEqual(yield* state, "delivered")
    }).pipe(Effect.scoped)
  )

  it.effect("whose sink failed and holds another key is revoked", () =>
    Effect.gen(function* () {
      const { backend, create } = yield* open
      const sink = failing(
        Effect.succeed(() => Effect.fail(refusal)),
        () => Effect.succeed(Option.some(KeyId.make("an older key")))
      )
      assert.strictEqual((yield* Effect.flip(create.pipe(Sink.deliverTo(sink)))).reason._tag, "NotDelivered")
      assert.deepStrictEqual(backend.live(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("whose sink never answers is given up after the sink's time", () =>
    Effect.gen(function* () {
      const { backend, create } = yield* open
      const sink = { ...failing(Effect.succeed(() => Effect.never)), within: "5 seconds" } satisfies Sink.Sink
      const error = yield* passing(Effect.flip(create.pipe(Sink.deliverTo(sink))))
      assert.strictEqual(error.reason._tag, "NotDelivered")
      assert.deepStrictEqual(backend.live(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("that is interrupted while the sink works leaves no live key", () =>
    Effect.gen(function* () {
      const { backend, create, state } = yield* open
      let reached = false
      const sink = failing(
        Effect.succeed(() => {
          reached = true
          return Effect.never
        })
      )
      const fiber = yield* Effect.forkChild(create.pipe(Sink.deliverTo(sink)))
      yield* until(() => reached)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      yield* pass(90)
      assert.deepStrictEqual(backend.live(), [])
      assert.strictEqual(yield* state, "abandoned")
    }).pipe(Effect.scoped)
  )

  it.effect("closes the sink when the create is over", () =>
    Effect.gen(function* () {
      const { create } = yield* open
      const events: Array<string> = []
      const sink = failing(
        Effect.gen(function* () {
          yield* Effect.addFinalizer(() => Effect.sync(() => events.push("closed")))
          return ({ key }) => Effect.sync(() => ({ holds: Option.some(key.id), at: events.push("written") }))
        })
      )
      yield* create.pipe(Sink.deliverTo(sink))
      assert.deepStrictEqual(events, ["written", "closed"])
    }).pipe(Effect.scoped)
  )
})
