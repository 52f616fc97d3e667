import { assert, describe, it } from "@effect/vitest"
import type { ApiKey } from "@keyfold/core/ApiKey"
import { DriverError } from "@keyfold/core/Driver"
import type { Switches, UsageChange } from "@keyfold/emulators/Occam"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { advancing, email, host, lines, listed, ref, sent, start, storeOver, unknownId, baseUrl } from "./OccamHost.ts"

const hour = 3_600_000
const at = (milliseconds: number) => DateTime.makeUnsafe(milliseconds)

/** The one seeded key as a list shows it under some switches. */
const shown = Effect.fnUntraced(function* (
  switches: Partial<Switches>,
  seed: { readonly created?: number; readonly lastUsed?: number; readonly value?: string } = {}
) {
  const { byKey, emulator } = yield* host({ switches: { exchangeCountsAsUse: false, ...switches } })
  const [key] = emulator.seed({ email, name: "old", created: start - hour, ...seed })
  const found = (yield* listed(yield* byKey())).find(({ id }) => id === key?.id)
  assert.isDefined(found)
  return found
})

describe("list", () => {
  it.effect("is one GET of /keys/ without query or body, and shows the caller's keys only", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      emulator.seed({ email: "bob@example.com", name: "his" }, { email, name: "mine" })
      const keys = yield* listed(yield* byKey())
      assert.deepStrictEqual(
        keys.map(({ name }) => name),
        ["credential", "mine"]
      )
      assert.deepStrictEqual(lines(emulator), ["GET /auth/access-token", "GET /keys/"])
      const request = emulator.requests.all[1]
      assert.deepStrictEqual(request?.query, [])
      assert.isUndefined(request?.body)
    })
  )

  it.effect("reads a key whole", () =>
    Effect.gen(function* () {
      const lastUsed = start - 1_000
      const found = yield* shown({}, { lastUsed, value: "sk-occam-00000000000040008000000000001a2b" })
      const expected: ApiKey = {
        id: found.id,
        name: "old",
        scopes: [],
        status: "active",
        createdAt: at(start - hour),
        lastUsedAt: at(lastUsed),
        hint: "1a2b",
        tags: {},
        provider: {
          occam: { created: "2026-03-14T08:26:53.580000+00:00", lastUsed: "2026-03-14T09:26:52.580000+00:00" }
        }
      }
      assert.deepStrictEqual(found, expected)
    })
  )

  it.effect("leaves an empty name out", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const [key] = emulator.seed({ email, name: "" })
      assert.notProperty(yield* (yield* byKey()).get(ref(key?.id ?? "")), "name")
    })
  )

  it.effect("comes in pages of a fresh list, in id order, with cursors of its own", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host({ switches: { listOrder: "newestFirst" } })
      emulator.seed(...Array.from({ length: 6 }, (_, index) => ({ email, name: `key ${index}` })))
      const store = yield* byKey()
      const first = yield* store.listPage({ limit: 4 })
      const second = yield* store.listPage({ limit: 4, ...(first.next === undefined ? {} : { cursor: first.next }) })
      const ids = [...first.keys, ...second.keys].map(({ id }) => id)
      assert.lengthOf(ids, 7)
      assert.deepStrictEqual(ids, ids.toSorted())
      assert.notProperty(second, "next")
      assert.deepStrictEqual(first.completeness.hidden, ["revoked"])
      assert.strictEqual(emulator.requests.count("list"), 2)
    })
  )

  it.effect("of revoked keys or of one owner's is Unsupported, and nothing is sent", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const store = yield* byKey()
      for (const filter of [{ status: "revoked" }, { owner: "ann" }] as const) {
        const error = yield* Effect.flip(Stream.runCollect(store.list(filter)))
        assert.strictEqual(error.reason._tag, "Unsupported")
      }
      assert.strictEqual(emulator.requests.count(), 0)
    })
  )

  it.effect("sends nothing until it is consumed", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const keys = (yield* byKey()).list()
      assert.strictEqual(emulator.requests.count(), 0)
      yield* Stream.runHead(keys)
      assert.deepStrictEqual(sent(emulator), ["exchange", "list"])
    })
  )
})

describe("the creation time", () => {
  for (const createdZone of ["offset", "zulu"] as const) {
    it.effect(`with ${createdZone} is read, with microseconds`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual((yield* shown({ createdZone })).createdAt, at(start - hour))
      })
    )
  }

  it.effect("without an offset is absent and kept raw under provider: nobody says whose clock it is", () =>
    Effect.gen(function* () {
      const found = yield* shown({ createdZone: "none" })
      assert.notProperty(found, "createdAt")
      assert.strictEqual(found.provider["occam"]?.["created"], "2026-03-14T08:26:53.580000")
    })
  )
})

describe("the last use", () => {
  const lastUsed = start - 1_000
  for (const lastUsedZone of ["offset", "zulu"] as const) {
    it.effect(`with ${lastUsedZone} is read`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual((yield* shown({ lastUsedZone }, { lastUsed })).lastUsedAt, at(lastUsed))
      })
    )
  }

  it.effect("with an offset is read where the creation time has none", () =>
    Effect.gen(function* () {
      const found = yield* shown({ createdZone: "none" }, { lastUsed })
      assert.deepStrictEqual(found.lastUsedAt, at(lastUsed))
    })
  )

  it.effect("without an offset is absent and kept raw under provider", () =>
    Effect.gen(function* () {
      const found = yield* shown({ lastUsedZone: "none" }, { lastUsed })
      assert.notProperty(found, "lastUsedAt")
      assert.strictEqual(found.provider["occam"]?.["lastUsed"], "2026-03-14T09:26:52.580000")
    })
  )

  for (const neverUsed of ["null", "absent"] as const) {
    it.effect(`of a key never used, reported as ${neverUsed}, is absent`, () =>
      Effect.gen(function* () {
        const found = yield* shown({ neverUsed })
        assert.notProperty(found, "lastUsedAt")
        assert.notProperty(found.provider["occam"], "lastUsed")
      })
    )
  }

  for (const [neverUsed, createdZone, lastUsedZone] of [
    ["created", "offset", "offset"],
    ["created", "offset", "zulu"],
    ["created", "none", "none"],
    ["created", "none", "zulu"],
    ["epoch", "offset", "offset"],
    ["epoch", "none", "zulu"]
  ] as const) {
    it.effect(`of a key never used, reported as ${neverUsed} (${createdZone}, ${lastUsedZone}), is absent`, () =>
      Effect.gen(function* () {
        const found = yield* shown({ neverUsed, createdZone, lastUsedZone })
        assert.notProperty(found, "lastUsedAt")
        assert.isString(found.provider["occam"]?.["lastUsed"])
      })
    )
  }
})

describe("the hidden key", () => {
  const value = "sk-occam-00000000000040008000000000001a2b"
  for (const [mask, hint] of [
    ["prefixAndLastFour", "1a2b"],
    ["lastFour", undefined],
    ["firstFour", undefined],
    ["stars", undefined],
    ["clear", undefined]
  ] as const) {
    it.effect(`masked as ${mask} gives ${hint === undefined ? "no hint" : "a hint"} and never a secret`, () =>
      Effect.gen(function* () {
        const found = yield* shown({ mask }, { value })
        assert.strictEqual(found.hint, hint)
        assert.notInclude(JSON.stringify(found), "sk-occam-")
      })
    )
  }
})

describe("get", () => {
  it.effect("of a hundred keys at once is one list", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const seeds = emulator.seed(...Array.from({ length: 100 }, (_, index) => ({ email, name: `key ${index}` })))
      const store = yield* byKey()
      const keys = yield* Effect.forEach(seeds, ({ id }) => store.get(ref(id)), { concurrency: "unbounded" })
      assert.deepStrictEqual(
        keys.map(({ id, name }) => [String(id), name]),
        seeds.map(({ id, label }) => [id, label])
      )
      assert.deepStrictEqual(sent(emulator), ["exchange", "list"])
    })
  )

  it.effect("of an unknown, a revoked or a foreign id is NotFound", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      const [revoked, foreign] = emulator.seed(
        { email, name: "gone", deleted: true },
        { email: "bob@example.com", name: "his" }
      )
      const store = yield* byKey()
      for (const id of [unknownId, revoked?.id, foreign?.id]) {
        const error = yield* Effect.flip(store.get(ref(id ?? "")))
        assert.strictEqual(error.reason._tag, "NotFound")
      }
    })
  )

  it.effect("waits for a key made moments ago that the list does not show yet", () =>
    Effect.gen(function* () {
      const { byKey } = yield* host({ lag: { visibility: 700 } })
      const store = yield* byKey()
      const { key } = yield* store.create({ name: "one" })
      assert.strictEqual((yield* advancing(store.get(key))).name, "one")
    })
  )
})

describe("usage", () => {
  const reported = Effect.fnUntraced(function* (change: UsageChange, switches: Partial<Switches> = {}) {
    const { byKey, emulator } = yield* host({ switches })
    const [key] = emulator.seed({ email, name: "old", created: start - hour })
    emulator.setUsage(key?.id ?? "", change)
    const usage = yield* (yield* byKey()).usage(ref(key?.id ?? ""))
    return { emulator, usage, id: key?.id ?? "" }
  })
  const five: UsageChange = {
    completedRequests: 120,
    successfulRequests: 117,
    failedRequests: 3,
    quotaUsagePercentage: 2.4,
    requestsPerDay: 17.14
  }

  it.effect("is one GET without a trailing slash and reports the five numbers, with no window made up", () =>
    Effect.gen(function* () {
      const { emulator, id, usage } = yield* reported(five)
      assert.deepStrictEqual(lines(emulator), ["GET /auth/access-token", `GET /keys/${id}/usage`])
      assert.deepStrictEqual(usage, {
        id: ref(id).id,
        precision: "approximate",
        completedRequests: 120,
        successfulRequests: 117,
        failedRequests: 3,
        requestsPerDay: 17.14,
        quotaUsed: 2.4,
        quotaScale: "unknown",
        provider: {}
      })
    })
  )

  it.effect("reports the share of the quota as given, on either scale, with the scale unknown", () =>
    Effect.gen(function* () {
      for (const [quotaScale, quotaUsed] of [
        ["percent", 0.02],
        ["fraction", 0.0002]
      ] as const) {
        const { byKey, emulator } = yield* host({ switches: { quotaScale } })
        const store = yield* byKey()
        const { key, secret } = yield* store.create({ name: "one" })
        assert.isTrue(emulator.use(Redacted.value(secret)))
        const usage = yield* store.usage(key)
        assert.strictEqual(usage.quotaUsed, quotaUsed)
        assert.strictEqual(usage.quotaScale, "unknown")
      }
      for (const quotaUsagePercentage of [0, 1, 100, 250.5]) {
        const { usage } = yield* reported({ quotaUsagePercentage })
        assert.strictEqual(usage.quotaUsed, quotaUsagePercentage)
      }
    })
  )

  it.effect("leaves absent numbers absent, and no bare zero or scale in their place", () =>
    Effect.gen(function* () {
      const nothing = {
        completedRequests: null,
        successfulRequests: null,
        failedRequests: null,
        quotaUsagePercentage: null,
        requestsPerDay: null
      }
      const { id, usage } = yield* reported(nothing)
      assert.deepStrictEqual(usage, { id: ref(id).id, precision: "approximate", provider: {} })
    })
  )

  it.effect("takes integers where floats are documented, and floats where integers are", () =>
    Effect.gen(function* () {
      const { usage } = yield* reported({ quotaUsagePercentage: 2, requestsPerDay: 17, completedRequests: 0.5 })
      assert.deepInclude(usage, { quotaUsed: 2, requestsPerDay: 17, completedRequests: 0.5 })
    })
  )

  it.effect("of an unknown id is NotFound, or Unavailable where the server breaks over it", () =>
    Effect.gen(function* () {
      for (const [unknownUsage, tag] of [
        [404, "NotFound"],
        [500, "Unavailable"]
      ] as const) {
        const { byKey } = yield* host({ switches: { unknownUsage } })
        const error = yield* advancing(Effect.flip((yield* byKey()).usage(ref(unknownId))))
        assert.strictEqual(error.reason._tag, tag)
      }
    })
  )
})

it.effect("what a read fails with is never a driver's error", () =>
  Effect.gen(function* () {
    const store = yield* storeOver(() => Promise.resolve(Response.json({ uuid: 1 })), {
      apiKey: Redacted.make("sk-occam-1"),
      baseUrl
    })
    const error = yield* Effect.flip(listed(store))
    assert.notInstanceOf(error, DriverError)
    assert.strictEqual(error.reason._tag, "InvalidResponse")
  })
)
