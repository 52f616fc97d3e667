import { assert, describe, it } from "@effect/vitest"
import * as Configuration from "@keyfold/config/Configuration"
import * as Tenants from "@keyfold/config/Tenants"
import * as Adapter from "@keyfold/core/Adapter"
import { KeyId } from "@keyfold/core/ApiKey"
import * as Journal from "@keyfold/core/Journal"
import type { KeyStore } from "@keyfold/core/KeyStore"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { OperationId } from "@keyfold/core/OperationId"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { folderWith } from "./TinyAdapter.ts"
import { watched, type Watched } from "./WatchedAdapter.ts"

const env = { A: "a", B: "b", C: "c" }

const opened = Effect.fnUntraced(function* (
  text: string,
  { adapter }: Watched = watched(),
  options: Configuration.Options = {}
) {
  const folder = yield* folderWith({ "keyfold.yaml": text })
  const configuration = yield* Configuration.load({ folder, env, builtIn: { watched: adapter }, ...options })
  return yield* Tenants.open(configuration)
})

const namesIn = (store: KeyStore["Service"]) =>
  Effect.map(Stream.runCollect(store.list()), (keys) => keys.map(({ name }) => name))

const probe = (store: KeyStore["Service"]) => Effect.exit(store.get({ id: KeyId.make("none") }))

const store = "stores:\n  main: { adapter: watched, key: { env: A } }\n"

describe("a tenant of the file", () => {
  it.effect("is served by its store and sees its own keys only", () =>
    Effect.gen(function* () {
      const seen = watched()
      const stores = yield* opened(`${store}tenants: { acme: main, globex: { store: main } }\n`, seen)
      assert.deepStrictEqual(seen.events, [])
      const acme = yield* stores.forTenant("acme")
      const globex = yield* stores.forTenant("globex")
      yield* acme.create({ name: "of-acme" })
      assert.deepStrictEqual([acme.store, acme.tenant], ["main", Option.some("acme")])
      assert.deepStrictEqual(yield* namesIn(acme), ["of-acme"])
      assert.deepStrictEqual(yield* namesIn(globex), [])
      assert.deepStrictEqual(seen.events, ["open a"])
    })
  )

  it.effect("that nobody configured is refused, and so is every tenant of a file without tenants", () =>
    Effect.gen(function* () {
      const seen = watched()
      const stores = yield* opened(`${store}tenants: { acme: main }\n`, seen)
      for (const none of [stores, yield* opened(store, seen)]) {
        const { message } = yield* Effect.flip(none.forTenant("initech"))
        assert.include(message, `no store is configured for tenant "initech".`)
      }
      assert.deepStrictEqual(seen.events, [])
    })
  )

  it.effect("may be one of a pattern, on a store that keeps tenants apart", () =>
    Effect.gen(function* () {
      const stores = yield* opened(`${store}tenants: { "dev-*": { store: main, defaults: { owner: dev } } }\n`)
      const store1 = yield* stores.forTenant("dev-1")
      assert.strictEqual((yield* store1.create({ name: "x" })).key.owner, "dev")
      assert.include((yield* Effect.flip(stores.forTenant("prod-1"))).message, "no store is configured")
    })
  )

  it.effect("overrides single members of defaults, and other members in whole", () =>
    Effect.gen(function* () {
      const stores = yield* opened(`
stores:
  main:
    adapter: watched
    key: { env: A }
    defaults: { owner: bot, scopes: [read] }
    scopeMap: { read: ["r"], write: ["w"] }
tenants:
  acme: { store: main, defaults: { owner: ann } }
  globex: { store: main, defaults: { scopes: [all] }, scopeMap: { all: ["r", "w"] } }
`)
      const made = (tenant: string) =>
        Effect.flatMap(stores.forTenant(tenant), (store) => Effect.map(store.create({ name: "x" }), ({ key }) => key))
      const acme = yield* made("acme")
      assert.deepStrictEqual([acme.owner, acme.scopes], ["ann", ["read"]])
      const globex = yield* made("globex")
      assert.deepStrictEqual([globex.owner, globex.scopes], ["bot", ["all"]])
    })
  )

  it.effect("that overrides options of the adapter has a credential of its own, shared by those who say the same", () =>
    Effect.gen(function* () {
      const seen = watched()
      const stores = yield* opened(
        `
stores:
  main: { adapter: watched, url: x, key: { env: A } }
tenants:
  acme: { store: main, key: { env: B }, timeout: 3 seconds }
  globex: { timeout: 3 seconds, key: { env: B }, store: main }
  initech: { store: main, key: { env: C } }
  umbrella: main
  same: { store: main, key: { env: A } }
`,
        seen
      )
      for (const tenant of ["acme", "globex", "initech", "umbrella", "same"]) yield* stores.forTenant(tenant)
      assert.deepStrictEqual(seen.events, ["open b", "open c", "open a"])
    })
  )
})

describe("secrets of tenants", () => {
  const text = `
stores:
  main: { adapter: watched, key: { env: A } }
tenants:
  acme: { store: main, key: { env: LATER } }
  globex: main
`

  it.effect("are obtained when their driver is opened, where they were left for later", () =>
    Effect.gen(function* () {
      const seen = watched()
      const stores = yield* opened(text, seen, { secrets: "later" })
      yield* stores.forTenant("globex")
      const { message } = yield* Effect.flip(stores.forTenant("acme"))
      assert.include(message, "keyfold.yaml:5:29  tenants.acme.key\n  the environment variable LATER is not set.")
      assert.deepStrictEqual(seen.events, ["open a"])
    })
  )

  it.effect("that cannot be had are told when the file is read, once each and where they are written", () =>
    Effect.gen(function* () {
      const broken = text
        .replace("{ env: A }", "{ env: NONE }")
        .replace("globex: main", "globex: { store: main, timeout: 1 second }")
      const { message } = yield* Effect.flip(opened(broken))
      assert.deepStrictEqual(
        message.split("\n").filter((line) => line.startsWith("keyfold.yaml:")),
        ["keyfold.yaml:3:34  stores.main.key", "keyfold.yaml:5:29  tenants.acme.key"]
      )
    })
  )

  it.effect("are fetched once for all who refer to them", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ runs: "" })
      const command = `{ command: [sh, -c, "echo run >> ${folder}/runs; cat ${folder}/runs"] }`
      const seen = watched()
      const stores = yield* opened(
        `stores: { main: { adapter: watched, key: ${command} } }
tenants: { acme: main, globex: { store: main, timeout: 1 second } }
`,
        seen
      )
      yield* stores.forTenant("acme")
      yield* stores.forTenant("globex")
      assert.deepStrictEqual(seen.events, ["open run", "open run"])
    })
  )
})

/** Lets everybody go on who waits for no clock, such as for a digest, until something is so; a bug ends in the assertion. */
const turns = (isSo: () => boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let turn = 0; turn < 10_000 && !isSo(); turn++) {
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
  })

describe("policies of tenants", () => {
  const attempts = Effect.fnUntraced(function* (text: string, tenant: string) {
    const seen = watched({}, true)
    const stores = yield* opened(text, seen)
    const fiber = yield* Effect.forkChild(probe(yield* stores.forTenant(tenant)))
    yield* TestClock.adjust("10 minutes")
    yield* Fiber.join(fiber)
    return seen.events.filter((event) => event.startsWith("get")).length
  })

  it.effect("about trying again go before those of the store, and these before the file's", () =>
    Effect.gen(function* () {
      const text = `
retry: { attempts: 2 }
stores:
  a: { adapter: watched, key: { env: A } }
  b: { adapter: watched, key: { env: B }, retry: { attempts: 3 } }
tenants:
  file: a
  store: b
  own: { store: b, retry: { attempts: 5 } }
`
      assert.deepStrictEqual(
        yield* Effect.forEach(["file", "store", "own"], (tenant) => attempts(text, tenant)),
        [2, 3, 5]
      )
    })
  )

  it.effect("about the budget belong to the credential, wherever it is used", () =>
    Effect.gen(function* () {
      const seen = watched()
      const stores = yield* opened(
        `
budget: { requests: 2, per: 1 minute }
stores:
  a: { adapter: watched, key: { env: A } }
  b: { adapter: watched, key: { env: B } }
tenants:
  acme: { store: a, key: { env: B } }
  globex: b
  initech: { store: a, key: { env: C }, budget: { requests: 1, per: 1 minute } }
`,
        seen
      )
      const sent = (key: string) => seen.events.filter((event) => event === `get ${key}`).length
      const calls = yield* Effect.forkChild(
        Effect.forEach(
          ["acme", "globex", "acme", "globex", "initech", "initech"],
          (tenant) => Effect.flatMap(stores.forTenant(tenant), probe),
          { concurrency: "unbounded" }
        )
      )
      yield* turns(() => sent("b") + sent("c") >= 3)
      assert.deepStrictEqual([sent("b"), sent("c")], [2, 1])
      yield* TestClock.adjust("1 minute")
      yield* turns(() => sent("b") + sent("c") >= 6)
      assert.deepStrictEqual([sent("b"), sent("c")], [4, 2])
      yield* Fiber.join(calls)
    })
  )
})

describe("a store that several tenants may join", () => {
  const text = (more: string) => `
stores:
  main: { adapter: watched, key: { env: A }, dialect: label, labelSecret: { env: B }${more} }
tenants: { acme: main }
`

  it.effect(
    "tells its one tenant's keys from others where it says that it is shared, and shows all keys elsewhere",
    () =>
      Effect.gen(function* () {
        const shared = yield* (yield* opened(text(", shared: true"))).forTenant("acme")
        assert.deepStrictEqual(shared.tenant, Option.some("acme"))
        const alone = yield* (yield* opened(text(""))).forTenant("acme")
        assert.deepStrictEqual(alone.tenant, Option.none())
      })
  )

  it.effect("lets tenants whose credentials see keys of their own do without marks where it says so", () =>
    Effect.gen(function* () {
      const stores = yield* opened(
        `${text(", separateCredentials: true").trimEnd().replace("{ acme: main }", "")}
  acme: main
  globex: { store: main, key: { env: C } }
`
      )
      assert.deepStrictEqual((yield* stores.forTenant("globex")).tenant, Option.none())
    })
  )
})

describe("the journal of the file", () => {
  /** Keeps a journal in memory and notes what happens to it. */
  const keeper = ({ events }: Watched) =>
    Adapter.make<unknown, unknown>({
      name: "keeper",
      options: Schema.Struct({}),
      capabilities: () => MemoryDriver.capabilities,
      driver: () => Effect.succeed(MemoryDriver.make()),
      journal: {
        options: Schema.Struct({}),
        open: () =>
          Effect.andThen(
            Effect.acquireRelease(
              Effect.sync(() => events.push("open journal")),
              () => Effect.sync(() => events.push("close journal"))
            ),
            Journal.memory
          )
      }
    })

  it.effect("serves all tenants, keys their marks, and closes after their stores", () =>
    Effect.gen(function* () {
      const seen = watched()
      const folder = yield* folderWith({
        "keyfold.yaml": `
journal: { adapter: keeper }
stores:
  main: { adapter: watched, key: { env: A } }
  marked: { adapter: watched, key: { env: B }, dialect: label }
tenants: { acme: main, globex: main, initech: marked, umbrella: marked }
`
      })
      const builtIn = { watched: seen.adapter, keeper: keeper(seen) }
      const scope = yield* Scope.make()
      const work = Effect.gen(function* () {
        const stores = yield* Tenants.open(yield* Configuration.load({ folder, env, builtIn }))
        const acme = yield* stores.forTenant("acme")
        const operationId = OperationId.make("op-1")
        yield* acme.create({ name: "x" }, { operationId })
        yield* stores.forTenant("umbrella")
        return [yield* acme.recover(operationId), yield* (yield* stores.forTenant("globex")).recover(operationId)]
      })
      const recovered = yield* Scope.provide(work, scope)
      assert.deepStrictEqual(
        recovered.map(({ kind }) => kind),
        ["delivered", "unknown"]
      )
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(seen.events.slice(0, 3), ["open journal", "open a", "open b"])
      assert.strictEqual(seen.events.at(-1), "close journal")
    })
  )
})

it.effect("stores of tenants close when nobody has used them for as long as the file says", () =>
  Effect.gen(function* () {
    const seen = watched()
    const stores = yield* opened(`idle: 10 seconds\n${store}tenants: { acme: main }\n`, seen)
    const scope = yield* Scope.make()
    yield* Scope.provide(stores.forTenant("acme"), scope)
    yield* Scope.close(scope, Exit.void)
    yield* TestClock.adjust("9 seconds")
    assert.deepStrictEqual(seen.events, ["open a"])
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(seen.events, ["open a", "close a"])
  })
)
