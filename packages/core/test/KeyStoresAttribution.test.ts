import { assert, describe, it } from "@effect/vitest"
import type { Driver } from "@keyfold/core/Driver"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStores from "@keyfold/core/KeyStores"
import * as Label from "@keyfold/core/Label"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { OperationId } from "@keyfold/core/OperationId"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { passing } from "./Passing.ts"
import { keyWith } from "./RecordedDriver.ts"
import * as SharedBackend from "./SharedBackend.ts"

const labelSecret = Redacted.make("a secret for marks")

const over = (driver: Driver, more: Partial<KeyStores.StoreDefinition> = {}): KeyStores.StoreDefinition => ({
  backend: driver.backend,
  capabilities: driver.capabilities,
  driver: Effect.succeed(driver),
  ...more
})

type Map = KeyStores.KeyStores["Service"]

/** Everything about a key's owner, and its name. */
const told = (owned: KeyStores.OwnedKey): ReadonlyArray<string | undefined> => {
  const { key, tenant } = owned
  return tenant === undefined ? [key.name, owned.unassigned, owned.partition] : [key.name, tenant]
}

const read = (map: Map, filter?: KeyStores.SourceFilter) =>
  Effect.forEach(map.sources, (source) => Effect.map(Stream.runCollect(source.keys(filter)), (keys) => keys.map(told)))

const create = (map: Map, tenant: string, name: string) =>
  passing(Effect.scoped(Effect.flatMap(map.forTenant(tenant), (store) => store.create({ name }))))

const revoke = (map: Map, tenant: string, name: string) =>
  passing(
    Effect.scoped(
      Effect.gen(function* () {
        const store = yield* map.forTenant(tenant)
        for (const key of yield* Stream.runCollect(store.list())) if (key.name === name) yield* store.revoke(key)
      })
    )
  )

/** A mark as somebody's process would write it. */
const label = Effect.fnUntraced(function* (tenant: string | undefined, name: string, secret = labelSecret) {
  const codec = yield* Label.make({ secret, backend: "shared", tenant })
  return yield* codec.write(name, OperationId.make("operation"), yield* Label.nonce)
})

const makers = ["acme", "globex", "initech"] as const

const kinds: ReadonlyArray<readonly [string, () => Driver]> = [
  ["partitions", MemoryDriver.make],
  ["marks", () => SharedBackend.make().recorded.driver],
  ["marks, on pages", () => SharedBackend.make({ pages: true }).recorded.driver],
  ["marks, with revoked keys", () => SharedBackend.make({ get: true }).recorded.driver]
]

const keyings = ["labelSecret", "a journal"] as const

const cases = kinds.flatMap(([name, driver]) => keyings.map((keying) => [name, keying, driver] as const))

it.effect.each(cases)(
  "every key is its maker's, told by %s, keyed by %s, whoever else is configured",
  ([, keying, make]) =>
    Effect.gen(function* () {
      const driver = make()
      const options = keying === "labelSecret" ? { labelSecret } : {}
      const journal = yield* Journal.memory
      const mapOf = (tenants: ReadonlyArray<string>) => {
        const stores = { only: over(driver, { options, shared: true }) }
        const map = KeyStores.make({ stores, tenants: Object.fromEntries(tenants.map((tenant) => [tenant, "only"])) })
        return keying === "a journal" ? Effect.provideService(map, Journal.Journal, journal) : map
      }
      const everybody = yield* mapOf(makers)
      for (const tenant of makers) {
        yield* create(everybody, tenant, `${tenant} live`)
        yield* create(everybody, tenant, `${tenant} dead`)
        yield* revoke(everybody, tenant, `${tenant} dead`)
      }
      const everyState =
        driver.capabilities.listsRevoked === "always" ? (["active", "revoked"] as const) : ["active" as const]
      // Every set of configured tenants: who is not in it must not turn up as somebody else.
      for (let set = 1; set < 2 ** makers.length; set++) {
        const configured = makers.filter((_, index) => (set & (2 ** index)) !== 0)
        const map = yield* mapOf(configured)
        const [keys = []] = yield* read(map, { status: everyState })
        assert.lengthOf(keys, makers.length * everyState.length)
        for (const [name = "", owner] of keys) {
          const maker = name.split(" ")[0] ?? ""
          if (configured.some((tenant) => tenant === maker)) assert.strictEqual(owner, maker)
          else assert.include(["unknownMark", "unknownTenant"], owner)
        }
        for (const tenant of configured) {
          const [own = []] = yield* read(map, { status: everyState, tenant })
          const names = everyState.map((state) => `${tenant} ${state === "active" ? "live" : "dead"}`)
          assert.sameDeepMembers(
            own,
            names.map((name) => [name, tenant])
          )
        }
      }
    }).pipe(Effect.scoped)
)

describe("sources of a store that several tenants share by marks", () => {
  const tenants = ["acme", "globex", "initech"]

  const opened = Effect.fnUntraced(function* () {
    const backend = SharedBackend.make()
    const map = yield* KeyStores.make({
      stores: { guard: over(backend.recorded.driver, { options: { labelSecret } }) },
      tenants: Object.fromEntries(tenants.map((tenant) => [tenant, "guard"]))
    })
    return { ...backend, map }
  })

  it.effect("read the backend's list once, and give each key to the tenant who made it and to nobody else", () =>
    Effect.gen(function* () {
      const { map, recorded: backend } = yield* opened()
      for (const tenant of tenants) yield* create(map, tenant, `${tenant} ci`)
      yield* create(map, "globex", "globex web")
      const before = backend.count("list")
      const [keys = []] = yield* read(map)
      assert.deepStrictEqual(keys, [
        ["acme ci", "acme"],
        ["globex ci", "globex"],
        ["initech ci", "initech"],
        ["globex web", "globex"]
      ])
      assert.strictEqual(backend.count("list") - before, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("give a key without a mark, with a copied one, another secret's or another tenant's to nobody", () =>
    Effect.gen(function* () {
      const { keys, map } = yield* opened()
      const genuine = yield* label("acme", "ci")
      const mark = genuine.slice(-Label.markLength)
      const forged = `${mark.slice(0, -1)}${mark.endsWith("A") ? "B" : "A"}`
      const names = {
        genuine,
        byHand: "ci",
        nameless: undefined,
        copied: `other name ${mark}`,
        forged: `ci ${forged}`,
        stranger: yield* label("umbrella", "ci"),
        untenanted: yield* label(undefined, "ci"),
        elsewhere: yield* label("acme", "ci", Redacted.make("another secret"))
      }
      for (const [id, name] of Object.entries(names)) keys.set(id, keyWith(id, name === undefined ? {} : { name }))
      const [source] = map.sources
      const found = source === undefined ? [] : yield* Stream.runCollect(source.keys())
      const reasons = found.map((owned) => [owned.key.id, owned.tenant ?? owned.unassigned])
      assert.deepStrictEqual(Object.fromEntries(reasons), {
        genuine: "acme",
        byHand: "noMark",
        nameless: "noMark",
        copied: "unknownMark",
        forged: "unknownMark",
        stranger: "unknownMark",
        untenanted: "unknownMark",
        elsewhere: "unknownMark"
      })
      for (const { key } of found) assert.notInclude(key.name ?? "", mark)
    }).pipe(Effect.scoped)
  )

  it.effect("show one tenant what its own store shows, whoever else has keys", () =>
    Effect.gen(function* () {
      const { map } = yield* opened()
      for (const tenant of tenants) yield* create(map, tenant, `${tenant} ci`)
      yield* create(map, "acme", "acme old")
      yield* revoke(map, "acme", "acme old")
      for (const tenant of tenants) {
        const own = yield* passing(
          Effect.scoped(Effect.flatMap(map.forTenant(tenant), (store) => Stream.runCollect(store.list())))
        )
        const [source] = map.sources
        const seen = source === undefined ? [] : yield* Stream.runCollect(source.keys({ tenant }))
        assert.deepStrictEqual(
          seen.map(({ key }) => key),
          own
        )
        assert.lengthOf(seen, 1)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("send nothing for a tenant whom they do not serve", () =>
    Effect.gen(function* () {
      const { map, recorded: backend } = yield* opened()
      assert.deepStrictEqual(yield* read(map, { tenant: "umbrella" }), [[]])
      assert.strictEqual(backend.count(), 0)
      assert.deepStrictEqual(
        ["acme", "umbrella", "", "toString"].map((tenant) => map.sources[0]?.serves(tenant)),
        [true, false, false, false]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("trust marks that a journal's secret keys, and each tenant's own secret where it has one", () =>
    Effect.gen(function* () {
      const backend = SharedBackend.make()
      const other = { labelSecret: Redacted.make("a secret of globex") }
      const map = yield* KeyStores.make({
        stores: { guard: over(backend.recorded.driver) },
        tenants: { acme: "guard", globex: { store: "guard", options: other } }
      }).pipe(Effect.provideServiceEffect(Journal.Journal, Journal.memory))
      yield* create(map, "acme", "one")
      yield* create(map, "globex", "two")
      const expected = [
        ["one", "acme"],
        ["two", "globex"]
      ]
      assert.deepStrictEqual(yield* read(map), [expected])
    }).pipe(Effect.scoped)
  )

  it.effect("find the owner among tenants whose marks look alike", () =>
    Effect.gen(function* () {
      // Two names whose fingerprints, of 24 bits, are the same with this secret.
      const pair = ["tenant 7924", "tenant 9242"] as const
      const [first, second] = yield* Effect.forEach(pair, (tenant) =>
        Label.make({ secret: labelSecret, backend: "shared", tenant })
      )
      assert.strictEqual(first?.tenant, second?.tenant)
      const { keys, recorded: backend } = SharedBackend.make()
      const map = yield* KeyStores.make({
        stores: { guard: over(backend.driver, { options: { labelSecret } }) },
        tenants: { [pair[0]]: "guard", [pair[1]]: "guard" }
      })
      for (const tenant of pair) keys.set(tenant, keyWith(tenant, { name: yield* label(tenant, tenant) }))
      assert.deepStrictEqual(yield* read(map), [pair.map((tenant) => [tenant, tenant])])
    }).pipe(Effect.scoped)
  )
})
