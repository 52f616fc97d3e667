import { assert, describe, it } from "@effect/vitest"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { DriverError, type Driver } from "@keyfold/core/Driver"
import { Unavailable } from "@keyfold/core/KeyStoreError"
import * as KeyStores from "@keyfold/core/KeyStores"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as RequestBudget from "@keyfold/core/RequestBudget"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { passing } from "./Passing.ts"
import { capabilitiesWith, keyWith, record, recorded, willing } from "./RecordedDriver.ts"

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

describe("sources of a store that partitions natively", () => {
  it.effect("show tenants of a pattern, and those whom nobody configured", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const everybody = yield* KeyStores.make({ stores: { local: over(driver) }, tenants: { "*": "local" } })
      for (const tenant of ["acme", "dev-1", "dev-2", "globex", "gone"]) yield* create(everybody, tenant, "ci")
      const map = yield* KeyStores.make({
        stores: { local: over(driver), other: over(MemoryDriver.make()) },
        tenants: { acme: "local", "dev-*": "local", globex: "other", idle: "local" }
      })
      const [local = [], other = []] = yield* read(map)
      assert.deepStrictEqual(local, [
        ["ci", "acme"],
        ["ci", "dev-1"],
        ["ci", "dev-2"],
        ["ci", "unknownTenant", "globex"],
        ["ci", "unknownTenant", "gone"]
      ])
      assert.deepStrictEqual(other, [])
      assert.deepStrictEqual(yield* read(map, { tenant: "dev-2" }), [[["ci", "dev-2"]], []])
    }).pipe(Effect.scoped)
  )

  it.effect("read nothing but one partition for one tenant", () =>
    Effect.gen(function* () {
      const whole = MemoryDriver.make()
      const asked: Array<string> = []
      const driver: Driver = {
        ...whole,
        partition: (tenant) => {
          asked.push(tenant)
          return whole.partition?.(tenant) ?? whole
        },
        partitions: Effect.die("asked")
      }
      const map = yield* KeyStores.make({
        stores: { local: over(driver) },
        tenants: { acme: "local", globex: "local" }
      })
      assert.deepStrictEqual(yield* read(map, { tenant: "globex" }), [[]])
      assert.deepStrictEqual(asked, ["globex"])
    }).pipe(Effect.scoped)
  )

  it.effect(
    "say that tenants may be missing where the backend does not name them, after those that are configured",
    () =>
      Effect.gen(function* () {
        const { partitions: _, ...driver } = MemoryDriver.make()
        const map = yield* KeyStores.make({
          stores: { local: over(driver) },
          tenants: { acme: "local", "dev-*": "local" }
        })
        yield* create(map, "acme", "one")
        yield* create(map, "dev-1", "two")
        const seen: Array<KeyStores.OwnedKey> = []
        const [source] = map.sources
        const failure = yield* Effect.flip(
          Stream.runForEach(source?.keys() ?? Stream.empty, (owned) => Effect.sync(() => seen.push(owned)))
        )
        assert.deepStrictEqual(seen.map(told), [["one", "acme"]])
        assert.include(failure.message, "does not say which tenants have keys")
      }).pipe(Effect.scoped)
  )

  it.effect("show a store without tenants whole", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const everybody = yield* KeyStores.make({ stores: { local: over(driver) }, tenants: { "*": "local" } })
      yield* create(everybody, "acme", "ci")
      const map = yield* KeyStores.make({ stores: { local: over(driver) }, tenants: {} })
      assert.deepStrictEqual(yield* read(map), [[["ci", "noTenants", "acme"]]])
    }).pipe(Effect.scoped)
  )
})

describe("sources", () => {
  it.effect("give every key of a store with one tenant to that tenant, under its own scope names", () =>
    Effect.gen(function* () {
      const keys = [keyWith("by hand", { name: "by hand", scopes: ["w"] })]
      const { driver } = recorded({ list: { kind: "stream", open: () => Stream.make(keys) } })
      const options = { scopeMap: { write: ["w"] } }
      const map = yield* KeyStores.make({
        stores: { guard: over(driver, { options: { scopeMap: { store: ["w"] } } }), spare: over(driver) },
        tenants: { acme: { store: "guard", options } }
      })
      const [guard, spare] = map.sources
      const scopes = (source: KeyStores.Source | undefined) =>
        Effect.map(Stream.runCollect(source?.keys() ?? Stream.empty), (all) =>
          all.map(({ key, tenant }) => [tenant, key.scopes])
        )
      assert.deepStrictEqual(yield* scopes(guard), [["acme", ["write"]]])
      assert.deepStrictEqual(yield* scopes(spare), [[undefined, ["w"]]])
      assert.deepStrictEqual(
        map.sources.map(({ store, tenants }) => [store, tenants]),
        [
          ["guard", ["acme"]],
          ["spare", []]
        ]
      )
    }).pipe(Effect.scoped)
  )

  it.effect(
    "are one for each credential where each has keys of its own, used or not, and one for the store elsewhere",
    () =>
      Effect.gen(function* () {
        const seen = (id: string) =>
          recorded({ list: { kind: "stream", open: () => Stream.make([keyWith(id)]) } }).driver
        const credentials = { eu: Effect.succeed(seen("eu key")), us: Effect.succeed(seen("us key")) }
        const assigned = { acme: { store: "guard", credential: "eu" } }
        const separate = yield* KeyStores.make({
          stores: { guard: over(seen("own key"), { credentials, separateCredentials: true }) },
          tenants: assigned
        })
        const idsOf = (map: Map) =>
          Effect.forEach(map.sources, (source) =>
            Effect.map(Stream.runCollect(source.keys()), (keys) => [
              source.credential,
              ...keys.map(({ key, tenant }) => [tenant, key.id])
            ])
          )
        assert.deepStrictEqual(yield* idsOf(separate), [
          [undefined, [undefined, "own key"]],
          ["eu", ["acme", "eu key"]],
          ["us", [undefined, "us key"]]
        ])
        const together = yield* KeyStores.make({
          stores: { guard: over(seen("own key"), { credentials }) },
          tenants: assigned
        })
        assert.deepStrictEqual(yield* idsOf(together), [["eu", ["acme", "eu key"]]])
      }).pipe(Effect.scoped)
  )

  it.effect("fail alone where their store cannot be opened or read", () =>
    Effect.gen(function* () {
      const broken = new ConfigurationError({ field: "apiKey", problem: "the file is gone." })
      const down = Stream.fail(new DriverError({ reason: new Unavailable({}), sent: "no" }))
      const map = yield* KeyStores.make({
        stores: {
          closed: over(willing, { driver: Effect.fail(broken) }),
          down: over({ ...willing, list: { kind: "stream", open: () => down } }),
          fine: over(willing)
        },
        tenants: { acme: "closed", globex: "down", initech: "fine" }
      })
      const outcomes = yield* Effect.forEach(map.sources, (source) =>
        passing(
          Effect.match(Stream.runCollect(source.keys()), {
            onFailure: ({ message }) => message,
            onSuccess: (keys) => keys.length
          })
        )
      )
      assert.strictEqual(outcomes[0], 'store "closed", apiKey: the file is gone.')
      assert.include(outcomes[1], "Unavailable")
      assert.strictEqual(outcomes[2], 2)
    }).pipe(Effect.scoped)
  )

  it.effect("retry, in the background and within the credential's budget", () =>
    Effect.gen(function* () {
      const priorities: Array<RequestBudget.Priority> = []
      let failures = 2
      const list = Stream.unwrap(
        Effect.map(RequestBudget.CurrentPriority, (priority) => {
          priorities.push(priority)
          return failures-- > 0
            ? Stream.fail(new DriverError({ reason: new Unavailable({}), sent: "maybe" }))
            : Stream.make([keyWith("one")])
        })
      )
      const driver: Driver = { ...willing, list: { kind: "stream", open: () => list } }
      const map = yield* KeyStores.make({
        stores: { guard: over(driver, { budget: { requests: 2, per: "10 seconds", reserved: 1 } }) },
        tenants: { acme: "guard" }
      })
      const began = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      assert.deepStrictEqual(yield* passing(read(map)), [[[undefined, "acme"]]])
      const waited = (yield* Effect.clockWith((clock) => clock.currentTimeMillis)) - began
      assert.deepStrictEqual(priorities, ["background", "background", "background"])
      // One request was left for background work; each other had to be earned.
      assert.isAtLeast(waited, 10_000)
    }).pipe(Effect.scoped)
  )

  it.effect("close what they opened when their consumer has seen enough, and request no further page", () =>
    Effect.gen(function* () {
      let open = 0
      let pages = 0
      const driver: Driver = {
        ...willing,
        list: {
          kind: "pages",
          page: () => Effect.sync(() => ({ keys: [keyWith(`key ${++pages}`)], next: String(pages) }))
        }
      }
      const opening = Effect.acquireRelease(
        Effect.sync(() => {
          open++
          return driver
        }),
        () => Effect.sync(() => void open--)
      )
      const map = yield* KeyStores.make({ stores: { guard: over(driver, { driver: opening }) }, tenants: {} })
      assert.strictEqual(open, 0)
      const keys = map.sources[0]?.keys() ?? Stream.empty
      assert.lengthOf(yield* Stream.runCollect(Stream.take(keys, 3)), 3)
      assert.strictEqual(pages, 3)
      assert.strictEqual(open, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("use what is opened anew after their store was invalidated, though no tenant uses it", () =>
    Effect.gen(function* () {
      let opened = 0
      const driver = Effect.acquireRelease(
        Effect.sync(() => {
          opened++
          return willing
        }),
        () => Effect.void
      )
      const map = yield* KeyStores.make({ stores: { guard: over(willing, { driver }) }, tenants: {} })
      const [source] = map.sources
      const reading = source?.keys() ?? Stream.empty
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pull = yield* Stream.toPull(reading)
          yield* pull
          yield* map.invalidate({ store: "guard" })
          assert.lengthOf(yield* Stream.runCollect(reading), 2)
        })
      )
      assert.strictEqual(opened, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("refuse states that the backend cannot list", () =>
    Effect.gen(function* () {
      const driver: Driver = { ...willing, capabilities: capabilitiesWith({ listsRevoked: "never" }) }
      const map = yield* KeyStores.make({ stores: { guard: over(driver) }, tenants: {} })
      const refusal = yield* Effect.flip(read(map, { status: "revoked" }))
      assert.include(refusal.message, "does not list revoked keys")
      assert.strictEqual(record(driver).count(), 0)
    }).pipe(Effect.scoped)
  )

  it.effect("take a list of any length that comes at once", () =>
    Effect.gen(function* () {
      const all = Array.from({ length: 3000 }, (_, number) => keyWith(`key ${number}`))
      const driver: Driver = { ...willing, list: { kind: "stream", open: () => Stream.make(all) } }
      const map = yield* KeyStores.make({ stores: { guard: over(driver) }, tenants: { acme: "guard" } })
      const sizes: Array<number> = []
      const ids: Array<string> = []
      yield* Stream.runForEachArray(map.sources[0]?.keys() ?? Stream.empty, (keys) =>
        Effect.sync(() => {
          sizes.push(keys.length)
          ids.push(...keys.map(({ key }) => key.id))
        })
      )
      assert.isAtMost(Math.max(...sizes), 1024)
      assert.deepStrictEqual(
        ids,
        all.map(({ id }) => id as string)
      )
    }).pipe(Effect.scoped)
  )
})
