import type { ApiKey } from "@keyfold/core/ApiKey"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { OwnedKey, Source } from "@keyfold/core/KeyStores"
import { due, type Event, type Plan, type Schedule } from "@keyfold/lifecycle/RotationSchedule"
import { parse } from "@keyfold/lifecycle/Selector"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { inDays, keyWith, sourceOf, today, without } from "./InventorySources.ts"
import { pass, passing } from "./RotationPassing.ts"
import * as World from "./ScheduleWorld.ts"

const { look, schedule, words } = World

const hour = 3600
const day = 24 * hour

describe("a schedule", () => {
  it.effect("has a key rotated once it is old enough, and the new one once that is", () =>
    Effect.gen(function* () {
      const world = yield* World.make
      const first = yield* world.store.create({ name: "ci" })
      const plan = yield* world.launch()
      yield* TestClock.adjust("29 days")
      assert.deepStrictEqual(yield* look(plan), [])
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(words(yield* look(plan)), ["Started"])
      yield* pass(60, 10)
      assert.deepStrictEqual(words(yield* look(plan)), ["underWay"])
      const { holds } = world.place("place")
      assert.deepStrictEqual(yield* world.live, [first.key.id, holds])
      yield* pass(day + hour, hour)
      assert.deepStrictEqual(yield* world.live, [holds])
      assert.deepStrictEqual(yield* look(plan), [])
      yield* TestClock.adjust("30 days")
      assert.deepStrictEqual(words(yield* look(plan)), ["Started"])
    })
  )

  it.effect("that was missed for years is caught up once", () =>
    Effect.gen(function* () {
      const world = yield* World.make
      yield* world.store.create({ name: "ci" })
      yield* TestClock.adjust("1000 days")
      const plan = yield* world.launch()
      for (let looks = 0; looks < 3; looks++) {
        yield* look(plan)
        yield* pass(day + hour, hour)
      }
      assert.deepStrictEqual(yield* look(plan), [])
      const all = yield* Stream.runCollect(world.store.list({ status: ["active", "revoked"] }))
      assert.lengthOf(all, 2)
    })
  )

  it.effect("is carried out once by several runners that look at the same time", () =>
    Effect.gen(function* () {
      const world = yield* World.make
      yield* world.store.create({ name: "ci" })
      const plans = [yield* world.launch(), yield* world.launch(), yield* world.launch()]
      yield* TestClock.adjust("30 days")
      const told = yield* passing(Effect.forEach(plans, look, { concurrency: "unbounded" }))
      const outcomes = told.flat()
      const ids = outcomes.flatMap((outcome) => (outcome._tag === "Started" ? [outcome.record.id] : []))
      // One that looks a little later sees what the others began.
      assert.isTrue(words(outcomes).every((word) => word === "Started" || word === "underWay"))
      assert.lengthOf(outcomes, 3)
      assert.strictEqual(new Set(ids).size, 1)
      assert.match(ids[0] ?? "", /^due-[0-9a-f]{32}-1$/)
      yield* pass(60, 10)
      assert.lengthOf(yield* world.live, 2)
    })
  )

  it.effect("does not touch a key whose rotation needs attention", () =>
    Effect.gen(function* () {
      const world = yield* World.make
      yield* world.store.create({ name: "ci" })
      world.place("place").fault = "forgetful"
      yield* TestClock.adjust("30 days")
      const plan = yield* world.launch()
      assert.deepStrictEqual(words(yield* look(plan)), ["Started"])
      yield* pass(120, 10)
      yield* TestClock.adjust("2 days")
      const [left] = yield* look(plan)
      assert.deepInclude(left, { _tag: "Left", reason: "needsAttention" })
      assert.lengthOf(yield* world.live, 2)
    })
  )

  it.effect("tries again after an hour, then after two, where nothing came of it", () =>
    Effect.gen(function* () {
      const world = yield* World.make
      yield* world.store.create({ name: "ci" })
      const place = world.place("place")
      place.fault = "closed"
      yield* TestClock.adjust("30 days")
      const plan = yield* world.launch()
      const told: Array<string> = []
      for (let half = 0; half < 8; half++) {
        const outcomes = yield* look(plan)
        told.push(
          ...outcomes.map((outcome) =>
            outcome._tag === "Started" ? outcome.record.id.slice(-2) : (words(outcomes)[0] ?? "")
          )
        )
        yield* pass(hour / 2, 60)
      }
      assert.deepStrictEqual(told, ["-1", "waiting", "-2", "waiting", "waiting", "waiting", "-3", "waiting"])
      place.fault = "none"
      yield* TestClock.adjust("4 hours")
      yield* look(plan)
      yield* pass(60, 10)
      assert.isDefined(place.holds)
    })
  )
})

/** Resources and rotations that nothing is asked of but what a sink holds. */
const planWith = Effect.fnUntraced(function* (
  sources: ReadonlyArray<Source>,
  schedules: ReadonlyArray<Schedule>,
  holds: Readonly<Record<string, ApiKey>> = {}
) {
  yield* TestClock.setTime(today)
  const world = yield* World.make
  for (const [name, key] of Object.entries(holds)) world.place(name).holds = key.id
  const plan = yield* world.launch(schedules)
  return { ...plan, sources } satisfies Plan
})

const selector = (text: string) => Result.getOrThrow(parse(text))

/** What is told of each key, by its id. */
const byKey = (events: ReadonlyArray<Event>) =>
  Object.fromEntries(
    events.map((event) => {
      if (event._tag === "Unread") return [event.store, event.problem]
      return [event.key.id, event._tag === "Due" ? `to ${event.options.sink}` : event.reason]
    })
  )

const mine = (key: ApiKey): OwnedKey => ({ key, tenant: undefined, unassigned: "noTenants" })
const aged = (id: string, days: number, fields: Parameters<typeof keyWith>[1] = {}) =>
  keyWith(id, { createdAt: inDays(-days), ...fields })

const keys = { ...schedule, sink: (key: ApiKey) => key.name } satisfies Schedule

describe("what is due", () => {
  it.effect("is what is old enough and meant; the first schedule that means a key counts", () =>
    Effect.gen(function* () {
      const owned = [
        mine(aged("young", 29.9, { name: "a" })),
        mine(aged("old", 30, { name: "b" })),
        mine(aged("bot", 40, { name: "c", owner: "bot" })),
        mine(without(aged("ageless", 0, { name: "d" }), "createdAt")),
        mine(aged("other", 400, { name: "e", owner: "eve" }))
      ]
      const schedules: ReadonlyArray<Schedule> = [
        { ...keys, where: selector('owner == "bot"'), every: "50 days" },
        { ...keys, where: selector('owner != "eve"') }
      ]
      const plan = yield* planWith([sourceOf(owned, { store: "keys" })], schedules)
      const events = yield* Stream.runCollect(due(plan))
      assert.deepStrictEqual(byKey(events), { ageless: "ageUnknown", old: "to b" })
      const [found] = events.filter((event) => event._tag === "Due")
      assert.strictEqual(found?.since.epochMilliseconds, today)
      assert.deepInclude(found?.options, { store: "keys", overlap: "1 day", expiry: "sameLifetime" })
    })
  )

  it.effect("follows a tenant's own schedules before those of its store, and leaves nobody's keys alone", () =>
    Effect.gen(function* () {
      const owned: ReadonlyArray<OwnedKey> = [
        { key: aged("acme-1", 40, { name: "a" }), tenant: "acme" },
        { key: aged("globex-1", 40, { name: "b" }), tenant: "globex" },
        { key: aged("stray", 40, { name: "c" }), tenant: undefined, unassigned: "unknownMark" }
      ]
      const schedules: ReadonlyArray<Schedule> = [keys, { ...keys, tenant: "acme", every: "50 days" }]
      const sources = [
        sourceOf(owned, { store: "keys", tenants: ["acme", "globex"] }),
        sourceOf([mine(aged("elsewhere", 90))], { store: "unscheduled" })
      ]
      const own = yield* planWith(sources, schedules)
      assert.deepStrictEqual(byKey(yield* Stream.runCollect(due(own))), { "globex-1": "to b" })
      const shared = { ...own, schedules: [keys] }
      const events = yield* Stream.runCollect(due(shared))
      assert.deepStrictEqual(byKey(events), { "acme-1": "to a", "globex-1": "to b" })
      const [first] = events
      assert.deepStrictEqual(first?._tag === "Due" ? first.options.tenant : "", "acme")
    })
  )

  it.effect("leaves a key alone that its sink does not hold, for its holder reads elsewhere", () =>
    Effect.gen(function* () {
      const [one, two] = [aged("one", 40), aged("two", 50)]
      const source = sourceOf([mine(one), mine(two)], { store: "keys" })
      const known = yield* planWith([source], [schedule], { place: two })
      assert.deepStrictEqual(byKey(yield* Stream.runCollect(due(known))), { one: "otherKey", two: "to place" })
      const unknown = yield* planWith([source], [schedule])
      assert.deepStrictEqual(byKey(yield* Stream.runCollect(due(unknown))), { one: "sharedSink", two: "sharedSink" })
      // A key that is not due yet may be the one that is there.
      const young = sourceOf([mine(one), mine(aged("young", 1))], { store: "keys" })
      assert.deepStrictEqual(byKey(yield* Stream.runCollect(due({ ...unknown, sources: [young] }))), {
        one: "sharedSink"
      })
      const elsewhere = sourceOf([mine(aged("elsewhere", 40))], { store: "more" })
      const both = [schedule, { ...schedule, store: "more" }]
      const narrowed = { ...unknown, schedules: both, sources: [sourceOf([mine(one)], { store: "keys" }), elsewhere] }
      const onlyKeys = yield* Stream.runCollect(due({ ...narrowed, only: "keys" }))
      assert.deepStrictEqual(byKey(onlyKeys), { one: "sharedSink" })
      const alone = sourceOf([mine(one)], { store: "keys" })
      assert.deepStrictEqual(byKey(yield* Stream.runCollect(due({ ...unknown, sources: [alone] }))), {
        one: "to place"
      })
    })
  )

  it.effect("tells of a key without a sink, and of a store that cannot be read, and hides no other", () =>
    Effect.gen(function* () {
      const broken = Stream.concat(
        Stream.make(mine(aged("seen", 40, { name: "a" }))),
        Stream.fail(new ConfigurationError({ problem: "no such database" }))
      )
      const sources = [
        sourceOf([], { store: "keys", keys: () => broken }),
        sourceOf([], { store: "keys", keys: () => Stream.die("a defect with a secret") }),
        sourceOf([mine(aged("nameless", 40))], { store: "keys" })
      ]
      const plan = yield* planWith(sources, [keys])
      const events = yield* Stream.runCollect(due(plan))
      const problems = events.flatMap((event) => (event._tag === "Unread" ? [event.problem] : []))
      assert.deepStrictEqual(problems, ["no such database", "something happened that must not happen; this is a bug"])
      const rest = events.filter(({ _tag }) => _tag !== "Unread")
      assert.deepStrictEqual(byKey(rest), { seen: "to a", nameless: "noSink" })
    })
  )
})
