import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { serve } from "./LoopbackServer.ts"
import {
  assertReason,
  backendAt,
  call,
  credential,
  executed,
  failureAt,
  inQuery,
  Key,
  ok,
  type Check
} from "./TransportCalls.ts"

/** What reaches the server. */
export const requests = (check: Check): void => {
  check("carries method, prefix, path, query, headers and body as they are", () =>
    Effect.gen(function* () {
      const server = yield* serve(ok)
      const backend = yield* backendAt(`${server.url}/prefix/`)
      const query = [
        ["alias", "a b+c&d#é"],
        ["scopes", ":b"],
        ["scopes", ":a"]
      ] as const
      const json = { name: 'é "q" 😀' }
      assert.deepStrictEqual(
        yield* backend.decode(Key, { method: "PUT", segments: ["keys", "a/b c", ""], query, json }),
        { id: "k1" }
      )
      const [request] = server.requests
      assert.strictEqual(request?.method, "PUT")
      assert.strictEqual(request?.url, "/prefix/keys/a%2Fb%20c/?alias=a+b%2Bc%26d%23%C3%A9&scopes=%3Ab&scopes=%3Aa")
      assert.strictEqual(request?.headers["x-api-key"], credential)
      assert.strictEqual(request?.headers["content-type"], "application/json")
      assert.deepStrictEqual(JSON.parse(request?.body ?? ""), json)
    })
  )

  check("sends Accept exactly application/json and, without a body, no content type", () =>
    Effect.gen(function* () {
      const server = yield* serve(ok)
      const backend = yield* backendAt(server.url)
      for (const method of ["GET", "POST", "PUT", "DELETE"] as const) {
        yield* backend.discard({ method, segments: ["keys"] })
      }
      assert.deepStrictEqual(
        server.requests.map(({ method }) => method),
        ["GET", "POST", "PUT", "DELETE"]
      )
      for (const { body, headers } of server.requests) {
        assert.strictEqual(headers.accept, "application/json")
        assert.isUndefined(headers["content-type"])
        assert.strictEqual(body, "")
      }
    })
  )

  check("reveals a redacted body to the server only", () =>
    Effect.gen(function* () {
      const server = yield* serve(ok)
      yield* executed(server.url, { method: "POST", body: Redacted.make("canary-body") })
      assert.strictEqual(server.requests[0]?.body, "canary-body")
    })
  )

  check("keeps no cookies", () =>
    Effect.gen(function* () {
      const server = yield* serve((response, ...rest) => {
        response.setHeader("set-cookie", ["ACCESS_TOKEN=stale; Path=/", "X-API-Key=stale"])
        ok(response, ...rest)
      })
      const backend = yield* backendAt(server.url)
      yield* backend.decode(Key, call)
      yield* backend.decode(Key, call)
      assert.strictEqual(server.requests.length, 2)
      for (const { headers } of server.requests) assert.isUndefined(headers.cookie)
    })
  )

  for (const status of [301, 302, 303, 307, 308]) {
    check(`does not follow a ${status}`, () =>
      Effect.gen(function* () {
        const target = yield* serve(ok)
        const server = yield* serve((response) =>
          response.writeHead(status, { location: `${target.url}/secret-path?key=${inQuery}` }).end()
        )
        const { reason } = yield* failureAt(server.url)
        assertReason(reason, "InvalidRequest")
        assert.strictEqual(reason.field, "baseUrl")
        assert.match(reason.problem, new RegExp(`^127\\.0\\.0\\.1:${server.port} answers with a redirect`))
        assert.notInclude(reason.problem, "/keys")
        assert.notInclude(reason.problem, "secret-path")
        assert.strictEqual(server.requests.length, 1)
        assert.strictEqual(target.requests.length, 0)
      })
    )
  }

  check("repeats no request of its own accord", () =>
    Effect.gen(function* () {
      const server = yield* serve((response) => response.writeHead(503, { "retry-after": "0" }).end())
      assert.strictEqual((yield* failureAt(server.url)).reason._tag, "Unavailable")
      yield* TestClock.adjust("1 hours")
      assert.strictEqual(server.requests.length, 1)
    })
  )

  check("carries many requests at once", () =>
    Effect.gen(function* () {
      const server = yield* serve((response, { url }) => response.end(JSON.stringify({ id: url })))
      const backend = yield* backendAt(server.url)
      const ids = Array.from({ length: 40 }, (_, index) => `k${index}`)
      const found = yield* Effect.forEach(
        ids,
        (id) => Effect.map(backend.decode(Key, { method: "GET", segments: [id] }), (key) => key.id.slice(1)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(found, ids)
    })
  )
}
