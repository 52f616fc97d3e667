import { assert, describe, it } from "@effect/vitest"
import { observed, promised } from "@keyfold/core/Capabilities"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { Filter, PageRequest } from "@keyfold/core/KeyList"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Arbitrary from "effect/Arbitrary"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { assertReason, capabilitiesWith, keyWith, recorded, ref, storeOf } from "./RecordedDriver.ts"

const cursorSecret = Redacted.make("a secret that two processes share")

const filled = Effect.fnUntraced(function* (options: KeyStore.StoreOptions = {}, size = 7) {
  const store = yield* KeyStore.make(MemoryDriver.make(), options)
  for (let number = 0; number < size; number++) yield* store.create({ owner: number % 2 === 0 ? "even" : "odd" })
  return store
})

const cursorOf = Effect.fnUntraced(function* (store: KeyStore.KeyStore["Service"], filter: Filter = {}) {
  const { next } = yield* store.listPage({ ...filter, limit: 2 })
  return next ?? "no next page"
})

const walk = Effect.fnUntraced(function* (store: KeyStore.KeyStore["Service"], request: PageRequest) {
  const sizes: Array<number> = []
  const ids: Array<string> = []
  let cursor: string | undefined
  do {
    const page = yield* store.listPage(cursor === undefined ? request : { ...request, cursor })
    sizes.push(page.keys.length)
    ids.push(...page.keys.map((key) => key.id))
    cursor = page.next
  } while (cursor !== undefined && sizes.length < 100)
  return { sizes, ids }
})

const refusesCursor = Effect.fnUntraced(function* (store: KeyStore.KeyStore["Service"], request: PageRequest) {
  const error = yield* Effect.flip(store.listPage(request))
  assertReason(error, "InvalidRequest", { field: "cursor" })
  assert.deepInclude(error, { operation: "list", attempts: 0 })
})

describe("listPage", () => {
  it.effect("pages to the end without losing or repeating a key", () =>
    Effect.gen(function* () {
      const store = yield* filled()
      const { ids, sizes } = yield* walk(store, { limit: 3 })
      assert.deepStrictEqual(sizes, [3, 3, 1])
      assert.strictEqual(new Set(ids).size, 7)
    })
  )

  it.effect("ends without a next where the last page is exactly full", () =>
    Effect.gen(function* () {
      const store = yield* filled({}, 6)
      assert.deepStrictEqual((yield* walk(store, { limit: 3 })).sizes, [3, 3])
    })
  )

  it.effect("keeps the filter on every page", () =>
    Effect.gen(function* () {
      const store = yield* filled()
      const { ids, sizes } = yield* walk(store, { limit: 2, owner: "even" })
      assert.deepStrictEqual(sizes, [2, 2])
      const keys = yield* Effect.forEach(ids, (id) => store.get(ref(id)))
      assert.deepStrictEqual([...new Set(keys.map((key) => key.owner))], ["even"])
    })
  )

  it.effect("holds 100 keys where no limit is given", () =>
    Effect.gen(function* () {
      const store = yield* filled({}, 101)
      const page = yield* store.listPage()
      assert.strictEqual(page.keys.length, 100)
      assert.isString(page.next)
    })
  )

  it.effect("takes a limit of 1 to 1000 and refuses any other before asking the backend", () =>
    Effect.gen(function* () {
      const calls = recorded()
      const store = yield* storeOf(calls)
      yield* store.listPage({ limit: 1 })
      yield* store.listPage({ limit: 1000 })
      assert.strictEqual(calls.count(), 2)
      for (const limit of [0, -1, 1001, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        const error = yield* Effect.flip(store.listPage({ limit }))
        assertReason(error, "InvalidRequest", { field: "limit" })
      }
      assert.strictEqual(calls.count(), 2)
    })
  )

  it.effect("says what it leaves out and how old the answer may be", () =>
    Effect.gen(function* () {
      const store = yield* filled()
      const { completeness } = yield* store.listPage()
      assert.deepInclude(completeness, { excluded: ["revoked"], hidden: [] })
      const active = yield* store.listPage({ status: "active" })
      assert.deepStrictEqual(active.completeness.excluded, ["expired", "revoked"])
      const consistency = { visibility: observed("10 seconds"), settle: promised("1 minute") }
      const lagging = capabilitiesWith({ listsRevoked: "never", consistency })
      const other = yield* storeOf(recorded({ capabilities: lagging }))
      assert.deepInclude((yield* other.listPage()).completeness, { hidden: ["revoked"], lag: Duration.seconds(10) })
    })
  )

  it.effect("calls revoked keys hidden on a by-owner backend exactly where no owner is given", () =>
    Effect.gen(function* () {
      const store = yield* storeOf(recorded({ capabilities: capabilitiesWith({ listsRevoked: "byOwner" }) }))
      assert.deepStrictEqual((yield* store.listPage()).completeness.hidden, ["revoked"])
      assert.deepStrictEqual((yield* store.listPage({ owner: "me" })).completeness.hidden, [])
    })
  )
})

describe("cursors", () => {
  it.effect("are read again by the same store and filter, whatever the limit and the filter's spelling", () =>
    Effect.gen(function* () {
      const store = yield* filled()
      const cursor = yield* cursorOf(store, { status: "active" })
      assert.strictEqual((yield* store.listPage({ cursor, limit: 5, status: ["active"] })).keys.length, 5)
    })
  )

  it.effect("of another filter are refused", () =>
    Effect.gen(function* () {
      const store = yield* filled()
      const cursor = yield* cursorOf(store)
      yield* refusesCursor(store, { cursor, owner: "even" })
      yield* refusesCursor(store, { cursor, status: "active" })
      yield* refusesCursor(store, { cursor, status: ["active", "expired", "revoked"] })
      yield* refusesCursor(store, { cursor: yield* cursorOf(store, { owner: "even" }), owner: "odd" })
      yield* refusesCursor(store, { cursor: yield* cursorOf(store, { owner: "even" }) })
    })
  )

  it.effect("of another store, tenant or secret are refused; of the same they are shared by processes", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const options = { store: "one", tenant: "acme", cursorSecret }
      const store = yield* KeyStore.make(driver, options)
      for (let number = 0; number < 4; number++) yield* store.create({})
      const cursor = yield* cursorOf(store)
      const twin = yield* KeyStore.make(driver, options)
      assert.strictEqual((yield* twin.listPage({ cursor })).keys.length, 2)
      yield* refusesCursor(yield* KeyStore.make(driver, { ...options, store: "two" }), { cursor })
      yield* refusesCursor(yield* KeyStore.make(driver, { ...options, tenant: "globex" }), { cursor })
      yield* refusesCursor(yield* KeyStore.make(driver, { store: "one", cursorSecret }), { cursor })
      const other = { ...driver, backend: "other" }
      yield* refusesCursor(yield* KeyStore.make({ ...other, partition: () => other }, options), { cursor })
      const otherSecret = Redacted.make("another secret, just as long, no more")
      yield* refusesCursor(yield* KeyStore.make(driver, { ...options, cursorSecret: otherSecret }), { cursor })
    })
  )

  it.effect("of two stores without a shared secret are not interchangeable", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const store = yield* KeyStore.make(driver)
      for (let number = 0; number < 4; number++) yield* store.create({})
      yield* refusesCursor(yield* KeyStore.make(driver), { cursor: yield* cursorOf(store) })
    })
  )

  it.effect("cut, lengthened, altered, forged and empty are refused before the backend is asked", () =>
    Effect.gen(function* () {
      const keys = [keyWith("a"), keyWith("b"), keyWith("c")]
      const calls = recorded({ list: { kind: "pages", page: () => Effect.succeed({ keys, next: "position" }) } })
      const store = yield* storeOf(calls)
      const cursor = yield* cursorOf(store)
      const [position = "", mark = ""] = cursor.split(".")
      const forgedPosition = Buffer.from("elsewhere").toString("base64url")
      const before = calls.count()
      for (const forged of [
        "",
        ".",
        position,
        `${position}.`,
        `.${mark}`,
        mark,
        cursor.slice(0, -2),
        cursor.slice(1),
        `${cursor}AA`,
        `${cursor}.${mark}`,
        `${forgedPosition}.${mark}`,
        `${position}.${mark.startsWith("A") ? "B" : "A"}${mark.slice(1)}`,
        "not a cursor at all",
        forgedPosition
      ]) {
        yield* refusesCursor(store, { cursor: forged })
      }
      assert.strictEqual(calls.count(), before)
    })
  )

  it.effect("with one character changed, anywhere, are refused", () =>
    Effect.gen(function* () {
      const store = yield* filled()
      const cursor = yield* cursorOf(store)
      for (let index = 0; index < cursor.length - 1; index++) {
        const letter = cursor[index] === "A" ? "B" : "A"
        if (cursor[index] !== ".") {
          yield* refusesCursor(store, { cursor: `${cursor.slice(0, index)}${letter}${cursor.slice(index + 1)}` })
        }
      }
    })
  )
})

describe("cursors carry any position", () => {
  const anyPosition = Arbitrary.map(
    Arbitrary.all([Arbitrary.schema(Schema.String), Arbitrary.Constant("\u{feff}é\u{1f511}")]),
    ([text, odd]) => [text, `${odd}${text}`]
  )

  it.effect.prop("what a driver gives as next is what it gets back", { positions: anyPosition }, ({ positions }) =>
    Effect.gen(function* () {
      for (const position of positions) {
        const calls = recorded({
          list: { kind: "pages", page: () => Effect.succeed({ keys: [keyWith("a")], next: position }) }
        })
        const store = yield* storeOf(calls)
        const { next } = yield* store.listPage()
        assert.isString(next)
        yield* store.listPage({ cursor: next ?? "" })
        assert.strictEqual(calls.listed()[1]?.position, position)
      }
    })
  )
})
