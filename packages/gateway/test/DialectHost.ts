/** A host for dialects in tests: callers by their secrets, one store for each tenant, and what was asked of it. */
import { KeyId, type ApiKey, type KeyRef } from "@keyfold/core/ApiKey"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import type { Dialect, Host } from "@keyfold/gateway/Dialect"
import type { Caller, StoreCall } from "@keyfold/gateway/Gateway"
import * as Grant from "@keyfold/gateway/Grant"
import { Fetch } from "@keyfold/http/Fetch"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

/** Where dialects of tests are mounted. */
export const origin = "https://gateway.test"

/** A caller of the gateway with its secret. */
export interface Account {
  readonly secret: string
  readonly caller: Caller
}

/** Makes a caller that is known by `secret-of-<actor>`. */
export const account = (actor: string, ...grants: ReadonlyArray<string>): Account => ({
  secret: `secret-of-${actor}`,
  caller: { actor, grants: Grant.parseAll(grants) }
})

/** May do everything everywhere. */
export const root = account("root", "*:*")

/** A host that a test can change under way. */
export interface TestHost extends Host {
  readonly calls: ReadonlyArray<StoreCall>
  readonly forget: (actor: string) => void
}

type Store = KeyStore.KeyStore["Service"]

/** Makes a host with some stores. */
export const makeHost = (
  stores: Readonly<Record<string, Store>>,
  accounts: ReadonlyArray<Account> = [root],
  changes: Partial<Host> = {}
): TestHost => {
  const known = new Map(accounts.map(({ caller, secret }) => [secret, caller]))
  const calls: Array<StoreCall> = []
  return {
    calls,
    forget: (actor) => {
      for (const [secret, caller] of known) if (caller.actor === actor) known.delete(secret)
    },
    authenticate: (secret) => Effect.sync(() => Option.fromUndefinedOr(known.get(Redacted.value(secret)))),
    recall: (actor) =>
      Effect.sync(() => Option.fromUndefinedOr([...known.values()].find((caller) => caller.actor === actor))),
    store: (call) =>
      Effect.suspend(() => {
        calls.push(call)
        const store = stores[call.tenant]
        return store === undefined
          ? Effect.fail(new ConfigurationError({ field: "tenants", problem: `no tenant ${call.tenant}` }))
          : Effect.succeed(store)
      }),
    ...changes
  }
}

/** A store in memory. */
export const memory = (options: KeyStore.StoreOptions = {}) =>
  Effect.suspend(() => KeyStore.make(MemoryDriver.make(), options))

/** A memory driver whose keys have other ids: what a backend with ids of its own kind looks like. */
export const renamed = (rename: (id: string) => string): Driver => {
  const driver = MemoryDriver.make()
  const [inner, outer] = [new Map<string, KeyId>(), new Map<string, KeyId>()]
  const outward = (key: ApiKey): ApiKey => {
    const id = outer.get(key.id) ?? KeyId.make(rename(key.id))
    outer.set(key.id, id)
    inner.set(id, key.id)
    return { ...key, id }
  }
  const inward = (ref: KeyRef): KeyRef => ({ ...ref, id: inner.get(ref.id) ?? ref.id })
  const { get, list } = driver
  if (get === undefined || list.kind !== "pages") throw new Error("the memory driver has changed")
  return {
    ...driver,
    create: (request) => Effect.map(driver.create(request), (issued) => ({ ...issued, key: outward(issued.key) })),
    get: (ref) => Effect.map(get(inward(ref)), outward),
    list: {
      kind: "pages",
      page: (request) => Effect.map(list.page(request), (page) => ({ ...page, keys: page.keys.map(outward) }))
    },
    revoke: (ref) => Effect.map(driver.revoke(inward(ref)), (revocation) => ({ ...revocation, id: ref.id }))
  }
}

/** One answer, read. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Whatever it says: the tests look into answers of many shapes. */
  readonly json: () => ReturnType<typeof JSON.parse>
}

/** Sends one request to a dialect. */
export const send = Effect.fnUntraced(function* (dialect: Dialect, path: string, init: RequestInit = {}) {
  const response = yield* dialect.handle(new Request(`${origin}${dialect.path}${path}`, init))
  const text = yield* Effect.promise(() => response.text())
  const answer: Answer = {
    status: response.status,
    headers: response.headers,
    text,
    json: () => JSON.parse(text)
  }
  return answer
})

/** A `fetch` that reaches a dialect, in the time and with the services of the test. */
export const fetchTo = Effect.fnUntraced(function* (dialect: Dialect) {
  const run = Effect.runPromiseWith(yield* Effect.context<never>())
  const fetch: typeof globalThis.fetch = (input, init) =>
    run(dialect.handle(new Request(input, init)), init?.signal ? { signal: init.signal } : {})
  return fetch
})

/** Provides adapters with the way to a dialect. */
export const reaching = <A, E, R>(effect: Effect.Effect<A, E, R>, dialect: Dialect) =>
  Effect.flatMap(fetchTo(dialect), (fetch) => Effect.provide(effect, Layer.succeed(Fetch, fetch)))
