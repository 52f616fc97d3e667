import { assert, describe, it } from "@effect/vitest"
import type * as KeyStore from "@keyfold/core/KeyStore"
import * as Label from "@keyfold/core/Label"
import { OperationId } from "@keyfold/core/OperationId"
import type { ArthurEmulator } from "@keyfold/emulators/Arthur"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { engine, keysPath, start, startOnTheWire, wireOf } from "./Engine.ts"

interface Body {
  readonly description?: unknown
}

/** The JSON bodies sent so far; a description is taken apart, and its mark left out where there is one. */
const bodies = (emulator: ArthurEmulator): ReadonlyArray<unknown> =>
  emulator.requests.all.map(({ body = "{}" }): unknown => {
    const { description, ...rest }: Body = JSON.parse(body)
    const { mark, name } = Label.read(typeof description === "string" ? description : "")
    return mark === undefined ? { description, ...rest } : { name, ...rest }
  })

describe("create", () => {
  it.effect("is one POST to the collection, slash included, with a JSON body and its Content-Type", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const store = yield* make()
      yield* store.create({ name: "billing worker", scopes: ["TASK-ADMIN", "VALIDATION-USER"] })
      const [request, ...more] = emulator.requests.all
      assert.isDefined(request)
      assert.lengthOf(more, 0)
      assert.deepStrictEqual(wireOf(request), { method: "POST", path: keysPath, query: [] })
      assert.deepStrictEqual(bodies(emulator), [{ name: "billing worker", roles: ["TASK-ADMIN", "VALIDATION-USER"] }])
      const headers = new Map(request.headers)
      assert.strictEqual(headers.get("accept"), "application/json")
      assert.strictEqual(headers.get("content-type"), "application/json")
      assert.isTrue(headers.has("authorization"))
      for (const name of ["cookie", "x-api-key"]) assert.isFalse(headers.has(name))
    })
  )

  it.effect("answers the key with its secret, once", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const store = yield* make()
      const issued = yield* store.create({ name: "billing worker", scopes: ["TASK-ADMIN"] })
      assert.deepStrictEqual(issued.key, {
        id: issued.key.id,
        name: "billing worker",
        scopes: ["TASK-ADMIN"],
        status: "active",
        tags: {},
        provider: { arthur: { createdAt: startOnTheWire } }
      })
      const secret = Redacted.value(issued.secret)
      assert.match(secret, /^[A-Za-z0-9]{107}=$/)
      assert.strictEqual(emulator.owns(secret), issued.key.id)
      assert.deepStrictEqual(yield* store.get(issued.key), issued.key)
    })
  )

  it.effect("writes the name and a mark of the store's own into the description", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const labelSecret = Redacted.make("a secret for labels")
      const operationId = OperationId.make("rotate-2026-03-14")
      yield* (yield* make({ labelSecret })).create({ name: "billing worker" }, { operationId })
      const codec = yield* Label.make({ secret: labelSecret, backend: "arthur", tenant: undefined })
      const description = emulator.keys()[0]?.label ?? ""
      const { nonce = "", operation } = (yield* codec.trusted(description)) ?? {}
      assert.strictEqual(operation, yield* codec.fingerprint(operationId))
      assert.strictEqual(description, yield* codec.write("billing worker", operationId, nonce))
    })
  )

  it.effect("writes a mark alone without a name and makes the server's default role explicit", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const issued = yield* (yield* make()).create({})
      assert.deepStrictEqual(bodies(emulator), [{ name: undefined, roles: ["VALIDATION-USER"] }])
      assert.deepStrictEqual(issued.key.scopes, ["VALIDATION-USER"])
      assert.notProperty(issued.key, "name")
    })
  )

  it.effect("sends an empty list of roles only where a key that may do nothing is asked for, and never null", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const store = yield* make({ defaults: { scopes: ["TASK-ADMIN"] } })
      const { key, secret } = yield* store.create({ scopes: [] })
      yield* store.create({})
      assert.deepStrictEqual(bodies(emulator), [
        { name: undefined, roles: [] },
        { name: undefined, roles: ["TASK-ADMIN"] }
      ])
      assert.deepStrictEqual(key.scopes, [])
      const headers = { authorization: `Bearer ${Redacted.value(secret)}` }
      const use = yield* Effect.promise(() => emulator.fetch("http://localhost/api/v2/tasks", { headers }))
      assert.strictEqual(use.status, 403, "it authenticates and may do nothing")
    })
  )

  it.effect("sends each role once and translates portable names both ways", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const scopeMap = { validate: ["VALIDATION-USER"], operate: ["TASK-ADMIN", "VALIDATION-USER"] }
      const store = yield* make({ scopeMap, defaults: { scopes: ["validate"] } })
      const issued = yield* store.create({ scopes: ["operate", "validate"] })
      assert.deepStrictEqual(bodies(emulator), [{ name: undefined, roles: ["TASK-ADMIN", "VALIDATION-USER"] }])
      assert.sameMembers([...issued.key.scopes], ["operate", "validate"])
      assert.deepStrictEqual((yield* store.create({})).key.scopes, ["validate"])
    })
  )

  it.effect("makes two keys for two calls with the same name: nothing is unique but the id", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const store = yield* make()
      const first = yield* store.create({ name: "one" })
      const second = yield* store.create({ name: "one" })
      assert.notStrictEqual(first.key.id, second.key.id)
      assert.lengthOf(emulator.keys(), 2)
    })
  )

  it.effect("never offers created_at as a creation time: it is the start of the server's process", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const store = yield* make()
      const first = yield* store.create({})
      const second = yield* store.create({})
      emulator.clock.advance(60_000)
      emulator.restart()
      const third = yield* store.create({})
      const keys = [first, second, third].map(({ key }) => key)
      for (const key of keys) assert.notProperty(key, "createdAt")
      assert.deepStrictEqual(
        keys.map(({ provider }) => provider["arthur"]?.["createdAt"]),
        [startOnTheWire, startOnTheWire, "2026-03-14T09:27:53.589000"]
      )
    })
  )

  for (const name of ["größe ☃", 'quo"te\\back', "{'python': None}", "100% 🔑", " spaces ", "line\nbreak", "null"]) {
    it.effect(`brings the description ${JSON.stringify(name)} back unchanged`, () =>
      Effect.gen(function* () {
        const { emulator, make } = yield* engine()
        const store = yield* make()
        const issued = yield* store.create({ name })
        assert.strictEqual(issued.key.name, name)
        const { mark, name: written } = Label.read(emulator.keys().at(-1)?.label ?? "")
        assert.isDefined(mark)
        assert.strictEqual(written, name)
        assert.strictEqual((yield* store.get(issued.key)).name, name)
      })
    )
  }
})

describe("create refuses before anything is sent", () => {
  const refusedLocally = (
    title: string,
    spec: Parameters<KeyStore.KeyStore["Service"]["create"]>[0],
    tag: string,
    field: string
  ) =>
    it.effect(title, () =>
      Effect.gen(function* () {
        const { emulator, make } = yield* engine()
        const error = yield* Effect.flip((yield* make()).create(spec))
        assert.strictEqual(error.reason._tag, tag)
        const { reason } = error
        const named =
          reason._tag === "InvalidRequest" ? reason.field : reason._tag === "Unsupported" ? reason.capability : reason
        assert.strictEqual(named, field)
        assert.strictEqual(error.attempts, 0)
        assert.lengthOf(emulator.requests.all, 0)
      })
    )

  refusedLocally("an expiry", { expiresAt: DateTime.makeUnsafe(start + 3_600_000) }, "Unsupported", "expiry")
  refusedLocally("tags", { tags: { team: "x" } }, "Unsupported", "tags")
  refusedLocally("an owner", { owner: "ann" }, "Unsupported", "owners")
  refusedLocally("an empty role", { scopes: [""] }, "InvalidRequest", "scopes")
  refusedLocally("an empty name", { name: "" }, "InvalidRequest", "name")
  refusedLocally("a name with U+0000, a 500 on PostgreSQL", { name: "a\u0000b" }, "InvalidRequest", "name")
  refusedLocally("a name with a lone surrogate, a 500 too", { name: "\ud800" }, "InvalidRequest", "name")
  refusedLocally(
    "an input of its own that it does not have",
    { provider: { arthur: { organization: "x" } } },
    "InvalidRequest",
    "provider.arthur.organization"
  )

  it.effect("but leaves inputs for other backends alone", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      yield* (yield* make()).create({ provider: { whylabs: { resourceId: "model-1" } } })
      assert.deepStrictEqual(bodies(emulator), [{ name: undefined, roles: ["VALIDATION-USER"] }])
    })
  )
})
