import { assert, describe, it } from "@effect/vitest"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStores from "@keyfold/core/KeyStores"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { passing } from "./Passing.ts"
import { capabilitiesWith, recorded, ref } from "./RecordedDriver.ts"
import * as SharedBackend from "./SharedBackend.ts"

const labelSecret = Redacted.make("a secret for marks")

/** Defines a store over a driver. */
const over = (driver: Driver, more: Partial<KeyStores.StoreDefinition> = {}): KeyStores.StoreDefinition => ({
  backend: driver.backend,
  capabilities: driver.capabilities,
  driver: Effect.succeed(driver),
  ...more
})

const native = (more?: Partial<KeyStores.StoreDefinition>) => over(MemoryDriver.make(), more)

const untenanted = (more?: Partial<KeyStores.StoreDefinition>) => over(recorded().driver, more)

const marked = (more?: Partial<KeyStores.StoreDefinition>) => over(SharedBackend.make().recorded.driver, more)

describe("a tenant", () => {
  it.effect("is served by its store, under the store's name", () =>
    Effect.gen(function* () {
      const map = yield* KeyStores.make({
        stores: { local: native(), guard: untenanted() },
        tenants: { acme: "local", globex: { store: "guard" } }
      })
      const acme = yield* map.forTenant("acme")
      assert.deepStrictEqual([acme.store, acme.backend, acme.tenant], ["local", "memory", Option.some("acme")])
      assert.strictEqual((yield* map.forTenant("globex")).store, "guard")
    }).pipe(Effect.scoped)
  )

  it.effect.each(["", "nobody", "ACME", "acme ", "toString", "__proto__", "*", "dev-", "dev-\u0000", "dev-\ud800"])(
    "that nobody configured fails before anything is opened: %j",
    (tenant) =>
      Effect.gen(function* () {
        const driver = Effect.die(new Error("opened"))
        const map = yield* KeyStores.make({
          stores: { local: native({ driver }) },
          tenants: { acme: "local", "dev-*": "local" }
        })
        const refusal = yield* Effect.flip(map.forTenant(tenant))
        assert.instanceOf(refusal, ConfigurationError)
        assert.strictEqual(refusal.field, "tenants")
        assert.include(refusal.message, "no store is configured for tenant")
      }).pipe(Effect.scoped)
  )

  it.effect("is found by its name, then by the longest pattern, and not where two fit equally well", () =>
    Effect.gen(function* () {
      const map = yield* KeyStores.make({
        stores: { any: native(), dev: native(), team: native(), one: native() },
        tenants: { "*": "any", "dev-*": "dev", "dev-team-*": "team", "*-team": "one", "dev-1": "one" }
      })
      const storeOf = (tenant: string) => Effect.map(map.forTenant(tenant), ({ store }) => store)
      assert.strictEqual(yield* storeOf("dev-1"), "one")
      assert.strictEqual(yield* storeOf("dev-2"), "dev")
      assert.strictEqual(yield* storeOf("dev-team-2"), "team")
      assert.strictEqual(yield* storeOf("x-team"), "one")
      assert.strictEqual(yield* storeOf("dev-team"), "one")
      assert.strictEqual(yield* storeOf("else"), "any")
      const tied = yield* KeyStores.make({
        stores: { first: native(), second: native() },
        tenants: { "a-*": "first", "*-b": "second" }
      })
      assert.strictEqual((yield* Effect.flip(tied.forTenant("a-b"))).field, "tenants")
    }).pipe(Effect.scoped)
  )

  it.effect("of a pattern sees its own keys and no others", () =>
    Effect.gen(function* () {
      const map = yield* KeyStores.make({ stores: { local: native() }, tenants: { "dev-*": "local" } })
      const one = yield* map.forTenant("dev-1")
      const two = yield* map.forTenant("dev-2")
      const { key } = yield* one.create({ name: "ci" })
      assert.deepStrictEqual(yield* Stream.runCollect(two.list()), [])
      assert.strictEqual((yield* Effect.flip(two.get(key))).reason._tag, "NotFound")
      assert.strictEqual((yield* one.get(key)).name, "ci")
    }).pipe(Effect.scoped)
  )

  it.effect("alone on a backend without tenants sees all of it, and nothing is looked up", () =>
    Effect.gen(function* () {
      const { driver, count } = recorded()
      const map = yield* KeyStores.make({ stores: { guard: over(driver) }, tenants: { acme: "guard" } })
      const acme = yield* map.forTenant("acme")
      yield* acme.revoke(ref("by hand"))
      assert.strictEqual(count(), 1)
      assert.deepStrictEqual(acme.tenant, Option.none())
    }).pipe(Effect.scoped)
  )

  it.effect("alone on a store that is to be shared later has marks of its own from the start", () =>
    Effect.gen(function* () {
      const { recorded: backend } = SharedBackend.make()
      const stores = { guard: over(backend.driver, { shared: true, options: { labelSecret } }) }
      const alone = yield* KeyStores.make({ stores, tenants: { acme: "guard" } })
      const { key } = yield* passing(Effect.flatMap(alone.forTenant("acme"), (acme) => acme.create({ name: "ci" })))
      const two = yield* KeyStores.make({ stores, tenants: { acme: "guard", globex: "guard" } })
      const acme = yield* two.forTenant("acme")
      assert.strictEqual((yield* passing(acme.get(ref(key.id)))).name, "ci")
      const globex = yield* two.forTenant("globex")
      assert.strictEqual((yield* passing(Effect.flip(globex.get(ref(key.id))))).reason._tag, "NotFound")
    }).pipe(Effect.scoped)
  )

  it.effect("overrides single defaults and requirements of its store, and other options whole", () =>
    Effect.gen(function* () {
      const options = { defaults: { owner: "bot", scopes: ["write"] }, scopeMap: { write: ["w"] } }
      const map = yield* KeyStores.make({
        stores: { local: native({ options }) },
        tenants: {
          acme: { store: "local", options: { defaults: { owner: "acme-bot" }, scopeMap: { write: ["all"] } } },
          globex: "local"
        }
      })
      const acme = yield* Effect.flatMap(map.forTenant("acme"), (store) => store.create({ name: "ci" }))
      const globex = yield* Effect.flatMap(map.forTenant("globex"), (store) => store.create({ name: "ci" }))
      assert.deepInclude(acme.key, { owner: "acme-bot", scopes: ["write"] })
      assert.deepInclude(globex.key, { owner: "bot", scopes: ["write"] })
      const raw = yield* Stream.runCollect(
        Stream.unwrap(Effect.map(map.forTenant("acme"), (store) => store.list({ owner: "acme-bot" })))
      )
      assert.lengthOf(raw, 1)
    }).pipe(Effect.scoped)
  )
})

interface Refusal {
  readonly what: string
  readonly options: KeyStores.Options
  readonly field: string
  readonly says: RegExp
}

const two = { acme: "guard", globex: "guard" }

const refusals: ReadonlyArray<Refusal> = [
  {
    what: "a store there is not",
    options: { stores: { local: native() }, tenants: { acme: "toString" } },
    field: "tenants.acme",
    says: /there is no store "toString"\. Stores: local\./
  },
  {
    what: "a pattern on a backend that does not partition",
    options: { stores: { guard: marked({ options: { labelSecret } }) }, tenants: { "dev-*": "guard" } },
    field: "tenants.dev-*",
    says: /a pattern needs a store that keeps tenants apart by itself, and shared does not\. Name each tenant\./
  },
  {
    what: "a pattern with two stars",
    options: { stores: { local: native() }, tenants: { "*-dev-*": "local" } },
    field: "tenants.*-dev-*",
    says: /one \* at most/
  },
  {
    what: "a tenant without a name",
    options: { stores: { local: native() }, tenants: { "": "local" } },
    field: "tenants.",
    says: /cannot be used/
  },
  {
    what: "a tenant whose name no backend can store",
    options: { stores: { local: native() }, tenants: { "a\u0000": "local" } },
    field: "tenants.a\u0000",
    says: /cannot be used/
  },
  {
    what: "two tenants on a backend without tenants",
    options: { stores: { guard: untenanted() }, tenants: two },
    field: "tenants",
    says: /fake does not keep tenants apart, and this store is to serve 2 tenants\. Give each/
  },
  {
    what: "two tenants with two credentials to the same keys",
    options: {
      stores: { guard: untenanted({ credentials: { other: Effect.die("opened") } }) },
      tenants: { acme: "guard", globex: { store: "guard", credential: "other" } }
    },
    field: "tenants",
    says: /does not keep tenants apart/
  },
  {
    what: "a backend without tenants that is said to be shared",
    options: { stores: { guard: untenanted({ shared: true }) }, tenants: { acme: "guard" } },
    field: "tenants",
    says: /is to serve more than one tenant/
  },
  {
    what: "two tenants told apart by marks without a secret",
    options: { stores: { guard: marked() }, tenants: two },
    field: "labelSecret",
    says: /no secret for them\. Set labelSecret to at least 16 random characters/
  },
  {
    what: "a tenant of a shared store whose override has an empty secret",
    options: {
      stores: { guard: marked({ options: { labelSecret } }) },
      tenants: { ...two, acme: { store: "guard", options: { labelSecret: Redacted.make("") } } }
    },
    field: "tenants.acme.labelSecret",
    says: /is empty/
  },
  {
    what: "a credential there is not",
    options: { stores: { local: native() }, tenants: { acme: { store: "local", credential: "constructor" } } },
    field: "tenants.acme",
    says: /store "local" has no credential "constructor"\. Name one of its credentials; it has none\./
  },
  {
    what: "an option its backend cannot honour",
    options: { stores: { local: native({ options: { scopeMap: {}, defaults: { scopes: ["x"] } } }) }, tenants: {} },
    field: "defaults.scopes",
    says: /is not in the store's scopeMap/
  },
  {
    what: "a requirement of one tenant that its backend cannot meet",
    options: {
      stores: { guard: untenanted({ capabilities: capabilitiesWith({ expiry: false }) }) },
      tenants: { acme: { store: "guard", options: { require: { expiry: true } } } }
    },
    field: "tenants.acme.require",
    says: /cannot meet: expiry/
  },
  {
    what: "a requirement that a backend meets for one tenant and not for two",
    options: {
      stores: {
        guard: over(SharedBackend.make({ identify: false }).recorded.driver, {
          options: { labelSecret, require: { verify: true } }
        })
      },
      tenants: two
    },
    field: "require",
    says: /cannot meet: verify/
  },
  {
    what: "a budget that cannot work",
    options: { stores: { local: native({ budget: { requests: 0, per: "1 minute" } }) }, tenants: { acme: "local" } },
    field: "budget",
    says: /requests: expected a whole number of 1 or more/
  }
]

describe("stores for many tenants do not boot with", () => {
  it.effect.each(refusals.map((refusal) => [refusal.what, refusal] as const))("%s", ([, { field, options, says }]) =>
    Effect.gen(function* () {
      const refusal = yield* Effect.flip(KeyStores.make(options))
      assert.instanceOf(refusal, ConfigurationError)
      assert.strictEqual(refusal.field, field)
      assert.match(refusal.message, says)
    }).pipe(Effect.scoped)
  )

  it("mistakes that are all told at once, each once", () => {
    const tenants = { a: "guard", b: "guard", "c-*": "guard", d: "nowhere" }
    const mistakes = KeyStores.check({ stores: { guard: marked() }, tenants })
    assert.deepStrictEqual(
      mistakes.map(({ field }) => field),
      ["tenants.d", "labelSecret", "tenants.c-*"]
    )
  })
})

it.effect("a store whose driver turns out to need marks refuses to serve without a secret for them", () =>
  Effect.gen(function* () {
    const { driver } = SharedBackend.make().recorded
    const map = yield* KeyStores.make({
      stores: { local: native({ driver: Effect.succeed(driver) }) },
      tenants: { "dev-*": "local" }
    })
    assert.strictEqual((yield* Effect.flip(map.forTenant("dev-1"))).field, "labelSecret")
  }).pipe(Effect.scoped)
)

it.effect("a journal keys the marks of a shared store", () =>
  Effect.gen(function* () {
    const options = { stores: { guard: marked() }, tenants: two }
    assert.lengthOf(KeyStores.check(options, true), 0)
    const map = yield* Effect.provideService(KeyStores.make(options), Journal.Journal, yield* Journal.memory)
    const acme = yield* map.forTenant("acme")
    const globex = yield* map.forTenant("globex")
    const { key } = yield* passing(acme.create({ name: "ci" }))
    assert.strictEqual((yield* passing(Effect.flip(globex.get(key)))).reason._tag, "NotFound")
  }).pipe(Effect.scoped)
)

it.effect("tenants whose credentials see keys of their own need no telling apart", () =>
  Effect.gen(function* () {
    const organizations = { acme: recorded(), globex: recorded() }
    const map = yield* KeyStores.make({
      stores: {
        cloud: over(organizations.acme.driver, {
          separateCredentials: true,
          credentials: { globex: Effect.succeed(organizations.globex.driver) }
        })
      },
      tenants: { acme: "cloud", globex: { store: "cloud", credential: "globex" } }
    })
    yield* Effect.flatMap(map.forTenant("globex"), (store) => store.revoke(ref("some key")))
    assert.strictEqual(organizations.acme.count(), 0)
    assert.strictEqual(organizations.globex.count(), 1)
  }).pipe(Effect.scoped)
)
