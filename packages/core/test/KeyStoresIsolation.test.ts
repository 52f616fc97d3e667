import { assert, describe, it } from "@effect/vitest"
import { KeyId, type ApiKey, type IssuedKey, type KeyRef } from "@keyfold/core/ApiKey"
import type { Driver } from "@keyfold/core/Driver"
import * as Journal from "@keyfold/core/Journal"
import type { KeyStore } from "@keyfold/core/KeyStore"
import * as KeyStores from "@keyfold/core/KeyStores"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { OperationId } from "@keyfold/core/OperationId"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { pass, passing } from "./Passing.ts"
import { record, type Recorded } from "./RecordedDriver.ts"
import * as SharedBackend from "./SharedBackend.ts"

type Store = KeyStore["Service"]

const tenants = ["acme", "globex", "initech"] as const

type Tenant = (typeof tenants)[number]

const pairs = tenants.flatMap((viewer) => tenants.flatMap((other) => (other === viewer ? [] : [{ viewer, other }])))

/** A kind of store: its driver, the calls it received, and ids and secrets that were never given out. */
interface Kind {
  readonly driver: Driver
  readonly calls: () => ReadonlyArray<string>
  readonly missing: KeyRef
  readonly missingSecret: Redacted.Redacted<string>
}

const partitioned = (): Kind => {
  const whole = MemoryDriver.make()
  const recorded: Array<Recorded> = []
  const partition = (tenant: string): Driver => {
    const part = record(whole.partition?.(tenant) ?? whole)
    recorded.push(part)
    return part.driver
  }
  return {
    driver: { ...whole, partition },
    calls: () => recorded.flatMap(({ calls }) => calls.map(({ operation }) => operation)),
    missing: { id: KeyId.make("m".repeat(12)) },
    missingSecret: Redacted.make(`mem_${"m".repeat(12)}.${"m".repeat(43)}`)
  }
}

const labelled = (options: SharedBackend.Options) => (): Kind => {
  const { recorded } = SharedBackend.make(options)
  return {
    driver: recorded.driver,
    calls: () => recorded.calls.map(({ operation }) => operation),
    missing: { id: KeyId.make("key-9999") },
    missingSecret: Redacted.make("secret of key-9999")
  }
}

const kinds: ReadonlyArray<readonly [string, () => Kind]> = [
  ["native partitions", partitioned],
  ["marks and a get of the backend's own", labelled({ get: true })],
  ["marks, a get and usage of the backend's own", labelled({ get: true, usage: true })],
  ["marks and a get from the list", labelled({})],
  ["marks, a get from the list and usage of the backend's own", labelled({ usage: true })],
  ["marks and pages of the backend's own", labelled({ pages: true })]
]

const keyings = ["labelSecret", "a journal"] as const

const cases = kinds.flatMap(([name, kind]) =>
  keyings.map((keying) => [`${name}, keyed by ${keying}`, kind, keying] as const)
)

interface Owned {
  readonly active: IssuedKey
  readonly revoked: IssuedKey
  readonly operationId: OperationId
}

interface World {
  readonly kind: Kind
  readonly stores: Readonly<Record<Tenant, Store>>
  readonly keys: Readonly<Record<Tenant, Owned>>
}

const populate = Effect.fnUntraced(function* (tenant: Tenant, store: Store) {
  const operationId = OperationId.make(`operation-of-${tenant}`)
  const active = yield* passing(store.create({ name: `${tenant} one`, owner: "bot" }, { operationId }))
  const revoked = yield* passing(store.create({ name: `${tenant} two`, owner: "bot" }))
  yield* passing(store.revoke(revoked.key))
  return { active, revoked, operationId }
})

/** Opens one store for three tenants, each with a live key and a revoked one. */
const open = Effect.fnUntraced(function* (makeKind: () => Kind, keying: (typeof keyings)[number]) {
  const kind = makeKind()
  const { driver } = kind
  const options = keying === "labelSecret" ? { labelSecret: Redacted.make("a secret for marks") } : {}
  const definition = {
    backend: driver.backend,
    capabilities: driver.capabilities,
    driver: Effect.succeed(driver),
    options
  }
  const make = KeyStores.make({
    stores: { only: definition },
    tenants: { acme: "only", globex: "only", initech: "only" }
  })
  const map = yield* keying === "a journal" ? Effect.provideService(make, Journal.Journal, yield* Journal.memory) : make
  const filler = Effect.fnUntraced(function* (tenant: Tenant) {
    const maker = yield* Effect.scoped(Effect.flatMap(map.forTenant(tenant), (store) => populate(tenant, store)))
    // Another store than the one that made the keys, so that nothing is remembered of them.
    yield* map.invalidate({ tenant })
    return { store: yield* map.forTenant(tenant), owned: maker }
  })
  const [acme, globex, initech] = [yield* filler("acme"), yield* filler("globex"), yield* filler("initech")]
  yield* pass(120)
  const world: World = {
    kind,
    stores: { acme: acme.store, globex: globex.store, initech: initech.store },
    keys: { acme: acme.owned, globex: globex.owned, initech: initech.owned }
  }
  return world
})

/** How many requests of each operation came after those. */
const since = (before: ReadonlyArray<string>, after: ReadonlyArray<string>): Readonly<Record<string, number>> => {
  const count = (calls: ReadonlyArray<string>, operation: string) => calls.filter((call) => call === operation).length
  const counted = [...new Set(after)].map(
    (operation) => [operation, count(after, operation) - count(before, operation)] as const
  )
  return Object.fromEntries(counted.filter(([, times]) => times > 0))
}

/** What a caller can tell of one call: its outcome, the requests it took, and the time. */
const observe = Effect.fnUntraced(function* <A, E>({ kind }: World, call: Effect.Effect<A, E>) {
  const before = kind.calls()
  const start = yield* Clock.currentTimeMillis
  const result = yield* passing(Effect.result(call))
  const outcome = result._tag === "Success" ? { success: result.success } : { failure: result.failure }
  const requests = since(before, kind.calls())
  return { outcome: JSON.stringify(outcome), requests, time: (yield* Clock.currentTimeMillis) - start }
})

type Observation = Effect.Success<ReturnType<typeof observe>>

const refOf = ({ id }: KeyRef): KeyRef => ({ id })

/** The ways in which somebody may point at a key; the missing one is pointed at in the same way. */
const pointers = (foreign: ApiKey, missing: KeyRef): ReadonlyArray<readonly [KeyRef, KeyRef]> => [
  [refOf(foreign), missing],
  [
    { id: foreign.id, owner: "bot" },
    { ...missing, owner: "bot" }
  ],
  [foreign, { ...foreign, ...missing }]
]

const assertSame = (foreign: Observation, missing: Observation, expected: string) => {
  assert.include(missing.outcome, expected)
  assert.deepStrictEqual(foreign, missing)
}

const assertUntouched = Effect.fnUntraced(function* ({ keys, stores }: World) {
  for (const tenant of tenants) {
    const { active } = keys[tenant]
    const key = yield* passing(stores[tenant].get(refOf(active.key)))
    assert.strictEqual(key.status, "active")
    assert.strictEqual(key.name, `${tenant} one`)
  }
})

/** Whatever of a tenant could show in an answer. */
const tracesOf = ({ active, revoked }: Owned, tenant: Tenant) => [active.key.id, revoked.key.id, tenant]

const assertNothingOf = (world: World, other: Tenant, outcome: string) => {
  for (const trace of tracesOf(world.keys[other], other)) assert.notInclude(outcome, `"${trace}`)
}

const onKeys = ["get", "revoke", "usage"] as const

const act = (store: Store, operation: (typeof onKeys)[number], ref: KeyRef): Effect.Effect<unknown, unknown> =>
  store[operation](ref)

describe.each(cases)("tenants told apart by %s", (_, kind, keying) => {
  it.effect.each(onKeys)("%s: a foreign id is a missing id, whoever asks and however it is pointed at", (operation) =>
    Effect.gen(function* () {
      const world = yield* open(kind, keying)
      for (const { other, viewer } of pairs) {
        const { active, revoked } = world.keys[other]
        const all = [active.key, revoked.key].flatMap((key) => pointers(key, world.kind.missing))
        for (const [foreign, missing] of all) {
          const seen = yield* observe(world, act(world.stores[viewer], operation, foreign))
          const unseen = yield* observe(world, act(world.stores[viewer], operation, missing))
          assertSame(seen, unseen, '"NotFound"')
          assertNothingOf(world, other, seen.outcome)
        }
      }
      yield* assertUntouched(world)
    }).pipe(Effect.scoped)
  )

  it.effect("get, usage and revoke work on one's own", () =>
    Effect.gen(function* () {
      const world = yield* open(kind, keying)
      for (const tenant of tenants) {
        const { active } = world.keys[tenant]
        const store = world.stores[tenant]
        assert.strictEqual((yield* passing(store.get(refOf(active.key)))).name, `${tenant} one`)
        assert.strictEqual((yield* passing(store.usage(refOf(active.key)))).id, active.key.id)
        const revocation = yield* passing(store.revoke({ id: active.key.id, owner: "somebody else" }))
        assert.strictEqual(revocation.id, active.key.id)
        assert.lengthOf(yield* passing(Stream.runCollect(store.list())), 0)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("verify: a foreign secret is a secret of no key, and one's own is valid", () =>
    Effect.gen(function* () {
      const world = yield* open(kind, keying)
      for (const { other, viewer } of pairs) {
        const store = world.stores[viewer]
        const missing = yield* observe(world, store.verify(world.kind.missingSecret))
        for (const { secret } of [world.keys[other].active, world.keys[other].revoked]) {
          assertSame(yield* observe(world, store.verify(secret)), missing, '"valid":false')
        }
        assert.isTrue((yield* passing(store.verify(world.keys[viewer].active.secret))).valid)
      }
      yield* assertUntouched(world)
    }).pipe(Effect.scoped)
  )

  it.effect("list and listPage show one's own keys, and nothing of the others", () =>
    Effect.gen(function* () {
      const world = yield* open(kind, keying)
      for (const { other, viewer } of pairs) {
        const store = world.stores[viewer]
        const own = world.keys[viewer].active.key.id
        const everything =
          store.capabilities.listsRevoked === "always" ? { status: ["active", "revoked"] as const } : {}
        const listed = yield* passing(Stream.runCollect(store.list(everything)))
        const first = yield* passing(store.listPage({ ...everything, limit: 1 }))
        const owned = yield* passing(store.listPage({ owner: "bot" }))
        assert.deepStrictEqual(
          owned.keys.map(({ id }) => id),
          [own]
        )
        assert.include(
          listed.map(({ id }) => id),
          own
        )
        assert.lengthOf(listed, "status" in everything ? 2 : 1)
        // A cursor would say that there is more.
        assert.strictEqual(first.next !== undefined, listed.length > 1)
        const decoded = Buffer.from(first.next?.split(".")[0] ?? "", "base64url").toString()
        for (const shown of [listed, first, owned, decoded]) assertNothingOf(world, other, JSON.stringify(shown))
      }
    }).pipe(Effect.scoped)
  )

  it.effect("cursors of another tenant are refused", () =>
    Effect.gen(function* () {
      const world = yield* open(kind, keying)
      for (const { other, viewer } of pairs) {
        yield* passing(world.stores[other].create({ name: "three" }))
        const { next } = yield* passing(world.stores[other].listPage({ limit: 1 }))
        assert.isDefined(next)
        const refused = yield* observe(world, world.stores[viewer].listPage({ limit: 1, cursor: next ?? "" }))
        assert.include(refused.outcome, "InvalidRequest")
        assert.deepStrictEqual(refused.requests, {})
      }
    }).pipe(Effect.scoped)
  )

  it.effect("create: another's operation id is as good as any, and makes a key of one's own", () =>
    Effect.gen(function* () {
      const world = yield* open(kind, keying)
      for (const { other, viewer } of pairs) {
        const { operationId } = world.keys[other]
        const store = world.stores[viewer]
        const before = yield* passing(Stream.runCollect(world.stores[other].list()))
        const { key } = yield* passing(store.create({ name: "mine" }, { operationId }))
        assert.strictEqual((yield* passing(store.get(refOf(key)))).name, "mine")
        assert.deepStrictEqual(yield* passing(Stream.runCollect(world.stores[other].list())), before)
        yield* passing(store.revoke(key))
      }
      yield* assertUntouched(world)
    }).pipe(Effect.scoped)
  )

  it.effect("recover: another's operation is one that never was", () =>
    Effect.gen(function* () {
      const world = yield* open(kind, keying)
      for (const { other, viewer } of pairs) {
        const store = world.stores[viewer]
        const foreign = yield* observe(world, store.recover(world.keys[other].operationId))
        const missing = yield* observe(world, store.recover(OperationId.make("never-was")))
        assertSame(foreign, missing, '"unknown"')
      }
      yield* assertUntouched(world)
    }).pipe(Effect.scoped)
  )

  it.effect("sweepOrphans: counts and touches one's own keys alone", () =>
    Effect.gen(function* () {
      const world = yield* open(kind, keying)
      for (const { other, viewer } of pairs) {
        const swept = yield* observe(world, world.stores[viewer].sweepOrphans())
        assertNothingOf(world, other, swept.outcome)
        if (keying === "a journal") assert.match(swept.outcome, /"scanned":[01],"orphans":\[\],/)
        else assert.include(swept.outcome, '"Unsupported"')
      }
      yield* assertUntouched(world)
    }).pipe(Effect.scoped)
  )

  it.effect("identify sends nothing", () =>
    Effect.gen(function* () {
      const world = yield* open(kind, keying)
      const before = world.kind.calls()
      world.stores.acme.identify(world.keys.globex.active.secret)
      assert.deepStrictEqual(since(before, world.kind.calls()), { identify: 1 })
    }).pipe(Effect.scoped)
  )
})
