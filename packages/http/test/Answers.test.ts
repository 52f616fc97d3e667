import { assert, describe, it } from "@effect/vitest"
import { Conflict, NotFound, QuotaExceeded } from "@keyfold/core/KeyStoreError"
import type { BackendOptions } from "@keyfold/http/HttpBackend"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import {
  assertReason,
  backendOver,
  credential,
  failureOf,
  json,
  Key,
  listKeys,
  recordedFetch
} from "./RecordedFetch.ts"

const decodeFrom = <A, I>(schema: Schema.Codec<A, I>, respond: () => Response) =>
  Effect.flatMap(Effect.orDie(backendOver(recordedFetch(respond))), (backend) => backend.decode(schema, listKeys))

const discardFrom = (respond: () => Response) =>
  Effect.flatMap(Effect.orDie(backendOver(recordedFetch(respond))), (backend) => backend.discard(listKeys))

const problemOf = (body: string, schema: Schema.Codec<unknown, unknown> = Key) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(decodeFrom(schema, () => new Response(body)))
    assertReason(error.reason, "InvalidResponse")
    assert.strictEqual(error.sent, "maybe")
    return error.reason.problem
  })

describe("decoding a 2xx answer", () => {
  it.effect("ignores what the schema does not know", () =>
    Effect.gen(function* () {
      const value = yield* decodeFrom(Key, () => json({ id: "k1", uses: 3, added: { later: true } }))
      assert.deepStrictEqual(value, { id: "k1", uses: 3 })
    })
  )

  it.effect("takes any 2xx status and any or no content type", () =>
    Effect.gen(function* () {
      for (const status of [200, 201, 202, 299]) {
        const value = yield* decodeFrom(Key, () => new Response(`{"id":"k1","uses":3}`, { status }))
        assert.strictEqual(value.id, "k1")
      }
    })
  )

  it.effect("reads a body with a byte order mark", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* decodeFrom(Key, () => new Response(`\ufeff{"id":"k1","uses":3}`))).uses, 3)
    })
  )

  for (const [name, body] of [
    ["empty", ""],
    ["HTML", "<html>canary</html>"],
    ["half of a JSON text", `{"id":"canary","us`],
    ["plain text", "canary"]
  ] as const) {
    it.effect(`that is ${name} is InvalidResponse and says nothing of it`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* problemOf(body), "the backend answered success with a body that is not JSON")
      })
    )
  }

  it.effect("is InvalidResponse where there is no body at all", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(decodeFrom(Key, () => new Response(null, { status: 204 })))
      assert.strictEqual(error.reason._tag, "InvalidResponse")
    })
  )

  const prefix = "the backend's answer is not what it documents:"

  it.effect("names the first field that does not fit and nothing of its value", () =>
    Effect.gen(function* () {
      const Keys = Schema.Array(Schema.Struct({ owner: Schema.Struct({ id: Schema.String }), uses: Schema.Int }))
      assert.strictEqual(yield* problemOf(`{"id":"k1","uses":"canary"}`), `${prefix} unexpected value at uses`)
      assert.strictEqual(yield* problemOf(`{"id":"k1","uses":1.5}`), `${prefix} unexpected value at uses`)
      assert.strictEqual(yield* problemOf(`{"uses":1}`), `${prefix} unexpected value at id`)
      assert.strictEqual(
        yield* problemOf(`[{"owner":{"id":"a"},"uses":1},{"owner":{"id":{"canary":1}},"uses":1}]`, Keys),
        `${prefix} unexpected value at 1.owner.id`
      )
      for (const body of ["null", "[]", `"canary"`, "7"]) {
        assert.strictEqual(yield* problemOf(body), `${prefix} the body has another shape`)
      }
    })
  )

  it.effect("does not repeat a key that came with the answer", () =>
    Effect.gen(function* () {
      const Tags = Schema.Struct({ tags: Schema.Record(Schema.String, Schema.Int) })
      assert.strictEqual(yield* problemOf(`{"tags":{"canary":"x"}}`, Tags), `${prefix} unexpected value at tags.?`)
    })
  )

  it.effect("does not repeat what fails a check or a transformation", () =>
    Effect.gen(function* () {
      const Times = Schema.Struct({ at: Schema.DateTimeUtcFromString, kind: Schema.Literals(["a", "b"]) })
      assert.strictEqual(yield* problemOf(`{"at":"canary","kind":"a"}`, Times), `${prefix} unexpected value at at`)
      assert.strictEqual(
        yield* problemOf(`{"at":"2026-01-01T00:00:00Z","kind":"canary"}`, Times),
        `${prefix} unexpected value at kind`
      )
    })
  )

  it.effect("is InvalidResponse beyond 16 MiB, whether the length is declared or not", () =>
    Effect.gen(function* () {
      const limit = 16 * 1024 * 1024
      const long = (length: number) => `"${"x".repeat(length - 2)}"`
      assert.strictEqual((yield* decodeFrom(Schema.String, () => new Response(long(limit)))).length, limit - 2)
      for (const headers of [{}, { "content-length": String(limit + 1) }]) {
        const error = yield* Effect.flip(decodeFrom(Schema.String, () => new Response(long(limit + 1), { headers })))
        assertReason(error.reason, "InvalidResponse")
        assert.strictEqual(error.reason.problem, `the answer is longer than ${limit} bytes`)
        assert.strictEqual(error.sent, "maybe")
      }
    })
  )
})

describe("the text of an answer", () => {
  it.effect("is whole where its characters are split between chunks", () =>
    Effect.gen(function* () {
      const bytes = new TextEncoder().encode(JSON.stringify("é😀ключ"))
      const body = () =>
        new ReadableStream({
          start: (controller) => {
            for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
            controller.close()
          }
        })
      assert.strictEqual(yield* decodeFrom(Schema.String, () => new Response(body())), "é😀ключ")
    })
  )

  it.effect("is bounded where it was compressed and only the compressed length is declared", () =>
    Effect.gen(function* () {
      const headers = { "content-encoding": "gzip", "content-length": "100" }
      const long = `"${"x".repeat(16 * 1024 * 1024)}"`
      const error = yield* Effect.flip(decodeFrom(Schema.String, () => new Response(long, { headers })))
      assertReason(error.reason, "InvalidResponse")
      assert.match(error.reason.problem, /^the answer is longer than/)
    })
  )
})

describe("discarding a 2xx answer", () => {
  for (const [name, respond] of [
    ["204", () => new Response(null, { status: 204 })],
    ["an empty 200", () => new Response("")],
    ["null", () => json(null)],
    ["an object", () => json({ id: "k1" })],
    ["HTML", () => new Response("<html>")]
  ] as const) {
    it.effect(`takes ${name}`, () =>
      Effect.gen(function* () {
        assert.isUndefined(yield* discardFrom(respond))
      })
    )
  }

  it.effect("does not wait for a body that never ends", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* discardFrom(() => new Response(new ReadableStream())))
    })
  )

  it.effect("still fails where the status is no success", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(discardFrom(() => new Response(null, { status: 404 })))
      assert.strictEqual(error.reason._tag, "NotFound")
    })
  )
})

describe("a failed answer", () => {
  it.effect("may have been acted upon, so it says maybe", () =>
    Effect.gen(function* () {
      for (const status of [400, 401, 404, 429, 500, 503]) {
        assert.strictEqual((yield* failureOf(() => new Response("x", { status }))).sent, "maybe")
      }
    })
  )

  it.effect("hands over Retry-After", () =>
    Effect.gen(function* () {
      const { reason } = yield* failureOf(() => new Response(null, { status: 429, headers: { "retry-after": "9" } }))
      assertReason(reason, "RateLimited")
      assert.deepStrictEqual(reason.retryAfter, Duration.seconds(9))
    })
  )

  it.effect("is refined by the call first, then by the backend, then by the table", () =>
    Effect.gen(function* () {
      const answer = (detail: string) => () => json({ detail }, { status: 400 })
      const options = {
        refine: ({ detail }: { readonly detail: string | undefined }) =>
          detail === "call" || detail === "backend" ? new QuotaExceeded({}) : undefined
      }
      const call = {
        ...listKeys,
        refine: ({ detail }: { readonly detail: string | undefined }) =>
          detail === "call" ? new NotFound({}) : undefined
      }
      const tags: Array<string> = []
      for (const detail of ["call", "backend", "table"]) {
        tags.push((yield* failureOf(answer(detail), options, call)).reason._tag)
      }
      assert.deepStrictEqual(tags, ["NotFound", "QuotaExceeded", "InvalidRequest"])
    })
  )

  it.effect("keeps its reason where its body is too long or breaks off", () =>
    Effect.gen(function* () {
      const refine = ({ text }: { readonly text: string | undefined }) =>
        text === undefined ? undefined : new Conflict({})
      const breaksOff = () =>
        new Response(new ReadableStream({ pull: (controller) => controller.error(new Error("canary")) }), {
          status: 401
        })
      assert.strictEqual((yield* failureOf(breaksOff, { refine })).reason._tag, "Unauthenticated")
      const long = (length: number) => () => new Response("x".repeat(length), { status: 403 })
      assert.strictEqual((yield* failureOf(long(64 * 1024), { refine })).reason._tag, "Conflict")
      assert.strictEqual((yield* failureOf(long(64 * 1024 + 1), { refine })).reason._tag, "PermissionDenied")
    })
  )

  for (const status of [301, 302, 303, 307, 308]) {
    it.effect(`with a ${status} is a wrong base URL, and the redirect is not followed`, () =>
      Effect.gen(function* () {
        const headers = { location: "https://elsewhere.example.com/canary?key=canary" }
        const server = recordedFetch(() => new Response(null, { status, headers }))
        const backend = yield* backendOver(server)
        const { reason } = yield* Effect.flip(backend.decode(Key, { ...listKeys, query: [["key", "canary"]] }))
        assertReason(reason, "InvalidRequest")
        assert.strictEqual(reason.field, "baseUrl")
        assert.strictEqual(
          reason.problem,
          "keys.example.com answers with a redirect, which is not followed because the credential would travel along; " +
            "set baseUrl to the address it redirects to, with the right scheme, path and slashes"
        )
        assert.strictEqual(server.requests.length, 1)
      })
    )
  }

  it.effect("with the status 0 of a redirect a browser hides is a wrong base URL too", () =>
    Effect.gen(function* () {
      const { reason } = yield* failureOf(() => Response.error())
      assertReason(reason, "InvalidRequest")
      assert.strictEqual(reason.field, "baseUrl")
    })
  )
})

describe("the request id", () => {
  const options = { requestIdHeader: "X-Request-Id" }
  const requestIdOf = (value: string, status: number, given: Partial<BackendOptions> = options) =>
    Effect.map(
      failureOf(() => new Response("no JSON", { status, headers: { "x-request-id": value } }), given),
      ({ requestId }) => requestId
    )

  it.effect("is kept in every failure of an answer that has one", () =>
    Effect.gen(function* () {
      const id = "3f2b:1c.9-A_z"
      for (const status of [200, 400, 500]) assert.strictEqual(yield* requestIdOf(id, status), id)
      assert.strictEqual(yield* requestIdOf("x".repeat(48), 500), "x".repeat(48))
    })
  )

  it.effect("is dropped where it is not shaped like one", () =>
    Effect.gen(function* () {
      // A key is longer than any request id: an echo of one is not kept.
      for (const value of ["x".repeat(49), "two words", "a/b?key=canary", "<canary>", "a=b", "é", ""]) {
        assert.isUndefined(yield* requestIdOf(value, 500), value)
      }
    })
  )

  it.effect("is dropped where it holds the credential", () =>
    Effect.gen(function* () {
      for (const value of [credential, `id-${credential}.1`]) assert.isUndefined(yield* requestIdOf(value, 500))
      const authorize = Effect.succeed({ authorization: Redacted.make(`Bearer ${credential}`) })
      assert.isUndefined(yield* requestIdOf(credential, 500, { ...options, authorize }))
    })
  )

  it.effect("is not looked for where the backend names no header", () =>
    Effect.gen(function* () {
      const error = yield* failureOf(() => new Response(null, { status: 500, headers: { "x-request-id": "r-1" } }))
      assert.isUndefined(error.requestId)
    })
  )
})
