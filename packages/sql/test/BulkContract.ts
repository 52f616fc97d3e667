/** What every storage of bulk revocations promises, whatever keeps it: run on memory, SQLite and PostgreSQL. */
import { assert, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import type { Outcome, Plan } from "@keyfold/lifecycle/BulkRevocation"
import type { BulkStorage } from "@keyfold/lifecycle/BulkStorage"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"

type Make = Effect.Effect<BulkStorage, unknown, Scope.Scope>

const time = DateTime.makeUnsafe("2026-01-02T03:04:05.678Z")

/** A plan of two keys. */
export const planOf = (digest = "d1"): Plan => ({
  digest,
  selector: 'owner == "ci"',
  plannedAt: time,
  scanned: [{ store: "monitoring", tenant: "acme", keys: 5, undecided: 1 }],
  targets: [
    { store: "monitoring", id: KeyId.make("key-1"), owner: "größe", name: "n", createdAt: time, lastUsedAt: time },
    { store: "monitoring", tenant: "acme", id: KeyId.make("key-1") }
  ]
})

const outcomeOf = (id: string, changes: Partial<Outcome> = {}): Outcome => ({
  store: "monitoring",
  id: KeyId.make(id),
  kind: "revoked",
  at: 1_700_000_000_123,
  ...changes
})

const sorted = (outcomes: ReadonlyArray<Outcome> = []) =>
  outcomes.map(({ at, id, kind, problem, store, tenant }) => [store, tenant, id, kind, at, problem].join()).toSorted()

const keeping = (make: Make) => {
  it.effect("keeps a plan under its digest, and its outcomes through a new one", () =>
    Effect.gen(function* () {
      const storage = yield* make
      assert.isUndefined(yield* storage.load("d1"))
      yield* storage.save(planOf())
      assert.deepStrictEqual(yield* storage.load("d1"), { plan: planOf(), outcomes: [] })
      yield* storage.record("d1", [outcomeOf("key-1")])
      const next = { ...planOf(), plannedAt: DateTime.addDuration(time, "1 hours") }
      yield* storage.save(next)
      assert.deepStrictEqual(yield* storage.load("d1"), { plan: next, outcomes: [outcomeOf("key-1")] })
      assert.isUndefined(yield* storage.load("d2"))
    }).pipe(Effect.scoped)
  )

  it.effect("counts the later outcome of a key, which is its store's and its tenant's, also within one record", () =>
    Effect.gen(function* () {
      const storage = yield* make
      yield* storage.save(planOf())
      yield* storage.save(planOf("d2"))
      const failed = outcomeOf("key-1", { kind: "failed", problem: "no" })
      const others = [outcomeOf("key-1", { tenant: "acme" }), outcomeOf("key-1", { store: "b" }), outcomeOf("key-2")]
      yield* storage.record("d1", [failed, ...others])
      yield* storage.record("d1", [])
      yield* storage.record("d1", [failed, outcomeOf("key-1")])
      assert.deepStrictEqual(sorted((yield* storage.load("d1"))?.outcomes), sorted([outcomeOf("key-1"), ...others]))
      assert.deepStrictEqual((yield* storage.load("d2"))?.outcomes, [])
    }).pipe(Effect.scoped)
  )

  it.effect("keeps many outcomes at once", () =>
    Effect.gen(function* () {
      const storage = yield* make
      yield* storage.save(planOf())
      const outcomes = Array.from({ length: 2345 }, (_, index) => outcomeOf(`key-${index}`))
      yield* storage.record("d1", outcomes)
      assert.deepStrictEqual(sorted((yield* storage.load("d1"))?.outcomes), sorted(outcomes))
    }).pipe(Effect.scoped)
  )
}

const claiming = (make: Make) => {
  const minute = Duration.minutes(1)

  it.effect("gives a plan to one runner until its time is over, and longer where it asks again", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const storage = yield* make
      assert.deepStrictEqual(yield* storage.claim("d1", "ada", minute), { held: true })
      assert.deepStrictEqual(yield* storage.claim("d1", "bob", minute), { held: false, until: 1_700_000_060_000 })
      assert.deepStrictEqual(yield* storage.claim("d2", "bob", minute), { held: true })
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(yield* storage.claim("d1", "ada", minute), { held: true })
      yield* TestClock.adjust(Duration.millis(59_999))
      assert.deepStrictEqual(yield* storage.claim("d1", "bob", minute), { held: false, until: 1_700_000_119_000 })
      yield* TestClock.adjust(Duration.millis(1))
      assert.deepStrictEqual(yield* storage.claim("d1", "bob", minute), { held: true })
      assert.isFalse((yield* storage.claim("d1", "ada", minute)).held)
    }).pipe(Effect.scoped)
  )

  it.effect("takes a claim back from its runner only", () =>
    Effect.gen(function* () {
      const storage = yield* make
      yield* storage.claim("d1", "ada", minute)
      yield* storage.release("d1", "bob")
      yield* storage.release("d2", "ada")
      assert.isFalse((yield* storage.claim("d1", "bob", minute)).held)
      yield* storage.release("d1", "ada")
      assert.isTrue((yield* storage.claim("d1", "bob", minute)).held)
    }).pipe(Effect.scoped)
  )

  it.effect("gives a plan to one of many who claim it at once", () =>
    Effect.gen(function* () {
      const storage = yield* make
      const claims = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, index) => `runner-${index}`),
        (runner) => storage.claim("d1", runner, minute),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(
        claims.filter(({ held }) => held),
        1
      )
    }).pipe(Effect.scoped)
  )
}

/** Declares the tests of the contract. */
export const bulkContract = (make: Make): void => {
  keeping(make)
  claiming(make)
}
