import { assert, describe, it } from "@effect/vitest"
import type * as KeyStore from "@keyfold/core/KeyStore"
import * as Label from "@keyfold/core/Label"
import { OperationId } from "@keyfold/core/OperationId"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { keysPath, lines, organization, owner, songbird, start, wireOf } from "./Songbird.ts"

const at = (milliseconds: number) => DateTime.makeUnsafe(milliseconds)

describe("create on v0", () => {
  it.effect("puts everything into the query in one POST without body and without Content-Type", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0()
      const expiresAt = at(start + 3_600_000)
      yield* store.create({ name: "nightly-batch", owner: "ann", scopes: [":user", ":write_data"], expiresAt })
      const [request, ...more] = emulator.requests.all
      assert.isDefined(request)
      assert.lengthOf(more, 0)
      assert.deepStrictEqual(wireOf(request), {
        method: "POST",
        path: keysPath,
        query: [
          ["user_id", "ann"],
          ["expiration_time", String(start + 3_600_000)],
          ["scopes", ":user"],
          ["scopes", ":write_data"],
          ["alias", "nightly-batch <mark>"]
        ]
      })
      const headers = new Map(request.headers)
      assert.strictEqual(headers.get("accept"), "application/json")
      assert.isFalse(headers.has("content-type"))
      assert.isFalse(headers.has("cookie"))
      assert.isFalse(headers.has("authorization"))
      assert.isTrue(headers.has("x-api-key"))
      assert.isUndefined(request.body)
    })
  )

  it.effect("answers the key with its secret, once", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0()
      const expiresAt = at(start + 3_600_000)
      const issued = yield* store.create({ name: "nightly-batch", scopes: [":write_data"], expiresAt })
      assert.deepStrictEqual(issued.key, {
        id: issued.key.id,
        name: "nightly-batch",
        owner,
        scopes: [":write_data"],
        status: "active",
        createdAt: at(start),
        expiresAt,
        tags: {},
        provider: { whylabs: { organization } }
      })
      const secret = Redacted.value(issued.secret)
      assert.match(secret, /^[A-Za-z0-9]{10}\.[A-Za-z0-9]{53}:org-7Kd3mQ$/)
      assert.strictEqual(emulator.owns(secret), issued.key.id)
      assert.deepStrictEqual(yield* store.get(issued.key), issued.key)
    })
  )

  it.effect("writes the name and a mark of the store's own into the alias", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const labelSecret = Redacted.make("a secret for labels")
      const operationId = OperationId.make("nightly-2026-03-14")
      yield* (yield* v0({ labelSecret })).create({ name: "nightly-batch" }, { operationId })
      const codec = yield* Label.make({ secret: labelSecret, backend: "whylabs", tenant: undefined })
      const alias = emulator.keys().at(-1)?.label ?? ""
      const { nonce = "", operation } = (yield* codec.trusted(alias)) ?? {}
      assert.strictEqual(operation, yield* codec.fingerprint(operationId))
      assert.strictEqual(alias, yield* codec.write("nightly-batch", operationId, nonce))
    })
  )

  it.effect("leaves unset parameters out and sends the default scope explicitly", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const issued = yield* (yield* v0()).create({})
      assert.deepStrictEqual(lines(emulator), [`POST ${keysPath}?user_id=${owner}&scopes=:user&alias=<mark>`])
      assert.notProperty(issued.key, "name")
      assert.notProperty(issued.key, "expiresAt")
      assert.deepStrictEqual(issued.key.scopes, [":user"])
    })
  )

  it.effect("leaves scopes out where the caller asks for none, and names each of the store's defaults", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0({ defaults: { owner: "bot", scopes: [":write_data", ":read_resource"] } })
      const powerless = yield* store.create({ scopes: [] })
      yield* store.create({})
      assert.deepStrictEqual(powerless.key.scopes, [])
      assert.deepStrictEqual(lines(emulator), [
        `POST ${keysPath}?user_id=bot&alias=<mark>`,
        `POST ${keysPath}?user_id=bot&scopes=:write_data&scopes=:read_resource&alias=<mark>`
      ])
    })
  )

  it.effect("sends each scope once and translates portable names both ways", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0({ scopeMap: { write: [":write_data", ":user"], user: [":user"] } })
      const issued = yield* store.create({ scopes: ["write", "user"] })
      assert.deepStrictEqual(lines(emulator), [
        `POST ${keysPath}?user_id=${owner}&scopes=:write_data&scopes=:user&alias=<mark>`
      ])
      assert.sameMembers([...issued.key.scopes], ["write", "user"])
    })
  )

  it.effect("lets an internal scope through: the server decides", () =>
    Effect.gen(function* () {
      const { v0 } = yield* songbird()
      const issued = yield* (yield* v0()).create({ scopes: [":whylabs_administrator"] })
      assert.deepStrictEqual(issued.key.scopes, [":whylabs_administrator"])
    })
  )

  for (const name of ["größe ☃", "a+b", "a&b=c#d?e", "100% 🔑", " spaces ", "a/b\\c\"'", "line\nbreak"]) {
    it.effect(`brings the alias ${JSON.stringify(name)} back unchanged`, () =>
      Effect.gen(function* () {
        const { emulator, v0 } = yield* songbird()
        const store = yield* v0()
        const issued = yield* store.create({ name })
        assert.strictEqual(issued.key.name, name)
        const { mark, name: written } = Label.read(emulator.keys().at(-1)?.label ?? "")
        assert.isDefined(mark)
        assert.strictEqual(written, name)
        assert.strictEqual((yield* store.get(issued.key)).name, name)
      })
    )
  }

  for (const user of ["ann+bob@example.com", "Ann Lee", "émile/ü", "a&b=c", "100%", "用户"]) {
    it.effect(`creates and revokes for the owner ${JSON.stringify(user)}`, () =>
      Effect.gen(function* () {
        const { emulator, v0 } = yield* songbird()
        const store = yield* v0()
        const { key } = yield* store.create({ owner: user })
        assert.strictEqual(key.owner, user)
        assert.strictEqual(emulator.keys().at(-1)?.owner, user)
        yield* store.revoke(key)
        assert.isTrue(emulator.keys().at(-1)?.revoked)
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
        const { emulator, v0 } = yield* songbird()
        const error = yield* Effect.flip((yield* v0()).create(spec))
        assert.strictEqual(error.reason._tag, tag)
        assert.include(error.reason.message, field)
        assert.strictEqual(error.attempts, 0)
        assert.lengthOf(emulator.requests.all, 0)
      })
    )

  const expiring = (seconds: number) => ({ expiresAt: at(start + seconds * 1000) })
  refusedLocally("an expiry 59 seconds ahead", expiring(59), "InvalidRequest", "expiresAt")
  refusedLocally(
    "an expiry 64 seconds ahead: 60 are the server's rule, 5 are for clocks",
    expiring(64),
    "InvalidRequest",
    "65"
  )
  refusedLocally("an expiry in the past", expiring(-1), "InvalidRequest", "expiresAt")
  refusedLocally("an expiry in the year 10000", { expiresAt: at(253_402_300_800_000) }, "InvalidRequest", "10000")
  refusedLocally('an owner with "#", which would break every later read', { owner: "a#b" }, "InvalidRequest", "owner")
  refusedLocally("a blank owner", { owner: "  " }, "InvalidRequest", "owner")
  refusedLocally("an empty owner", { owner: "" }, "InvalidRequest", "owner")
  refusedLocally("an empty scope", { scopes: [""] }, "InvalidRequest", "scopes")
  refusedLocally("an empty name", { name: "" }, "InvalidRequest", "name")
  refusedLocally("a name that no URL can carry", { name: "\ud800" }, "InvalidRequest", "name")
  refusedLocally("tags", { tags: { team: "x" } }, "Unsupported", "tags")
  refusedLocally(
    "an input only v1 takes",
    { provider: { whylabs: { resourceId: "model-1" } } },
    "InvalidRequest",
    "provider.whylabs.resourceId"
  )

  it.effect("an expiry 65 seconds ahead and one in the year 9999 are sent", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0()
      const soon = yield* store.create({ expiresAt: at(start + 65_000) })
      const late = yield* store.create({ expiresAt: at(253_402_300_799_999) })
      assert.strictEqual(soon.key.expiresAt?.epochMilliseconds, start + 65_000)
      assert.strictEqual(late.key.expiresAt?.epochMilliseconds, 253_402_300_799_999)
      assert.strictEqual(emulator.requests.count("create"), 2)
    })
  )
})
