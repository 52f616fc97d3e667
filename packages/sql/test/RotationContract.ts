/** What every storage of rotations promises, whatever keeps it: run on memory, SQLite and PostgreSQL. */
import { assert, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import { RotationId } from "@keyfold/lifecycle/Rotation"
import type { Filter, RotationRecord, RotationStorage } from "@keyfold/lifecycle/RotationStorage"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

type Storage = RotationStorage["Service"]

type Make = Effect.Effect<Storage, unknown, Scope.Scope>

type Changes = Partial<Omit<RotationRecord, "id" | "old">> & { readonly id?: string; readonly old?: string }

/** A record as a rotation begins with it. */
export const recordOf = (changes: Changes = {}) => {
  const { id = "rotation-1", old = "key-1", ...more } = changes
  return (now: number): RotationRecord => ({
    store: "monitoring",
    request: { overlap: 1000, sink: "file", holderCheckWithin: 0, expiry: "keep", force: false },
    status: "running",
    step: "plan",
    attempt: 0,
    discarded: [],
    handOffBegun: false,
    handedOver: false,
    stillUsed: false,
    revokeBegun: false,
    abortRequested: false,
    retries: 0,
    pause: 0,
    run: 1,
    epoch: 0,
    leaseUntil: now,
    createdAt: now,
    updatedAt: now,
    ...more,
    id: RotationId.make(id),
    old: { id: KeyId.make(old) }
  })
}

/** Changes a record that is there. */
export const change = (storage: Storage, id: string, changes: Partial<RotationRecord>) =>
  storage.transact(RotationId.make(id), ({ now, record }) =>
    record === undefined
      ? { answer: undefined }
      : { record: { ...record, ...changes, updatedAt: now }, answer: { ...record, ...changes, updatedAt: now } }
  )

const read = (storage: Storage, id: string) =>
  storage.transact(RotationId.make(id), ({ record }) => ({ answer: record }))

/** The ids of a query, in its order. */
export const idsOf = (storage: Storage, filter: Filter = {}) =>
  Effect.map(Stream.runCollect(storage.query(filter)), (found) => found.map(({ id }): string => id))

const insertions = (make: Make) => {
  it.effect("keeps a new record, whole, with the time by its clock", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_123)
      const storage = yield* make
      const full = {
        tenant: "acme",
        plan: { name: "ci", owner: "ada", scopes: ["read"], tags: { team: "a" }, expiresAt: 5 },
        custody: { id: KeyId.make("key-2"), owner: "ada" },
        verified: "unverified",
        revocation: { kind: "notConfirmed", bound: 7, seen: "revoked" },
        overlapUntil: 9,
        dueAt: 10,
        keep: "new",
        problem: "größe"
      } as const
      const inserted = yield* storage.insert(recordOf(full))
      const expected = recordOf(full)(1_700_000_000_123)
      assert.deepStrictEqual(inserted, { kind: "inserted", record: expected })
      assert.deepStrictEqual(yield* read(storage, "rotation-1"), expected)
      assert.deepStrictEqual(yield* Stream.runCollect(storage.query({})), [expected])
      assert.isUndefined(yield* read(storage, "rotation-2"))
    }).pipe(Effect.scoped)
  )

  it.effect("answers a second insertion of an id with what is there, and changes nothing", () =>
    Effect.gen(function* () {
      const storage = yield* make
      const { record } = yield* storage.insert(recordOf())
      const again = yield* storage.insert(recordOf({ old: "key-9", store: "other" }))
      assert.deepStrictEqual(again, { kind: "exists", record })
      assert.deepStrictEqual(yield* read(storage, "rotation-1"), record)
    }).pipe(Effect.scoped)
  )

  it.effect("refuses a key that another rotation of its store has not done with, old or new", () =>
    Effect.gen(function* () {
      const storage = yield* make
      yield* storage.insert(recordOf())
      yield* change(storage, "rotation-1", { custody: { id: KeyId.make("key-2") } })
      for (const status of ["running", "revocationPending", "needsAttention"] as const) {
        const current = yield* change(storage, "rotation-1", { status })
        for (const old of ["key-1", "key-2"]) {
          assert.deepStrictEqual<unknown>(yield* storage.insert(recordOf({ id: "next", old })), {
            kind: "busy",
            record: current
          })
          const elsewhere = yield* storage.insert(recordOf({ id: "next", old, tenant: "acme" }))
          assert.strictEqual(elsewhere.kind, "busy")
        }
      }
      assert.strictEqual((yield* storage.insert(recordOf({ id: "a", old: "key-3" }))).kind, "inserted")
      assert.strictEqual((yield* storage.insert(recordOf({ id: "b", store: "other" }))).kind, "inserted")
      for (const [index, status] of (["done", "undone"] as const).entries()) {
        yield* change(storage, "rotation-1", { status })
        const id = `next-${index}`
        assert.strictEqual((yield* storage.insert(recordOf({ id, old: `key-${index + 1}` }))).kind, "inserted")
      }
    }).pipe(Effect.scoped)
  )

  it.effect("takes one of many insertions of one id, and one of many for one key", () =>
    Effect.gen(function* () {
      const storage = yield* make
      const many = Array.from({ length: 12 }, (_, index) => index)
      const same = yield* Effect.forEach(many, () => storage.insert(recordOf()), { concurrency: "unbounded" })
      const competing = yield* Effect.forEach(
        many,
        (index) => storage.insert(recordOf({ id: `rival-${index}`, old: "key-7" })),
        { concurrency: "unbounded" }
      )
      const kinds = (answers: typeof same) => answers.map(({ kind }) => kind).toSorted()
      assert.deepStrictEqual(kinds(same), [...many.slice(1).map(() => "exists"), "inserted"])
      assert.deepStrictEqual(kinds(competing), [...many.slice(1).map(() => "busy"), "inserted"])
      assert.lengthOf(yield* idsOf(storage), 2)
    }).pipe(Effect.scoped)
  )
}

const transactions = (make: Make) => {
  it.effect("loses no change of transactions on one record at once", () =>
    Effect.gen(function* () {
      const storage = yield* make
      const { record } = yield* storage.insert(recordOf())
      const answers = yield* Effect.forEach(
        Array.from({ length: 25 }, (_, index) => index),
        () =>
          storage.transact(record.id, ({ record }) => {
            const epoch = (record?.epoch ?? 0) + 1
            return record === undefined ? { answer: 0 } : { record: { ...record, epoch }, answer: epoch }
          }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        answers.toSorted((left, right) => left - right),
        answers.map((_, index) => index + 1)
      )
      assert.strictEqual((yield* read(storage, record.id))?.epoch, 25)
    }).pipe(Effect.scoped)
  )

  it.effect("shows a decision the time and the record, and writes nothing where it says so", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(5000)
      const storage = yield* make
      const { record } = yield* storage.insert(recordOf())
      yield* TestClock.adjust("3 seconds")
      const snapshot = yield* storage.transact(record.id, (snapshot) => ({ answer: snapshot }))
      assert.deepStrictEqual(snapshot, { now: 8000, record })
      yield* storage.transact(record.id, () => ({ record: { ...record, dueAt: 3 }, answer: undefined }))
      yield* storage.transact(record.id, () => ({ record, answer: undefined }))
      assert.deepStrictEqual(yield* read(storage, record.id), record)
      assert.deepStrictEqual(yield* idsOf(storage, { dueBefore: 9000 }), [])
    }).pipe(Effect.scoped)
  )
}

const queries = (make: Make) => {
  it.effect("finds by status, store, tenant, key and due time, in the order of creation", () =>
    Effect.gen(function* () {
      const storage = yield* make
      yield* storage.insert(recordOf({ id: "b", old: "key-b" }))
      yield* storage.insert(recordOf({ id: "a", old: "key-a", tenant: "acme" }))
      yield* TestClock.adjust("1 seconds")
      yield* storage.insert(recordOf({ id: "0", old: "key-0", store: "other", tenant: "acme", dueAt: 50 }))
      yield* storage.insert(recordOf({ id: "1", old: "key-1", dueAt: 100 }))
      yield* change(storage, "b", { status: "done", custody: { id: KeyId.make("key-0") } })
      const cases: ReadonlyArray<readonly [Filter, ReadonlyArray<string>]> = [
        [{}, ["a", "b", "0", "1"]],
        [{ statuses: ["done", "undone"] }, ["b"]],
        [{ statuses: ["running"], store: "monitoring" }, ["a", "1"]],
        [{ statuses: [] }, []],
        [{ tenant: "acme" }, ["a", "0"]],
        [{ key: KeyId.make("key-0") }, ["b", "0"]],
        [{ key: KeyId.make("key-0"), statuses: ["running"] }, ["0"]],
        [{ dueBefore: 100 }, ["0"]],
        [{ dueBefore: 101 }, ["0", "1"]]
      ]
      for (const [filter, ids] of cases) {
        assert.deepStrictEqual(yield* idsOf(storage, filter), ids, JSON.stringify(filter))
      }
      yield* change(storage, "1", { dueAt: 10 })
      assert.deepStrictEqual(yield* idsOf(storage, { dueBefore: 50 }), ["1"])
    }).pipe(Effect.scoped)
  )
}

/** Declares the tests of the contract. */
export const rotationContract = (make: Make): void => {
  insertions(make)
  transactions(make)
  queries(make)
}
