import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { serve } from "./LoopbackServer.ts"
import { assertReason, begin, executed, failureAt, type Check } from "./TransportCalls.ts"

/** What comes back from the server. */
export const answers = (check: Check): void => {
  check("hands over the status and the headers by any case of their names", () =>
    Effect.gen(function* () {
      const server = yield* serve((response) => {
        response.setHeader("X-Request-Id", "r-1").setHeader("warning", ["one", "two"])
        response.writeHead(418).end()
      })
      const { header, status } = yield* executed(server.url)
      assert.strictEqual(status, 418)
      assert.strictEqual(header("x-request-id"), "r-1")
      assert.strictEqual(header("X-REQUEST-ID"), "r-1")
      assert.strictEqual(header("warning"), "one, two")
      assert.isUndefined(header("x-absent"))
    })
  )

  check("reads text whose characters are split between chunks, without its byte order mark", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from("\ufeffé😀ключ")
      const server = yield* serve((response) => {
        let chain = Promise.resolve()
        for (const byte of bytes)
          chain = chain.then(() => new Promise((resolve) => response.write(Buffer.of(byte), () => resolve())))
        void chain.then(() => response.end())
      })
      const response = yield* executed(server.url)
      assert.strictEqual(yield* response.text(), "é😀ключ")
    })
  )

  check("reads an empty body as empty text", () =>
    Effect.gen(function* () {
      for (const status of [200, 204, 404]) {
        const server = yield* serve((response) => response.writeHead(status).end())
        const response = yield* executed(server.url)
        assert.strictEqual(yield* response.text(), "")
      }
    })
  )

  for (const [name, headers] of [
    ["declared", { "content-length": "1025" }],
    ["not declared", {}]
  ] as const) {
    check(`refuses text beyond its bound where the length is ${name}`, () =>
      Effect.gen(function* () {
        const server = yield* serve((response) => response.writeHead(200, headers).end("x".repeat(1025)))
        const error = yield* Effect.flip(Effect.flatMap(executed(server.url), ({ text }) => text(1024)))
        assert.include(String(error), "the answer is longer than 1024 bytes")
        const response = yield* executed(server.url)
        assert.strictEqual((yield* response.text(1025)).length, 1025)
      })
    )
  }

  check("stops a body that never ends once it is beyond its bound", () =>
    Effect.gen(function* () {
      const server = yield* serve((response) => {
        const pump = (): void => {
          while (!response.destroyed && response.write("x".repeat(65_536))) {}
          if (!response.destroyed) response.once("drain", pump)
        }
        pump()
      })
      const { reason } = yield* failureAt(server.url)
      assertReason(reason, "InvalidResponse")
      assert.strictEqual(reason.problem, `the answer is longer than ${16 * 1024 * 1024} bytes`)
      const { left } = yield* server.first
      assert.isTrue(yield* Effect.promise(() => left))
    })
  )

  check("streams the bytes of a body", () =>
    Effect.gen(function* () {
      const server = yield* serve((response) => {
        response.write("one,")
        response.end("two")
      })
      const { bytes } = yield* executed(server.url)
      const text = yield* bytes.pipe(Stream.decodeText(), Stream.mkString)
      assert.strictEqual(text, "one,two")
    })
  )

  check("fails a stream of bytes whose connection breaks", () =>
    Effect.gen(function* () {
      const server = yield* serve((response) => {
        begin(response)
        setImmediate(() => response.destroy())
      })
      const { bytes } = yield* executed(server.url)
      const error = yield* Effect.flip(Stream.runDrain(bytes))
      assert.strictEqual(error.reason._tag, "Network")
      assert.strictEqual(error.sent, "maybe")
    })
  )
}
