/** Answers written from the wire page by hand, independent of the emulator, read through the adapter. */
import { assert, describe, it } from "@effect/vitest"
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { DateTime } from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { readdirSync, readFileSync } from "node:fs"
import { inspect } from "node:util"
import { toTheEnd, baseUrl, email, listed, ref, start, storeOver, unknownId, type Store } from "./OccamHost.ts"

interface Fixture {
  readonly status: number
  readonly contentType?: string
  readonly body?: unknown
  readonly text?: string
}

const folder = new URL("fixtures/", import.meta.url)
const used = new Set<string>()

const answer = (name: string) => {
  used.add(`${name}.json`)
  const fixture: Fixture = JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"))
  const text = fixture.text ?? (fixture.body === undefined ? null : JSON.stringify(fixture.body))
  const headers = fixture.contentType === undefined ? {} : { "content-type": fixture.contentType }
  const init = { status: fixture.status, headers }
  return () => new Response(text === null ? null : new TextEncoder().encode(text), init)
}

/** Answers every key route with one fixture, and the token routes with another. */
const serving = (name: string, token: string): typeof globalThis.fetch => {
  const [answered, tokens] = [answer(name), answer(token)]
  return (input, init) => {
    const { pathname } = new URL(new Request(input, init).url)
    return Promise.resolve(pathname.startsWith("/auth/") ? tokens() : answered())
  }
}

const secret = "sk-occam-00000000000040008000000000000000"
const apiKey = Redacted.make(secret)

const storeOf = (name: string, token = "token.key") =>
  Effect.andThen(
    TestClock.setTime(start),
    token === "token.password"
      ? storeOver(serving(name, token), { username: email, password: apiKey, baseUrl })
      : storeOver(serving(name, token), { apiKey, baseUrl, verifyByTokenExchange: true })
  )

const iso = (time: DateTime | undefined) =>
  time === undefined ? undefined : new Date(time.epochMilliseconds).toISOString()

/** A key with its times as text, so that a fixture and what it must become can be compared by eye. */
const plain = ({ createdAt, lastUsedAt, ...rest }: ApiKey) => ({
  ...rest,
  ...(createdAt === undefined ? {} : { createdAt: iso(createdAt) }),
  ...(lastUsedAt === undefined ? {} : { lastUsedAt: iso(lastUsedAt) })
})

type Run<A> = (store: Store) => Effect.Effect<A, KeyStoreError>

const reads = <A>(name: string, run: Run<A>, expected: A) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* run(yield* storeOf(name)), expected)
    })
  )

const accepts = (name: string) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      assert.lengthOf(yield* listed(yield* storeOf("list.ok", name)), 1)
    })
  )

const assertFailure = (error: KeyStoreError, tag: string, field: string | undefined) => {
  assert.strictEqual(error.reason._tag, tag)
  assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : undefined, field)
  const text = inspect(error, { depth: Infinity, showHidden: true })
  for (const echo of ["echo-of-the-input", secret, unknownId]) assert.notInclude(text, echo)
}

const fails = (name: string, run: Run<unknown>, tag: string, field?: string) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      assertFailure(yield* toTheEnd(Effect.flip(run(yield* storeOf(name)))), tag, field)
    })
  )

const rejects = (name: string, tag: string) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      assertFailure(yield* Effect.flip(listed(yield* storeOf("list.ok", name))), tag, undefined)
    })
  )

const create = (store: Store) =>
  Effect.map(store.create({ name: "nightly-sync" }), ({ key, secret }) => ({ key, secret: Redacted.value(secret) }))
const list: Run<ReadonlyArray<unknown>> = (store) => Effect.map(listed(store), (keys) => keys.map(plain))
const usage = (store: Store) => store.usage(ref(unknownId))
const revoke = (store: Store) => Effect.map(store.revoke(ref(unknownId)), ({ id }) => String(id))

const { id } = ref(unknownId)
const bare = { id, scopes: [], status: "active" as const, tags: {}, provider: {} }
const full = {
  ...bare,
  name: "nightly-sync",
  createdAt: "2025-01-06T10:15:30.123Z",
  lastUsedAt: "2025-01-07T08:00:00.000Z",
  hint: "0000",
  provider: { occam: { created: "2025-01-06T10:15:30.123456+00:00", lastUsed: "2025-01-07T08:00:00+00:00" } }
}

describe("a token", () => {
  accepts("token.key")
  accepts("token.password")
  accepts("token.sparse")
  accepts("token.nulls")
  accepts("token.unknownFields")
  rejects("token.badPassword", "Unauthenticated")
  rejects("token.noKey", "InvalidRequest")
})

describe("create", () => {
  const issued = { key: { ...bare, name: "nightly-sync" }, secret }
  reads("create.ok", create, issued)
  reads("create.unknownFields", create, issued)
  fails("create.noSecret", create, "OutcomeUnknown")
  fails("create.invalidName", create, "InvalidRequest")
})

describe("list", () => {
  reads("list.ok", list, [full])
  reads("list.empty", list, [])
  reads("list.sparse", list, [{ ...bare, provider: { occam: {} } }])
  reads("list.nulls", list, [{ ...bare, provider: { occam: {} } }])
  reads("list.unknownFields", list, [full])
  const { createdAt: _createdAt, lastUsedAt: _lastUsedAt, ...untimed } = full
  const odd = { created: 1736158530, lastUsed: { at: "yesterday" } }
  reads("list.oddTimes", list, [{ ...untimed, provider: { occam: odd } }])
  fails("list.object", list, "InvalidResponse")

  it.effect("list.masks", () =>
    Effect.gen(function* () {
      const keys = yield* listed(yield* storeOf("list.masks"))
      const none = Array.from({ length: 9 }, () => undefined)
      assert.deepStrictEqual(
        keys.map(({ hint }) => hint),
        ["0000", "ab12", ...none]
      )
      assert.notInclude(inspect(keys, { depth: Infinity, showHidden: true }), secret)
    })
  )

  it.effect("list.times", () =>
    Effect.gen(function* () {
      const keys = yield* listed(yield* storeOf("list.times"))
      assert.deepStrictEqual(
        keys.map(({ createdAt, lastUsedAt }) => [iso(createdAt), iso(lastUsedAt)]),
        [
          ["2025-01-06T10:15:30.123Z", "2025-01-07T08:00:00.000Z"],
          ["2025-01-06T10:15:30.000Z", "2025-01-07T08:00:00.500Z"],
          ["2025-01-06T15:15:30.000Z", "2025-01-06T15:15:31.000Z"],
          ["2025-01-06T04:45:30.000Z", undefined],
          ["2025-01-06T04:45:30.000Z", undefined],
          [undefined, undefined],
          [undefined, undefined],
          ["2025-01-06T10:15:30.000Z", undefined],
          [undefined, undefined]
        ]
      )
      assert.deepStrictEqual(
        keys.map(({ name, provider }) => provider["occam"]?.["created"] === name),
        keys.map(() => true)
      )
    })
  )
})

describe("usage", () => {
  const five = { completedRequests: 120, successfulRequests: 117, failedRequests: 3, requestsPerDay: 17.14 }
  const report = { id, precision: "approximate" as const, provider: {} }
  const share = (quotaUsed: number) => ({ quotaUsed, quotaScale: "unknown" as const })
  reads("usage.ok", usage, { ...report, ...five, ...share(2.4) })
  reads("usage.integers", usage, { ...report, ...five, requestsPerDay: 17, ...share(2) })
  reads("usage.floats", usage, { ...report, ...five, ...share(0.024) })
  const { completedRequests: _completed, ...four } = five
  reads("usage.overflow", usage, { ...report, ...four, successfulRequests: 9_007_199_254_740_992 })
  reads("usage.nulls", usage, report)
  reads("usage.empty", usage, report)
  const some = { completedRequests: 1, successfulRequests: 1, failedRequests: 0, requestsPerDay: 0 }
  reads("usage.unknownFields", usage, { ...report, ...some, ...share(0) })
})

describe("revoke", () => {
  reads("revoke.null", revoke, unknownId)
  reads("revoke.object", revoke, unknownId)
  reads("revoke.empty", revoke, unknownId)
  reads("revoke.noContent", revoke, unknownId)
})

describe("any call", () => {
  fails("error.unauthenticated", list, "Unauthenticated")
  fails("error.tokenInvalid", create, "Unauthenticated")
  fails("error.tokenExpired", usage, "Unauthenticated")
  fails("error.userRemoved", revoke, "Unauthenticated")
  fails("error.keyNotFound", usage, "NotFound")
  fails("error.notFound", list, "InvalidRequest", "baseUrl")
  fails("error.methodNotAllowed", create, "InvalidRequest", "baseUrl")
  fails("error.host", revoke, "InvalidRequest", "baseUrl")
  fails("error.internal", list, "Unavailable")
  fails("error.gateway", usage, "Unavailable")
  fails("error.rateLimited", create, "RateLimited")
})

it("every fixture is used", () => {
  assert.deepStrictEqual([...used].toSorted(), readdirSync(folder).toSorted())
})
