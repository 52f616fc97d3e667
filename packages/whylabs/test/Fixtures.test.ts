/** Answers written from the wire page by hand, independent of the emulator, read through the adapter. */
import { assert, describe, it } from "@effect/vitest"
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { DateTime } from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { readdirSync, readFileSync } from "node:fs"
import { inspect } from "node:util"
import { toTheEnd, baseUrl, listed, organization, owner, ref, start, storeOver, type Store } from "./Songbird.ts"

interface Fixture {
  readonly status: number
  readonly contentType?: string
  readonly body?: unknown
  readonly text?: string
}

const folder = new URL("fixtures/", import.meta.url)
const used = new Set<string>()

/** Answers every request with one fixture. */
const serving = (name: string): typeof globalThis.fetch => {
  used.add(`${name}.json`)
  const fixture: Fixture = JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"))
  const text = fixture.text ?? (fixture.body === undefined ? null : JSON.stringify(fixture.body))
  const headers = fixture.contentType === undefined ? {} : { "content-type": fixture.contentType }
  return () =>
    Promise.resolve(
      new Response(text === null ? null : new TextEncoder().encode(text), { status: fixture.status, headers })
    )
}

const apiKey = Redacted.make("credential")
const v0 = (name: string) =>
  Effect.andThen(
    TestClock.setTime(start),
    storeOver(serving(name), { apiKey, organization, baseUrl, defaults: { owner } })
  )
const v1 = (name: string) =>
  Effect.andThen(TestClock.setTime(start), storeOver(serving(name), { apiKey, dialect: "v1", baseUrl }))

const iso = (time: DateTime | undefined) =>
  time === undefined ? undefined : new Date(time.epochMilliseconds).toISOString()

/** A key with its times as text, so that a fixture and what it must become can be compared by eye. */
const plain = ({ createdAt, expiresAt, lastUsedAt, ...rest }: ApiKey) => ({
  ...rest,
  ...(createdAt === undefined ? {} : { createdAt: iso(createdAt) }),
  ...(expiresAt === undefined ? {} : { expiresAt: iso(expiresAt) }),
  ...(lastUsedAt === undefined ? {} : { lastUsedAt: iso(lastUsedAt) })
})

const bare = { scopes: [], status: "active", tags: {}, provider: { whylabs: {} } }
const full = {
  id: "FAKEkeyId0",
  name: "nightly-batch",
  owner: "user-123",
  scopes: [":user"],
  status: "active",
  createdAt: "2026-03-14T09:26:53.580Z",
  expiresAt: "2030-01-01T00:00:00.000Z",
  tags: {},
  provider: { whylabs: { organization } }
}
const other = {
  ...bare,
  id: "b2Vt90LqXa",
  owner: "user-456",
  createdAt: "2025-11-02T18:00:00.000Z",
  provider: { whylabs: { organization } }
}

const reads = <A>(
  name: string,
  run: (store: Store) => Effect.Effect<A, KeyStoreError>,
  expected: unknown,
  dialect = v0
) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      assert.deepEqual(yield* run(yield* dialect(name)), expected as A)
    })
  )

const fails = (
  name: string,
  run: (store: Store) => Effect.Effect<unknown, KeyStoreError>,
  tag: string,
  field?: string,
  dialect = v0
) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      const error = yield* toTheEnd(Effect.flip(run(yield* dialect(name))))
      assert.strictEqual(error.reason._tag, tag)
      if (field !== undefined) {
        assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : undefined, field)
      }
      const text = inspect(error, { depth: Infinity, showHidden: true })
      for (const echo of ["28b6d7a8", "0e1d2c3b", "alias=x", ":root"]) assert.notInclude(text, echo)
    })
  )

const create = (store: Store) =>
  Effect.map(store.create({}), ({ key, secret }) => ({ key: plain(key), secret: Redacted.value(secret) }))
const get = (store: Store) => Effect.map(store.get(ref("FAKEkeyId0")), plain)
const list = (store: Store) => Effect.map(listed(store), (keys) => keys.map(plain))
const revoke = (store: Store) => Effect.map(store.revoke(ref("FAKEkeyId0", "user-123")), ({ id }) => String(id))

const core = "FAKEkeyId0.EXAMPLEsecretNOTrealEXAMPLEsecretNOTrealEXAMPLE000001"
const secret = `${core}:${organization}`

describe("create", () => {
  reads("create.ok", create, { key: full, secret })
  reads("create.sparse", create, { key: { ...bare, id: "FAKEkeyId0" }, secret: core })
  reads("create.nulls", create, { key: { ...bare, id: "FAKEkeyId0" }, secret })
  const { expiresAt: _expiresAt, name: _name, ...unnamed } = full
  reads("create.noAlias", create, { key: unnamed, secret })
  reads("create.unknownFields", create, {
    key: {
      ...full,
      scopes: [":user", ":scope_of_2031"],
      provider: { whylabs: { organization, resourceId: "model-1" } }
    },
    secret
  })
  fails("create.noSecret", create, "OutcomeUnknown")
  fails("create.quota", create, "QuotaExceeded")
  fails("create.invalidScope", create, "InvalidRequest", "scopes")
  fails("create.invalidExpiration", create, "InvalidRequest", "expiresAt")
  fails("create.unknownOrganization", create, "InvalidRequest", "organization")
  fails("create.readBackFailed", create, "OutcomeUnknown")
  fails("create.unpaid", create, "PermissionDenied", undefined, v1)
})

describe("list", () => {
  reads("list.ok", list, [{ ...full, lastUsedAt: "2026-03-15T02:00:01.004Z" }, other])
  reads("list.empty", list, [])
  reads(
    "list.byOwner",
    (store) => Effect.map(listed(store, { owner, status: ["active", "revoked"] }), (keys) => keys.map(plain)),
    [full, { ...full, id: "Zz00000000", status: "revoked" }]
  )
  reads("list.old", list, [
    { ...bare, id: "old0000001" },
    { ...bare, id: "old0000002" },
    { ...bare, id: "old0000003" },
    { ...bare, id: "new0000004", scopes: [":scope_of_2031"], provider: { whylabs: { resourceId: "model-1" } } }
  ])
  reads("list.times", (store) => Effect.map(listed(store), (keys) => keys.map(({ createdAt }) => iso(createdAt))), [
    "2020-01-01T00:00:00.000Z",
    "2020-01-01T00:00:00.100Z",
    "2020-01-01T00:00:00.120Z",
    "2020-01-01T00:00:00.123Z",
    "2020-01-01T00:00:00.000Z",
    "2020-01-01T00:00:00.500Z",
    "2020-01-01T00:00:00.250Z",
    "2026-03-08T02:30:00.000Z",
    "2026-11-01T01:30:00.000Z",
    "+010000-01-01T00:00:00.000Z"
  ])
  const { createdAt: _createdAt, owner: _owner, ...metadata } = full
  const { createdAt: _otherCreatedAt, owner: _otherOwner, ...otherMetadata } = other
  reads("list.v1", list, [metadata, otherMetadata], v1)
  fails("list.noItems", list, "InvalidResponse")
})

describe("get", () => {
  const { expiresAt: _expiresAt, ...unbounded } = full
  reads("get.ok", get, unbounded)
  fails("get.unknown", get, "NotFound")
  fails("get.null", get, "NotFound")
  fails("get.noKeyId", get, "InvalidResponse")
})

describe("revoke and validate", () => {
  reads("revoke.ok", revoke, "FAKEkeyId0")
  fails("revoke.notFound", revoke, "NotFound")
  reads("validate.ok", (store) => store.verify(Redacted.make(secret)), { valid: true }, v1)
  reads("validate.refused", (store) => store.verify(Redacted.make(secret)), { valid: false, reason: "refused" }, v1)
})

describe("any call", () => {
  fails("error.micronaut", list, "InvalidRequest")
  fails("error.conversion", create, "InvalidRequest")
  fails("error.unauthenticated", list, "Unauthenticated")
  fails("error.forbidden", create, "PermissionDenied")
  fails("error.location", revoke, "PermissionDenied")
  fails("error.unroutable", get, "InvalidRequest", "baseUrl")
  fails("error.rateLimited", create, "RateLimited")
  fails("error.internal", get, "Unavailable")
  fails("error.gateway", revoke, "Unavailable")
})

it("every fixture is used", () => {
  assert.deepStrictEqual([...used].toSorted(), readdirSync(folder).toSorted())
})

it.effect("the wire page's own example secret identifies its key", () =>
  Effect.gen(function* () {
    const store = yield* v0("list.empty")
    for (const text of [secret, core]) {
      assert.deepStrictEqual(store.identify(Redacted.make(text)), Option.some(ref("FAKEkeyId0")))
    }
  })
)
