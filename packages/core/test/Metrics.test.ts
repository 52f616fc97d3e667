import { assert, describe, it } from "@effect/vitest"
import type { Driver } from "@keyfold/core/Driver"
import type { StoreOptions } from "@keyfold/core/KeyStore"
import { NotFound, RateLimited, Timeout, Unavailable } from "@keyfold/core/KeyStoreError"
import * as RequestBudget from "@keyfold/core/RequestBudget"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import * as MarkerBackend from "./MarkerBackend.ts"
import { passing } from "./Passing.ts"
import {
  advance,
  doing,
  driverError,
  everyOperation,
  failingFirst,
  keyWith,
  perform,
  record,
  recorded,
  ref,
  secretText,
  settle,
  storeOf
} from "./RecordedDriver.ts"

type Labels = Readonly<Record<string, string>>

const labelsOf = (attributes: Metric.Metric.AttributeSet | undefined): Labels => ({ ...attributes })

/** Counters by name and labels; histograms as their count. The labels every series has are left out. */
const counted = Effect.map(Metric.snapshot, (snapshots) =>
  snapshots.map(({ attributes, id, state }) => {
    const { "keyfold.backend": backend, "keyfold.store": store, unit, ...labels } = labelsOf(attributes)
    assert.deepStrictEqual([backend, store, typeof unit], ["fake", "main", "string"])
    return [id, labels, "count" in state ? Number(state.count) : Number.NaN] as const
  })
)

const only = Effect.fnUntraced(function* (id: string) {
  return (yield* counted).flatMap(([name, labels, count]) => (name === id ? [[labels, count] as const] : []))
})

const store = (parts: Partial<Driver> = {}, options: StoreOptions = {}) =>
  storeOf(recorded(parts), { store: "main", ...options })

const open = ({ driver }: MarkerBackend.MarkerBackend, list = driver.list) =>
  storeOf(record({ ...driver, backend: "fake", list }), { store: "main" })

const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

const test = <E>(name: string, effect: () => Effect.Effect<unknown, E, Scope.Scope>) =>
  it.effect(name, () => alone(Effect.suspend(effect)))

describe("metrics", () => {
  test("every operation is counted and timed once, and its attempts are", () =>
    Effect.gen(function* () {
      const main = yield* store()
      for (const operation of everyOperation) yield* perform(main, operation)
      yield* main.listPage()
      for (const id of ["keyfold.calls", "keyfold.call.duration", "keyfold.attempts"]) {
        assert.deepStrictEqual(
          yield* only(id),
          everyOperation.map((operation) => [{ "keyfold.operation": operation }, operation === "list" ? 2 : 1])
        )
      }
      assert.deepStrictEqual(yield* only("keyfold.retries"), [])
    }))

  test("a duration is in seconds and holds the retries and their waits", () =>
    Effect.gen(function* () {
      const limited = driverError(new RateLimited({ retryAfter: Duration.seconds(2) }), "no")
      const main = yield* store(failingFirst("get", limited))
      yield* settle(perform(main, "get"))
      const [duration] = (yield* Metric.snapshot).filter(({ id }) => id === "keyfold.call.duration")
      assert.strictEqual(duration?.type, "Histogram")
      if (duration?.type !== "Histogram") return
      assert.strictEqual(duration.state.sum, 2)
      assert.strictEqual(duration.attributes?.["unit"], "s")
      assert.deepStrictEqual(
        duration.state.buckets.filter(([, count]) => count > 0).map(([bound]) => bound),
        [2.5, 5, 7.5, 10, 30]
      )
    }))

  test("each attempt that failed counts with its reason, each retry with what it was made for", () =>
    Effect.gen(function* () {
      const errors = [new Unavailable({}), new Timeout({ after: Duration.seconds(1) })]
      const main = yield* store(failingFirst("list", ...errors.map((reason) => driverError(reason))))
      yield* settle(perform(main, "list"))
      const list = { "keyfold.operation": "list" }
      assert.deepStrictEqual(yield* only("keyfold.attempts"), [
        [{ ...list, "error.type": "Unavailable" }, 1],
        [{ ...list, "error.type": "Timeout" }, 1],
        [list, 1]
      ])
      assert.deepStrictEqual(yield* only("keyfold.retries"), [
        [{ ...list, "error.type": "Unavailable" }, 1],
        [{ ...list, "error.type": "Timeout" }, 1]
      ])
      assert.deepStrictEqual(yield* only("keyfold.calls"), [[list, 1]])
    }))

  test("a list that breaks off after its first element counts as failed, once, one that is stopped as done", () =>
    Effect.gen(function* () {
      const broken = Stream.concat(Stream.make([keyWith("one")]), Stream.fail(driverError(new Unavailable({}))))
      const main = yield* store({ list: { kind: "stream", open: () => broken } })
      yield* Effect.ignore(Stream.runDrain(main.list()))
      yield* Stream.runDrain(Stream.take(main.list(), 1))
      const list = { "keyfold.operation": "list" }
      for (const id of ["keyfold.calls", "keyfold.attempts"]) {
        assert.deepStrictEqual(yield* only(id), [
          [{ ...list, "error.type": "Unavailable" }, 1],
          [list, 1]
        ])
      }
    }))

  test("a call counts with its reason, with interrupted, or with _OTHER for a defect", () =>
    Effect.gen(function* () {
      const missing = yield* store(doing("get", () => Effect.fail(driverError(new NotFound({})))))
      yield* Effect.ignore(missing.get(ref("some")))
      const hanging = yield* Effect.forkChild((yield* store(doing("get", () => Effect.never))).get(ref("some")))
      yield* advance(1)
      yield* Fiber.interrupt(hanging)
      yield* Effect.exit((yield* store(doing("get", () => Effect.die("a bug")))).get(ref("some")))
      assert.deepStrictEqual(
        (yield* only("keyfold.calls")).map(([labels]) => labels["error.type"]),
        ["NotFound", "interrupted", "_OTHER"]
      )
    }))

  test("waits for a shared budget are timed by their priority, and a budget that is free is not", () =>
    Effect.gen(function* () {
      const budget = RequestBudget.make({ requests: 1, per: "1 second", reserved: 0 })
      const main = yield* store({}, { budget })
      yield* main.get(ref("some"))
      assert.deepStrictEqual(yield* only("keyfold.budget.wait.duration"), [])
      yield* settle(main.get(ref("some")))
      yield* settle(Effect.provideService(main.get(ref("some")), RequestBudget.CurrentPriority, "background"))
      yield* settle(main.get(ref("some")), "10 millis")
      assert.deepStrictEqual(
        (yield* only("keyfold.budget.wait.duration")).map(([labels]) => labels),
        [{ "keyfold.priority": "foreground" }]
      )
    }))

  test("an attempt of unknown outcome is settled as nothing, as revoked, or as left when the store closes", () =>
    Effect.gen(function* () {
      for (const fate of ["notCommitted", "lost"] as const) {
        const backend = MarkerBackend.make()
        backend.next(fate)
        const settled = Effect.flatMap(open(backend), (main) =>
          Effect.andThen(main.create({}), Effect.sleep("2 minutes"))
        )
        yield* passing(Effect.scoped(settled))
      }
      const backend = MarkerBackend.make()
      backend.next("lost")
      const silent: Driver["list"] = { kind: "stream", open: () => Stream.never }
      yield* passing(
        Effect.scoped(Effect.flatMap(open(backend, silent), (main) => Effect.ignore(main.create({}, { within: 1 }))))
      )
      assert.deepStrictEqual(yield* only("keyfold.reconciliations"), [
        [{ "keyfold.settlement": "nothing" }, 1],
        [{ "keyfold.settlement": "revoked" }, 1],
        [{ "keyfold.settlement": "left" }, 1]
      ])
    }))

  test("hold no key id, name, owner, tenant or secret", () =>
    Effect.gen(function* () {
      const main = yield* store()
      const key = keyWith("canary-id", { name: "canary-name", owner: "canary-owner" })
      yield* main.create({ name: "canary-name", owner: "canary-owner", tags: { tag: "canary-tag" } })
      yield* main.get(key)
      yield* main.revoke(key)
      yield* perform(main, "verify")
      const seen = inspect(yield* Metric.snapshot, { depth: 20 })
      assert.notInclude(seen, "canary")
      assert.notInclude(seen, secretText)
    }))

  test("stores beyond the first 2,000 names share one series", () =>
    Effect.gen(function* () {
      for (let number = 1; number < 2000; number++) yield* storeOf(recorded(), { store: `customer-${number}` })
      for (const name of ["the last", "one more", "another"]) {
        yield* (yield* storeOf(recorded(), { store: name })).get(ref("some"))
      }
      const names = (yield* Metric.snapshot).flatMap(({ attributes, id, state }) =>
        id === "keyfold.calls" && "count" in state
          ? [[labelsOf(attributes)["keyfold.store"], state.count] as const]
          : []
      )
      assert.deepStrictEqual(names, [
        ["the last", 1],
        ["_OTHER", 2]
      ])
    }))
})
