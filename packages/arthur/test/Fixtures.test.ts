/** Answers written from the wire page by hand, independent of the emulator, read through the adapter. */
import { assert, describe, it } from "@effect/vitest"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { readdirSync, readFileSync } from "node:fs"
import { baseUrl, keyId, listed, otherId, ref, start, storeOver, toTheEnd, wholeText, type Store } from "./Engine.ts"

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
  const text = fixture.text ?? ("body" in fixture ? JSON.stringify(fixture.body) : null)
  const headers = fixture.contentType === undefined ? {} : { "content-type": fixture.contentType }
  return () =>
    Promise.resolve(
      new Response(text === null ? null : new TextEncoder().encode(text), { status: fixture.status, headers })
    )
}

const over = (name: string) =>
  Effect.andThen(TestClock.setTime(start), storeOver(serving(name), { apiKey: Redacted.make("credential"), baseUrl }))

const reads = <A>(name: string, run: (store: Store) => Effect.Effect<A, KeyStoreError>, expected: unknown) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      assert.deepEqual(yield* run(yield* over(name)), expected as A)
    })
  )

const fails = (
  name: string,
  run: (store: Store) => Effect.Effect<unknown, KeyStoreError>,
  tag: string,
  field?: string
) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      const error = yield* toTheEnd(Effect.flatMap(over(name), (store) => Effect.flip(run(store))))
      assert.strictEqual(error.reason._tag, tag)
      assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : undefined, field)
      assert.notInclude(wholeText(error), "echoed")
    })
  )

const create = (store: Store) =>
  Effect.map(store.create({}), ({ key, secret }) => ({ key, secret: Redacted.value(secret) }))
const get = (store: Store) => store.get(ref(keyId))
const list = (store: Store) => listed(store)
const revoke = (store: Store) => Effect.map(store.revoke(ref(keyId)), ({ id }) => String(id))

const secret =
  "M2YwYzlhNTItNmQxZS00YjdhLTljMzUtMWYyZThkN2E2YjkwOkVYQU1QTEVleGFtcGxlRVhBTVBMRWV4YW1wbGVFWEFNUExFZXhhbXBsZTA="
const createdAt = "2026-03-14T09:26:53.589793"
const bare = { id: keyId, scopes: [], status: "active", tags: {}, provider: { arthur: {} } }
const full = { ...bare, name: "billing worker", scopes: ["VALIDATION-USER"], provider: { arthur: { createdAt } } }

describe("create", () => {
  reads("create.ok", create, { key: full, secret })
  reads("create.sparse", create, { key: bare, secret })
  reads("create.nulls", create, { key: bare, secret })
  reads("create.unknownFields", create, { key: { ...full, scopes: ["VALIDATION-USER", "ROLE-OF-2031"] }, secret })
  reads("create.bareToken", create, { key: full, secret: "EXAMPLE_random-EXAMPLE_random-EXAMPLE_rando" })
  fails("create.noSecret", create, "OutcomeUnknown")
  fails("create.emptySecret", create, "OutcomeUnknown")
  fails("create.quota", create, "QuotaExceeded")
  fails("create.tenantUser", create, "InvalidRequest", "scopes")
  fails("create.validation", create, "InvalidRequest")
  fails("create.validationOld", create, "InvalidRequest")
  fails("create.validationDocumented", create, "InvalidRequest")
})

describe("list", () => {
  reads("list.ok", list, [full, { ...bare, id: otherId, provider: { arthur: { createdAt } } }])
  reads("list.empty", list, [])
  // The second key is inactive, which the server's list never is; it is dropped here.
  reads("list.odd", list, [{ ...bare, provider: { arthur: { createdAt: 1_700_000_000 } } }])
  fails("list.object", list, "InvalidResponse")
})

describe("get", () => {
  reads("get.ok", get, full)
  reads("get.deactivated", get, {
    ...full,
    status: "revoked",
    provider: { arthur: { createdAt, deactivatedAt: "2026-03-15T11:02:07.114209" } }
  })
  reads("get.wholeSecond", get, { ...full, provider: { arthur: { createdAt: "2026-03-08T02:30:00" } } })
  fails("get.null", get, "InvalidResponse")
  fails("get.noId", get, "InvalidResponse")
  fails("get.unknown", get, "NotFound")
  fails("get.routed", get, "InvalidRequest", "baseUrl")
  fails("get.badId", get, "InvalidRequest")
})

describe("revoke", () => {
  for (const name of ["revoke.noContent", "revoke.object", "revoke.empty"]) reads(name, revoke, keyId)
  fails("revoke.unknown", revoke, "NotFound")
  fails("revoke.routed", revoke, "InvalidRequest", "baseUrl")
})

describe("any call", () => {
  fails("error.missing", list, "Unauthenticated")
  fails("error.badCredentials", create, "Unauthenticated")
  fails("error.unauthorized", revoke, "Unauthenticated")
  fails("error.forbidden", create, "PermissionDenied")
  fails("error.unverifiable", get, "Unauthenticated")
  fails("error.internal", get, "Unavailable")
  fails("error.leaking", list, "Unavailable")
  fails("error.gateway", revoke, "Unavailable")
  fails("error.rateLimited", create, "RateLimited")
  fails("error.redirect", create, "InvalidRequest", "baseUrl")
})

it("every fixture is used", () => {
  assert.deepStrictEqual([...used].toSorted(), readdirSync(folder).toSorted())
})

it.effect("the wire page's own example secret identifies its key", () =>
  Effect.gen(function* () {
    const store = yield* over("list.empty")
    assert.deepStrictEqual(store.identify(Redacted.make(secret)), Option.some(ref(keyId)))
  })
)
