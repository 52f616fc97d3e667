import { assert, describe, it } from "@effect/vitest"
import type { ApiKey } from "@keyfold/core/ApiKey"
import * as KeyStores from "@keyfold/core/KeyStores"
import { Unavailable } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as BulkRevocation from "@keyfold/lifecycle/BulkRevocation"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { around, ci, daysAgo, finish, key, keys, kinds, parsed, passing, reasonOf, scene } from "./BulkBackend.ts"

describe("a plan", () => {
  it.effect("holds the keys that are meant, in order, and says what was read", () =>
    Effect.gen(function* () {
      const { backend, plan } = yield* scene([
        key("c", { name: "third", createdAt: daysAgo(100) }),
        key("a", { createdAt: daysAgo(91), lastUsedAt: daysAgo(2) }),
        key("b", { createdAt: daysAgo(89) }),
        key("unknown"),
        key("theirs", { owner: "you", createdAt: daysAgo(100) }),
        key("over", { createdAt: daysAgo(100), status: "revoked" })
      ])
      const planned = yield* plan(parsed('owner=="ci" and age>90d'))
      assert.deepStrictEqual(planned.targets, [
        { store: "local", id: key("a").id, owner: "ci", createdAt: daysAgo(91), lastUsedAt: daysAgo(2) },
        { store: "local", id: key("c").id, owner: "ci", name: "third", createdAt: daysAgo(100) }
      ])
      assert.deepStrictEqual(planned.scanned, [{ store: "local", keys: 5, undecided: 1 }])
      assert.strictEqual(planned.selector, 'owner == "ci" and age > 90d')
      assert.match(planned.digest, /^[0-9a-f]{64}$/)
      assert.strictEqual(backend.state.requests, 0)
      assert.deepStrictEqual([...backend.priorities], ["background"])
    })
  )

  it.effect("has a digest that tells sets, stores and selectors apart, and not the order of a list", () =>
    Effect.gen(function* () {
      const digest = Effect.fnUntraced(function* (selector: string, ...initial: ReadonlyArray<ReadonlyArray<ApiKey>>) {
        const { plan } = yield* scene(...initial)
        return (yield* plan(parsed(selector))).digest
      })
      const some = [key("a"), key("b")]
      const base = yield* digest('owner == "ci"', some)
      assert.strictEqual(yield* digest("owner=='ci'", some.toReversed()), base)
      const others = [
        yield* digest('owner == "ci"', [key("a")]),
        yield* digest('owner == "ci"', [key("a"), key("b"), key("c")]),
        yield* digest('owner == "ci"', [], some),
        yield* digest('owner == "ci" or owner == "x"', some),
        yield* digest('owner == "ci"', [key('a"],["b')])
      ]
      assert.strictEqual(new Set([base, ...others]).size, 6)
    })
  )

  it.effect("is refused where more keys match than the limit, and reads no further", () =>
    Effect.gen(function* () {
      const { plan } = yield* scene(keys(30))
      assert.strictEqual((yield* plan(ci, 30)).targets.length, 30)
      assert.deepInclude(yield* reasonOf(plan(ci, 29)), { _tag: "TooMany", limit: 29 })
      const many = yield* scene(keys(1001))
      assert.deepInclude(yield* reasonOf(many.plan()), { _tag: "TooMany", limit: 1000 })
    })
  )

  it.effect("is not made of a part of the keys where a store cannot be read", () =>
    Effect.gen(function* () {
      const { sources } = yield* scene([key("a")])
      const broken: BulkRevocation.Source = { ...sources[0], keys: Stream.fail(new Unavailable({})) } as never
      const failing = around([...sources, broken])
      assert.instanceOf(yield* Effect.flip(failing.plan()), Unavailable)
    })
  )
})

describe("a run", () => {
  it.effect("revokes what was planned, once each, and tells of each key", () =>
    Effect.gen(function* () {
      const { backends, plan, run } = yield* scene(
        [key("a"), key("b", { owner: "you" }), key("c")],
        [key("a"), key("d", { status: "expired" })]
      )
      const { digest } = yield* plan()
      const { outcomes, report, started } = yield* finish(run(digest))
      assert.deepInclude(started, { planned: 4, done: 0, added: 0 })
      assert.deepStrictEqual(outcomes.map(({ store }) => store).toSorted(), ["local", "local", "other", "other"])
      assert.deepStrictEqual(kinds(outcomes), ["a revoked", "a revoked", "c revoked", "d revoked"])
      assert.deepStrictEqual(report, {
        digest,
        selector: 'owner == "ci"',
        planned: 4,
        revoked: 4,
        alreadyRevoked: 0,
        gone: 0,
        spared: 0,
        failed: [],
        left: 0,
        complete: true
      })
      assert.deepStrictEqual(
        backends.map(({ live }) => live()),
        [["b"], []]
      )
      assert.deepStrictEqual(
        backends.map(({ accepted }) => [...accepted.values()]),
        [
          [1, 1],
          [1, 1]
        ]
      )
      assert.deepStrictEqual([...(backends[0]?.priorities ?? [])], ["background"])
    })
  )

  it.effect("of a plan that is not kept here needs the same set", () =>
    Effect.gen(function* () {
      const { backend, plan, sources } = yield* scene([key("a"), key("b")])
      const { digest } = yield* plan()
      const elsewhere = around(sources)
      backend.put(key("c"))
      assert.deepInclude(yield* reasonOf(Stream.runDrain(elsewhere.run(digest))), { _tag: "UnknownPlan", digest })
      backend.shelf.delete("c")
      assert.deepInclude(yield* reasonOf(Stream.runDrain(elsewhere.run(digest, { limit: 1 }))), { _tag: "TooMany" })
      assert.deepStrictEqual(backend.live(), ["a", "b"])
      const { report } = yield* finish(elsewhere.run(digest))
      assert.deepInclude(report, { revoked: 2, complete: true })
      assert.deepInclude((yield* finish(elsewhere.run(digest))).report, { revoked: 2, planned: 2 })
    })
  )

  it.effect("refuses a digest of another selector, and a store that is not there", () =>
    Effect.gen(function* () {
      const { backend, plan, run, sources, storage } = yield* scene([key("a")], [key("b")])
      const { digest } = yield* plan()
      const other = run(digest, {}, parsed('owner == "you"'))
      assert.deepInclude(yield* reasonOf(Stream.runDrain(other)), { _tag: "OtherSelector", planned: 'owner == "ci"' })
      const half = BulkRevocation.run(sources.slice(0, 1), ci, { digest, storage })
      assert.deepInclude(yield* reasonOf(Stream.runDrain(half)), { _tag: "StoreMissing", store: "other" })
      assert.deepStrictEqual(backend.live(), ["a"])
    })
  )

  it.effect("refuses a set that has grown before anything is revoked, unless told to leave what was added alone", () =>
    Effect.gen(function* () {
      const { backend, plan, run } = yield* scene(keys(3))
      const { digest } = yield* plan()
      backend.put(...Array.from({ length: 12 }, (_, index) => key(`new${index}`)))
      const reason = yield* reasonOf(Stream.runDrain(run(digest)))
      assert.deepInclude(reason, { _tag: "Grown", count: 12 })
      if (reason._tag === "Grown") assert.strictEqual(reason.examples.length, 10)
      assert.strictEqual(backend.state.requests, 0)
      const { report, started } = yield* finish(run(digest, { leaveAdded: true }))
      assert.strictEqual(started?.added, 12)
      assert.deepInclude(report, { planned: 3, revoked: 3, complete: true })
      assert.strictEqual(backend.live().length, 12)
    })
  )

  it.effect("is content with a set that has shrunk", () =>
    Effect.gen(function* () {
      const { backend, plan, run } = yield* scene(keys(4))
      const { digest } = yield* plan()
      backend.shelf.delete("k00001")
      backend.put(key("k00002", { status: "revoked" }))
      const { outcomes, report } = yield* finish(run(digest))
      assert.deepStrictEqual(kinds(outcomes), ["k00001 gone", "k00002 gone", "k00003 revoked", "k00004 revoked"])
      assert.deepInclude(report, { revoked: 2, gone: 2, complete: true })
      assert.isFalse(backend.accepted.has("k00002"))
    })
  )

  it.effect("spares a key that was used, or given away, since the plan", () =>
    Effect.gen(function* () {
      const idle = parsed('owner == "ci" and unusedFor > 30d')
      const { backend, plan, run } = yield* scene(keys(3, { lastUsedAt: daysAgo(40) }))
      const { digest } = yield* plan(idle)
      yield* TestClock.adjust("2 days")
      backend.put(key("k00001", { lastUsedAt: daysAgo(-1) }), key("k00002", { owner: "you", lastUsedAt: daysAgo(40) }))
      const { outcomes, report } = yield* finish(run(digest, {}, idle))
      assert.deepStrictEqual(kinds(outcomes), ["k00001 spared", "k00002 spared", "k00003 revoked"])
      assert.deepInclude(report, { spared: 2, revoked: 1, complete: true })
      assert.deepStrictEqual(backend.live(), ["k00001", "k00002"])
    })
  )

  it.effect("judges by the time of the plan, so that no key joins by growing older", () =>
    Effect.gen(function* () {
      const old = parsed("age > 90d")
      const { backend, plan, run } = yield* scene([
        key("old", { createdAt: daysAgo(91) }),
        key("young", { createdAt: daysAgo(89) })
      ])
      const { digest } = yield* plan(old)
      yield* TestClock.adjust("2 days")
      assert.deepInclude((yield* finish(run(digest, {}, old))).report, { planned: 1, revoked: 1 })
      assert.deepStrictEqual(backend.live(), ["young"])
    })
  )

  it.effect("keeps to its concurrency", () =>
    Effect.gen(function* () {
      const { backend, plan, run } = yield* scene(keys(40))
      const { digest } = yield* plan()
      backend.spoil({ takes: 500 })
      yield* passing(finish(run(digest, { concurrency: 5 })))
      assert.strictEqual(backend.state.most, 5)
    })
  )

  it.effect("takes a key for gone only where two lists miss it", () =>
    Effect.gen(function* () {
      const { backend, plan, run } = yield* scene(keys(3))
      const { digest } = yield* plan()
      backend.spoil({ hides: (id, list) => id === "k00001" && list === 2 })
      assert.deepInclude((yield* finish(run(digest))).report, { revoked: 3, gone: 0 })
      assert.deepStrictEqual(backend.live(), [])
    })
  )
})

describe("the stores of many tenants", () => {
  it.effect("may use the same id for keys that have nothing to do with each other", () =>
    Effect.gen(function* () {
      const { sources } = yield* scene([key("a")])
      const revoked = new Set<string | undefined>()
      const tenants = ["acme", "globex"]
      const shared: ReadonlyArray<BulkRevocation.Source> = sources.map((source) => ({
        ...source,
        keys: Stream.fromIterable(tenants.map((tenant) => ({ key: key("a"), tenant }))),
        revoke: (ref, tenant) => {
          revoked.add(tenant)
          return source.revoke(ref, undefined)
        }
      }))
      const { plan, run } = around(shared)
      const { digest, targets } = yield* plan()
      const only = yield* plan(parsed('owner == "ci" and tenant == "acme"'))
      assert.deepStrictEqual([targets.length, only.targets.length], [2, 1])
      yield* finish(run(digest))
      assert.deepStrictEqual(revoked, new Set(tenants))
    })
  )

  it.effect("are planned and revoked together, each key through its tenant's store", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const { capabilities } = driver
      const stores = yield* KeyStores.make({
        stores: { local: { backend: "memory", capabilities, driver: Effect.succeed(driver), shared: true } },
        tenants: { acme: "local", globex: "local" }
      })
      const acme = yield* stores.forTenant("acme")
      const globex = yield* stores.forTenant("globex")
      yield* acme.create({ owner: "ci" })
      yield* globex.create({ owner: "ci" })
      yield* globex.create({ owner: "you" })
      const { plan, run } = around(BulkRevocation.fromKeyStores(stores))
      const one = yield* plan(parsed('owner == "ci" and tenant == "globex"'))
      assert.deepStrictEqual(
        one.targets.map(({ tenant }) => tenant),
        ["globex"]
      )
      const { digest } = yield* plan()
      assert.deepInclude((yield* finish(run(digest))).report, { planned: 2, revoked: 2 })
      assert.deepStrictEqual(
        (yield* Stream.runCollect(globex.list())).map(({ owner }) => owner),
        ["you"]
      )
      assert.deepStrictEqual(yield* Stream.runCollect(acme.list()), [])
    })
  )
})
