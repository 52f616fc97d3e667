import { assert, describe, it } from "@effect/vitest"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { Switches } from "@keyfold/emulators/Occam"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { advancing, email, host, lines, listed, ref, sent, start, unknownId } from "./OccamHost.ts"

const seeded = Effect.fnUntraced(function* (switches: Partial<Switches> = {}) {
  const { byKey, emulator } = yield* host({ switches })
  const [key] = emulator.seed({ email, name: "old", created: Date.UTC(2025, 0, 1) })
  return { emulator, store: yield* byKey(), id: key?.id ?? "" }
})

const isRevoked = (emulator: Effect.Success<ReturnType<typeof seeded>>["emulator"], id: string) =>
  emulator.keys().find((key) => key.id === id)?.revoked

describe("revoke", () => {
  it.effect("is one DELETE of the id without a trailing slash, a query or a body", () =>
    Effect.gen(function* () {
      const { emulator, id, store } = yield* seeded()
      yield* store.revoke(ref(id))
      assert.deepStrictEqual(lines(emulator), ["GET /auth/access-token", `DELETE /keys/${id}`])
      const request = emulator.requests.all[1]
      assert.deepStrictEqual(request?.query, [])
      assert.isUndefined(request?.body)
      assert.isFalse(new Map(request?.headers).has("content-type"))
      assert.isTrue(isRevoked(emulator, id))
    })
  )

  for (const deleteBody of ["null", "object", "empty", "noContent"] as const) {
    it.effect(`succeeds with the body ${deleteBody}`, () =>
      Effect.gen(function* () {
        const { emulator, id, store } = yield* seeded({ deleteBody })
        const revocation = yield* store.revoke(ref(id))
        assert.strictEqual(revocation.id, id)
        assert.notProperty(revocation, "alreadyRevoked")
        assert.isTrue(isRevoked(emulator, id))
        assert.isFalse((yield* listed(store)).some((key) => key.id === id))
        assert.strictEqual(emulator.requests.count("revoke"), 1)
      })
    )
  }

  for (const [status, body, contentType] of [
    [200, "<html>deleted</html>", "text/html"],
    [200, "{", "application/json"],
    [202, "accepted", "text/plain"]
  ] as const) {
    it.effect(`succeeds with any 2xx (${status} ${contentType})`, () =>
      Effect.gen(function* () {
        const { emulator, id, store } = yield* seeded()
        emulator.failNext({ status, body, contentType }, { operation: "revoke" })
        assert.strictEqual((yield* store.revoke(ref(id))).id, id)
        assert.strictEqual(emulator.requests.count("revoke"), 1)
      })
    )
  }

  it.effect("says that a token minted from the key may outlive it, and it does", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      const { key, secret } = yield* store.create({ name: "one" })
      const exchanged = yield* Effect.promise(() =>
        emulator.fetch(`http://localhost:8000/auth/access-token?key=${Redacted.value(secret)}`)
      )
      const token = (yield* Effect.promise(() => exchanged.json()))["access_token"]
      const { effectiveWithin } = yield* store.revoke(key)
      assert.strictEqual(Duration.toMillis(effectiveWithin), 24 * 3_600_000)
      const call = () =>
        Effect.promise(() =>
          emulator.fetch("http://localhost:8000/keys/", { headers: { authorization: `Bearer ${token}` } })
        )
      assert.strictEqual((yield* call()).status, 200)
      emulator.clock.advance(Duration.toMillis(effectiveWithin))
      assert.strictEqual((yield* call()).status, 401)
    })
  )
})

describe("revoke of an id Occam does not know", () => {
  it.effect("answered 404 is NotFound, never success, after one DELETE", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded({ unknownDelete: 404 })
      const error = yield* Effect.flip(store.revoke(ref(unknownId)))
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.deepStrictEqual(sent(emulator), ["exchange", "revoke"])
    })
  )

  it.effect("answered 200 succeeds: the server says no more", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded({ unknownDelete: 200 })
      assert.strictEqual((yield* store.revoke(ref(unknownId))).id, unknownId)
      assert.deepStrictEqual(sent(emulator), ["exchange", "revoke"])
    })
  )

  it.effect("answered 500 is Unavailable after four DELETEs, never success", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded({ unknownDelete: 500 })
      const error = yield* advancing(Effect.flip(store.revoke(ref(unknownId))))
      assert.strictEqual(error.reason._tag === "Unavailable" ? error.reason.status : error.reason._tag, 500)
      assert.isTrue(error.exhausted)
      assert.strictEqual(emulator.requests.count("revoke"), 4)
    })
  )
})

describe("revoke of a key that is revoked already", () => {
  for (const [repeatedDelete, tag] of [
    [404, "NotFound"],
    [200, undefined],
    [500, "Unavailable"]
  ] as const) {
    it.effect(`answered ${repeatedDelete} is ${tag ?? "success"}`, () =>
      Effect.gen(function* () {
        const { emulator, id, store } = yield* seeded({ repeatedDelete })
        yield* store.revoke(ref(id))
        const second = yield* advancing(Effect.result(store.revoke(ref(id))))
        assert.strictEqual(second._tag === "Failure" ? second.failure.reason._tag : undefined, tag)
        assert.isTrue(isRevoked(emulator, id))
      })
    )
  }

  it.effect("of another user is NotFound, or PermissionDenied where the server says so", () =>
    Effect.gen(function* () {
      for (const [foreignKey, tag] of [
        ["unknown", "NotFound"],
        ["forbidden", "PermissionDenied"]
      ] as const) {
        const { emulator, store } = yield* seeded({ foreignKey })
        const [foreign] = emulator.seed({ email: "bob@example.com", name: "his", created: Date.UTC(2025, 0, 1) })
        const error = yield* Effect.flip(store.revoke(ref(foreign?.id ?? "")))
        assert.strictEqual(error.reason._tag, tag)
        assert.isFalse(isRevoked(emulator, foreign?.id ?? ""))
      }
    })
  )
})

describe("revoke whose answer is lost", () => {
  it.effect("is sent again; a 404 then, of a key this call knew, is confirmed by a read and is success", () =>
    Effect.gen(function* () {
      const { emulator, id, store } = yield* seeded()
      const key = yield* store.get(ref(id))
      emulator.requests.clear()
      emulator.loseNextResponse({ operation: "revoke" })
      const revocation = yield* advancing(store.revoke(key))
      assert.isTrue(revocation.alreadyRevoked)
      assert.deepStrictEqual(sent(emulator), ["revoke", "revoke", "list"])
      assert.isTrue(isRevoked(emulator, id))
    })
  )

  it.effect("the same of a key this store made moments ago, once it must have become visible", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      const { key } = yield* store.create({ name: "one" })
      emulator.loseNextResponse({ operation: "revoke" })
      assert.isTrue((yield* advancing(store.revoke(ref(key.id)), 500)).alreadyRevoked)
      assert.isAtLeast((yield* Clock.currentTimeMillis) - start, 10_000)
      assert.isTrue(isRevoked(emulator, key.id))
    })
  )

  it.effect("a 404 then stays NotFound where nobody knew that the key existed", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      emulator.failNext({ network: "reset" }, { operation: "revoke" })
      const error = yield* advancing(Effect.flip(store.revoke(ref(unknownId))))
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.deepStrictEqual(sent(emulator), ["exchange", "revoke", "revoke", "list"])
    })
  )

  it.effect("a 404 then stays NotFound where the list still shows the key", () =>
    Effect.gen(function* () {
      const { emulator, id, store } = yield* seeded()
      const key = yield* store.get(ref(id))
      emulator.failNext({ network: "reset" }, { operation: "revoke" })
      emulator.failNext(
        { status: 404, body: '{"detail":"API key not found"}', contentType: "application/json" },
        { operation: "revoke" }
      )
      const error = yield* advancing(Effect.flip(store.revoke(key)))
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.isFalse(isRevoked(emulator, id))
    })
  )

  it.effect("a credential that stops working meanwhile is no proof that the key is gone", () =>
    Effect.gen(function* () {
      const { emulator, id, store } = yield* seeded({ badKeyStatus: 404 })
      const key = yield* store.get(ref(id))
      emulator.failNext({ network: "reset" }, { operation: "revoke" })
      emulator.removeUser(email)
      const error = yield* advancing(Effect.flip(store.revoke(key)))
      assert.strictEqual(error.reason._tag, "Unauthenticated")
      assert.isFalse(isRevoked(emulator, id))
    })
  )
})

type Calls = ReadonlyArray<Effect.Effect<unknown, KeyStoreError>>

describe("an id that is no UUID", () => {
  for (const id of [
    "x",
    "..",
    "%2e%2e",
    "a/usage",
    unknownId.slice(1),
    `${unknownId}/usage`,
    `${unknownId}?x=1`,
    " "
  ]) {
    it.effect(`is refused before anything is sent: ${JSON.stringify(id)}`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* seeded({ malformedUuid: 500 })
        const calls: Calls = [store.revoke(ref(id)), store.usage(ref(id))]
        for (const call of calls) {
          const error = yield* Effect.flip(call)
          assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : error.reason._tag, "id")
          assert.include(error.message, "UUID")
          assert.strictEqual(error.attempts, 0)
        }
        assert.strictEqual(emulator.requests.count(), 0)
      })
    )
  }

  it.effect("is refused even when empty, which would reach the collection", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      const empty = { id: "" } as ReturnType<typeof ref>
      const calls: Calls = [store.revoke(empty), store.usage(empty), store.get(empty)]
      for (const call of calls) {
        const error = yield* Effect.flip(call)
        assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : error.reason._tag, "id")
      }
      assert.strictEqual(emulator.requests.count(), 0)
    })
  )

  it.effect("a UUID in capitals or without dashes is one", () =>
    Effect.gen(function* () {
      const { emulator, id, store } = yield* seeded()
      yield* store.usage(ref(id.toUpperCase()))
      yield* Effect.flip(store.usage(ref(id.replaceAll("-", ""))))
      assert.strictEqual(emulator.requests.count("usage"), 2)
    })
  )
})
