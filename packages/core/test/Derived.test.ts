import { assert, describe, it } from "@effect/vitest"
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { Driver } from "@keyfold/core/Driver"
import { InvalidResponse, PermissionDenied, Unavailable } from "@keyfold/core/KeyStoreError"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import {
  advance,
  assertReason,
  capabilitiesWith,
  driverError,
  keyWith,
  record,
  ref,
  settle,
  settleFailure,
  settleSuccess,
  storeOf,
  willing,
  without
} from "./RecordedDriver.ts"

const thousand = Array.from({ length: 1_000 }, (_, number) => keyWith(`key-${String(number).padStart(4, "0")}`))

/** A driver that only lists. */
const listing = (
  open: Extract<Driver["list"], { readonly kind: "stream" }>["open"],
  flags: Partial<Omit<Capabilities, "operations">> = {}
) =>
  record(
    without(
      {
        ...willing,
        capabilities: capabilitiesWith({ usage: "lastUsedOnly", ...flags }, { get: "derived", usage: "derived" }),
        list: { kind: "stream", open }
      },
      "get",
      "usage"
    )
  )

const holding = (keys: ReadonlyArray<ApiKey>) => listing(() => Stream.make(keys.slice(0, 10), keys.slice(10)))

const all = { concurrency: "unbounded" } as const

describe("a derived get", () => {
  it.effect("answers 1,000 concurrent lookups from one list", () =>
    Effect.gen(function* () {
      const calls = holding(thousand)
      const store = yield* storeOf(calls)
      const found = yield* Effect.forEach(thousand, (key) => store.get(ref(key.id)), all)
      assert.deepStrictEqual(found, thousand)
      assert.strictEqual(calls.count("list"), 1)
    })
  )

  it.effect("asks once for each 1,000 lookups that come together, also while a list is under way", () =>
    Effect.gen(function* () {
      const calls = listing(() => Stream.fromEffect(Effect.delay(Effect.succeed(thousand), "10 seconds")))
      const store = yield* storeOf(calls)
      const lookUp = Effect.forkChild(Effect.forEach(thousand, (key) => store.get(ref(key.id)), all))
      const waves = [yield* lookUp]
      for (const wave of [1, 2]) {
        yield* advance("3 seconds")
        assert.strictEqual(calls.count("list"), wave)
        waves.push(yield* lookUp)
      }
      yield* advance("20 seconds")
      for (const fiber of waves) assert.deepStrictEqual(yield* Fiber.join(fiber), thousand)
      assert.strictEqual(calls.count("list"), 3)
    })
  )

  it.effect("reads no further than the keys it looks for", () =>
    Effect.gen(function* () {
      let read = 0
      const calls = listing(() =>
        Stream.range(0, 99).pipe(
          Stream.rechunk(1),
          Stream.tap(() => Effect.sync(() => void read++)),
          Stream.map((batch) => thousand.slice(10 * batch, 10 * batch + 10))
        )
      )
      const store = yield* storeOf(calls)
      assert.strictEqual((yield* store.get(ref("key-0015"))).id, "key-0015")
      assert.strictEqual(read, 2)
      yield* Effect.forEach(["key-0001", "key-0042"], (id) => store.get(ref(id)), all)
      assert.strictEqual(read, 2 + 5)
      assertReason(yield* settleFailure(store.get(ref("key-none"))), "NotFound")
      assert.strictEqual(read, 2 + 5 + 100)
    })
  )

  it.effect("lists again for a later lookup: nothing is cached", () =>
    Effect.gen(function* () {
      const calls = holding(thousand)
      const store = yield* storeOf(calls)
      yield* store.get(ref("key-0001"))
      yield* store.get(ref("key-0001"))
      assert.strictEqual(calls.count("list"), 2)
    })
  )

  it.effect("that comes while a list is under way asks anew: the older answer may not hold the key yet", () =>
    Effect.gen(function* () {
      let keys = [keyWith("old")]
      const calls = listing(() =>
        Stream.fromEffect(Effect.suspend(() => Effect.delay(Effect.succeed(keys), "10 seconds")))
      )
      const store = yield* storeOf(calls)
      const first = yield* Effect.forkChild(store.get(ref("old")))
      yield* advance("5 seconds")
      keys = [keyWith("old"), keyWith("fresh")]
      const second = yield* Effect.forkChild(store.get(ref("fresh")))
      yield* advance("20 seconds")
      assert.strictEqual((yield* Fiber.join(first)).id, "old")
      assert.strictEqual((yield* Fiber.join(second)).id, "fresh")
      assert.strictEqual(calls.count("list"), 2)
    })
  )

  it.effect("of an unknown id is NotFound, and does not disturb the lookups it waits with", () =>
    Effect.gen(function* () {
      const calls = holding(thousand)
      const store = yield* storeOf(calls)
      const [found, missing] = yield* Effect.all(
        [Effect.result(store.get(ref("key-0007"))), Effect.result(store.get(ref("nobody")))],
        all
      )
      assert.strictEqual(found._tag, "Success")
      if (missing._tag === "Failure") assertReason(missing.failure, "NotFound")
      assert.strictEqual(missing._tag, "Failure")
      assert.strictEqual(calls.count("list"), 1)
    })
  )

  it.effect("looks through native pages as well", () =>
    Effect.gen(function* () {
      const keys = thousand.slice(0, 3)
      const calls = record({
        ...holding([]).driver,
        list: {
          kind: "pages",
          page: ({ position }) => {
            const index = Number(position ?? 0)
            const page = keys.slice(index, index + 1)
            return Effect.succeed(index < 2 ? { keys: page, next: String(index + 1) } : { keys: page })
          }
        }
      })
      const store = yield* storeOf(calls)
      assert.strictEqual((yield* store.get(ref("key-0002"))).id, "key-0002")
      assert.strictEqual(calls.count("list"), 3)
    })
  )

  it.effect("settles the status and names scopes like a native one", () =>
    Effect.gen(function* () {
      const key = keyWith("k", { scopes: [":r"], expiresAt: DateTime.makeUnsafe(10) })
      const store = yield* storeOf(holding([key]), { scopeMap: { read: [":r"] } })
      yield* advance("1 second")
      assert.deepInclude(yield* store.get(ref("k")), { status: "expired", scopes: ["read"] })
    })
  )

  it.effect("finds revoked keys where the backend lists them and says that get finds them", () =>
    Effect.gen(function* () {
      const gone = keyWith("gone", { status: "revoked" })
      const calls = listing(({ statuses }) => Stream.make(statuses.includes("revoked") ? [gone] : []))
      const store = yield* storeOf(calls)
      assert.strictEqual((yield* store.get(ref("gone"))).status, "revoked")
    })
  )

  it.effect("does not ask for revoked keys where the backend cannot show them", () =>
    Effect.gen(function* () {
      const calls = listing(() => Stream.make([keyWith("k")]), { listsRevoked: "never", getsRevoked: false })
      const store = yield* storeOf(calls)
      yield* store.get(ref("k"))
      assert.deepStrictEqual(calls.listed()[0]?.statuses, ["active", "expired"])
    })
  )

  it.effect.each([new PermissionDenied({}), new InvalidResponse({ problem: "not a list" })])(
    "fails every waiting lookup with the reason the list failed with: %o",
    (reason) =>
      Effect.gen(function* () {
        const calls = listing(() => Stream.fail(driverError(reason)))
        const store = yield* storeOf(calls)
        const errors = yield* Effect.forEach(thousand, (key) => Effect.flip(store.get(ref(key.id))), all)
        assert.strictEqual(errors.length, 1_000)
        for (const error of errors) {
          assertReason(error, reason._tag)
          assert.deepInclude(error, { operation: "get", attempts: 1 })
        }
        assert.strictEqual(calls.count("list"), 1)
      })
  )

  it.effect("retries the list once for all who wait, not once for each", () =>
    Effect.gen(function* () {
      let failures = 2
      const calls = listing(() =>
        failures-- > 0 ? Stream.fail(driverError(new Unavailable({ status: 503 }))) : Stream.make(thousand)
      )
      const store = yield* storeOf(calls)
      const lookups = Effect.forEach(thousand.slice(0, 100), (key) => store.get(ref(key.id)), all)
      assert.strictEqual((yield* settleSuccess(lookups)).length, 100)
      assert.strictEqual(calls.count("list"), 3)
    })
  )

  it.effect("gives up after the policy's attempts, exhausted", () =>
    Effect.gen(function* () {
      const calls = listing(() => Stream.fail(driverError(new Unavailable({ status: 503 }))))
      const store = yield* storeOf(calls)
      const error = yield* settleFailure(store.get(ref("k")))
      assertReason(error, "Unavailable", { status: 503 })
      assert.deepInclude(error, { operation: "get", attempts: 4, exhausted: true })
      assert.strictEqual(calls.count("list"), 4)
    })
  )

  it.effect("interrupted alone leaves the others their answer; interrupted together stops the list", () =>
    Effect.gen(function* () {
      let stopped = false
      const slow = Stream.fromEffect(
        Effect.succeed(thousand).pipe(
          Effect.delay("10 seconds"),
          Effect.onInterrupt(() => Effect.sync(() => void (stopped = true)))
        )
      )
      const store = yield* storeOf(listing(() => slow))
      const first = yield* Effect.forkChild(store.get(ref("key-0001")))
      const second = yield* Effect.forkChild(store.get(ref("key-0002")))
      yield* advance("1 second")
      yield* Fiber.interrupt(first)
      assert.isFalse(stopped)
      yield* advance("10 seconds")
      assert.strictEqual((yield* Fiber.join(second)).id, "key-0002")
      const third = yield* Effect.forkChild(store.get(ref("key-0003")))
      yield* advance("1 second")
      yield* Fiber.interrupt(third)
      assert.isTrue(stopped)
    })
  )
})

describe("a derived usage", () => {
  it.effect("knows the last use and no counts", () =>
    Effect.gen(function* () {
      const used = keyWith("used", { lastUsedAt: DateTime.makeUnsafe(1_000) })
      const store = yield* storeOf(holding([used, keyWith("unused")]))
      assert.deepStrictEqual(yield* store.usage(ref("used")), {
        id: used.id,
        precision: "lastUsedOnly",
        lastUsedAt: DateTime.makeUnsafe(1_000),
        provider: {}
      })
      const unused = yield* store.usage(ref("unused"))
      assert.notProperty(unused, "lastUsedAt")
      assert.notProperty(unused, "completedRequests")
    })
  )

  it.effect("of an unknown id is NotFound of usage", () =>
    Effect.gen(function* () {
      const store = yield* storeOf(holding([]))
      const error = yield* Effect.flip(store.usage(ref("nobody")))
      assertReason(error, "NotFound")
      assert.strictEqual(error.operation, "usage")
    })
  )

  it.effect("reads a native get where there is one", () =>
    Effect.gen(function* () {
      const calls = record(without({ ...willing, capabilities: capabilitiesWith({}, { usage: "derived" }) }, "usage"))
      const store = yield* storeOf(calls)
      assert.strictEqual((yield* store.usage(ref("k"))).precision, "lastUsedOnly")
      assert.strictEqual(calls.count("get"), 1)
      assert.strictEqual(calls.count("list"), 0)
    })
  )
})

describe("a derived page", () => {
  const shuffled = ["d", "a", "e", "c", "b"].map((id) => keyWith(id, { owner: id < "c" ? "low" : "high" }))

  it.effect("is a slice of a fresh list in id order", () =>
    Effect.gen(function* () {
      const calls = holding(shuffled)
      const store = yield* storeOf(calls)
      const pages: Array<ReadonlyArray<string>> = []
      let page = yield* store.listPage({ limit: 2 })
      pages.push(page.keys.map((key) => key.id))
      while (page.next !== undefined) {
        page = yield* store.listPage({ limit: 2, cursor: page.next })
        pages.push(page.keys.map((key) => key.id))
      }
      assert.deepStrictEqual(pages, [["a", "b"], ["c", "d"], ["e"]])
      assert.strictEqual(calls.count("list"), 3)
    })
  )

  it.effect("has no next where the last one is exactly full", () =>
    Effect.gen(function* () {
      const store = yield* storeOf(holding(shuffled))
      const page = yield* store.listPage({ limit: 5 })
      assert.strictEqual(page.keys.length, 5)
      assert.notProperty(page, "next")
    })
  )

  it.effect("is filled after filtering, so that no page is short before the last", () =>
    Effect.gen(function* () {
      const store = yield* storeOf(holding(shuffled))
      const page = yield* store.listPage({ limit: 2, owner: "high" })
      assert.deepStrictEqual(
        page.keys.map((key) => key.id as string),
        ["c", "d"]
      )
      assert.isString(page.next)
    })
  )

  it.effect("goes on rightly where keys came and went between two pages", () =>
    Effect.gen(function* () {
      let keys = shuffled
      const store = yield* storeOf(listing(() => Stream.make(keys)))
      const first = yield* store.listPage({ limit: 2 })
      keys = ["aa", "c", "bb", "e"].map((id) => keyWith(id))
      const second = yield* store.listPage({ limit: 9, cursor: first.next ?? "" })
      assert.deepStrictEqual(
        second.keys.map((key) => key.id as string),
        ["bb", "c", "e"]
      )
    })
  )

  it.effect("is retried and fails like the list it is cut from", () =>
    Effect.gen(function* () {
      const calls = listing(() => Stream.fail(driverError(new Unavailable({ status: 503 }))))
      const store = yield* storeOf(calls)
      const error = yield* settleFailure(store.listPage())
      assert.deepInclude(error, { operation: "list", attempts: 4, exhausted: true })
      yield* settle(store.listPage())
      assert.strictEqual(calls.count("list"), 8)
    })
  )
})
