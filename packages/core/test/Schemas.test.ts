import { assert, describe, it } from "@effect/vitest"
import { ApiKey, IssuedKey, KeyId, Revocation, settleStatus } from "@keyfold/core/ApiKey"
import { Capabilities, Requirements, unmet } from "@keyfold/core/Capabilities"
import { Filter, Page, PageRequest, completeness, statuses } from "@keyfold/core/KeyList"
import { KeyStore } from "@keyfold/core/KeyStore"
import { KeySpec } from "@keyfold/core/KeySpec"
import { KeyUsage } from "@keyfold/core/KeyUsage"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { OperationId, generate } from "@keyfold/core/OperationId"
import { Verification } from "@keyfold/core/Verification"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import { capabilitiesWith, keyWith, secretText } from "./RecordedDriver.ts"

const shown = (value: unknown): string => String(value)

/** Through JSON text and back. */
const throughJson = <T, E>(codec: Schema.Codec<T, E>, value: T): T => {
  const json = Schema.toCodecJson(codec)
  const text = JSON.stringify(Schema.encodeUnknownSync(json)(value))
  return Schema.decodeUnknownSync(json)(JSON.parse(text))
}

/**
 * Whether encoding loses nothing. Not through JSON text: that cannot write the sign of a zero, and Node 24's parser
 * mistakes the key "\u0000" for a backslash after it has read an object with a backslash for a key.
 */
const survives = <T, E>(codec: Schema.Codec<T, E>, value: T): boolean =>
  [codec, Schema.toCodecJson(codec)].every((each) =>
    Equal.equals(Schema.decodeUnknownSync(each)(Schema.encodeUnknownSync(each)(value)), value)
  )

const full = keyWith("fh4dUNV3WQ", {
  name: "ci runner",
  owner: "platform-bot",
  scopes: ["write"],
  createdAt: DateTime.makeUnsafe("2026-03-14T09:26:53.589Z"),
  expiresAt: DateTime.makeUnsafe("2027-01-01T00:00:00Z"),
  lastUsedAt: DateTime.makeUnsafe(0),
  revokedAt: DateTime.makeUnsafe(1),
  status: "revoked",
  hint: "3WQ4",
  tags: { team: "data" },
  provider: { whylabs: { nested: [1, null, { deep: true }] } }
})

const issued: IssuedKey = { key: full, secret: Redacted.make(secretText, { label: "secret" }) }

describe("ApiKey", () => {
  it("is written with ISO times and read back the same", () => {
    const encoded = Schema.encodeSync(ApiKey)(full)
    assert.strictEqual(encoded.createdAt, "2026-03-14T09:26:53.589Z")
    assert.isTrue(Equal.equals(throughJson(ApiKey, full), full))
  })

  it("keeps absent fields absent", () => {
    assert.deepStrictEqual(throughJson(ApiKey, keyWith("k")), keyWith("k"))
    assert.notProperty(Schema.encodeSync(ApiKey)(keyWith("k")), "name")
  })

  it.prop("any key survives encoding", { key: ApiKey }, ({ key }) => {
    assert.isTrue(survives(ApiKey, key))
  })

  it.prop("any usage report survives encoding", { usage: KeyUsage }, ({ usage }) => {
    assert.isTrue(survives(KeyUsage, usage))
  })

  it.prop("any spec and verification survive encoding", { spec: KeySpec, verification: Verification }, (all) => {
    assert.isTrue(survives(KeySpec, all.spec))
    assert.isTrue(survives(Verification, all.verification))
  })

  it("has no empty id and no status of its own invention", () => {
    const decode = Schema.decodeUnknownOption(ApiKey)
    const encoded = Schema.encodeSync(ApiKey)(full)
    assert.strictEqual(decode(encoded)._tag, "Some")
    assert.strictEqual(decode({ ...encoded, id: "" })._tag, "None")
    assert.strictEqual(decode({ ...encoded, status: "paused" })._tag, "None")
    assert.strictEqual(decode({ ...encoded, createdAt: "yesterday" })._tag, "None")
    assert.throws(() => KeyId.make(""))
  })

  it("settles only an active key, and only after its expiry", () => {
    const expiresAt = DateTime.makeUnsafe(1_000)
    const at = (now: number, status: ApiKey["status"] = "active") =>
      settleStatus(keyWith("k", { expiresAt, status }), DateTime.makeUnsafe(now)).status
    assert.deepStrictEqual(
      [at(999), at(1_001), at(1_001, "revoked"), at(0, "expired")],
      ["active", "expired", "revoked", "expired"]
    )
    assert.strictEqual(settleStatus(keyWith("k"), DateTime.makeUnsafe(1e15)).status, "active")
  })
})

describe("IssuedKey", () => {
  it("refuses to be encoded, and the refusal does not show the secret", () => {
    for (const codec of [IssuedKey, Schema.toCodecJson(IssuedKey)]) {
      const result = Schema.encodeUnknownResult(codec)(issued)
      assert.strictEqual(result._tag, "Failure")
      assert.notInclude(inspect(result, { depth: 20 }), secretText)
      assert.notInclude(String(result._tag === "Failure" ? result.failure : ""), secretText)
    }
  })

  it("shows no secret in JSON, inspect or String", () => {
    for (const text of [
      JSON.stringify(issued),
      inspect(issued, { depth: 20, showHidden: true }),
      shown(issued.secret)
    ]) {
      assert.notInclude(text, secretText)
    }
    assert.include(JSON.stringify(issued), "<redacted:secret>")
  })

  it("is decoded with a secret that is out of view at once; a wrong one is not quoted", () => {
    const key = Schema.encodeSync(ApiKey)(full)
    const decoded = Schema.decodeUnknownSync(IssuedKey)({ key, secret: secretText })
    assert.strictEqual(Redacted.value(decoded.secret), secretText)
    assert.notInclude(inspect(decoded, { depth: 20, showHidden: true }), secretText)
    const wrong = Schema.decodeUnknownResult(IssuedKey)({ key: { ...key, id: 7 }, secret: secretText })
    assert.strictEqual(wrong._tag, "Failure")
    assert.notInclude(inspect(wrong, { depth: 20 }), secretText)
    assert.strictEqual(Schema.decodeUnknownOption(IssuedKey)({ key, secret: "" })._tag, "None")
  })

  it.effect("from a real create keeps the secret out of JSON and inspect as well", () =>
    Effect.gen(function* () {
      const made = yield* Effect.provide(
        Effect.flatMap(KeyStore, (store) => store.create({ name: "ci" })),
        MemoryDriver.layer()
      )
      const secret = Redacted.value(made.secret)
      for (const text of [JSON.stringify(made), inspect(made, { depth: 20, showHidden: true })]) {
        assert.notInclude(text, secret)
        assert.notInclude(text, secret.split(".")[1] ?? "no random part")
      }
    })
  )
})

describe("the other words", () => {
  it("Revocation, Page and Capabilities survive encoding and JSON", () => {
    const revocation: Revocation = { id: full.id, alreadyRevoked: true, effectiveWithin: Duration.seconds(10) }
    assert.isTrue(Equal.equals(throughJson(Revocation, revocation), revocation))
    const page: Page = { keys: [full], next: "cursor", completeness: completeness(MemoryDriver.capabilities, {}) }
    assert.isTrue(Equal.equals(throughJson(Page, page), page))
    const capabilities = capabilitiesWith({ quota: { source: "configured", limit: 50 } })
    assert.isTrue(Equal.equals(throughJson(Capabilities, capabilities), capabilities))
  })

  it("KeyUsage never holds a number that is not one", () => {
    const decode = Schema.decodeUnknownOption(KeyUsage)
    const usage = { id: "k", precision: "exact", provider: {} }
    assert.strictEqual(decode(usage)._tag, "Some")
    assert.strictEqual(decode({ ...usage, completedRequests: Number.NaN })._tag, "None")
    assert.strictEqual(decode({ ...usage, precision: "guessed" })._tag, "None")
  })

  it("PageRequest and Filter take one state or several", () => {
    assert.deepStrictEqual(statuses({}), ["active", "expired"])
    assert.deepStrictEqual(statuses({ status: "revoked" }), ["revoked"])
    assert.deepStrictEqual(statuses({ status: ["revoked", "active", "revoked"] }), ["active", "revoked"])
    assert.deepStrictEqual(Schema.decodeUnknownSync(Filter)({ status: ["active"] }), { status: ["active"] })
    assert.strictEqual(Schema.decodeUnknownOption(PageRequest)({ limit: 1.5 })._tag, "None")
  })

  it("Requirements are stated as true or left out", () => {
    assert.strictEqual(Schema.decodeUnknownOption(Requirements)({ usage: true })._tag, "Some")
    assert.strictEqual(Schema.decodeUnknownOption(Requirements)({ usage: false })._tag, "None")
    assert.deepStrictEqual(unmet(MemoryDriver.capabilities, { usage: true, verify: true, tags: true }), [])
  })

  it("OperationId is 1 to 255 printable ASCII characters without spaces", () => {
    const accepts = (text: string) => Schema.decodeUnknownOption(OperationId)(text)._tag === "Some"
    assert.deepStrictEqual(["a", "deploy-42/eu", "~".repeat(255)].map(accepts), [true, true, true])
    assert.deepStrictEqual(["", "a b", "a\n", "é", "\u0000", "x".repeat(256)].map(accepts), [
      false,
      false,
      false,
      false,
      false,
      false
    ])
  })

  it.effect("generated operation ids are valid and never alike", () =>
    Effect.gen(function* () {
      const ids = yield* Effect.replicateEffect(generate, 1_000)
      assert.strictEqual(new Set(ids).size, 1_000)
      for (const id of ids) assert.match(id, /^op_[A-Za-z0-9_-]{22}$/)
    })
  )
})
