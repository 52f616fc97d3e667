/** What the emulated server refuses by its own rules, from the cause to the reason. */
import { assert, describe, it } from "@effect/vitest"
import * as Emulators from "@keyfold/emulators/WhyLabs"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { baseUrl, freeOrganization, listed, operations, organization, owner, ref, songbird, start } from "./Songbird.ts"

describe("the emulated server's own refusals", () => {
  const denied = Effect.fnUntraced(function* (apiKey: string, credentials: ReadonlyArray<Emulators.Credential> = []) {
    const { emulator, v0 } = yield* songbird({ credentials })
    const store = yield* v0({ apiKey: Redacted.make(apiKey) })
    for (const [name, run] of operations) {
      const error = yield* Effect.flip(run(store))
      assert.strictEqual(error.reason._tag, "PermissionDenied", name)
      assert.isFalse(error.isRetryable)
    }
    assert.lengthOf(emulator.requests.all, operations.length)
  })
  const key = Emulators.makeCredential(organization)
  const caller = { kind: "caller", value: key, organization, scopes: [":account_administrator"] } as const

  it.effect("an unknown, a malformed and a prefixed credential are PermissionDenied", () =>
    Effect.gen(function* () {
      yield* denied(Emulators.makeCredential())
      yield* denied("nonsense")
      yield* denied(`Bearer ${key}`, [caller])
      yield* denied('{"AccessKeyId":"a","SecretAccessKey":"b","SessionToken":"c"}')
    })
  )

  it.effect("a customer's administrator key, an expired and a revoked one are the same PermissionDenied", () =>
    Effect.gen(function* () {
      yield* denied(key, [caller])
      yield* denied(key, [{ ...caller, expirationTime: start - 1 }])
      const { emulator, system, v0 } = yield* songbird()
      const store = yield* v0({ organization: "0", defaults: { owner: "system" } })
      const [own] = yield* listed(store)
      assert.isDefined(own)
      yield* store.revoke(own)
      emulator.clock.advance(1_000)
      assert.strictEqual(emulator.owns(system), own.id)
      assert.strictEqual((yield* Effect.flip(listed(store))).reason._tag, "PermissionDenied")
    })
  )

  it.effect("an address with a wrong path is InvalidRequest for baseUrl, whatever the server answers there", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0({ baseUrl: `${baseUrl}/api` })
      for (const unroutable of [404, 415] as const) {
        emulator.setSwitches({ unroutable })
        for (const [name, run] of operations) {
          const error = yield* Effect.flip(run(store))
          assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : error, "baseUrl", name)
        }
      }
    })
  )

  it.effect("an unknown and a deleted organization refuse a create", () =>
    Effect.gen(function* () {
      const { v0 } = yield* songbird()
      for (const id of ["org-nowhere", "org-gone"]) {
        const error = yield* Effect.flip((yield* v0({ organization: id })).create({}))
        assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : error, "organization")
      }
    })
  )

  it.effect("the 26th key of a free organization is QuotaExceeded, and revoking one makes room", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0({ organization: freeOrganization, keyLimit: 25 })
      assert.deepStrictEqual(store.capabilities.quota, { source: "configured", limit: 25 })
      for (let count = 0; count < 25; count++) yield* store.create({})
      const error = yield* Effect.flip(store.create({}))
      assert.strictEqual(error.reason._tag === "QuotaExceeded" ? error.reason.limit : error, 25)
      assert.strictEqual(error.attempts, 1)
      const [first] = yield* listed(store)
      assert.isDefined(first)
      yield* store.revoke(first)
      yield* store.create({})
      assert.lengthOf(
        emulator.keys().filter(({ origin }) => origin === "created"),
        26
      )
    })
  )

  it.effect("an unknown scope is sent, and the server's refusal is InvalidRequest for scopes", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const error = yield* Effect.flip((yield* v0()).create({ scopes: [":future"] }))
      assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : error, "scopes")
      assert.lengthOf(emulator.requests.all, 1)
    })
  )

  it.effect("an expiry that only the server's faster clock refuses is InvalidRequest for expiresAt", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0()
      emulator.clock.advance(10_000)
      const error = yield* Effect.flip(store.create({ expiresAt: DateTime.makeUnsafe(start + 66_000) }))
      assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : error, "expiresAt")
      assert.lengthOf(emulator.requests.all, 1)
    })
  )

  it.effect("reports the server's request id and never a text that is none", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0()
      const error = yield* Effect.flip(store.revoke(ref("zzzzzzzzzz", owner)))
      assert.match(error.requestId ?? "", /^[0-9a-f-]{36}$/)
      emulator.failNext({ status: 403, headers: { "x-request-id": "https://x.test/?alias=private" } })
      assert.isUndefined((yield* Effect.flip(listed(store))).requestId)
    })
  )
})
