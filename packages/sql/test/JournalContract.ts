/** What every journal promises, whatever keeps it: run on memory, SQLite and PostgreSQL. */
import { assert, it } from "@effect/vitest"
import type { Journal } from "@keyfold/core/Journal"
import { OperationId } from "@keyfold/core/OperationId"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { claimOf, entriesOf, keyOf, leased, operationsOf } from "./TestJournal.ts"

type Make = Effect.Effect<Journal, unknown, Scope.Scope>

const minute = Duration.minutes(1)

const claims = (make: Make) => {
  it.effect("gives a new operation to the first who claims it, and notes the intention", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_123)
      const journal = yield* make
      const claim = yield* journal.claim(claimOf({ tenant: "acme" }))
      const until = 1_700_000_060_123
      const address = { store: "monitoring", tenant: "acme", operationId: "deploy-1" }
      assert.deepStrictEqual(claim, {
        kind: "claimed",
        lease: { ...address, operationId: OperationId.make("deploy-1"), epoch: 1, until },
        settled: true,
        earlier: { nonces: [], minted: [] }
      })
      const [entry, ...more] = yield* entriesOf(journal)
      assert.deepStrictEqual(more, [])
      const { digest, ...rest } = entry ?? assert.fail("there is no entry")
      assert.deepStrictEqual<unknown>(rest, {
        ...address,
        sequence: 1,
        at: 1_700_000_000_123,
        state: "intended",
        epoch: 1,
        nonce: "nonce-1",
        spec: "spec-1",
        leaseUntil: until,
        previous: ""
      })
      assert.match(digest, /^[\w-]{22,}$/)
    }).pipe(Effect.scoped)
  )

  it.effect("holds an operation until its lease ends, then gives it to the next with what was tried before", () =>
    Effect.gen(function* () {
      const journal = yield* make
      const first = yield* leased(journal.claim(claimOf()))
      yield* TestClock.adjust(Duration.millis(59_999))
      assert.deepStrictEqual(yield* journal.claim(claimOf({ nonce: "nonce-2" })), {
        kind: "held",
        until: first.until,
        key: undefined
      })
      yield* TestClock.adjust("1 millis")
      const second = yield* journal.claim(claimOf({ nonce: "nonce-2" }))
      assert.deepInclude(second, { settled: false, earlier: { nonces: ["nonce-1"], minted: [] } })
      assert.strictEqual((yield* leased(Effect.succeed(second))).epoch, 2)
      assert.deepStrictEqual((yield* journal.find(claimOf()))?.nonces, ["nonce-1", "nonce-2"])
    }).pipe(Effect.scoped)
  )

  it.effect("gives an operation to one of many who claim it at once", () =>
    Effect.gen(function* () {
      const journal = yield* make
      const answers = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, index) => `nonce-${index}`),
        (nonce) => journal.claim(claimOf({ nonce })),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(answers.filter(({ kind }) => kind === "claimed").length, 1)
      assert.strictEqual(answers.filter(({ kind }) => kind === "held").length, 19)
      assert.strictEqual((yield* entriesOf(journal)).length, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("keeps stores, tenants and the absence of a tenant apart under one operation id", () =>
    Effect.gen(function* () {
      const journal = yield* make
      const places = [
        {},
        { tenant: "acme" },
        { tenant: "globex" },
        { store: "guard" },
        { store: "guard", tenant: "acme" }
      ]
      for (const place of places) {
        const { epoch } = yield* leased(journal.claim(claimOf(place)))
        assert.strictEqual(epoch, 1)
      }
      for (const place of places) {
        const { nonce: _nonce, spec: _spec, lasting: _lasting, ...address } = claimOf(place)
        assert.deepInclude(yield* journal.find(address), address)
        assert.strictEqual("tenant" in ((yield* journal.find(address)) ?? {}), "tenant" in address)
      }
      assert.deepStrictEqual((yield* journal.stores).toSorted(), ["guard", "monitoring"])
    }).pipe(Effect.scoped)
  )
}

const states = (make: Make) => {
  it.effect("notes a key that was minted, holds it for the delivery, and says so to others", () =>
    Effect.gen(function* () {
      const journal = yield* make
      const lease = yield* leased(journal.claim(claimOf()))
      yield* TestClock.adjust("30 seconds")
      assert.isTrue(yield* journal.minted(lease, "nonce-1", keyOf("key-1", "ada"), Duration.minutes(2)))
      assert.deepStrictEqual(yield* journal.claim(claimOf({ nonce: "nonce-2" })), {
        kind: "held",
        until: 150_000,
        key: keyOf("key-1", "ada")
      })
      yield* TestClock.adjust("2 minutes")
      assert.deepInclude(yield* journal.claim(claimOf({ nonce: "nonce-2" })), {
        settled: false,
        earlier: { nonces: ["nonce-1"], minted: [keyOf("key-1", "ada")] }
      })
    }).pipe(Effect.scoped)
  )

  it.effect("answers taken with the key for good once it is delivered", () =>
    Effect.gen(function* () {
      const journal = yield* make
      const lease = yield* leased(journal.claim(claimOf()))
      yield* journal.minted(lease, "nonce-1", keyOf("key-1"), minute)
      assert.isTrue(yield* journal.delivered(lease, "nonce-1", keyOf("key-1")))
      yield* TestClock.adjust("1 hour")
      const taken = { kind: "taken", key: keyOf("key-1") } as const
      assert.deepStrictEqual(yield* journal.claim(claimOf({ nonce: "nonce-2" })), taken)
      assert.isFalse(yield* journal.attempt(lease, "nonce-3", minute))
      assert.deepStrictEqual(
        (yield* entriesOf(journal)).map(({ state }) => state),
        ["intended", "minted", "delivered"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("notes the making too where only the delivery is reported", () =>
    Effect.gen(function* () {
      const journal = yield* make
      const lease = yield* leased(journal.claim(claimOf()))
      yield* journal.delivered(lease, "nonce-1", keyOf("key-1"))
      const entries = yield* entriesOf(journal)
      assert.deepStrictEqual(
        entries.map(({ key, sequence, state }) => ({ key, sequence, state })),
        [
          { key: undefined, sequence: 1, state: "intended" },
          { key: keyOf("key-1"), sequence: 2, state: "minted" },
          { key: keyOf("key-1"), sequence: 3, state: "delivered" }
        ]
      )
      assert.strictEqual(entries[2]?.previous, entries[1]?.digest)
    }).pipe(Effect.scoped)
  )

  it.effect("gives an abandoned operation away again as settled", () =>
    Effect.gen(function* () {
      const journal = yield* make
      const lease = yield* leased(journal.claim(claimOf()))
      assert.isTrue(yield* journal.abandon(lease))
      assert.isFalse(yield* journal.delivered(lease, "nonce-1", keyOf("key-1")))
      const again = yield* journal.claim(claimOf({ nonce: "nonce-2" }))
      assert.deepInclude(again, { settled: true, earlier: { nonces: ["nonce-1"], minted: [] } })
    }).pipe(Effect.scoped)
  )

  it.effect("notes each attempt under a lease and extends it", () =>
    Effect.gen(function* () {
      const journal = yield* make
      const lease = yield* leased(journal.claim(claimOf()))
      yield* TestClock.adjust("50 seconds")
      assert.isTrue(yield* journal.attempt(lease, "nonce-2", minute))
      const record = yield* journal.find(claimOf())
      assert.deepInclude(record, { nonces: ["nonce-1", "nonce-2"], leaseUntil: 110_000, epoch: 1, state: "intended" })
    }).pipe(Effect.scoped)
  )

  it.effect("writes nothing for a sender that lost its lease to another", () =>
    Effect.gen(function* () {
      const journal = yield* make
      const lost = yield* leased(journal.claim(claimOf()))
      yield* TestClock.adjust(minute)
      yield* leased(journal.claim(claimOf({ nonce: "nonce-2" })))
      const before = yield* entriesOf(journal)
      const answers = yield* Effect.all([
        journal.attempt(lost, "nonce-3", minute),
        journal.minted(lost, "nonce-1", keyOf("key-1"), minute),
        journal.delivered(lost, "nonce-1", keyOf("key-1")),
        journal.abandon(lost)
      ])
      assert.deepStrictEqual(answers, [false, false, false, false])
      assert.deepStrictEqual(yield* entriesOf(journal), before)
      assert.deepInclude(yield* journal.find(claimOf()), { epoch: 2, state: "intended", minted: [] })
    }).pipe(Effect.scoped)
  )
}

/** Three stores' worth of operations in every state, a second apart. */
const fill = Effect.fnUntraced(function* (journal: Journal) {
  const places = [{ store: "b" }, { store: "a", tenant: "acme" }, { store: "a" }]
  for (const place of places) {
    for (const operationId of ["intended", "minted", "delivered", "abandoned"]) {
      const lease = yield* leased(journal.claim(claimOf({ ...place, operationId })))
      if (operationId === "minted") yield* journal.minted(lease, "nonce-1", keyOf("m"), minute)
      if (operationId === "delivered") yield* journal.delivered(lease, "nonce-1", keyOf("d"))
      if (operationId === "abandoned") yield* journal.abandon(lease)
      yield* TestClock.adjust("1 second")
    }
  }
})

const readings = (make: Make) => {
  it.effect("reads operations by store, tenant, id, state and age", () =>
    Effect.gen(function* () {
      const journal = yield* make
      yield* fill(journal)
      const count = (filter: Parameters<Journal["operations"]>[0]) =>
        Effect.map(operationsOf(journal, filter), (found) => found.length)
      assert.strictEqual(yield* count({}), 12)
      assert.strictEqual(yield* count({ store: "a" }), 8)
      assert.strictEqual(yield* count({ store: "nowhere" }), 0)
      assert.strictEqual(yield* count({ tenant: "acme" }), 4)
      assert.strictEqual(yield* count({ operationId: "minted" }), 3)
      assert.strictEqual(yield* count({ states: ["intended", "minted"] }), 6)
      assert.strictEqual(yield* count({ states: [] }), 0)
      assert.strictEqual(yield* count({ olderThan: 4000 }), 4)
      assert.strictEqual(yield* count({ olderThan: 3999.5 }), 4)
      const one = { store: "a", tenant: "acme", operationId: "minted", states: ["minted"], olderThan: 9000 } as const
      assert.strictEqual(yield* count(one), 1)
      assert.strictEqual(yield* count({ ...one, olderThan: 5000 }), 0)
      const [minted] = yield* operationsOf(journal, one)
      assert.deepInclude(minted, { key: keyOf("m"), minted: [keyOf("m")], nonces: ["nonce-1"], at: 5000 })
    }).pipe(Effect.scoped)
  )

  it.effect("reads entries by the same filter", () =>
    Effect.gen(function* () {
      const journal = yield* make
      yield* fill(journal)
      const shown = Effect.fnUntraced(function* (filter: Parameters<Journal["entries"]>[0]) {
        return (yield* entriesOf(journal, filter)).map(({ operationId, state }) => `${operationId}:${state}`)
      })
      assert.deepStrictEqual(yield* shown({ store: "b", operationId: "delivered" }), [
        "delivered:intended",
        "delivered:minted",
        "delivered:delivered"
      ])
      assert.strictEqual((yield* shown({ states: ["intended"] })).length, 12)
      assert.strictEqual((yield* shown({ olderThan: 1000 })).length, 1)
      assert.deepStrictEqual(yield* shown({ tenant: "acme", states: ["abandoned"] }), ["abandoned:abandoned"])
    }).pipe(Effect.scoped)
  )

  it.effect("reads in the order of sequence, store by store", () =>
    Effect.gen(function* () {
      const journal = yield* make
      yield* fill(journal)
      for (const found of [yield* entriesOf(journal), yield* operationsOf(journal)]) {
        for (const store of ["a", "b"]) {
          const sequences = found.filter((record) => record.store === store).map(({ sequence }) => sequence)
          assert.deepStrictEqual(
            sequences,
            sequences.toSorted((left, right) => left - right)
          )
        }
        const names = found.map(({ store }) => store)
        assert.strictEqual(names.filter((name, index) => name !== names[index - 1]).length, 2)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("finds nothing of an operation or a store it does not know, and does not begin one by looking", () =>
    Effect.gen(function* () {
      const journal = yield* make
      assert.isUndefined(yield* journal.find(claimOf({ store: "unknown" })))
      yield* journal.claim(claimOf())
      assert.isUndefined(yield* journal.find(claimOf({ operationId: "deploy-2" })))
      assert.strictEqual((yield* entriesOf(journal)).length, 1)
      assert.deepStrictEqual(yield* journal.stores, ["monitoring"])
    }).pipe(Effect.scoped)
  )

  it.effect("tells the time of its leases, and begins no chain by it", () =>
    Effect.gen(function* () {
      const journal = yield* make
      yield* TestClock.adjust("90 seconds")
      assert.strictEqual(yield* journal.now, 90_000)
      assert.deepStrictEqual(yield* journal.stores, [])
    }).pipe(Effect.scoped)
  )

  it.effect("verifies each store's chain, also against a digest kept from before", () =>
    Effect.gen(function* () {
      const journal = yield* make
      yield* fill(journal)
      const earlier = yield* journal.verify("a")
      assert.deepInclude(earlier, { intact: true, store: "a", entries: 16 })
      yield* journal.claim(claimOf({ store: "a", operationId: "one-more" }))
      const later = yield* journal.verify("a", earlier.intact ? earlier.head : "")
      assert.deepInclude(later, { intact: true, entries: 17 })
      assert.deepInclude(yield* journal.verify("b"), { intact: true, entries: 8 })
      assert.deepInclude(yield* journal.verify("b", earlier.intact ? earlier.head : ""), { intact: false })
      assert.deepInclude(yield* journal.verify("nowhere"), { intact: true, entries: 0, head: "" })
    }).pipe(Effect.scoped)
  )

  it.effect("keeps the chains intact while several senders write to several stores at once", () =>
    Effect.gen(function* () {
      const journal = yield* make
      const work = Effect.fnUntraced(function* (number: number) {
        const place = { store: number % 2 === 0 ? "even" : "odd", operationId: `deploy-${number}` }
        const lease = yield* leased(journal.claim(claimOf(place)))
        yield* journal.delivered(lease, "nonce-1", keyOf(`key-${number}`))
      })
      yield* Effect.forEach(
        Array.from({ length: 20 }, (_, index) => index),
        work,
        { concurrency: "unbounded" }
      )
      assert.deepInclude(yield* journal.verify("even"), { intact: true, entries: 30 })
      assert.deepInclude(yield* journal.verify("odd"), { intact: true, entries: 30 })
    }).pipe(Effect.scoped)
  )
}

/** Declares the tests of a journal that takes its time from the clock of the test. */
export const journalContract = (make: Make) => {
  claims(make)
  states(make)
  readings(make)
}
