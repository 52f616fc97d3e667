import { assert } from "@effect/vitest"
import type { DriverError } from "@keyfold/core/Driver"
import * as Effect from "effect/Effect"
import type { ServerResponse } from "node:http"
import { selfSigned } from "./Certificates.ts"
import { closedPort, serve } from "./LoopbackServer.ts"
import { assertReason, begin, credential, failureAt, ok, type Check } from "./TransportCalls.ts"

const assertNetwork = (error: DriverError, sent: DriverError["sent"], code?: string): void => {
  assertReason(error.reason, "Network")
  assert.strictEqual(error.sent, sent)
  if (code !== undefined) assert.strictEqual(error.reason.code, code)
}

/** What a failed connection proves. */
export const failures = (check: Check): void => {
  check("proves by a refused connection that nothing was sent", () =>
    Effect.gen(function* () {
      assertNetwork(yield* failureAt(`http://127.0.0.1:${yield* closedPort}`), "no", "ECONNREFUSED")
    })
  )

  check("proves by an unverified certificate that nothing was sent", () =>
    Effect.gen(function* () {
      const { certificate, key } = selfSigned("stranger")
      const server = yield* serve(ok, { cert: certificate, key })
      assertNetwork(yield* failureAt(server.url), "no", "DEPTH_ZERO_SELF_SIGNED_CERT")
      assert.strictEqual(server.requests.length, 0)
    })
  )

  check("proves nothing by a connection that is reset after the request", () =>
    Effect.gen(function* () {
      const server = yield* serve((_response, _request, message) => void message.socket.resetAndDestroy())
      assertNetwork(yield* failureAt(server.url), "maybe")
      assert.strictEqual(server.requests.length, 1)
    })
  )

  check("proves nothing by a connection that is closed without an answer", () =>
    Effect.gen(function* () {
      const server = yield* serve((_response, _request, message) => void message.socket.end())
      assertNetwork(yield* failureAt(server.url), "maybe")
      assert.strictEqual(server.requests.length, 1)
    })
  )

  check("proves nothing by an answer that is not HTTP", () =>
    Effect.gen(function* () {
      const server = yield* serve(
        (_response, _request, message) => void message.socket.end(`garbage ${credential}\r\n\r\n`)
      )
      assertNetwork(yield* failureAt(server.url), "maybe")
    })
  )

  for (const [name, head] of [
    ["short of its declared length", begin],
    ["short of its last chunk", (response: ServerResponse) => void response.write(`{"id":`)]
  ] as const) {
    check(`takes no body that ends ${name}`, () =>
      Effect.gen(function* () {
        const server = yield* serve((response) => {
          head(response)
          setImmediate(() => response.destroy())
        })
        assertNetwork(yield* failureAt(server.url), "maybe")
      })
    )
  }
}
