import { assert, describe, it } from "@effect/vitest"
import type { CreateRequest, Driver } from "@keyfold/core/Driver"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { OperationId } from "@keyfold/core/OperationId"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { assertReason, ref } from "./RecordedDriver.ts"

const after = (duration: Duration.Input) => Effect.map(DateTime.now, (now) => DateTime.addDuration(now, duration))

const idsOf = <E, R>(keys: Stream.Stream<{ readonly id: string }, E, R>) =>
  Effect.map(Stream.runCollect(keys), (all) => all.map((key) => key.id))

describe("a store over the memory driver: create and get", () => {
  it.effect("creating returns the key as asked for, active, with its secret", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const store = yield* KeyStore.make(MemoryDriver.make())
      const expiresAt = yield* after("1 hour")
      const { key, secret } = yield* store.create({
        name: "ci runner",
        owner: "platform-bot",
        scopes: ["write", "read"],
        expiresAt,
        tags: { team: "data" }
      })
      assert.deepInclude(key, {
        name: "ci runner",
        owner: "platform-bot",
        scopes: ["write", "read"],
        status: "active",
        tags: { team: "data" },
        provider: {}
      })
      assert.strictEqual(key.createdAt?.epochMilliseconds, 1_700_000_000_000)
      assert.strictEqual(key.expiresAt?.epochMilliseconds, expiresAt.epochMilliseconds)
      assert.isUndefined(key.lastUsedAt)
      assert.isUndefined(key.revokedAt)
      assert.isTrue(Redacted.isRedacted(secret))
      assert.isTrue(Redacted.value(secret).endsWith(key.hint ?? "no hint"))
    })
  )

  it.effect("a name is optional and its absence is kept", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const { key } = yield* store.create({})
      assert.notProperty(key, "name")
      assert.notProperty(key, "owner")
      assert.notProperty(key, "expiresAt")
    })
  )

  it.effect("two creates give two keys with different ids and secrets", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const first = yield* store.create({ name: "same" })
      const second = yield* store.create({ name: "same" })
      assert.notStrictEqual(first.key.id, second.key.id)
      assert.notStrictEqual(Redacted.value(first.secret), Redacted.value(second.secret))
    })
  )

  it.effect("get returns what create returned, and an unknown id is NotFound", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const { key } = yield* store.create({ name: "ci", owner: "bot" })
      assert.deepStrictEqual(yield* store.get(key), key)
      assert.deepStrictEqual(yield* store.get({ id: key.id }), key)
      const error = yield* Effect.flip(store.get(ref("nobody")))
      assertReason(error, "NotFound")
      assert.deepInclude(error, { store: "memory", backend: "memory", operation: "get", attempts: 1, exhausted: false })
    })
  )

  it.effect("repeating an operation id is Conflict naming the existing key, and makes no second key", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const operationId = OperationId.make("deploy-42")
      const { key } = yield* store.create({ name: "ci" }, { operationId })
      const error = yield* Effect.flip(store.create({ name: "ci" }, { operationId }))
      assertReason(error, "Conflict", { existing: { id: key.id } })
      assert.strictEqual(error.operationId, "deploy-42")
      assert.isFalse(error.isRetryable)
      assert.deepStrictEqual(yield* idsOf(store.list()), [key.id])
    })
  )

  it.effect("of two concurrent creates under one operation id exactly one succeeds", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const operationId = OperationId.make("deploy-43")
      const create = Effect.result(store.create({ name: "ci" }, { operationId }))
      const results = yield* Effect.all([create, create, create], { concurrency: "unbounded" })
      assert.strictEqual(results.filter((result) => result._tag === "Success").length, 1)
      assert.strictEqual((yield* idsOf(store.list())).length, 1)
    })
  )

  it.effect("an operation id used by an interrupted create never names a key that does not exist", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const operationId = OperationId.make("interrupted")
      const fiber = yield* Effect.forkChild(store.create({ name: "ci" }, { operationId }))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      const again = yield* Effect.result(store.create({ name: "ci" }, { operationId }))
      if (again._tag === "Success") {
        assert.strictEqual((yield* store.get(again.success.key)).id, again.success.key.id)
      } else {
        const { reason } = again.failure
        const existing = reason._tag === "Conflict" ? reason.existing : undefined
        assert.strictEqual((yield* store.get(existing ?? ref("no key named"))).id, existing?.id)
      }
    })
  )

  it.effect("each partition has keys and operation ids of its own", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const partition = driver.partition ?? (() => driver)
      const named = driver.partitions ?? Effect.succeed(undefined)
      partition("nobody")
      assert.deepStrictEqual(yield* named, [])
      const acme = yield* KeyStore.make(partition("acme"))
      const globex = yield* KeyStore.make(partition("globex"))
      const operationId = OperationId.make("same-id")
      const { key, secret } = yield* acme.create({ name: "ci" }, { operationId })
      const other = yield* globex.create({ name: "ci" }, { operationId })
      assertReason(yield* Effect.flip(globex.get(key)), "NotFound")
      assertReason(yield* Effect.flip(globex.revoke(key)), "NotFound")
      assertReason(yield* Effect.flip(globex.usage(key)), "NotFound")
      assert.deepStrictEqual(yield* globex.verify(secret), { valid: false, reason: "unknown" })
      assert.deepStrictEqual(yield* idsOf(globex.list()), [other.key.id])
      assert.strictEqual((yield* acme.get(key)).status, "active")
      assert.deepStrictEqual(yield* named, ["acme", "globex"])
      const again = yield* KeyStore.make(partition("acme"))
      assert.deepStrictEqual(yield* idsOf(again.list()), [key.id])
    })
  )
})

const request = (changes: Partial<CreateRequest>): CreateRequest => ({
  operationId: OperationId.make("deploy-1"),
  nonce: "first",
  supersedes: [],
  name: undefined,
  label: undefined,
  owner: undefined,
  scopes: [],
  expiresAt: undefined,
  tags: {},
  provider: {},
  ...changes
})

const operation = (driver: Driver, operationId = OperationId.make("deploy-1")) =>
  driver.findOperation?.(operationId) ?? Effect.die("no findOperation")

describe("the memory driver's operations", () => {
  it.effect("a key is found by the operation that made it, revoked too, and an unknown operation has none", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const { key } = yield* driver.create(request({ nonce: "first" }))
      assert.deepStrictEqual(yield* operation(driver), { key, nonce: "first" })
      yield* driver.revoke(key)
      assert.strictEqual((yield* operation(driver))?.key.status, "revoked")
      assert.isUndefined(yield* operation(driver, OperationId.make("deploy-2")))
      const other = driver.partition?.("acme") ?? driver
      assert.isUndefined(yield* operation(other))
    })
  )

  it.effect("an attempt replaces the key of an attempt it supersedes, and its own, in place", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const store = yield* KeyStore.make(driver)
      const first = yield* driver.create(request({ nonce: "first", owner: "ada" }))
      const second = yield* driver.create(request({ nonce: "second", supersedes: ["zeroth", "first"] }))
      assert.deepStrictEqual(yield* operation(driver), { key: second.key, nonce: "second" })
      assert.deepStrictEqual(yield* idsOf(store.list()), [second.key.id])
      assert.deepStrictEqual(yield* store.verify(first.secret), { valid: false, reason: "unknown" })
      yield* store.revoke(second.key)
      const third = yield* driver.create(request({ nonce: "second" }))
      assert.strictEqual((yield* operation(driver))?.key.status, "active")
      assert.isTrue((yield* store.verify(third.secret)).valid)
      assertReason(yield* Effect.flip(store.get(second.key)), "NotFound")
    })
  )

  it.effect("a key of any other attempt is Conflict and stays", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const { key } = yield* driver.create(request({ nonce: "first" }))
      const error = yield* Effect.flip(driver.create(request({ nonce: "second", supersedes: ["third"] })))
      const existing = error.reason._tag === "Conflict" ? error.reason.existing : undefined
      assert.deepStrictEqual(existing, { id: key.id })
      assert.deepStrictEqual(yield* operation(driver), { key, nonce: "first" })
    })
  )

  it.effect("a listing goes on where the last key it showed has been replaced meanwhile", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const operationId = OperationId.make("deploy-2")
      const page = (position: string | undefined) =>
        driver.list.kind === "pages"
          ? driver.list.page({ owner: undefined, statuses: ["active"], limit: 1, position })
          : Effect.die("expected native pages")
      yield* driver.create(request({}))
      const last = yield* driver.create(request({ operationId }))
      const first = yield* page(undefined)
      const replaced = yield* driver.create(request({ nonce: "second", supersedes: ["first"] }))
      const second = yield* page(first.next)
      assert.deepStrictEqual(second.keys, [last.key])
      assert.deepStrictEqual((yield* page(second.next)).keys, [replaced.key])
    })
  )
})

describe("a store over the memory driver: status and list", () => {
  it.effect("an active key past its expiry reads as expired everywhere, and not before", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const { key, secret } = yield* store.create({ expiresAt: yield* after("1 hour") })
      yield* TestClock.adjust(Duration.millis(3_599_999))
      assert.strictEqual((yield* store.get(key)).status, "active")
      assert.deepStrictEqual(yield* idsOf(store.list({ status: "active" })), [key.id])
      yield* TestClock.adjust("2 millis")
      assert.strictEqual((yield* store.get(key)).status, "expired")
      assert.deepStrictEqual(yield* idsOf(store.list({ status: "active" })), [])
      assert.deepStrictEqual(yield* idsOf(store.list({ status: "expired" })), [key.id])
      assert.strictEqual((yield* store.listPage()).keys[0]?.status, "expired")
      assert.deepStrictEqual(yield* store.verify(secret), { valid: false, reason: "expired" })
    })
  )

  it.effect("a revoked key stays revoked after its expiry", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const { key } = yield* store.create({ expiresAt: yield* after("1 hour") })
      yield* store.revoke(key)
      yield* TestClock.adjust("2 hours")
      assert.strictEqual((yield* store.get(key)).status, "revoked")
      assert.deepStrictEqual(yield* idsOf(store.list({ status: "expired" })), [])
    })
  )

  it.effect("list hides revoked keys unless they are asked for", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const active = (yield* store.create({})).key.id
      const short = (yield* store.create({ expiresAt: yield* after("1 minute") })).key.id
      const revoked = (yield* store.create({})).key.id
      yield* store.revoke(ref(revoked))
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* idsOf(store.list()), [active, short])
      assert.deepStrictEqual(yield* idsOf(store.list({ status: "revoked" })), [revoked])
      assert.deepStrictEqual(yield* idsOf(store.list({ status: "active" })), [active])
      assert.deepStrictEqual(yield* idsOf(store.list({ status: ["revoked", "expired"] })), [short, revoked])
      assert.deepStrictEqual(yield* idsOf(store.list({ status: ["active", "expired", "revoked"] })), [
        active,
        short,
        revoked
      ])
    })
  )

  it.effect("list narrows to one owner", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const mine = (yield* store.create({ owner: "me" })).key.id
      yield* store.create({ owner: "you" })
      yield* store.create({})
      assert.deepStrictEqual(yield* idsOf(store.list({ owner: "me" })), [mine])
      assert.deepStrictEqual(yield* idsOf(store.list({ owner: "nobody" })), [])
    })
  )

  it.effect("listing an empty store is an empty stream", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      assert.deepStrictEqual(yield* Stream.runCollect(store.list()), [])
    })
  )

  it.effect("list goes on over native pages to the end", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      yield* Effect.replicateEffect(store.create({}), 2_001, { discard: true })
      assert.strictEqual(new Set(yield* idsOf(store.list())).size, 2_001)
    })
  )
})

describe("a store over the memory driver: revoke, usage, verify, identify", () => {
  it.effect("revoking withdraws the key and records when", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const { key, secret } = yield* store.create({})
      yield* TestClock.adjust("1 minute")
      const revocation = yield* store.revoke(key)
      assert.strictEqual(revocation.id, key.id)
      assert.isUndefined(revocation.alreadyRevoked)
      assert.strictEqual(Duration.toMillis(revocation.effectiveWithin), 0)
      const read = yield* store.get(key)
      assert.strictEqual(read.status, "revoked")
      assert.strictEqual(read.revokedAt?.epochMilliseconds, 60_000)
      assert.deepStrictEqual(yield* store.verify(secret), { valid: false, reason: "revoked" })
    })
  )

  it.effect("revoking twice succeeds, says so, and leaves the time alone", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const { key } = yield* store.create({})
      yield* store.revoke(key)
      yield* TestClock.adjust("1 minute")
      assert.isTrue((yield* store.revoke(key)).alreadyRevoked)
      assert.strictEqual((yield* store.get(key)).revokedAt?.epochMilliseconds, 0)
    })
  )

  it.effect("revoking and reading the usage of an unknown id are NotFound", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      assertReason(yield* Effect.flip(store.revoke(ref("nobody"))), "NotFound")
      assertReason(yield* Effect.flip(store.usage(ref("nobody"))), "NotFound")
    })
  )

  it.effect("a valid secret verifies with its key; altered, foreign and malformed secrets are told apart", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const { key, secret } = yield* store.create({ scopes: ["read"] })
      const verification = yield* store.verify(secret)
      assert.isTrue(verification.valid)
      assert.deepStrictEqual(verification.valid ? verification.key?.id : undefined, key.id)
      const text = Redacted.value(secret)
      const altered = `${text.slice(0, -1)}${text.endsWith("A") ? "B" : "A"}`
      assert.deepStrictEqual(yield* store.verify(Redacted.make(altered)), { valid: false, reason: "unknown" })
      const other = yield* KeyStore.make(MemoryDriver.make())
      assert.deepStrictEqual(yield* other.verify(secret), { valid: false, reason: "unknown" })
      for (const malformed of ["", "hunter2", text.slice(1), `${text}x`, `x${text}`]) {
        assert.deepStrictEqual(yield* store.verify(Redacted.make(malformed)), { valid: false, reason: "malformed" })
      }
    })
  )

  it.effect("usage counts verifications exactly and knows the last use", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const { key, secret } = yield* store.create({})
      const unused = yield* store.usage(key)
      assert.deepInclude(unused, { id: key.id, precision: "exact", completedRequests: 0 })
      assert.isUndefined(unused.lastUsedAt)
      yield* TestClock.adjust("1 minute")
      yield* store.verify(secret)
      yield* store.verify(secret)
      yield* store.revoke(key)
      yield* TestClock.adjust("1 minute")
      yield* store.verify(secret)
      const used = yield* store.usage(key)
      assert.deepInclude(used, { completedRequests: 3, successfulRequests: 2, failedRequests: 1 })
      assert.strictEqual(used.lastUsedAt?.epochMilliseconds, 60_000)
      assert.strictEqual((yield* store.get(key)).lastUsedAt?.epochMilliseconds, 60_000)
    })
  )

  it.effect("identify reads the id from a secret's format, known to this store or not", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const other = yield* KeyStore.make(MemoryDriver.make())
      const { key, secret } = yield* store.create({})
      assert.deepStrictEqual(store.identify(secret), Option.some({ id: key.id }))
      assert.deepStrictEqual(other.identify(secret), Option.some({ id: key.id }))
      assert.deepStrictEqual(store.identify(Redacted.make("hunter2")), Option.none())
    })
  )

  it.effect("the layer gives each build an empty store of its own", () =>
    Effect.gen(function* () {
      const layer = MemoryDriver.layer({ store: "local" })
      const program = Effect.gen(function* () {
        const store = yield* KeyStore.KeyStore
        yield* store.create({})
        return [store.store, (yield* idsOf(store.list())).length]
      })
      assert.deepStrictEqual(yield* Effect.provide(program, layer), ["local", 1])
      assert.deepStrictEqual(yield* Effect.provide(program, layer), ["local", 1])
    })
  )
})
