import { assert, describe, it } from "@effect/vitest"
import { DriverError } from "@keyfold/core/Driver"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { IssuedKey } from "@keyfold/core/ApiKey"
import { Network, type KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Label from "@keyfold/core/Label"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { OperationId } from "@keyfold/core/OperationId"
import { defaultPolicy, RetryPolicy } from "@keyfold/core/RetryPolicy"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as MarkerBackend from "./MarkerBackend.ts"
import { pass, passing, until } from "./Passing.ts"

const secret = Redacted.make("a secret for marks")

const operation = OperationId.make("op-1")

/** Opens a store whose scope ends with the test's, after every watch had its time. */
const open = Effect.fnUntraced(function* (backend: MarkerBackend.MarkerBackend, options: KeyStore.StoreOptions = {}) {
  const store = yield* KeyStore.make(backend.driver, { labelSecret: secret, ...options })
  yield* Effect.addFinalizer(() => pass(600))
  return store
})

const reasonOf = (exit: Exit.Exit<IssuedKey, KeyStoreError>) =>
  Exit.isFailure(exit)
    ? exit.cause.reasons.flatMap((reason) => (reason._tag === "Fail" ? [reason.error] : []))[0]
    : undefined

const lostCases: ReadonlyArray<readonly [string, MarkerBackend.Fate]> = [
  ["whose answer was lost after the key was made", "lost"],
  ["whose request never arrived", "notCommitted"],
  ["that commits 30 seconds later", { late: 30_000 }],
  ["that commits as late as the settle bound allows", { late: 60_000 }]
]

describe("a create", () => {
  it.effect.each(lostCases)("%s is made anew, and leaves the one live key that the caller holds", ([, fate]) =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const store = yield* open(backend)
      backend.next(fate)
      const { key, secret } = yield* passing(store.create({ name: "ci" }, { operationId: operation }))
      assert.strictEqual(Redacted.value(secret), `secret of ${key.id}`)
      assert.strictEqual(key.name, "ci")
      yield* pass(300)
      assert.deepStrictEqual(backend.live(), [key.id])
      assert.strictEqual(backend.counts.create, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("whose every answer is lost is OutcomeUnknown, and nothing of it lives on", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const store = yield* open(backend)
      backend.next("lost", "lost", "lost", "lost", "lost")
      const error = yield* passing(
        Effect.flip(store.create({ name: "ci" }, { operationId: operation, within: "80 seconds" }))
      )
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      assert.strictEqual(error.operationId, operation)
      assert.isFalse(error.isRetryable)
      yield* pass(300)
      assert.deepStrictEqual(backend.live(), [])
      assert.isAbove(backend.rows.length, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("that cannot be settled in time does not wait in vain, and its key is revoked all the same", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const store = yield* open(backend)
      backend.next("lost")
      // In no virtual time at all.
      const error = yield* Effect.flip(store.create({ name: "ci" }, { within: "8 seconds" }))
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      assert.strictEqual(backend.counts.create, 1)
      yield* pass(300)
      assert.deepStrictEqual(backend.live(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("whose last attempt fails does not wait to look for it first", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const store = yield* Effect.provideService(open(backend), RetryPolicy, { ...defaultPolicy, attempts: 1 })
      backend.next("lost")
      // In no virtual time at all.
      const error = yield* Effect.flip(store.create({ name: "ci" }))
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      yield* pass(120)
      assert.deepStrictEqual(backend.live(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("replaces what its lost attempt made where the backend knows operations", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const lost = new DriverError({ reason: new Network({ code: "ECONNRESET" }), sent: "maybe" })
      let attempts = 0
      const store = yield* KeyStore.make({
        ...driver,
        create: (request) =>
          Effect.suspend(() =>
            attempts++ === 0 ? Effect.andThen(driver.create(request), Effect.fail(lost)) : driver.create(request)
          )
      })
      const { key } = yield* passing(store.create({ name: "ci" }, { operationId: operation }))
      yield* pass(60)
      const listed = yield* Stream.runCollect(store.list())
      assert.deepStrictEqual([attempts, listed.map(({ id }) => id)], [2, [key.id]])
      const repeated = yield* Effect.flip(store.create({ name: "ci" }, { operationId: operation }))
      assert.strictEqual(repeated.reason._tag, "Conflict")
    }).pipe(Effect.scoped)
  )

  it.effect("that hangs is cut off by within, and its key is revoked", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const store = yield* open(backend)
      backend.next("hangsCommitted")
      const error = yield* passing(Effect.flip(store.create({ name: "ci" })))
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      yield* pass(300)
      assert.deepStrictEqual(backend.live(), [])
    }).pipe(Effect.scoped)
  )

  it.effect.each(["hangs", "hangsCommitted"] as const)(
    "that is interrupted while its request %s ends by interruption and leaves no key",
    (fate) =>
      Effect.gen(function* () {
        const backend = MarkerBackend.make()
        const store = yield* open(backend)
        backend.next(fate)
        const fiber = yield* Effect.forkChild(store.create({ name: "ci" }))
        yield* until(() => backend.counts.create === 1)
        yield* Fiber.interrupt(fiber)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
        yield* pass(300)
        assert.deepStrictEqual(backend.live(), [])
        assert.strictEqual(backend.counts.create, 1)
      }).pipe(Effect.scoped)
  )

  it.effect("never touches keys it did not send, whatever they are called", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const store = yield* open(backend)
      const other = yield* passing(store.create({ name: "ci" }, { operationId: operation }))
      const codec = yield* Label.make({ secret, backend: "marked", tenant: undefined })
      const foreign = backend.insert("ci")
      const lookalike = backend.insert("ci kf1-AAAAAAAABBBBBBBBCCCCDDDDDD")
      const sibling = backend.insert(yield* codec.write("ci", operation, "nonce123"))
      backend.next("lost")
      const mine = yield* passing(store.create({ name: "ci" }, { operationId: operation }))
      yield* pass(300)
      assert.sameMembers([...backend.live()], [other.key.id, foreign.id, lookalike.id, sibling.id, mine.key.id])
    }).pipe(Effect.scoped)
  )

  it.effect("does not revoke a key whose name somebody copied its mark to", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const store = yield* open(backend)
      backend.next("lost")
      const fiber = yield* Effect.forkChild(store.create({ name: "ci" }))
      yield* until(() => backend.rows.length === 1)
      const [lost] = backend.rows
      const forged = backend.insert(`payroll${lost?.label.slice(2)}`)
      assert.match(forged.label, /^payroll kf1-/)
      const { key } = yield* passing(Fiber.join(fiber))
      yield* pass(120)
      assert.sameMembers([...backend.live()], [forged.id, key.id])
    }).pipe(Effect.scoped)
  )

  it.effect("keeps revoking until the backend does it", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const store = yield* open(backend)
      backend.next("lost")
      backend.fail("list", 20)
      backend.fail("revoke", 20)
      const exit = yield* passing(Effect.exit(store.create({ name: "ci" })))
      assert.strictEqual(reasonOf(exit)?.reason._tag, "OutcomeUnknown")
      yield* pass(600)
      assert.deepStrictEqual(backend.live(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("is not sent again where the backend does not keep the mark, and the store says so from then on", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make({ keep: (label) => label.slice(0, 12) })
      const store = yield* open(backend)
      assert.strictEqual(store.capabilities.createSafety, "marker")
      yield* passing(store.create({ name: "a name of its own" }))
      yield* pass(60)
      assert.strictEqual(store.capabilities.createSafety, "none")
      backend.next("lost")
      const error = yield* passing(Effect.flip(store.create({ name: "a name of its own" })))
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      assert.strictEqual(backend.counts.create, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("that must be safe is refused once marks turn out to get lost", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make({ keep: (label) => label.toLowerCase() })
      const store = yield* open(backend, { require: { safeCreate: true } })
      yield* passing(store.create({ name: "ci" }))
      yield* pass(60)
      const error = yield* Effect.flip(store.create({ name: "ci" }))
      assert.strictEqual(error.reason._tag, "Unsupported")
      assert.strictEqual(backend.counts.create, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("shows its plain name in create, list and get", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make({ visibility: 0 })
      const store = yield* open(backend)
      const { key } = yield* store.create({ name: "nightly report" })
      const listed = yield* Stream.runCollect(store.list())
      assert.deepStrictEqual(
        [key.name, ...listed.map(({ name }) => name), (yield* store.get(key)).name],
        ["nightly report", "nightly report", "nightly report"]
      )
      const nameless = yield* store.create({})
      assert.isUndefined(nameless.key.name)
      assert.match(backend.rows[0]?.label ?? "", /^nightly report kf1-/)
      assert.match(backend.rows[1]?.label ?? "", /^kf1-/)
    }).pipe(Effect.scoped)
  )
})

describe("many creates whose answers are lost at once", () => {
  it.effect("are looked for together", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const store = yield* open(backend)
      backend.next(...Array.from({ length: 50 }, () => "lost" as const))
      const issued = yield* passing(
        Effect.forEach(Array.from({ length: 50 }), (_, index) => store.create({ name: `key ${index}` }), {
          concurrency: "unbounded"
        })
      )
      yield* pass(300)
      assert.sameMembers(
        [...backend.live()],
        issued.map(({ key }) => key.id)
      )
      // One look at the visibility bound, one at the settle bound, one for the mark of the first key.
      assert.isAtMost(backend.counts.list, 6)
    }).pipe(Effect.scoped)
  )
})

describe("closing a store", () => {
  it.effect("waits up to ten seconds for what it watches, and reports what is left", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make({ visibility: "5 seconds", settle: "60 seconds" })
      const scope = yield* Scope.make()
      const store = yield* Scope.provide(KeyStore.make(backend.driver, { labelSecret: secret }), scope)
      backend.next("hangsCommitted")
      const fiber = yield* Effect.forkChild(store.create({ name: "ci" }))
      yield* until(() => backend.counts.create === 1)
      yield* pass(6)
      yield* Fiber.interrupt(fiber)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* pass(9)
      assert.isUndefined(closing.pollUnsafe())
      assert.deepStrictEqual(backend.live(), [])
      yield* pass(2)
      assert.isDefined(closing.pollUnsafe())
    })
  )

  it.effect("looks at once for what it would otherwise look for later", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make({ visibility: "20 seconds", settle: 0 })
      const scope = yield* Scope.make()
      const store = yield* Scope.provide(KeyStore.make(backend.driver, { labelSecret: secret }), scope)
      backend.next("hangsCommitted")
      const fiber = yield* Effect.forkChild(store.create({ name: "ci" }))
      yield* until(() => backend.counts.create === 1)
      yield* pass(21)
      yield* Fiber.interrupt(fiber)
      yield* passing(Scope.close(scope, Exit.void))
      assert.deepStrictEqual(backend.live(), [])
    })
  )

  it.effect("waits also where an interruption closes it", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make({ visibility: "5 seconds", settle: 0 })
      backend.next("hangsCommitted")
      const program = Effect.gen(function* () {
        const store = yield* KeyStore.make(backend.driver, { labelSecret: secret })
        return yield* store.create({ name: "ci" })
      })
      const fiber = yield* Effect.forkChild(Effect.scoped(program))
      yield* until(() => backend.counts.create === 1)
      yield* pass(6)
      yield* passing(Fiber.interrupt(fiber))
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      assert.deepStrictEqual(backend.live(), [])
    })
  )

  it.effect("ends at once where nothing is watched", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make()
      const scope = yield* Scope.make()
      const store = yield* Scope.provide(KeyStore.make(backend.driver), scope)
      yield* store.create({ name: "ci" })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(backend.counts.list, 0)
    })
  )
})
