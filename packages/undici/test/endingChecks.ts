import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { serve, type Arrival, type Handler } from "./LoopbackServer.ts"
import { assertReason, assertSilent, backendAt, begin, call, executed, Key, type Check } from "./TransportCalls.ts"

const stall: Handler = () => {}
const stallInBody: Handler = (response) => begin(response)

/** Starts a call, waits until the server has it, and returns both. */
const started = (handler: Handler) =>
  Effect.gen(function* () {
    const server = yield* serve(handler)
    const backend = yield* backendAt(server.url)
    const fiber = yield* Effect.forkChild(Effect.flip(backend.decode(Key, call)))
    const arrival = yield* server.first
    return { server, fiber, arrival }
  })

const assertLeft = ({ left }: Arrival) =>
  Effect.gen(function* () {
    assert.isTrue(yield* Effect.promise(() => left))
  })

/** How an exchange ends before its answer does. */
export const endings = (check: Check): void => {
  for (const [name, handler] of [
    ["no answer", stall],
    ["a body that stalls", stallInBody]
  ] as const) {
    check(`closes the connection on a timeout by Effect's clock: ${name}`, () =>
      Effect.gen(function* () {
        const { arrival, fiber, server } = yield* started(handler)
        yield* TestClock.adjust("9999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        const error = yield* Fiber.join(fiber)
        assertReason(error.reason, "Timeout")
        assert.strictEqual(error.sent, "maybe")
        assertSilent(error)
        yield* assertLeft(arrival)
        assert.strictEqual(server.requests.length, 1)
      })
    )

    check(`closes the connection on interruption: ${name}`, () =>
      Effect.gen(function* () {
        const { arrival, fiber, server } = yield* started(handler)
        yield* Fiber.interrupt(fiber)
        yield* assertLeft(arrival)
        assert.strictEqual(server.requests.length, 1)
      })
    )
  }

  check("closes the connection of a body nobody wants", () =>
    Effect.gen(function* () {
      const server = yield* serve(stallInBody)
      const backend = yield* backendAt(server.url)
      yield* backend.discard(call)
      yield* assertLeft(yield* server.first)
    })
  )

  check("closes the connection of a list that is left early", () =>
    Effect.gen(function* () {
      const server = yield* serve((response) => {
        const item = `{"id":"${"x".repeat(1_000)}"},`
        const pump = (): void => {
          while (!response.destroyed && response.write(item)) {}
          if (!response.destroyed) response.once("drain", pump)
        }
        response.write("[")
        pump()
      })
      const backend = yield* backendAt(server.url)
      const [batch] = yield* Stream.runCollect(
        Stream.take(
          backend.decodeItems(Key, call, [], (key) => key),
          1
        )
      )
      assert.strictEqual(batch?.[0]?.id.length, 1_000)
      yield* assertLeft(yield* server.first)
    })
  )

  check("closes the connection of a stream that is left early", () =>
    Effect.gen(function* () {
      const server = yield* serve(stallInBody)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { bytes } = yield* executed(server.url)
          assert.strictEqual((yield* Stream.runCollect(Stream.take(bytes, 1))).length, 1)
        })
      )
      yield* assertLeft(yield* server.first)
    })
  )
}
