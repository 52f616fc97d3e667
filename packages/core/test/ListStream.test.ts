import { assert, describe, it } from "@effect/vitest"
import type { ApiKey } from "@keyfold/core/ApiKey"
import { type Driver, type DriverError } from "@keyfold/core/Driver"
import { InvalidResponse, NotFound, RateLimited, Unavailable } from "@keyfold/core/KeyStoreError"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import {
  advance,
  assertReason,
  driverError,
  keyWith,
  recorded,
  settleFailure,
  settleSuccess,
  storeOf
} from "./RecordedDriver.ts"

const down = driverError(new Unavailable({ status: 503 }))

type Batches = Stream.Stream<ReadonlyArray<ApiKey>, DriverError>

const batchesOf = (...ids: ReadonlyArray<ReadonlyArray<string>>): Batches =>
  Stream.fromIterable(
    ids.map((batch) => batch.map((id) => keyWith(id))),
    { chunkSize: 1 }
  )

/** Each opening of the list gives the next of the streams, the last one for ever. */
const streaming = (...streams: ReadonlyArray<Batches>): Partial<Driver> => {
  let opened = 0
  return {
    list: { kind: "stream", open: () => streams[Math.min(opened++, streams.length - 1)] ?? Stream.empty }
  }
}

/** Native pages of two keys each: a1 a2, b1 b2, ... */
const paged = (
  pages: number,
  fail: (position: string | undefined) => Effect.Effect<void, DriverError> = () => Effect.void
): Partial<Driver> => ({
  list: {
    kind: "pages",
    page: ({ position }) =>
      Effect.map(fail(position), () => {
        const page = Number(position ?? 0)
        const letter = String.fromCharCode("a".charCodeAt(0) + page)
        const keys = [keyWith(`${letter}1`), keyWith(`${letter}2`)]
        return page + 1 < pages ? { keys, next: String(page + 1) } : { keys }
      })
  }
})

const idsOf = <E, R>(keys: Stream.Stream<ApiKey, E, R>) =>
  Effect.map(Stream.runCollect(keys), (all) => all.map((key) => key.id as string))

describe("list", () => {
  it.effect("streams every batch of an unpaged driver in the driver's order", () =>
    Effect.gen(function* () {
      const store = yield* storeOf(recorded(streaming(batchesOf(["c", "a"], [], ["b"]))))
      assert.deepStrictEqual(yield* idsOf(store.list()), ["c", "a", "b"])
    })
  )

  it.effect("follows native pages to the end, each asked for once", () =>
    Effect.gen(function* () {
      const calls = recorded(paged(3))
      const store = yield* storeOf(calls)
      assert.deepStrictEqual(yield* idsOf(store.list()), ["a1", "a2", "b1", "b2", "c1", "c2"])
      assert.deepStrictEqual(
        calls.listed().map((request) => request.position),
        [undefined, "1", "2"]
      )
    })
  )

  it.effect("tells the driver what is asked for and drops what was not", () =>
    Effect.gen(function* () {
      const all = [
        keyWith("active", { owner: "me" }),
        keyWith("other", { owner: "you" }),
        keyWith("ran-out", { owner: "me", expiresAt: DateTime.makeUnsafe(1) }),
        keyWith("revoked", { owner: "me", status: "revoked" })
      ]
      const calls = recorded(streaming(Stream.make(all)))
      const store = yield* storeOf(calls)
      yield* advance("1 second")
      assert.deepStrictEqual(yield* idsOf(store.list()), ["active", "other", "ran-out"])
      assert.deepStrictEqual(yield* idsOf(store.list({ owner: "me", status: "active" })), ["active"])
      assert.deepStrictEqual(yield* idsOf(store.list({ status: ["revoked", "expired"] })), ["ran-out", "revoked"])
      assert.deepStrictEqual(calls.listed(), [
        { owner: undefined, statuses: ["active", "expired"] },
        { owner: "me", statuses: ["active"] },
        { owner: undefined, statuses: ["expired", "revoked"] }
      ])
    })
  )

  it.effect("settles each key's status at the time it is seen", () =>
    Effect.gen(function* () {
      const key = keyWith("short", { expiresAt: DateTime.makeUnsafe(5_000) })
      const slow = Stream.fromEffect(Effect.delay(Effect.succeed([key]), "10 seconds"))
      const store = yield* storeOf(recorded(streaming(slow)))
      const [seen] = yield* settleSuccess(Stream.runCollect(store.list()))
      assert.strictEqual(seen?.status, "expired")
    })
  )
})

describe("list is lazy", () => {
  it.effect("nothing is asked for before the stream is consumed", () =>
    Effect.gen(function* () {
      const calls = recorded()
      const store = yield* storeOf(calls)
      const list = store.list()
      assert.strictEqual(calls.count(), 0)
      yield* Stream.runDrain(list)
      assert.strictEqual(calls.count(), 1)
    })
  )

  it.effect("can be consumed again, from a fresh answer", () =>
    Effect.gen(function* () {
      const calls = recorded(streaming(batchesOf(["a"]), batchesOf(["b"])))
      const store = yield* storeOf(calls)
      const list = store.list()
      assert.deepStrictEqual(yield* idsOf(list), ["a"])
      assert.deepStrictEqual(yield* idsOf(list), ["b"])
    })
  )

  it.effect.each([1, 2])("taking %d of a page of two asks for one page", (amount) =>
    Effect.gen(function* () {
      const calls = recorded(paged(3))
      const store = yield* storeOf(calls)
      assert.strictEqual((yield* idsOf(Stream.take(store.list(), amount))).length, amount)
      assert.strictEqual(calls.count("list"), 1)
    })
  )

  it.effect("stopping early runs the driver's finalizer and reads no further", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const batches = Stream.fromIterable(["a", "b", "c"], { chunkSize: 1 }).pipe(
        Stream.map((id) => {
          events.push(id)
          return [keyWith(id)]
        }),
        Stream.ensuring(Effect.sync(() => events.push("closed")))
      )
      const store = yield* storeOf(recorded(streaming(batches)))
      assert.deepStrictEqual(yield* idsOf(Stream.take(store.list(), 1)), ["a"])
      assert.deepStrictEqual(events, ["a", "closed"])
    })
  )

  it.effect("interrupting the consumer runs the driver's finalizer", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const batches: Batches = Stream.concat(batchesOf(["a"]), Stream.never).pipe(
        Stream.ensuring(Effect.sync(() => events.push("closed")))
      )
      const store = yield* storeOf(recorded(streaming(batches)))
      const fiber = yield* Effect.forkChild(
        Stream.runForEach(store.list(), ({ id }) => Effect.sync(() => events.push(id)))
      )
      yield* advance("1 second")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(events, ["a", "closed"])
    })
  )
})

describe("list is retried", () => {
  it.effect("from its start while no key was seen, closing what failed first", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const note = (event: string) => Effect.sync(() => events.push(event))
      const failing = Stream.fail(down).pipe(Stream.ensuring(note("closed")))
      const calls = recorded(streaming(failing, failing, Stream.ensuring(batchesOf(["a"], ["b"]), note("done"))))
      const store = yield* storeOf(calls)
      assert.deepStrictEqual(yield* settleSuccess(idsOf(store.list())), ["a", "b"])
      assert.deepStrictEqual(events, ["closed", "closed", "done"])
      assert.strictEqual(calls.count("list"), 3)
    })
  )

  it.effect("also after an empty batch: no key was seen", () =>
    Effect.gen(function* () {
      const calls = recorded(streaming(Stream.concat(batchesOf([]), Stream.fail(down)), batchesOf(["a"])))
      const store = yield* storeOf(calls)
      assert.deepStrictEqual(yield* settleSuccess(idsOf(store.list())), ["a"])
      assert.strictEqual(calls.count("list"), 2)
    })
  )

  it.effect("never after the first key: the stream fails there, and no key comes twice", () =>
    Effect.gen(function* () {
      const calls = recorded(streaming(Stream.concat(batchesOf(["a"]), Stream.fail(down)), batchesOf(["a", "b"])))
      const store = yield* storeOf(calls)
      const seen: Array<string> = []
      const error = yield* settleFailure(Stream.runForEach(store.list(), ({ id }) => Effect.sync(() => seen.push(id))))
      assertReason(error, "Unavailable", { status: 503 })
      assert.deepStrictEqual(seen, ["a"])
      assert.strictEqual(calls.count("list"), 1)
      assert.deepInclude(error, { operation: "list", attempts: 1, exhausted: false })
    })
  )

  it.effect("not after an error that would come again", () =>
    Effect.gen(function* () {
      const invalid = driverError(new InvalidResponse({ problem: "not a list" }))
      const calls = recorded(streaming(Stream.fail(invalid)))
      const store = yield* storeOf(calls)
      assertReason(yield* settleFailure(Stream.runDrain(store.list())), "InvalidResponse", { problem: "not a list" })
      assertReason(yield* settleFailure(store.listPage()), "InvalidResponse")
      assert.strictEqual(calls.count("list"), 2)
    })
  )

  it.effect("page by page on native pages, so that a later failure repeats one page and no key", () =>
    Effect.gen(function* () {
      let failures = 2
      const calls = recorded(
        paged(3, (position) => (position === "1" && failures-- > 0 ? Effect.fail(down) : Effect.void))
      )
      const store = yield* storeOf(calls)
      assert.deepStrictEqual(yield* settleSuccess(idsOf(store.list())), ["a1", "a2", "b1", "b2", "c1", "c2"])
      assert.deepStrictEqual(
        calls.listed().map((request) => request.position),
        [undefined, "1", "1", "1", "2"]
      )
    })
  )

  it.effect("up to the policy's attempts, then exhausted", () =>
    Effect.gen(function* () {
      const limited = driverError(new RateLimited({ retryAfter: Duration.seconds(3) }))
      const calls = recorded(streaming(Stream.fail(limited)))
      const store = yield* storeOf(calls)
      const error = yield* settleFailure(Stream.runDrain(store.list()))
      assert.deepStrictEqual(calls.times("list"), [0, 3_000, 6_000, 9_000])
      assert.deepInclude(error, { attempts: 4, exhausted: true })
    })
  )

  it.effect("not for a NotFound of the organisation or page", () =>
    Effect.gen(function* () {
      const calls = recorded(streaming(Stream.fail(driverError(new NotFound({})))))
      const store = yield* storeOf(calls)
      assertReason(yield* settleFailure(Stream.runDrain(store.list())), "NotFound")
      assert.strictEqual(calls.count("list"), 1)
    })
  )
})
