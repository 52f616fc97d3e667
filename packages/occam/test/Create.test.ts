import { assert, describe, it } from "@effect/vitest"
import type { KeySpec } from "@keyfold/core/KeySpec"
import * as Label from "@keyfold/core/Label"
import { OperationId } from "@keyfold/core/OperationId"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { created, host, lines, listed, sent, start } from "./OccamHost.ts"

const operationId = OperationId.make("nightly-2026-03-14")

describe("create", () => {
  it.effect("is one PUT to /keys/ with the name and its mark in a JSON body and nothing in the query", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const labelSecret = Redacted.make("a secret for labels")
      yield* (yield* byKey({ labelSecret })).create({ name: "nightly-sync" }, { operationId })
      assert.deepStrictEqual(lines(emulator), ["GET /auth/access-token", "PUT /keys/"])
      const request = emulator.requests.all[1]
      assert.deepStrictEqual(request?.query, [])
      const { name, ...more } = JSON.parse(request?.body ?? "")
      const codec = yield* Label.make({ secret: labelSecret, backend: "occam", tenant: undefined })
      const { nonce = "" } = (yield* codec.trusted(name)) ?? {}
      assert.strictEqual(name, yield* codec.write("nightly-sync", operationId, nonce))
      assert.deepStrictEqual(more, {})
      const headers = new Map(request?.headers)
      assert.strictEqual(headers.get("accept"), "application/json")
      assert.strictEqual(headers.get("content-type"), "application/json")
      assert.isTrue(headers.has("authorization"))
      assert.isFalse(headers.has("cookie"))
      assert.isFalse(headers.has("x-api-key"))
    })
  )

  it.effect("works where the server parses a body only under its Content-Type", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host({ switches: { strictContentType: true } })
      yield* (yield* byKey()).create({ name: "one" })
      assert.lengthOf(created(emulator), 1)
    })
  )

  it.effect("answers the key with its secret, once", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const store = yield* byKey()
      const { key, secret } = yield* store.create({ name: "nightly-sync" })
      assert.match(Redacted.value(secret), /^sk-occam-[0-9a-f]{32}$/)
      assert.strictEqual(emulator.owns(Redacted.value(secret)), key.id)
      const text = JSON.stringify([yield* listed(store), yield* store.get(key), yield* store.usage(key)])
      assert.notInclude(text, Redacted.value(secret))
    })
  )

  it.effect("keeps the name it sent and leaves the creation time unknown: neither comes back", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const store = yield* byKey()
      const { key } = yield* store.create({ name: "nightly-sync" })
      assert.deepStrictEqual(key, {
        id: key.id,
        name: "nightly-sync",
        scopes: [],
        status: "active",
        tags: {},
        provider: {}
      })
      assert.deepStrictEqual(sent(emulator), ["exchange", "create"], "no list is raced against the server for it")
      assert.deepStrictEqual((yield* store.get(key)).createdAt, DateTime.makeUnsafe(start))
    })
  )

  it.effect("gives a key without a name its mark alone, which is no name to anybody", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const store = yield* byKey()
      const { key } = yield* store.create({})
      assert.notProperty(key, "name")
      const { mark, name } = Label.read(created(emulator)[0]?.label ?? "")
      assert.isDefined(mark)
      assert.isUndefined(name)
      assert.notProperty(yield* store.get(key), "name")
    })
  )

  for (const name of ["größe ☃", "a+b", "a&b=c#d?e", "100% 🔑", " spaces ", "a/b\\c\"'", "line\nbreak"]) {
    it.effect(`brings the name ${JSON.stringify(name)} back unchanged`, () =>
      Effect.gen(function* () {
        const { byKey, emulator } = yield* host()
        const store = yield* byKey()
        const { key } = yield* store.create({ name })
        assert.strictEqual(key.name, name)
        const { mark, name: written } = Label.read(created(emulator)[0]?.label ?? "")
        assert.isDefined(mark)
        assert.strictEqual(written, name)
        assert.strictEqual((yield* store.get(key)).name, name)
      })
    )
  }

  it.effect("makes a second key where a name repeats: names need not be unique", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const store = yield* byKey()
      const first = yield* store.create({ name: "one" })
      const second = yield* store.create({ name: "one" })
      assert.notStrictEqual(first.key.id, second.key.id)
      assert.lengthOf(created(emulator), 2)
    })
  )

  it.effect("makes two keys of one name also where the server wants names unique: their marks differ", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host({ switches: { repeatedName: "conflict" } })
      const store = yield* byKey()
      yield* store.create({ name: "one" })
      assert.strictEqual((yield* store.create({ name: "one" })).key.name, "one")
      assert.lengthOf(created(emulator), 2)
    })
  )

  it.effect("says Conflict and speaks of the name where the server says it", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      emulator.failNext({ status: 409 }, { operation: "create" })
      const error = yield* Effect.flip((yield* byKey()).create({ name: "one" }))
      assert.strictEqual(error.reason._tag, "Conflict")
      assert.include(error.message, "name")
      assert.strictEqual(emulator.requests.count("create"), 1)
    })
  )
})

describe("create refuses before anything is sent", () => {
  const expiresAt = DateTime.makeUnsafe(start + 3_600_000)
  const refused: ReadonlyArray<readonly [title: string, spec: KeySpec, tag: string, names: string]> = [
    ["an expiry", { expiresAt }, "Unsupported", "expiry"],
    ["tags", { tags: { team: "data" } }, "Unsupported", "tags"],
    ["an owner", { owner: "ann" }, "Unsupported", "owners"],
    ["scopes", { scopes: ["write"] }, "Unsupported", "scopes"],
    ["a key that may do nothing", { scopes: [] }, "Unsupported", "scopes"],
    ["an input of its own", { provider: { occam: { settings: 1 } } }, "InvalidRequest", "provider.occam.settings"],
    ["an empty name", { name: "" }, "InvalidRequest", "name"],
    ["a name with U+0000", { name: "a\u0000b" }, "InvalidRequest", "name"],
    ["a name with a lone surrogate", { name: "a\ud800" }, "InvalidRequest", "name"]
  ]
  for (const [title, spec, tag, names] of refused) {
    it.effect(title, () =>
      Effect.gen(function* () {
        const { byKey, emulator } = yield* host()
        const error = yield* Effect.flip((yield* byKey()).create(spec))
        const { reason } = error
        assert.strictEqual(reason._tag, tag)
        assert.strictEqual(
          reason._tag === "Unsupported" ? reason.capability : reason._tag === "InvalidRequest" ? reason.field : "",
          names
        )
        assert.strictEqual(error.attempts, 0)
        assert.strictEqual(emulator.requests.count(), 0)
      })
    )
  }

  it.effect("but takes no tags, and another backend's inputs, for nothing asked", () =>
    Effect.gen(function* () {
      const { byKey } = yield* host()
      const { key } = yield* (yield* byKey()).create({
        tags: {},
        provider: { whylabs: { resourceId: "x" } }
      })
      assert.deepStrictEqual(key.scopes, [])
    })
  )
})
