import { assert, describe, it } from "@effect/vitest"
import { observed, promised } from "@keyfold/core/Capabilities"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { KeyStoreError, Unavailable } from "@keyfold/core/KeyStoreError"
import type { OwnedKey, Source, SourceFilter } from "@keyfold/core/KeyStores"
import * as Inventory from "@keyfold/lifecycle/Inventory"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { classesOf, endsOf, inDays, keysOf, keyWith, of, sourceOf, today } from "./InventorySources.ts"

const down = new KeyStoreError({
  store: "down",
  backend: "memory",
  operation: "list",
  reason: new Unavailable({}),
  attempts: 4,
  exhausted: true
})

const run = (sources: ReadonlyArray<Source>, options?: Inventory.Options) =>
  Stream.runCollect(Inventory.stream(sources, options))

describe("the end of a source", () => {
  it.effect("says that everything was seen, or by how much it may be late", () =>
    Effect.gen(function* () {
      const settle = promised(0)
      const exact = endsOf(yield* run([sourceOf(of("acme", keyWith("one")))]))[0]
      assert.deepStrictEqual(exact?.completeness, { _tag: "complete" })
      assert.deepInclude(exact, { keys: 1, tenants: ["acme"], origin: { store: "store", backend: "memory" } })
      const late = sourceOf([], { capabilities: { consistency: { visibility: observed("10 seconds"), settle } } })
      assert.deepStrictEqual(endsOf(yield* run([late]))[0]?.completeness, {
        _tag: "lagging",
        lag: observed("10 seconds")
      })
    })
  )

  it.effect.each(["never", "byOwner"] as const)(
    "says that revoked keys are missing where the backend lists them %s, and they are not asked for",
    (listsRevoked) =>
      Effect.gen(function* () {
        const asked: Array<SourceFilter> = []
        const keys = (filter: SourceFilter) => {
          asked.push(filter)
          return Stream.empty
        }
        const source = sourceOf([], { capabilities: { listsRevoked }, keys })
        const missing: Inventory.Completeness = { _tag: "statesMissing", states: ["revoked"], lag: promised(0) }
        assert.deepStrictEqual(endsOf(yield* run([source]))[0]?.completeness, missing)
        assert.deepStrictEqual(endsOf(yield* run([source], { status: "active" }))[0]?.completeness, {
          _tag: "complete"
        })
        assert.deepStrictEqual(asked, [{ status: ["active", "expired"] }, { status: ["active"] }])
        assert.deepStrictEqual(endsOf(yield* run([source], { status: ["revoked"] }))[0]?.completeness, missing)
        assert.lengthOf(asked, 2, "nothing is sent where all that is asked for is hidden")
        const lister = sourceOf([], { keys })
        assert.deepStrictEqual(endsOf(yield* run([lister]))[0]?.completeness, { _tag: "complete" })
        assert.deepStrictEqual(asked[2], { status: ["active", "expired", "revoked"] })
      })
  )

  it.effect("says why reading failed, after the keys that were read, and hides no other source", () =>
    Effect.gen(function* () {
      const failing = (store: string, rest: Stream.Stream<OwnedKey, KeyStoreError | ConfigurationError>) =>
        sourceOf([], { store, keys: () => Stream.concat(Stream.fromIterable(of("acme", keyWith(store))), rest) })
      const secret = "canary-secret"
      const closed = new ConfigurationError({ store: "closed", field: "apiKey", problem: "the file is gone." })
      const events = yield* run([
        failing("down", Stream.fail(down)),
        failing("closed", Stream.fail(closed)),
        failing("broken", Stream.die(new Error(secret))),
        sourceOf(of("acme", keyWith("fine")), { store: "fine" })
      ])
      const ends = Object.fromEntries(endsOf(events).map((end) => [end.origin.store, end]))
      assert.deepStrictEqual(ends["down"]?.completeness, {
        _tag: "failed",
        reason: "Unavailable",
        problem: down.message
      })
      assert.deepStrictEqual(ends["closed"]?.completeness, {
        _tag: "failed",
        reason: "Configuration",
        problem: 'store "closed", apiKey: the file is gone.'
      })
      assert.deepInclude(ends["broken"]?.completeness, { _tag: "failed", reason: "Bug" })
      assert.notInclude(JSON.stringify(events), secret)
      assert.deepStrictEqual(ends["fine"]?.completeness, { _tag: "complete" })
      assert.sameMembers(
        keysOf(events).map(({ key }) => key.id as string),
        ["down", "closed", "broken", "fine"]
      )
      for (const end of endsOf(events)) assert.strictEqual(end.keys, 1)
    })
  )
})

describe("an inventory", () => {
  it.effect("of one tenant asks only the sources that serve it, for that tenant alone", () =>
    Effect.gen(function* () {
      const asked: Array<string | undefined> = []
      const keys = ({ tenant }: SourceFilter) => {
        asked.push(tenant)
        return Stream.empty
      }
      const mine = sourceOf([], { store: "mine", tenants: ["acme", "globex"], keys })
      const other = sourceOf([], { store: "other", tenants: ["globex"], keys })
      const events = yield* run([other, mine], { tenant: "acme" })
      assert.deepStrictEqual(
        endsOf(events).map(({ origin, tenants }) => [origin.store, tenants]),
        [["mine", ["acme"]]]
      )
      assert.deepStrictEqual(asked, ["acme"])
    })
  )

  it.effect.each([undefined, 3])("reads at most so many sources at the same time: %s", (concurrency) =>
    Effect.gen(function* () {
      const release = yield* Deferred.make<void>()
      const expected = concurrency ?? 8
      let open = 0
      let most = 0
      const busy = yield* Deferred.make<void>()
      const keys = () =>
        Stream.unwrap(
          Effect.gen(function* () {
            open++
            most = Math.max(most, open)
            if (open === expected) yield* Deferred.succeed(busy, undefined)
            yield* Deferred.await(release)
            open--
            return Stream.empty
          })
        )
      const sources = Array.from({ length: 20 }, (_, number) => sourceOf([], { store: `store ${number}`, keys }))
      const fiber = yield* Effect.forkChild(run(sources, concurrency === undefined ? {} : { concurrency }))
      yield* Deferred.await(busy)
      // Whoever else would begin has begun then.
      for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow
      yield* Deferred.succeed(release, undefined)
      assert.lengthOf(endsOf(yield* Fiber.join(fiber)), 20)
      assert.strictEqual(most, expected)
    })
  )

  it.effect("requests nothing further once its consumer stops, and closes what is open", () =>
    Effect.gen(function* () {
      const pages = new Map<string, number>()
      let open = 0
      const opening = Effect.acquireRelease(
        Effect.sync(() => void open++),
        () => Effect.sync(() => void open--)
      )
      const readPage = (store: string, page: number) =>
        Effect.sync(() => {
          pages.set(store, page)
          return [of("acme", keyWith(`${store} ${page}`)), Option.some(page + 1)] as const
        })
      const keys = (store: string) => () =>
        Stream.unwrap(
          Effect.as(
            opening,
            Stream.paginate(1, (page) => readPage(store, page))
          )
        )
      const sources = ["one", "two"].map((store) => sourceOf([], { store, keys: keys(store) }))
      const events = yield* Stream.runCollect(Stream.take(Inventory.stream(sources), 50))
      assert.lengthOf(keysOf(events), 50)
      assert.strictEqual(open, 0)
      // What waits for the consumer is a few pages of each source.
      for (const [, read] of pages) assert.isAtMost(read, 60)
    })
  )

  it.effect("does not read further ahead than a few batches of its consumer", () =>
    Effect.gen(function* () {
      let read = 0
      const batch = of("acme", ...Array.from({ length: 100 }, (_, number) => keyWith(String(number))))
      const endless = Stream.flattenIterable(
        Stream.map(Stream.forever(Stream.make(0)), () => {
          read += batch.length
          return batch
        })
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pull = yield* Stream.toPull(Inventory.stream([sourceOf([], { keys: () => endless })]))
          yield* pull
          for (let turn = 0; turn < 200; turn++) yield* Effect.yieldNow
          assert.isAtMost(read, 1000)
        })
      )
    })
  )

  it.effect("counts every key where only some findings are told of, and tells what the batches were read from", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(today)
      const keys = [
        keyWith("broad", { scopes: ["*"], owner: "" }),
        keyWith("nobody's", { owner: "" }),
        keyWith("fine"),
        keyWith("old", { createdAt: inDays(-400) })
      ]
      const sources = [sourceOf(of("acme", ...keys), { store: "one" }), sourceOf(of("acme", ...keys), { store: "two" })]
      const classes: ReadonlyArray<Inventory.Class> = ["overScoped", "overAge"]
      const told = yield* run(sources, { classes })
      assert.deepStrictEqual(classesOf(told), { broad: ["overScoped"], old: ["overAge"] })
      assert.lengthOf(keysOf(told), 4)
      const batches: Array<Inventory.Batch> = []
      yield* Inventory.forEachBatch(sources, { classes }, (batch) => Effect.sync(() => void batches.push(batch)))
      const events = batches.flatMap((batch) => batch.events)
      assert.sameDeepMembers(events, told)
      assert.strictEqual(
        batches.reduce((sum, batch) => sum + batch.keys, 0),
        8
      )
      for (const { findings, keys } of endsOf(events)) {
        assert.strictEqual(keys, 4)
        assert.deepInclude(findings, { overScoped: 1, noOwner: 2, overAge: 1 })
      }
    })
  )

  it.effect("hands over one batch at a time, reads no further while it waits, and stops where that fails", () =>
    Effect.gen(function* () {
      let read = 0
      let atOnce = 0
      const batch = of("acme", ...Array.from({ length: 100 }, (_, number) => keyWith(String(number))))
      const endless = Stream.flattenIterable(
        Stream.map(Stream.forever(Stream.make(0)), () => {
          read += batch.length
          return batch
        })
      )
      const sources = ["one", "two", "three"].map((store) => sourceOf([], { store, keys: () => endless }))
      const begun = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void, "full">()
      const reading = yield* Effect.forkChild(
        Inventory.forEachBatch(sources, {}, () =>
          Effect.suspend(() => {
            atOnce++
            return Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(ended))
          })
        )
      )
      yield* Deferred.await(begun)
      for (let turn = 0; turn < 200; turn++) yield* Effect.yieldNow
      assert.strictEqual(atOnce, 1)
      assert.isAtMost(read, 1000)
      yield* Deferred.fail(ended, "full")
      assert.strictEqual(yield* Effect.flip(Fiber.join(reading)), "full")
      const before = read
      for (let turn = 0; turn < 200; turn++) yield* Effect.yieldNow
      assert.strictEqual(read, before)
    })
  )

  it.effect("sums up what the ends of its sources say", () =>
    Effect.gen(function* () {
      const summary = yield* Inventory.summarize(
        Inventory.stream([
          sourceOf(of("acme", keyWith("one", { scopes: ["*"] }), keyWith("two", { scopes: ["*"] })), { store: "one" }),
          sourceOf(of("acme", keyWith("three", { scopes: ["admin"], owner: "" })), { store: "two" }),
          sourceOf([], { store: "down", keys: () => Stream.fail(down) })
        ])
      )
      assert.strictEqual(summary.keys, 3)
      assert.deepInclude(summary.findings, { overScoped: 3, noOwner: 1, expiring: 0 })
      assert.sameMembers(
        summary.sources.map(({ completeness, origin }) => `${origin.store} ${completeness._tag}`),
        ["one complete", "two complete", "down failed"]
      )
      assert.deepStrictEqual(yield* Inventory.summarize(Stream.empty), Inventory.summaryOf([]))
    })
  )
})
