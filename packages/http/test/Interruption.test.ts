import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import type * as HttpBackend from "@keyfold/http/HttpBackend"
import { assertReason, backendOver, Key, listKeys, recordedFetch } from "./RecordedFetch.ts"

/** A body of which one chunk arrives, and no more. */
const stalled = (status: number) => () =>
  new Response(new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("{")) }), {
    status
  })

const silence = () => new Promise<Response>(() => {})

/** Starts a call on a server that does not finish its answer, and waits until the request is there. */
const start = (respond: () => Response | Promise<Response>, options: Partial<HttpBackend.BackendOptions> = {}) =>
  Effect.gen(function* () {
    const arrived = Promise.withResolvers<AbortSignal>()
    const server = recordedFetch(({ signal }) => {
      arrived.resolve(signal)
      return respond()
    })
    const backend = yield* backendOver(server, options)
    const fiber = yield* Effect.forkChild(Effect.flip(backend.decode(Key, listKeys)))
    const signal = yield* Effect.promise(() => arrived.promise)
    assert.isFalse(signal.aborted)
    return { server, fiber, signal }
  })

describe("a timeout", () => {
  for (const [name, respond] of [
    ["an answer that does not come", silence],
    ["a body that stalls", stalled(200)],
    ["the body of a failed answer that stalls", stalled(500)]
  ] as const) {
    it.effect(`ends ${name} after 10 seconds of Effect's clock and aborts the request`, () =>
      Effect.gen(function* () {
        const { fiber, server, signal } = yield* start(respond)
        yield* TestClock.adjust("9999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        assert.isFalse(signal.aborted)
        yield* TestClock.adjust("1 millis")
        const error = yield* Fiber.join(fiber)
        assertReason(error.reason, "Timeout")
        assert.deepStrictEqual(error.reason.after, Duration.seconds(10))
        assert.strictEqual(error.sent, "maybe")
        assert.isTrue(signal.aborted)
        assert.strictEqual(server.requests.length, 1)
      })
    )
  }

  it.effect("is as long as the options say", () =>
    Effect.gen(function* () {
      const { fiber, signal } = yield* start(silence, { timeout: Duration.minutes(2) })
      yield* TestClock.adjust("119 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 seconds")
      assertReason((yield* Fiber.join(fiber)).reason, "Timeout")
      assert.isTrue(signal.aborted)
    })
  )
})

describe("interrupting a call", () => {
  for (const [name, respond] of [
    ["before its answer", silence],
    ["while its body arrives", stalled(200)]
  ] as const) {
    it.effect(`${name} aborts the request`, () =>
      Effect.gen(function* () {
        const { fiber, server, signal } = yield* start(respond)
        yield* Fiber.interrupt(fiber)
        assert.isTrue(signal.aborted)
        assert.strictEqual(server.requests.length, 1)
      })
    )
  }
})

describe("a finished call", () => {
  it.effect("has nothing left under way", () =>
    Effect.gen(function* () {
      const server = recordedFetch(() => new Response(`{"id":"k1","uses":1}`))
      const backend = yield* backendOver(server)
      assert.strictEqual((yield* backend.decode(Key, listKeys)).id, "k1")
      yield* TestClock.adjust("1 days")
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.effect("aborts a body nobody wants", () =>
    Effect.gen(function* () {
      const server = recordedFetch(stalled(200))
      const backend = yield* backendOver(server)
      yield* backend.discard(listKeys)
      assert.isTrue(server.requests[0]?.signal.aborted)
    })
  )
})

describe("retrying", () => {
  it.effect("is not the transport's: every failed answer is one request", () =>
    Effect.gen(function* () {
      for (const status of [408, 413, 429, 500, 502, 503, 504]) {
        for (const method of ["GET", "PUT", "DELETE", "POST"] as const) {
          const server = recordedFetch(() => new Response(null, { status, headers: { "retry-after": "0" } }))
          const backend = yield* backendOver(server)
          yield* Effect.flip(backend.discard({ method, segments: ["keys"] }))
          yield* TestClock.adjust("1 hours")
          assert.strictEqual(server.requests.length, 1)
        }
      }
    })
  )

  it.effect("does not follow a connection that failed either", () =>
    Effect.gen(function* () {
      const server = recordedFetch(() =>
        Promise.reject(new TypeError("fetch failed", { cause: { code: "ENOTFOUND" } }))
      )
      const backend = yield* backendOver(server)
      const error = yield* Effect.flip(backend.discard(listKeys))
      assertReason(error.reason, "Network")
      assert.strictEqual(error.reason.code, "ENOTFOUND")
      assert.strictEqual(error.sent, "no")
      assert.strictEqual(server.requests.length, 1)
    })
  )
})
