import { assert, describe, it } from "@effect/vitest"
import type { KeyRef } from "@keyfold/core/ApiKey"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver, DriverError } from "@keyfold/core/Driver"
import * as KeyStore from "@keyfold/core/KeyStore"
import { NotFound, Unavailable } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { pass, passing, settle } from "./Passing.ts"
import { driverError, keyWith, record, ref } from "./RecordedDriver.ts"
import * as SharedBackend from "./SharedBackend.ts"

const labelSecret = Redacted.make("a secret for marks")

const of = (driver: Driver, tenant: string) => KeyStore.make(driver, { tenant, labelSecret })

const idsOf = (store: KeyStore.KeyStore["Service"]) =>
  Effect.map(passing(Stream.runCollect(store.list())), (keys) => keys.map(({ id }) => id))

const bare = ({ id }: KeyRef): KeyRef => ({ id })

/** A driver whose reads fail that many times before each answer. */
const flaky = (driver: Driver, failures: number): Driver => {
  const { get, list } = driver
  let left = failures
  const gate: Effect.Effect<void, DriverError> = Effect.suspend(() => {
    if (left-- > 0) return Effect.fail(driverError(new Unavailable({})))
    left = failures
    return Effect.void
  })
  return {
    ...driver,
    ...(get === undefined ? {} : { get: (key) => Effect.andThen(gate, get(key)) }),
    list:
      list.kind === "pages"
        ? list
        : { kind: "stream", open: (request) => Stream.unwrap(Effect.as(gate, list.open(request))) }
  }
}

describe("a tenant's store on a backend that does not know tenants", () => {
  it.effect.each([{ get: true }, {}])("cannot tell a foreign id by the attempts that a bad day costs (%o)", (options) =>
    Effect.gen(function* () {
      const { recorded } = SharedBackend.make(options)
      const acme = yield* of(recorded.driver, "acme")
      const { key } = yield* passing(acme.create({ name: "ci" }))
      const globex = yield* of(flaky(recorded.driver, 2), "globex")
      for (const operation of ["get", "revoke", "usage"] as const) {
        const call = (key: KeyRef): Effect.Effect<unknown, unknown> => globex[operation](key)
        const foreign = yield* passing(Effect.flip(call(bare(key))))
        const missing = yield* passing(Effect.flip(call(ref("key-9999"))))
        assert.strictEqual(JSON.stringify(foreign), JSON.stringify(missing))
        assert.include(JSON.stringify(foreign), '"attempts":')
      }
    }).pipe(Effect.scoped)
  )

  it.effect("shows neither foreign labels, nor keys of no tenant, nor copied marks", () =>
    Effect.gen(function* () {
      const { keys, recorded } = SharedBackend.make()
      const acme = yield* of(recorded.driver, "acme")
      const globex = yield* of(recorded.driver, "globex")
      const whole = yield* KeyStore.make(recorded.driver, { labelSecret })
      const { key } = yield* passing(acme.create({ name: "ci" }))
      const nameless = yield* passing(acme.create({}))
      yield* passing(whole.create({ name: "of nobody" }))
      const label = keys.get(key.id)?.name ?? ""
      // Whoever may choose a name can copy a whole label into it.
      const copy = yield* passing(globex.create({ name: label }))
      keys.set("copied", keyWith("copied", { name: label.replace("ci ", "root ") }))
      keys.set("unmarked", keyWith("unmarked", { name: "ci" }))
      keys.set("unnamed", keyWith("unnamed"))
      assert.deepStrictEqual(yield* idsOf(acme), [key.id, nameless.key.id])
      assert.deepStrictEqual(yield* idsOf(globex), [copy.key.id])
      assert.lengthOf(yield* idsOf(whole), 7)
      for (const id of ["copied", "unmarked", "unnamed"]) {
        assert.strictEqual((yield* passing(Effect.flip(acme.revoke(ref(id))))).reason._tag, "NotFound")
      }
    }).pipe(Effect.scoped)
  )

  it.effect("revokes its own key twice where the backend no longer shows it", () =>
    Effect.gen(function* () {
      const { recorded } = SharedBackend.make()
      const acme = yield* of(recorded.driver, "acme")
      const { key } = yield* passing(acme.create({ name: "ci" }))
      yield* pass(1)
      yield* passing(acme.revoke(bare(key)))
      assert.strictEqual((yield* passing(acme.revoke(bare(key)))).id, key.id)
    }).pipe(Effect.scoped)
  )

  it.effect("revokes nothing that a read shows to be revoked", () =>
    Effect.gen(function* () {
      const { recorded } = SharedBackend.make({ get: true, capabilities: { repeatedRevoke: "movesTime" } })
      const { key } = yield* passing(
        Effect.flatMap(of(recorded.driver, "acme"), (first) => first.create({ name: "ci" }))
      )
      const acme = yield* of(recorded.driver, "acme")
      const globex = yield* of(recorded.driver, "globex")
      assert.isUndefined((yield* passing(acme.revoke(bare(key)))).alreadyRevoked)
      assert.strictEqual(recorded.count("get"), 1)
      const later = yield* of(recorded.driver, "acme")
      assert.isTrue((yield* passing(later.revoke(bare(key)))).alreadyRevoked)
      assert.strictEqual(recorded.count("revoke"), 1)
      yield* passing(Effect.flip(globex.revoke(bare(key))))
      assert.strictEqual(recorded.count("revoke"), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("waits for a key made moments ago, by itself or elsewhere, before it is taken for a stranger's", () =>
    Effect.gen(function* () {
      const { keys, recorded } = SharedBackend.make({ visibility: "10 seconds" })
      const acme = yield* of(recorded.driver, "acme")
      const elsewhere = yield* of(recorded.driver, "acme")
      const first = yield* passing(acme.create({ name: "first" }))
      assert.strictEqual((yield* passing(acme.get(bare(first.key)))).name, "first")
      const second = yield* passing(elsewhere.create({ name: "second" }))
      const fiber = yield* Effect.forkChild(acme.revoke(second.key))
      yield* pass(20)
      yield* Fiber.join(fiber)
      assert.strictEqual(keys.get(second.key.id)?.status, "revoked")
      assert.strictEqual(recorded.count("revoke"), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("revokes with the owner that the key has, not with the one it was told", () =>
    Effect.gen(function* () {
      const { recorded } = SharedBackend.make()
      const first = yield* of(recorded.driver, "acme")
      const { key } = yield* passing(first.create({ name: "ci", owner: "bot" }))
      const acme = yield* of(recorded.driver, "acme")
      yield* passing(acme.revoke({ id: key.id, owner: "somebody else" }))
      const sent = recorded.calls.flatMap(({ input, operation }) => (operation === "revoke" ? [input] : []))
      assert.deepInclude(sent[0], { id: key.id, owner: "bot" })
    }).pipe(Effect.scoped)
  )

  it.effect("remembers that a revoke may have been carried out while it waits for a new key to be certain", () =>
    Effect.gen(function* () {
      const { keys, recorded } = SharedBackend.make({ visibility: "10 seconds", lag: 0 })
      const forgetful: Driver = {
        ...recorded.driver,
        revoke: (target) =>
          Effect.suspend(() =>
            keys.get(target.id)?.status === "revoked"
              ? Effect.fail(driverError(new NotFound({})))
              : Effect.andThen(recorded.driver.revoke(target), Effect.fail(driverError(new Unavailable({}))))
          )
      }
      const elsewhere = yield* of(forgetful, "acme")
      const acme = yield* of(forgetful, "acme")
      const { key } = yield* passing(elsewhere.create({ name: "ci" }))
      // Missing now, it may still be about to show: only what the call has seen itself tells that it was revoked.
      const revocation = yield* passing(acme.revoke(key))
      assert.isTrue(revocation.alreadyRevoked)
      assert.strictEqual(recorded.count("revoke"), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("asks about a secret only where its key is known beforehand", () =>
    Effect.gen(function* () {
      const { recorded } = SharedBackend.make({ identify: false })
      const acme = yield* of(recorded.driver, "acme")
      assert.strictEqual(acme.capabilities.operations.verify, "unsupported")
      const error = yield* Effect.flip(acme.verify(Redacted.make("secret of key-1")))
      assert.deepInclude(error.reason, { _tag: "Unsupported", capability: "verify" })
      assert.strictEqual(recorded.count(), 0)
      const options = { tenant: "acme", labelSecret, require: { verify: true } } as const
      const refusal = yield* Effect.flip(KeyStore.make(recorded.driver, options))
      assert.match(refusal.message, /cannot meet: verify/)
    }).pipe(Effect.scoped)
  )

  it.effect("does not take a backend's word about another key", () =>
    Effect.gen(function* () {
      const { keys, recorded } = SharedBackend.make()
      const globex = yield* of(recorded.driver, "globex")
      const { key } = yield* passing(globex.create({ name: "of globex" }))
      // It reads the id loosely and answers for whatever the rest of the secret belongs to.
      const loose = record({
        ...recorded.driver,
        verify: () => Effect.succeed({ valid: true, key: keys.get(key.id) ?? key })
      })
      const acme = yield* of(loose.driver, "acme")
      const own = yield* passing(acme.create({ name: "of acme" }))
      assert.deepStrictEqual(yield* passing(acme.verify(own.secret)), { valid: false, reason: "unknown" })
      assert.strictEqual(loose.count("verify"), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("reports an outage during verify as an error, not as a secret of no key", () =>
    Effect.gen(function* () {
      const { recorded } = SharedBackend.make()
      const acme = yield* of(flaky(recorded.driver, 99), "acme")
      const error = yield* passing(Effect.flip(acme.verify(Redacted.make("secret of key-1"))))
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.strictEqual(error.operation, "verify")
    }).pipe(Effect.scoped)
  )

  it.effect("makes no more keys once their marks got lost, for nobody could find them", () =>
    Effect.gen(function* () {
      const { recorded } = SharedBackend.make({ keep: (label) => label.slice(0, 8) })
      const acme = yield* of(recorded.driver, "acme")
      yield* passing(acme.create({ name: "ci" }))
      yield* pass(2)
      const error = yield* passing(Effect.flip(acme.create({ name: "ci" })))
      assert.deepInclude(error.reason, { _tag: "Unsupported", capability: "createSafety" })
      assert.strictEqual(recorded.count("create"), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("says that its pages are its own", () =>
    Effect.gen(function* () {
      const { recorded } = SharedBackend.make({ pages: true })
      assert.strictEqual((yield* KeyStore.make(recorded.driver)).capabilities.pagination, "native")
      assert.strictEqual((yield* of(recorded.driver, "acme")).capabilities.pagination, "derived")
    }).pipe(Effect.scoped)
  )

  it.effect("looks nothing up where no tenant is named", () =>
    Effect.gen(function* () {
      const { keys, recorded } = SharedBackend.make({ get: true })
      keys.set("somebody's", keyWith("somebody's", { name: "by hand" }))
      const whole = yield* KeyStore.make(recorded.driver, { labelSecret })
      yield* whole.revoke(ref("somebody's"))
      yield* settle
      assert.strictEqual(recorded.count(), 1)
    }).pipe(Effect.scoped)
  )
})

describe("a store of one tenant does not boot", () => {
  it.effect("where its marks would be forgotten with the process", () =>
    Effect.gen(function* () {
      const { recorded } = SharedBackend.make()
      const refusal = yield* Effect.flip(KeyStore.make(recorded.driver, { tenant: "acme", store: "guard" }))
      assert.instanceOf(refusal, ConfigurationError)
      assert.deepInclude(refusal, { store: "guard", field: "labelSecret" })
      assert.match(refusal.message, /no secret for them\. Set labelSecret/)
    }).pipe(Effect.scoped)
  )

  it.effect("where the backend keeps no mark to tell its keys by", () =>
    Effect.gen(function* () {
      const { recorded } = SharedBackend.make({ capabilities: { createSafety: "none" } })
      assert.strictEqual((yield* Effect.flip(of(recorded.driver, "acme"))).field, "tenant")
    }).pipe(Effect.scoped)
  )

  it.effect("where a driver claims partitions and has none", () =>
    Effect.gen(function* () {
      const { partition: _, ...driver } = MemoryDriver.make()
      const refusal = yield* Effect.flip(KeyStore.make(driver, { tenant: "acme" }))
      assert.strictEqual(refusal.field, "tenant")
      assert.match(refusal.message, /says that it keeps tenants apart, and has no way to/)
    }).pipe(Effect.scoped)
  )
})
