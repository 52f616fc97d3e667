import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { keysPath, lines, listed, organization, owner, ref, songbird, start } from "./Songbird.ts"

const hour = 3_600_000

const seeds = [
  { keyId: "aaaaaaaaaa", userId: owner, alias: "one", scopes: [":user"], lastUsedTime: start - 500 },
  { keyId: "bbbbbbbbbb", userId: "user-456", expirationTime: start - hour },
  { keyId: "cccccccccc", userId: owner, revoked: true, lastUsedTime: start - 500 },
  { keyId: "dddddddddd", userId: owner, revoked: "unset", alias: "" }
] as const

const seeded = Effect.gen(function* () {
  const made = yield* songbird()
  const common = { organization, creationTime: start - 24 * hour }
  made.emulator.seed(...seeds.map((seed) => ({ ...seed, ...common })))
  return { ...made, store: yield* made.v0() }
})

const ids = (keys: ReadonlyArray<{ readonly id: string }>) => keys.map(({ id }) => id).toSorted()

describe("get on v0", () => {
  it.effect("reads one key in one GET of its path, without any query", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      assert.deepStrictEqual(yield* store.get(ref("aaaaaaaaaa")), {
        id: ref("aaaaaaaaaa").id,
        name: "one",
        owner,
        scopes: [":user"],
        status: "active",
        createdAt: DateTime.makeUnsafe(start - 24 * hour),
        lastUsedAt: DateTime.makeUnsafe(start - 500),
        tags: {},
        provider: { whylabs: { organization } }
      })
      const [request] = emulator.requests.all
      assert.deepStrictEqual(lines(emulator), [`GET ${keysPath}/aaaaaaaaaa`])
      const headers = new Map(request?.headers)
      assert.strictEqual(headers.get("accept"), "application/json")
      assert.isFalse(headers.has("content-type"))
      assert.isUndefined(request?.body)
    })
  )

  it.effect("finds an expired key and says so by comparing times itself", () =>
    Effect.gen(function* () {
      const { store } = yield* seeded
      assert.strictEqual((yield* store.get(ref("bbbbbbbbbb"))).status, "expired")
    })
  )

  it.effect("a key is still active at its very last millisecond", () =>
    Effect.gen(function* () {
      const { v0 } = yield* songbird()
      const store = yield* v0()
      const { key } = yield* store.create({ expiresAt: DateTime.makeUnsafe(start + hour) })
      yield* TestClock.setTime(start + hour)
      assert.strictEqual((yield* store.get(key)).status, "active")
      yield* TestClock.setTime(start + hour + 1)
      assert.strictEqual((yield* store.get(key)).status, "expired")
    })
  )

  for (const [what, id] of [
    ["an unknown id", "zzzzzzzzzz"],
    ["a revoked id", "cccccccccc"]
  ] as const) {
    it.effect(`200 {} for ${what} is NotFound after one request, and says nothing of revocation`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* seeded
        const error = yield* Effect.flip(store.get(ref(id)))
        assert.strictEqual(error.reason._tag, "NotFound")
        assert.notInclude(error.message, "revoked")
        assert.strictEqual(error.attempts, 1)
        assert.strictEqual(emulator.requests.all[0]?.status, 200)
        assert.lengthOf(emulator.requests.all, 1)
      })
    )
  }

  it.effect("a key of another organization is the same NotFound as an unknown one", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      emulator.seed({ organization: "org-free", userId: owner, keyId: "eeeeeeeeee" })
      const foreign = yield* Effect.flip(store.get(ref("eeeeeeeeee")))
      const unknown = yield* Effect.flip(store.get(ref("zzzzzzzzzz")))
      assert.strictEqual(foreign.message, unknown.message)
    })
  )

  for (const id of ["", "a/b", "..", "a.b", "a b", "key?x=1", "ключ", "abc\n"]) {
    it.effect(`the id ${JSON.stringify(id)} is refused by get, revoke and usage before anything is sent`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* seeded
        // A `KeyRef` from JSON need not have passed the schema.
        const key = { ...ref("x"), id: id as ReturnType<typeof ref>["id"] }
        const errors = [
          yield* Effect.flip(store.get(key)),
          yield* Effect.flip(store.revoke({ ...key, owner })),
          yield* Effect.flip(store.usage(key))
        ]
        for (const { attempts, reason } of errors) {
          assert.strictEqual(reason._tag === "InvalidRequest" ? reason.field : reason._tag, "id")
          assert.strictEqual(attempts, 0)
        }
        assert.lengthOf(emulator.requests.all, 0)
      })
    )
  }
})

describe("list on v0", () => {
  it.effect("without an owner asks for the organization and never shows revoked keys", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      const keys = yield* listed(store)
      assert.deepStrictEqual(ids(keys), ["aaaaaaaaaa", "bbbbbbbbbb", "dddddddddd"])
      assert.deepStrictEqual(lines(emulator), [`GET ${keysPath}`])
      assert.strictEqual(keys.find(({ id }) => id === "aaaaaaaaaa")?.lastUsedAt?.epochMilliseconds, start - 500)
    })
  )

  it.effect("with an owner sends user_id and drops the revoked keys the server adds", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      const keys = yield* listed(store, { owner })
      assert.deepStrictEqual(ids(keys), ["aaaaaaaaaa", "dddddddddd"])
      assert.deepStrictEqual(lines(emulator), [`GET ${keysPath}?user_id=${owner}`])
      assert.isUndefined(keys[0]?.lastUsedAt, "the by-user mapping has no last-used time")
    })
  )

  it.effect("shows an owner's revoked keys where they are asked for", () =>
    Effect.gen(function* () {
      const { store } = yield* seeded
      const revoked = yield* listed(store, { owner, status: "revoked" })
      assert.deepStrictEqual(
        revoked.map(({ id, status }) => [id, status]),
        [[ref("cccccccccc").id, "revoked"]]
      )
      const all = yield* listed(store, { owner, status: ["active", "expired", "revoked"] })
      assert.deepStrictEqual(ids(all), ["aaaaaaaaaa", "cccccccccc", "dddddddddd"])
    })
  )

  it.effect("revoked keys of a whole organization are Unsupported, with nothing sent", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      const error = yield* Effect.flip(listed(store, { status: "revoked" }))
      assert.strictEqual(error.reason._tag, "Unsupported")
      assert.include(error.reason.message, "give an owner")
      assert.lengthOf(emulator.requests.all, 0)
    })
  )

  for (const user of ["", " ", "a#b"]) {
    it.effect(`the owner ${JSON.stringify(user)} is refused by list and revoke before anything is sent`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* seeded
        const list = yield* Effect.flip(listed(store, { owner: user }))
        const revoke = yield* Effect.flip(store.revoke(ref("aaaaaaaaaa", user)))
        for (const { attempts, reason } of [list, revoke]) {
          assert.strictEqual(reason._tag === "InvalidRequest" ? reason.field : reason._tag, "owner")
          assert.strictEqual(attempts, 0)
        }
        assert.lengthOf(emulator.requests.all, 0)
      })
    )
  }

  it.effect("an unknown organization and an unknown owner are empty lists, and an unknown key there NotFound", () =>
    Effect.gen(function* () {
      const { v0 } = yield* songbird()
      const elsewhere = yield* v0({ organization: "org-nowhere" })
      assert.deepStrictEqual(yield* listed(elsewhere), [])
      assert.deepStrictEqual(yield* listed(elsewhere, { owner: "nobody" }), [])
      assert.strictEqual((yield* Effect.flip(elsewhere.get(ref("aaaaaaaaaa")))).reason._tag, "NotFound")
    })
  )

  it.effect('an alias of "" and a missing one are no name; a missing revoked is not revoked', () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      for (const unsetAlias of ["empty", "absent"] as const) {
        for (const explicitNulls of [false, true]) {
          emulator.setSwitches({ unsetAlias, explicitNulls })
          const key = yield* store.get(ref("dddddddddd"))
          assert.notProperty(key, "name")
          assert.strictEqual(key.status, "active")
          assert.notProperty(key, "expiresAt")
          assert.notProperty(key, "lastUsedAt")
          assert.deepStrictEqual(key.scopes, [])
          const missing = yield* Effect.flip(store.get(ref("zzzzzzzzzz")))
          assert.strictEqual(missing.reason._tag, "NotFound")
        }
      }
    })
  )

  it.effect("stops after one request even where only one key is taken", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      assert.lengthOf(yield* Stream.runCollect(Stream.take(store.list(), 1)), 1)
      assert.lengthOf(emulator.requests.all, 1)
    })
  )
})

describe("listPage on v0", () => {
  it.effect("slices a fresh list in id order, each page one GET without paging parameters", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      const first = yield* store.listPage({ limit: 2 })
      assert.deepStrictEqual(
        first.keys.map(({ id }) => String(id)),
        ["aaaaaaaaaa", "bbbbbbbbbb"]
      )
      assert.isDefined(first.next)
      const second = yield* store.listPage({ limit: 2, cursor: first.next })
      assert.deepStrictEqual(
        second.keys.map(({ id }) => String(id)),
        ["dddddddddd"]
      )
      assert.notProperty(second, "next")
      assert.deepStrictEqual(lines(emulator), [`GET ${keysPath}`, `GET ${keysPath}`])
      assert.deepStrictEqual(first.completeness.hidden, ["revoked"])
      assert.deepStrictEqual((yield* store.listPage({ owner })).completeness.hidden, [])
    })
  )

  it.effect("refuses another filter's cursor before anything is sent", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      const { next = "" } = yield* store.listPage({ limit: 1 })
      emulator.requests.clear()
      const error = yield* Effect.flip(store.listPage({ limit: 1, owner, cursor: next }))
      assert.strictEqual(error.reason._tag, "InvalidRequest")
      assert.lengthOf(emulator.requests.all, 0)
    })
  )
})

describe("usage, verify and identify on v0", () => {
  it.effect("usage is the last-used time of one get, and no number it does not know", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded
      assert.deepStrictEqual(yield* store.usage(ref("aaaaaaaaaa")), {
        id: ref("aaaaaaaaaa").id,
        precision: "lastUsedOnly",
        lastUsedAt: DateTime.makeUnsafe(start - 500),
        provider: {}
      })
      assert.deepStrictEqual(yield* store.usage(ref("bbbbbbbbbb")), {
        id: ref("bbbbbbbbbb").id,
        precision: "lastUsedOnly",
        provider: {}
      })
      assert.deepStrictEqual(lines(emulator), [`GET ${keysPath}/aaaaaaaaaa`, `GET ${keysPath}/bbbbbbbbbb`])
      assert.strictEqual((yield* Effect.flip(store.usage(ref("zzzzzzzzzz")))).reason._tag, "NotFound")
    })
  )

  it.effect("verify is Unsupported, with nothing sent", () =>
    Effect.gen(function* () {
      const { emulator, store, system } = yield* seeded
      const error = yield* Effect.flip(store.verify(Redacted.make(system)))
      assert.strictEqual(error.reason._tag, "Unsupported")
      assert.strictEqual(error.attempts, 0)
      assert.lengthOf(emulator.requests.all, 0)
    })
  )

  it.effect(
    "identify reads the key id out of a secret with or without organization, and nothing out of other text",
    () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* seeded
        const { key, secret } = yield* store.create({})
        const text = Redacted.value(secret)
        const old = `ABCDEfghij.${"aB3+-^!$&@".repeat(5)}xyz`
        const identify = (value: string) => Option.map(store.identify(Redacted.make(value)), ({ id }) => String(id))
        assert.deepStrictEqual(identify(text), Option.some(String(key.id)))
        assert.deepStrictEqual(identify(text.slice(0, 64)), Option.some(String(key.id)))
        assert.deepStrictEqual(identify(old), Option.some("ABCDEfghij"))
        for (const other of ["", "x", text.slice(0, 63), `${text}:x`, `Bearer ${text}`, `${text}\n`, '{"a":1}']) {
          assert.deepStrictEqual(identify(other), Option.none(), other)
        }
        assert.lengthOf(emulator.requests.all, 1, "only the create")
      })
  )
})
