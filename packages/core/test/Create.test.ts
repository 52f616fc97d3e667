import { assert, describe, it } from "@effect/vitest"
import { InvalidResponse, Network, RateLimited, Timeout, Unavailable } from "@keyfold/core/KeyStoreError"
import { OperationId } from "@keyfold/core/OperationId"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import {
  advance,
  assertReason,
  driverError,
  failingFirst,
  issuedFrom,
  recorded,
  secretText,
  settle,
  settleFailure,
  settleSuccess,
  storeOf,
  willing
} from "./RecordedDriver.ts"

const operationId = OperationId.make("deploy-42")

const unsent = driverError(new Network({ code: "ECONNREFUSED" }), "no")

const limited = (retryAfter: Duration.Input) =>
  driverError(new RateLimited({ retryAfter: Duration.fromInputUnsafe(retryAfter) }))

describe("create", () => {
  it.effect("asks the driver with the operation id, a nonce, and the name as label", () =>
    Effect.gen(function* () {
      const calls = recorded()
      const store = yield* storeOf(calls)
      const { key, secret } = yield* store.create({ name: "ci" }, { operationId })
      const [request] = calls.created()
      assert.deepInclude(request, { operationId, name: "ci", label: "ci", provider: {}, tags: {} })
      assert.match(request?.nonce ?? "", /^[\w-]{8,}$/)
      assert.strictEqual(key.name, "ci")
      assert.strictEqual(Redacted.value(secret), secretText)
    })
  )

  it.effect("generates an operation id where the caller gives none, another for each create", () =>
    Effect.gen(function* () {
      const calls = recorded()
      const store = yield* storeOf(calls)
      yield* store.create({})
      yield* store.create({})
      const [first, second] = calls.created()
      assert.match(first?.operationId ?? "", /^op_[\w-]{22}$/)
      assert.notStrictEqual(first?.operationId, second?.operationId)
    })
  )

  it.effect("keeps the operation id and changes the nonce from attempt to attempt", () =>
    Effect.gen(function* () {
      const calls = recorded(failingFirst("create", unsent, unsent))
      const store = yield* storeOf(calls)
      yield* settleSuccess(store.create({ name: "ci" }))
      const requests = calls.created()
      assert.strictEqual(requests.length, 3)
      assert.strictEqual(new Set(requests.map((request) => request.operationId)).size, 1)
      assert.strictEqual(new Set(requests.map((request) => request.nonce)).size, 3)
    })
  )

  it.effect("names its operation id in every error of the backend", () =>
    Effect.gen(function* () {
      const store = yield* storeOf(recorded({ create: () => Effect.fail(unsent) }))
      const error = yield* settleFailure(store.create({}, { operationId }))
      assertReason(error, "Network")
      assert.strictEqual(error.operationId, operationId)
      assert.include(error.message, operationId)
      const generated = yield* settleFailure(store.create({}))
      assert.match(generated.operationId ?? "", /^op_[\w-]{22}$/)
    })
  )
})

describe("an ambiguous create", () => {
  it.effect.each([
    new Unavailable({ status: 502 }),
    new Timeout({ after: Duration.seconds(10) }),
    new Network({ code: "ECONNRESET" }),
    new InvalidResponse({ problem: "a success without a secret" })
  ])("is OutcomeUnknown with its operation id and is never sent again: %o", (reason) =>
    Effect.gen(function* () {
      const calls = recorded({ create: () => Effect.fail(driverError(reason)) })
      const store = yield* storeOf(calls)
      const error = yield* settleFailure(store.create({}, { operationId }))
      assertReason(error, "OutcomeUnknown")
      assert.strictEqual(error.operationId, operationId)
      assert.isFalse(error.isRetryable)
      assert.strictEqual(error.attempts, 1)
      assert.strictEqual(calls.count("create"), 1)
    })
  )

  it.effect("ends the retries that came before it", () =>
    Effect.gen(function* () {
      const calls = recorded(failingFirst("create", unsent, driverError(new Network({})), unsent))
      const store = yield* storeOf(calls)
      const error = yield* settleFailure(store.create({}))
      assertReason(error, "OutcomeUnknown")
      assert.strictEqual(error.attempts, 2)
      assert.strictEqual(calls.count("create"), 2)
    })
  )
})

describe("within", () => {
  const never = { create: () => Effect.never }

  it.effect("bounds a request in flight: OutcomeUnknown after 30 seconds, and the request is interrupted", () =>
    Effect.gen(function* () {
      let interrupted = false
      const calls = recorded({
        create: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (interrupted = true)))
      })
      const store = yield* storeOf(calls)
      const fiber = yield* Effect.forkChild(Effect.flip(store.create({}, { operationId })))
      yield* advance("29999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      assert.isFalse(interrupted)
      yield* advance("1 millis")
      const error = yield* Fiber.join(fiber)
      assertReason(error, "OutcomeUnknown")
      assert.strictEqual(error.operationId, operationId)
      assert.isFalse(error.isRetryable)
      assert.isTrue(interrupted)
    })
  )

  it.effect("can be shorter and longer", () =>
    Effect.gen(function* () {
      const slow = (time: Duration.Input) =>
        recorded({
          create: (request) =>
            Effect.delay(
              Effect.sync(() => issuedFrom("new", request)),
              time
            )
        })
      const short = yield* storeOf(recorded(never))
      assertReason(yield* settleFailure(short.create({}, { within: "2 seconds" }), "2 seconds"), "OutcomeUnknown")
      const slowed = yield* storeOf(slow("5 minutes"))
      yield* settleSuccess(slowed.create({}, { within: "10 minutes" }))
      assertReason(yield* settleFailure(slowed.create({})), "OutcomeUnknown")
      const fast = yield* storeOf(slow("29 seconds"))
      yield* settleSuccess(fast.create({}))
    })
  )

  it.effect("counts the attempts made before the one it struck", () =>
    Effect.gen(function* () {
      let attempt = 0
      const calls = recorded({ create: () => (++attempt === 1 ? Effect.fail(unsent) : Effect.never) })
      const store = yield* storeOf(calls)
      const error = yield* settleFailure(store.create({}))
      assertReason(error, "OutcomeUnknown")
      assert.strictEqual(error.attempts, 2)
    })
  )

  it.effect("too short for the next pause fails with the last error at once: nothing is in flight", () =>
    Effect.gen(function* () {
      const calls = recorded({ create: () => Effect.fail(unsent) })
      const store = yield* storeOf(calls)
      const error = yield* settleFailure(store.create({}, { within: "50 millis" }), 0)
      assertReason(error, "Network", { code: "ECONNREFUSED" })
      assert.isTrue(error.exhausted)
      assert.strictEqual(calls.count("create"), 1)
    })
  )

  it.effect("too short for a Retry-After fails RateLimited at once, to be retried when it says", () =>
    Effect.gen(function* () {
      const calls = recorded({ create: () => Effect.fail(limited("40 seconds")) })
      const store = yield* storeOf(calls)
      const error = yield* settleFailure(store.create({}), 0)
      assertReason(error, "RateLimited", { retryAfter: Duration.seconds(40) })
      assert.isTrue(error.isRetryable)
      assert.strictEqual(calls.count("create"), 1)
    })
  )

  it.effect("that ends exactly with a pause fails with the last error: nothing is in flight", () =>
    Effect.gen(function* () {
      const calls = recorded({ create: () => Effect.delay(Effect.fail(limited("26 seconds")), "4 seconds") })
      const store = yield* storeOf(calls)
      const error = yield* settleFailure(store.create({}))
      assertReason(error, "RateLimited")
      assert.strictEqual(calls.count("create"), 1)
    })
  )

  it.effect("covers the whole call: pauses and attempts count together", () =>
    Effect.gen(function* () {
      const calls = recorded({
        create: () => Effect.delay(Effect.fail(limited("8 seconds")), "4 seconds")
      })
      const store = yield* storeOf(calls)
      const error = yield* settleFailure(store.create({}))
      // Attempts at 0, 12 and 24 seconds; the third answers at 28, and another 8 seconds do not fit into 30.
      assert.deepStrictEqual(calls.times("create"), [0, 12_000, 24_000])
      assertReason(error, "RateLimited")
    })
  )

  it.effect("leaves nothing behind where the create succeeds in time", () =>
    Effect.gen(function* () {
      const calls = recorded({ create: willing.create })
      const store = yield* storeOf(calls)
      const result = yield* settle(store.create({}))
      assert.isTrue(Result.isSuccess(result))
      assert.strictEqual(calls.count(), 1)
    })
  )
})
