import { assert, describe, it } from "@effect/vitest"
import * as Adapter from "@keyfold/core/Adapter"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStores from "@keyfold/core/KeyStores"
import { Unavailable } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { OperationId } from "@keyfold/core/OperationId"
import { defaultPolicy, RetryPolicy } from "@keyfold/core/RetryPolicy"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as MarkerBackend from "./MarkerBackend.ts"
import { pass, passing, settle } from "./Passing.ts"
import { driverError, recorded, ref, settleFailure } from "./RecordedDriver.ts"

const labelSecret = Redacted.make("a secret for marks")

interface Opening {
  readonly events: Array<string>
  readonly driver: KeyStores.StoreDefinition["driver"]
}

/** Opens a driver and notes when, under a name and a number. */
const opening = (name: string, driver: Driver = MemoryDriver.make()): Opening => {
  const events: Array<string> = []
  let times = 0
  return {
    events,
    driver: Effect.suspend(() => {
      const label = `${name} ${++times}`
      events.push(`open ${label}`)
      return Effect.acquireRelease(Effect.succeed(driver), () => Effect.sync(() => events.push(`close ${label}`)))
    })
  }
}

const native = { backend: "memory", capabilities: MemoryDriver.capabilities }

const use = (map: KeyStores.KeyStores["Service"], tenant: string) =>
  Effect.scoped(Effect.flatMap(map.forTenant(tenant), (store) => store.create({ name: "ci" })))

describe("the driver of a store", () => {
  it.effect("is opened on first use, once for all tenants with the same credential", () =>
    Effect.gen(function* () {
      const own = opening("own")
      const other = opening("other")
      const map = yield* KeyStores.make({
        stores: { local: { ...native, driver: own.driver, credentials: { other: other.driver } } },
        tenants: {
          acme: "local",
          globex: "local",
          initech: { store: "local", credential: "other" },
          hooli: { store: "local", credential: "other" }
        }
      })
      assert.deepStrictEqual([own.events, other.events], [[], []])
      yield* Effect.forEach(["acme", "globex", "acme"], map.forTenant, { concurrency: "unbounded" })
      assert.deepStrictEqual([own.events, other.events], [["open own 1"], []])
      yield* Effect.forEach(["initech", "hooli"], map.forTenant, { concurrency: "unbounded" })
      assert.deepStrictEqual([own.events, other.events], [["open own 1"], ["open other 1"]])
    }).pipe(Effect.scoped)
  )

  it.effect("is not shared by two stores that are defined alike", () =>
    Effect.gen(function* () {
      const adapter = Adapter.make({
        name: "memory",
        options: Schema.Struct({}),
        capabilities: () => MemoryDriver.capabilities,
        driver: () => Effect.sync(MemoryDriver.make)
      })
      const options = {}
      const map = yield* KeyStores.make({
        stores: { one: KeyStores.fromAdapter(adapter, options), two: KeyStores.fromAdapter(adapter, options) },
        tenants: { "one-*": "one", "two-*": "two" }
      })
      const one = yield* map.forTenant("one-a")
      const two = yield* map.forTenant("two-a")
      const { key } = yield* one.create({ name: "ci" })
      assert.strictEqual((yield* Effect.flip(two.get(key))).reason._tag, "NotFound")
    }).pipe(Effect.scoped)
  )

  it.effect("of an adapter is built with the options of the tenant's credential", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const adapter = Adapter.make({
        name: "memory",
        options: Schema.Struct({ region: Schema.String }),
        capabilities: () => MemoryDriver.capabilities,
        driver: ({ region }) =>
          Effect.sync(() => {
            seen.push(region)
            return MemoryDriver.make()
          })
      })
      const definition = KeyStores.fromAdapter(adapter, { region: "eu" }, { credentials: { us: { region: "us" } } })
      const map = yield* KeyStores.make({
        stores: { cloud: definition },
        tenants: { acme: "cloud", globex: { store: "cloud", credential: "us" } }
      })
      yield* use(map, "globex")
      yield* use(map, "acme")
      assert.deepStrictEqual(seen, ["us", "eu"])
    }).pipe(Effect.scoped)
  )

  it.effect("that fails to open is tried again by the next, even while the first holds its scope open", () =>
    Effect.gen(function* () {
      let isBroken = true
      const problem = "the secret's file is not there."
      const driver = Effect.suspend(() =>
        isBroken
          ? Effect.fail(new ConfigurationError({ field: "apiKey", problem }))
          : Effect.succeed(MemoryDriver.make())
      )
      const map = yield* KeyStores.make({ stores: { local: { ...native, driver } }, tenants: { acme: "local" } })
      const errors = yield* Effect.all([Effect.flip(map.forTenant("acme")), Effect.flip(map.forTenant("acme"))], {
        concurrency: "unbounded"
      })
      for (const error of errors) assert.deepInclude(error, { store: "local", field: "apiKey", problem })
      isBroken = false
      assert.strictEqual((yield* map.forTenant("acme")).store, "local")
    }).pipe(Effect.scoped)
  )

  it.effect("is opened with what the map was made with, whoever uses it first", () =>
    Effect.gen(function* () {
      const { driver, count } = recorded({ get: () => Effect.fail(driverError(new Unavailable({}))) })
      const definition = { backend: "fake", capabilities: driver.capabilities, driver: Effect.succeed(driver) }
      const map = yield* KeyStores.make({ stores: { guard: definition }, tenants: { acme: "guard" } })
      const journal = yield* Journal.memory
      const store = yield* map
        .forTenant("acme")
        .pipe(
          Effect.provideService(RetryPolicy, { ...defaultPolicy, attempts: 1 }),
          Effect.provideService(Journal.Journal, journal)
        )
      yield* settleFailure(store.get(ref("some key")))
      assert.strictEqual(count("get"), defaultPolicy.attempts)
      yield* store.create({ name: "ci" }, { operationId: OperationId.make("op-1") })
      assert.isUndefined(yield* journal.find({ store: "guard", operationId: OperationId.make("op-1") }))
    }).pipe(Effect.scoped)
  )
})

describe("the budget of a store", () => {
  it.effect("is one for all tenants with the same credential, and another for other credentials", () =>
    Effect.gen(function* () {
      const driver = MemoryDriver.make()
      const definition = {
        ...native,
        driver: Effect.succeed(driver),
        credentials: { other: Effect.succeed(driver) },
        budget: { requests: 2, per: "1 hour", reserved: 0 } as const
      }
      const map = yield* KeyStores.make({
        stores: { local: definition },
        tenants: { acme: "local", globex: "local", initech: { store: "local", credential: "other" } }
      })
      yield* use(map, "acme")
      yield* use(map, "globex")
      const error = yield* Effect.flip(use(map, "acme"))
      assert.include(String(error), "RateLimited")
      yield* use(map, "initech")
      // It is the credential's, and not of what happens to be open.
      yield* map.invalidate({ store: "local" })
      assert.include(String(yield* Effect.flip(use(map, "globex"))), "RateLimited")
    }).pipe(Effect.scoped)
  )
})

describe("a store that nobody uses", () => {
  it.effect("stays open for a while, closes with its driver, and is opened again", () =>
    Effect.gen(function* () {
      const { driver, events } = opening("own")
      const map = yield* KeyStores.make({
        stores: { local: { ...native, driver } },
        tenants: { acme: "local", globex: "local" },
        idle: "30 seconds"
      })
      yield* use(map, "acme")
      yield* pass(20)
      yield* use(map, "acme")
      yield* use(map, "globex")
      yield* pass(20)
      assert.deepStrictEqual(events, ["open own 1"])
      yield* pass(20)
      assert.deepStrictEqual(events, ["open own 1", "close own 1"])
      yield* use(map, "acme")
      assert.deepStrictEqual(events, ["open own 1", "close own 1", "open own 2"])
    }).pipe(Effect.scoped)
  )

  it.effect("is not closed while somebody has it open", () =>
    Effect.gen(function* () {
      const { driver, events } = opening("own")
      const map = yield* KeyStores.make({
        stores: { local: { ...native, driver } },
        tenants: { acme: "local" },
        idle: "30 seconds"
      })
      yield* map.forTenant("acme")
      yield* pass(120)
      assert.deepStrictEqual(events, ["open own 1"])
    }).pipe(Effect.scoped)
  )

  it.effect("keeps its cursors good", () =>
    Effect.gen(function* () {
      const map = yield* KeyStores.make({
        stores: { local: { ...native, driver: Effect.succeed(MemoryDriver.make()) } },
        tenants: { acme: "local" },
        idle: "1 second"
      })
      yield* use(map, "acme")
      yield* use(map, "acme")
      const page = (cursor?: string) =>
        Effect.scoped(
          Effect.flatMap(map.forTenant("acme"), (store) =>
            store.listPage({ limit: 1, ...(cursor === undefined ? {} : { cursor }) })
          )
        )
      const first = yield* page()
      yield* pass(5)
      assert.lengthOf((yield* page(first.next)).keys, 1)
    }).pipe(Effect.scoped)
  )
})

describe("invalidating", () => {
  const slow = Effect.gen(function* () {
    const released = yield* Deferred.make<void>()
    const memory = MemoryDriver.make()
    const driver: Driver = {
      ...memory,
      partition: (tenant) => {
        const part = memory.partition?.(tenant) ?? memory
        return { ...part, create: (request) => Effect.andThen(Deferred.await(released), part.create(request)) }
      }
    }
    return { driver, released }
  })

  it.effect("a store lets calls in flight finish on the old driver and gives the next the new one", () =>
    Effect.gen(function* () {
      const { driver, released } = yield* slow
      const { driver: open, events } = opening("own", driver)
      const map = yield* KeyStores.make({ stores: { local: { ...native, driver: open } }, tenants: { acme: "local" } })
      const inFlight = yield* Effect.forkChild(use(map, "acme"))
      yield* settle
      yield* map.invalidate({ store: "local" })
      yield* Effect.scoped(map.forTenant("acme"))
      assert.deepStrictEqual(events, ["open own 1", "open own 2"])
      yield* Deferred.succeed(released, undefined)
      assert.strictEqual((yield* Fiber.join(inFlight)).key.name, "ci")
      yield* settle
      assert.deepStrictEqual(events, ["open own 1", "open own 2", "close own 1"])
    }).pipe(Effect.scoped)
  )

  it.effect("a store closes at once what nobody uses, and leaves other stores alone", () =>
    Effect.gen(function* () {
      const one = opening("one")
      const two = opening("two")
      const map = yield* KeyStores.make({
        stores: { one: { ...native, driver: one.driver }, two: { ...native, driver: two.driver } },
        tenants: { acme: "one", globex: "one", initech: "two" }
      })
      yield* Effect.forEach(["acme", "globex", "initech"], (tenant) => use(map, tenant))
      yield* map.invalidate({ store: "one" })
      assert.deepStrictEqual([one.events, two.events], [["open one 1", "close one 1"], ["open two 1"]])
      yield* use(map, "globex")
      assert.deepStrictEqual(one.events, ["open one 1", "close one 1", "open one 2"])
    }).pipe(Effect.scoped)
  )

  it.effect("a tenant gives it a new driver, and leaves the others on the one they have", () =>
    Effect.gen(function* () {
      const { driver, events } = opening("own")
      const map = yield* KeyStores.make({
        stores: { local: { ...native, driver } },
        tenants: { acme: "local", globex: "local" }
      })
      const globex = yield* map.forTenant("globex")
      yield* use(map, "acme")
      yield* map.invalidate({ tenant: "acme" })
      yield* use(map, "acme")
      assert.deepStrictEqual(events, ["open own 1", "open own 2"])
      assert.strictEqual((yield* globex.create({ name: "ci" })).key.name, "ci")
      assert.strictEqual(yield* map.forTenant("globex"), globex)
    }).pipe(Effect.scoped)
  )

  it.effect("what there is not is an error, and what was never opened is none", () =>
    Effect.gen(function* () {
      const map = yield* KeyStores.make({
        stores: { local: { ...native, driver: Effect.succeed(MemoryDriver.make()) } },
        tenants: { acme: "local" }
      })
      yield* map.invalidate({ store: "local" })
      yield* map.invalidate({ tenant: "acme" })
      assert.match((yield* Effect.flip(map.invalidate({ store: "toString" }))).message, /there is no store "toString"/)
      assert.match((yield* Effect.flip(map.invalidate({ tenant: "x" }))).message, /no store is configured/)
    }).pipe(Effect.scoped)
  )
})

describe("closing the map", () => {
  it.effect("closes what is open, stores before their driver", () =>
    Effect.gen(function* () {
      const { driver, events } = opening("own")
      const scope = yield* Scope.make()
      const options = { stores: { local: { ...native, driver } }, tenants: { acme: "local" } }
      const map = yield* Scope.provide(KeyStores.make(options), scope)
      yield* use(map, "acme")
      yield* Scope.close(scope, yield* Effect.exit(Effect.void))
      assert.deepStrictEqual(events, ["open own 1", "close own 1"])
    })
  )

  it.effect("waits for the unsettled creates of all tenants at the same time", () =>
    Effect.gen(function* () {
      const backend = MarkerBackend.make({ capabilities: { tenancy: "label" } })
      const { backend: name, capabilities } = backend.driver
      const scope = yield* Scope.make()
      const map = yield* Scope.provide(
        KeyStores.make({
          stores: {
            guard: { backend: name, capabilities, driver: Effect.succeed(backend.driver), options: { labelSecret } }
          },
          tenants: { acme: "guard", globex: "guard", initech: "guard" }
        }),
        scope
      )
      for (const tenant of ["acme", "globex", "initech"]) {
        backend.next("lost")
        const create = Effect.flatMap(map.forTenant(tenant), (store) =>
          store.create({ name: "ci" }, { within: "5 seconds" })
        )
        assert.include(String(yield* passing(Effect.flip(Effect.scoped(create)))), "OutcomeUnknown")
      }
      const start = yield* Clock.currentTimeMillis
      yield* passing(Scope.close(scope, yield* Effect.exit(Effect.void)))
      assert.isBelow((yield* Clock.currentTimeMillis) - start, 15_000)
      assert.isAtLeast((yield* Clock.currentTimeMillis) - start, 10_000)
    })
  )
})
