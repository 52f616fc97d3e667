import { assert, describe, it } from "@effect/vitest"
import { observed } from "@keyfold/core/Capabilities"
import { Conflict, NotFound, RateLimited, Unavailable } from "@keyfold/core/KeyStoreError"
import * as BulkRevocation from "@keyfold/lifecycle/BulkRevocation"
import type * as BulkStorage from "@keyfold/lifecycle/BulkStorage"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import {
  around,
  ci,
  day,
  finish,
  key,
  keys,
  kinds,
  makeBackend,
  pass,
  passing,
  reasonOf,
  scene
} from "./BulkBackend.ts"

describe("failures", () => {
  it.effect("of some keys do not stop the others, and the next run tries them again", () =>
    Effect.gen(function* () {
      const { backend, plan, run } = yield* scene(keys(10))
      const { digest } = yield* plan()
      backend.spoil({
        refuse: (id, attempt) => (id === "k00003" && attempt < 3 ? new Conflict({ problem: "locked" }) : undefined)
      })
      const first = yield* finish(run(digest))
      assert.deepInclude(first.report, { revoked: 9, left: 0, complete: false })
      assert.deepStrictEqual(
        first.report?.failed.map(({ id, problem }) => [id, problem]),
        [[key("k00003").id, "Conflict: locked (1 attempt)"]]
      )
      const second = yield* finish(run(digest))
      assert.deepInclude(second.started, { planned: 10, done: 9 })
      assert.deepStrictEqual(kinds(second.outcomes), ["k00003 failed"])
      const third = yield* finish(run(digest))
      assert.deepInclude(third.report, { revoked: 10, failed: [], complete: true })
      assert.isTrue([...backend.accepted.values()].every((times) => times === 1))
    })
  )

  it.effect("without an end make a run give up, and the next one do the rest", () =>
    Effect.gen(function* () {
      const { backend, plan, run } = yield* scene(keys(50))
      const { digest } = yield* plan()
      backend.spoil({ refuse: () => new Conflict({}) })
      const { report } = yield* finish(run(digest, { giveUpAfter: 5, concurrency: 1 }))
      assert.strictEqual(report?.failed.length, 5)
      assert.deepInclude(report, { left: 45, complete: false })
      assert.strictEqual(backend.state.requests, 5)
      backend.spoil({ refuse: (id) => (id < "k00004" ? new Conflict({}) : undefined) })
      const second = yield* finish(run(digest, { giveUpAfter: 5, concurrency: 1 }))
      assert.deepInclude(second.report, { revoked: 47, left: 0 })
    })
  )

  it.effect("to be let in are waited out, however long the queue", () =>
    Effect.gen(function* () {
      const { backend, plan, run } = yield* scene(keys(3))
      const { digest } = yield* plan()
      backend.spoil({
        refuse: (_, attempt) => (attempt < 4 ? new RateLimited({ retryAfter: Duration.minutes(1) }) : undefined)
      })
      assert.deepInclude((yield* passing(finish(run(digest)))).report, { revoked: 3, complete: true })
    })
  )

  it.effect("that say not found mean gone only where the backend means that", () =>
    Effect.gen(function* () {
      for (const [revokeUnknown, expected] of [
        ["notFound", "gone"],
        ["ambiguous", "failed"]
      ] as const) {
        const backend = makeBackend([key("a")], { revokeUnknown })
        const { plan, run } = around([BulkRevocation.fromStore(yield* backend.open())])
        const { digest } = yield* plan()
        backend.spoil({ refuse: () => new NotFound({}) })
        const { outcomes } = yield* passing(finish(run(digest)))
        assert.deepStrictEqual(kinds(outcomes), [`a ${expected}`])
      }
    })
  )

  it.effect("of the storage end the run, because nobody could go on", () =>
    Effect.gen(function* () {
      const { backend, plan, sources, storage } = yield* scene(keys(30))
      const { digest } = yield* plan()
      let written = 0
      const full = new BulkRevocation.BulkStorageError({ problem: "the disk is full" })
      const failing: BulkStorage.BulkStorage = {
        ...storage,
        record: (name, outcomes) => (++written > 5 ? Effect.fail(full) : storage.record(name, outcomes))
      }
      const run = BulkRevocation.run(sources, ci, { digest, storage: failing, concurrency: 1 })
      assert.deepInclude(yield* reasonOf(Stream.runDrain(run)), { _tag: "BulkStorageError" })
      assert.strictEqual(backend.accepted.size, 6)
      const next = yield* finish(BulkRevocation.run(sources, ci, { digest, storage }))
      assert.deepInclude(next.report, { revoked: 29, gone: 1, complete: true })
      assert.isTrue([...backend.accepted.values()].every((times) => times === 1))
    })
  )
})

describe("progress", () => {
  it.effect("is written once for each key, several keys at once where they wait together", () =>
    Effect.gen(function* () {
      const { backend, plan, sources, storage } = yield* scene(keys(64))
      const { digest } = yield* plan()
      backend.spoil({ takes: 100 })
      const written: Array<number> = []
      const slow: BulkStorage.BulkStorage = {
        ...storage,
        record: (name, outcomes) => {
          written.push(outcomes.length)
          return Effect.andThen(Effect.sleep("1 second"), storage.record(name, outcomes))
        }
      }
      yield* passing(finish(BulkRevocation.run(sources, ci, { digest, storage: slow })))
      assert.strictEqual(
        written.reduce((sum, count) => sum + count, 0),
        64
      )
      assert.isAtMost(written.length, 24)
    })
  )
})

describe("one run at a time", () => {
  it.effect("works on a plan, and another takes over once it is not heard of", () =>
    Effect.gen(function* () {
      const { backend, plan, run } = yield* scene(keys(4))
      const { digest } = yield* plan()
      backend.spoil({ takes: 60_000 })
      const first = yield* Effect.forkChild(finish(run(digest, { concurrency: 1 })))
      yield* TestClock.adjust("50 seconds")
      assert.deepInclude(yield* reasonOf(Stream.runDrain(run(digest))), { _tag: "UnderWay" })
      yield* TestClock.adjust("5 minutes")
      assert.deepInclude((yield* Fiber.join(first)).report, { revoked: 4 })
      assert.deepInclude((yield* finish(run(digest))).report, { revoked: 4 })
    })
  )

  it.effect("stops once another process may have taken over", () =>
    Effect.gen(function* () {
      const { backend, plan, sources, storage } = yield* scene(keys(20))
      const { digest } = yield* plan()
      backend.spoil({ takes: 4000 })
      let isAway = false
      const away = new BulkRevocation.BulkStorageError({ problem: "away" })
      const patchy: BulkStorage.BulkStorage = {
        ...storage,
        claim: (...claim) => (isAway ? Effect.fail(away) : storage.claim(...claim))
      }
      const run = BulkRevocation.run(sources, ci, { digest, storage: patchy, concurrency: 1 })
      const first = yield* Effect.forkChild(reasonOf(Stream.runDrain(run)))
      yield* TestClock.adjust("10 seconds")
      isAway = true
      yield* TestClock.adjust("40 seconds")
      assert.deepInclude(yield* Fiber.join(first), { _tag: "BulkStorageError" })
      assert.isBelow(backend.accepted.size, 9)
    })
  )

  it.effect("goes on after a claim that nobody renews has ended", () =>
    Effect.gen(function* () {
      const { plan, run, storage } = yield* scene(keys(2))
      const { digest } = yield* plan()
      yield* storage.claim(digest, "a process that was killed", Duration.seconds(15))
      assert.deepInclude(yield* reasonOf(Stream.runDrain(run(digest))), {
        _tag: "UnderWay",
        until: 1000 * day + 15_000
      })
      yield* TestClock.adjust("15 seconds")
      assert.deepInclude((yield* finish(run(digest))).report, { revoked: 2 })
    })
  )
})

describe("an interrupted run", () => {
  it.effect("finishes what is in flight, keeps it, and leaves the rest to the next one", () =>
    Effect.gen(function* () {
      const { backend, plan, run, storage } = yield* scene(keys(20))
      const { digest } = yield* plan()
      backend.spoil({ takes: 1000 })
      const fiber = yield* Effect.forkChild(Stream.runDrain(run(digest, { concurrency: 4 })))
      yield* pass(1500)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(stopping)
      assert.strictEqual(backend.accepted.size, 8, "four were in flight")
      assert.strictEqual((yield* storage.load(digest))?.outcomes.length, 8)
      const second = yield* passing(finish(run(digest)))
      assert.deepInclude(second.started, { done: 8 })
      assert.deepInclude(second.report, { revoked: 20, complete: true })
      assert.isTrue([...backend.accepted.values()].every((times) => times === 1))
    })
  )

  it.effect("does not wait for a call without an end", () =>
    Effect.gen(function* () {
      const { backend, plan, run } = yield* scene(keys(3))
      const { digest } = yield* plan()
      backend.spoil({ takes: 3_600_000 })
      const fiber = yield* Effect.forkChild(Stream.runDrain(run(digest)))
      yield* pass(1000)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* pass(9900)
      assert.isUndefined(stopping.pollUnsafe())
      yield* pass(200)
      assert.isDefined(stopping.pollUnsafe())
      backend.spoil({})
      assert.deepInclude((yield* finish(run(digest))).report, { revoked: 3, complete: true })
    })
  )

  it.effect("does not wait for the backend's leave to send", () =>
    Effect.gen(function* () {
      const { backend, plan, run } = yield* scene(keys(2))
      const { digest } = yield* plan()
      backend.spoil({ refuse: () => new RateLimited({ retryAfter: Duration.hours(1) }) })
      const fiber = yield* Effect.forkChild(Stream.runDrain(run(digest)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(backend.live().length, 2)
    })
  )

  it.effect("that died between a revocation and its record revokes no key twice", () =>
    Effect.gen(function* () {
      const { backend, plan, run } = yield* scene(keys(5))
      const { digest } = yield* plan()
      backend.put(key("k00001", { status: "revoked" }))
      backend.accepted.set("k00001", 1)
      const { report } = yield* finish(run(digest))
      assert.deepInclude(report, { revoked: 4, gone: 1, complete: true })
      assert.deepStrictEqual([...backend.accepted.values()], [1, 1, 1, 1, 1])
    })
  )
})

describe("a key that a run revoked", () => {
  it.effect("is left alone while lists lag, and revoked again where it is live after that", () =>
    Effect.gen(function* () {
      const visibility = observed("10 seconds")
      const backend = makeBackend(keys(2), { consistency: { visibility, settle: observed("1 minute") } })
      const { plan, run } = around([BulkRevocation.fromStore(yield* backend.open())])
      const { digest } = yield* plan()
      yield* finish(run(digest))
      backend.put(key("k00001"))
      yield* TestClock.adjust("10 seconds")
      assert.deepInclude((yield* finish(run(digest))).started, { done: 2 })
      yield* TestClock.adjust("1 second")
      const { outcomes, report } = yield* finish(run(digest))
      assert.deepStrictEqual(kinds(outcomes), ["k00001 revoked"])
      assert.deepInclude(report, { revoked: 2, complete: true })
      assert.deepStrictEqual(backend.live(), [])
    })
  )
})

describe("a thousand keys, of which one in twenty fails", () => {
  const count = 1000

  it.effect("are all revoked, each once, over a Ctrl-C, a crash and as many runs as it takes", () =>
    Effect.gen(function* () {
      const { backend, plan, run } = yield* scene(keys(count))
      const { digest } = yield* plan()
      // Every twentieth request fails, before or after it took effect.
      let requests = 0
      backend.spoil({
        takes: 20,
        refuse: () => (++requests % 20 === 0 ? new Unavailable({ status: 503 }) : undefined)
      })
      const fiber = yield* Effect.forkChild(Stream.runDrain(run(digest)))
      yield* pass(1000)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* pass(1000)
      yield* Fiber.join(stopping)
      const before = backend.accepted.size
      assert.isTrue(before > 100 && before < count, `${before} of them before`)
      let runs = 0
      for (let isComplete = false; !isComplete; runs++) {
        const { report } = yield* passing(finish(run(digest)))
        assert.strictEqual((report?.revoked ?? 0) + (report?.failed.length ?? 0), count)
        isComplete = report?.complete === true
      }
      assert.isAtLeast(runs, 1)
      assert.deepStrictEqual(backend.live(), [])
      assert.isTrue([...backend.accepted.values()].every((times) => times === 1))
    })
  )
})
