import { assert, describe, it } from "@effect/vitest"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { OwnedKey } from "@keyfold/core/KeyStores"
import * as Inventory from "@keyfold/lifecycle/Inventory"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { classesOf, endsOf, inDays, keysOf, keyWith, of, sourceOf, today, without } from "./InventorySources.ts"

const run = (
  keys: ReadonlyArray<OwnedKey>,
  options: Inventory.Options = {},
  capabilities: Partial<Capabilities> = {},
  backend = "memory"
) =>
  Effect.andThen(
    TestClock.setTime(today),
    Stream.runCollect(Inventory.stream([sourceOf(keys, { capabilities, backend })], options))
  )

describe("a key", () => {
  it.effect("in good order is told of without findings", () =>
    Effect.gen(function* () {
      const events = yield* run(of("acme", keyWith("one", { name: "ci", expiresAt: inDays(365), scopes: ["write"] })))
      assert.deepStrictEqual(classesOf(events), { one: [] })
    })
  )

  it.effect("is expiring from the first to the last moment of the time given", () =>
    Effect.gen(function* () {
      const keys = [1, 30, 30.001, 31].map((days) => keyWith(String(days), { expiresAt: inDays(days) }))
      const month = yield* run(of("acme", ...keys))
      assert.deepStrictEqual(classesOf(month), { "1": ["expiring"], "30": ["expiring"], "30.001": [], "31": [] })
      assert.deepStrictEqual(keysOf(month)[0]?.findings, [
        { class: "expiring", evidence: "expires 2024-10-05T00:00:00Z, in 1 day" }
      ])
      const day = yield* run(of("acme", ...keys), { expiringWithin: "1 day" })
      assert.strictEqual(endsOf(day)[0]?.findings.expiring, 1)
    })
  )

  it.effect("is over age only where its creation is known to be longer ago", () =>
    Effect.gen(function* () {
      const old = keyWith("old", { createdAt: inDays(-100), lastUsedAt: inDays(-1) })
      const young = keyWith("young", { createdAt: inDays(-90) })
      const events = yield* run(of("acme", old, young, without(keyWith("ageless"), "createdAt")))
      assert.deepStrictEqual(classesOf(events), { old: ["overAge"], young: [], ageless: [] })
      assert.strictEqual(keysOf(events)[0]?.findings[0]?.evidence, "created 2024-06-26T00:00:00Z, 100 days ago")
      assert.deepStrictEqual(endsOf(events)[0]?.gaps, [
        { class: "overAge", keys: 1, reason: "the backend does not say when they were created" }
      ])
      assert.strictEqual(endsOf(yield* run(of("acme", old, young), { olderThan: "101 days" }))[0]?.findings.overAge, 0)
    })
  )

  it.effect("without an owner is told of where the backend's keys have owners, and is no finding elsewhere", () =>
    Effect.gen(function* () {
      const keys = of("acme", without(keyWith("nobody"), "owner"), keyWith("empty", { owner: "" }), keyWith("ada"))
      const owned = yield* run(keys)
      assert.deepStrictEqual(classesOf(owned), { nobody: ["noOwner"], empty: ["noOwner"], ada: [] })
      const ownerless = yield* run(keys, {}, { owners: "unsupported" })
      assert.deepStrictEqual(classesOf(ownerless), { nobody: [], empty: [], ada: [] })
      assert.deepStrictEqual(endsOf(ownerless)[0]?.gaps, [
        { class: "noOwner", keys: 3, reason: "memory keys have no owner" }
      ])
    })
  )

  it.effect("is over-scoped by a wildcard or an administrator's scope where nobody says what is allowed", () =>
    Effect.gen(function* () {
      const scopes = ["*", "keys:*", "admin", ":administrator", "ORG-ADMIN", "write", "badminton", "VALIDATION-USER"]
      const events = yield* run(of("acme", ...scopes.map((scope) => keyWith(scope, { scopes: ["read", scope] }))))
      assert.deepStrictEqual(
        keysOf(events).flatMap(({ findings, key }) => (findings.length > 0 ? [key.id as string] : [])),
        ["*", "keys:*", "admin", ":administrator", "ORG-ADMIN"]
      )
      const evidence = keysOf(events)[0]?.findings[0]?.evidence
      assert.strictEqual(evidence, "may do more than most keys need: *")
      const own = yield* run(of("acme", keyWith("one", { scopes: ["badminton"] })), {
        isBroad: (scope) => scope !== ""
      })
      assert.deepStrictEqual(classesOf(own), { one: ["overScoped"] })
    })
  )

  it.effect("is over-scoped by every scope beyond the allowed, which replace what is broad", () =>
    Effect.gen(function* () {
      const keys = of("acme", keyWith("more", { scopes: ["read", "write"] }), keyWith("admin", { scopes: ["admin"] }))
      const events = yield* run(keys, { allowedScopes: ["read", "admin"] })
      assert.deepStrictEqual(classesOf(events), { more: ["overScoped"], admin: [] })
      assert.strictEqual(keysOf(events)[0]?.findings[0]?.evidence, "beyond the allowed scopes: write")
      const all = yield* run(of("acme", keyWith("one")), { allowedScopes: ["read"] }, { scopes: false }, "occam")
      assert.strictEqual(keysOf(all)[0]?.findings[0]?.evidence, "occam keys have no scopes and may do everything")
      assert.deepStrictEqual(classesOf(yield* run(of("acme", keyWith("one")), {}, { scopes: false })), { one: [] })
    })
  )

  it.effect("has a duplicate name only beside an active key of its own tenant", () =>
    Effect.gen(function* () {
      const named = (id: string, name: string) => keyWith(id, { name })
      const events = yield* run([
        ...of("acme", named("a1", "ci"), named("a2", "CI"), named("a3", "ci"), named("a4", "ci")),
        ...of("globex", named("g1", "ci"), named("g2", "ci ")),
        ...of("acm", named("m1", "eci")),
        ...of(
          "acme",
          keyWith("a5", { name: "old", status: "revoked" }),
          named("a6", "old"),
          keyWith("a7"),
          keyWith("a8")
        ),
        { tenant: undefined, unassigned: "noMark", key: named("n1", "ci") },
        { tenant: undefined, unassigned: "unknownTenant", partition: "acme", key: named("p1", "ci") },
        { tenant: undefined, unassigned: "unknownTenant", partition: "globex", key: named("p2", "ci") }
      ])
      assert.deepStrictEqual(
        keysOf(events).flatMap(({ findings, key }) =>
          findings.some((finding) => finding.class === "duplicateName") ? [key.id as string] : []
        ),
        ["a3", "a4"]
      )
    })
  )

  it.effect("is compared with no more names than there is room for, and that is said", () =>
    Effect.gen(function* () {
      const keys = Array.from({ length: 3000 }, (_, number) =>
        keyWith(String(number), { name: `name ${number % 2990}` })
      )
      const all = yield* run(of("acme", ...keys))
      assert.strictEqual(endsOf(all)[0]?.findings.duplicateName, 10)
      assert.deepStrictEqual(endsOf(all)[0]?.gaps, [])
      const bounded = yield* run(of("acme", ...keys), { nameLimit: 2000 })
      assert.strictEqual(endsOf(bounded)[0]?.findings.duplicateName, 10)
      assert.deepStrictEqual(endsOf(bounded)[0]?.gaps, [
        { class: "duplicateName", keys: 990, reason: "there were more names than are compared" }
      ])
    })
  )

  it.effect("of nobody is unassigned, with the reason, where its store serves tenants", () =>
    Effect.gen(function* () {
      const key = keyWith("one")
      const events = yield* run([
        { tenant: undefined, unassigned: "noMark", key },
        { tenant: undefined, unassigned: "unknownMark", key },
        { tenant: undefined, unassigned: "unknownTenant", partition: 'o"x', key },
        { tenant: undefined, unassigned: "noTenants", key }
      ])
      assert.deepStrictEqual(
        keysOf(events).map(({ findings }) => findings[0]?.evidence),
        [
          "its name has no mark of keyfold",
          "none of its store's tenants made its mark",
          'nobody configured the tenant it is kept for: "o\\"x"',
          undefined
        ]
      )
      assert.deepStrictEqual(
        keysOf(events).map(({ partition, unassigned }) => [unassigned, partition]),
        [
          ["noMark", undefined],
          ["unknownMark", undefined],
          ["unknownTenant", 'o"x'],
          ["noTenants", undefined]
        ]
      )
    })
  )

  it.effect.each(["expired", "revoked"] as const)("that is %s is told of and not judged", (status) =>
    Effect.gen(function* () {
      const key = without(keyWith("one", { status, scopes: ["*"], createdAt: inDays(-999) }), "owner", "lastUsedAt")
      const events = yield* run([{ tenant: undefined, unassigned: "noMark", key }])
      assert.deepStrictEqual(classesOf(events), { one: [] })
      assert.strictEqual(endsOf(events)[0]?.keys, 1)
    })
  )
})

const precisions = ["exact", "lastUsedOnly", "approximate", "unknown"] as const
const uses = { never: undefined, longAgo: inDays(-91), lately: inDays(-90) } as const
const ages = { unknown: undefined, old: inDays(-91), young: inDays(-90) } as const

const cases = precisions.flatMap((usage) =>
  (["never", "longAgo", "lately"] as const).flatMap((use) =>
    (["unknown", "old", "young"] as const).map((age) => ({ usage, use, age }))
  )
)

describe("use", () => {
  it.effect.each(cases)("$use, of a key of age $age, by $usage telemetry", ({ age, usage, use }) =>
    Effect.gen(function* () {
      const { createdAt: _, lastUsedAt: __, ...bare } = keyWith("one")
      const createdAt = ages[age]
      const lastUsedAt = uses[use]
      const key = {
        ...bare,
        ...(createdAt === undefined ? {} : { createdAt }),
        ...(lastUsedAt === undefined ? {} : { lastUsedAt })
      }
      const events = yield* run(of("acme", key), { olderThan: "999 days" }, { usage })
      const [found] = keysOf(events)[0]?.findings ?? []
      const isSettled = use === "lately" || age === "young"
      const isProved = use === "longAgo" && (usage === "exact" || usage === "lastUsedOnly")
      assert.strictEqual(found?.class, isSettled ? undefined : isProved ? "unused" : "unusedUnknown")
      if (isProved && found !== undefined)
        assert.match(found.evidence, /^last used 2024-07-05T00:00:00Z, 91 days ago, says/)
    })
  )

  it.effect("is looked back at as far as asked", () =>
    Effect.gen(function* () {
      const key = keyWith("one", { createdAt: inDays(-80), lastUsedAt: inDays(-31) })
      assert.deepStrictEqual(classesOf(yield* run(of("acme", key), { unusedFor: "30 days" })), { one: ["unused"] })
      assert.deepStrictEqual(classesOf(yield* run(of("acme", key), { unusedFor: "32 days" })), { one: [] })
    })
  )

  it.effect("is explained by what the backend tells", () =>
    Effect.gen(function* () {
      const key = without(keyWith("one", { createdAt: inDays(-91) }), "lastUsedAt")
      const evidence = Effect.fnUntraced(function* (usage: Capabilities["usage"]) {
        const events = yield* run(of("acme", key), { olderThan: "999 days" }, { usage }, "arthur")
        return keysOf(events)[0]?.findings.map((finding) => finding.evidence)
      })
      assert.deepStrictEqual(yield* evidence("unknown"), ["arthur does not say when keys are used"])
      assert.deepStrictEqual(yield* evidence("approximate"), [
        "arthur knows of no use, but what it knows may lag or be sampled"
      ])
      assert.deepStrictEqual(yield* evidence("lastUsedOnly"), [
        "arthur knows of no use, which does not prove that there was none"
      ])
    })
  )
})
