/** Two gateways as processes of their own that share one PostgreSQL. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Postgres from "../../sql/test/Postgres.ts"
import { keyfold } from "./Keyfold.ts"
import { ask, type Answered, firstKey, gatewayFolder, serve } from "./Served.ts"

const stores = (url: string): ReadonlyArray<string> => [
  `stores: { local: { adapter: sql, url: "${url}", pepper: { file: ./secrets/pepper } } }`,
  "tenants: { acme: local }"
]

const limits = "limits: { counted: database, caller: { requests: 60, within: 1 hour } }"

const together = Effect.fnUntraced(function* (url: string) {
  const folder = yield* gatewayFolder(stores(url), [limits], url)
  // Neither finds any table there: whoever comes first makes them.
  const [one, other] = yield* Effect.all([serve(folder), serve(folder)], { concurrency: 2 })
  const key = yield* firstKey(folder)
  return { folder, one: one.url, other: other.url, key }
})

const keysOf = (url: string) => `${url}/v1/tenants/acme/keys`

const statusOf = (answer: Answered | undefined) => answer?.status ?? 0

const idOf = (answer: Answered | undefined): string =>
  (JSON.parse(answer?.text ?? "{}") as { key?: { id: string } }).key?.id ?? ""

describe.runIf(Postgres.problem === undefined)("two gateways on one PostgreSQL", { timeout: 120_000 }, () => {
  const { database } = Postgres.usePostgres()

  it.live("share callers, keys, idempotency keys, limits and one audit", () =>
    Effect.gen(function* () {
      const { folder, key, one, other } = yield* together(yield* database)
      const call = (url: string, more: Parameters<typeof ask>[1] = {}) =>
        Effect.promise(() => ask(url, { key, ...more }))
      for (const round of ["a", "b", "c", "d", "e"]) {
        const body = { name: round }
        const headers = { "idempotency-key": round }
        const both = yield* Effect.all(
          [one, other].map((url) => call(keysOf(url), { body, headers })),
          { concurrency: 2 }
        )
        assert.sameMembers(both.map(statusOf), [201, 409], both.map((answer) => answer?.text).join())
        const later = yield* call(keysOf(other), { body, headers })
        assert.include(later?.text, `"existing":{"id":"${both.map(idOf).join("")}"`)
        const changed = yield* call(keysOf(one), { body: { name: `${round}2` }, headers })
        assert.strictEqual(statusOf(changed), 422)
      }
      const listed = yield* call(`${keysOf(one)}?limit=100`)
      const { keys } = JSON.parse(listed?.text ?? "") as { keys: ReadonlyArray<{ id: string; name: string }> }
      assert.deepStrictEqual(keys.map(({ name }) => name).toSorted(), ["a", "b", "c", "d", "e"])
      const id = keys[0]?.id ?? ""
      assert.strictEqual(statusOf(yield* call(`${keysOf(other)}/${id}`)), 200)
      assert.strictEqual(statusOf(yield* call(`${keysOf(other)}/${id}`, { method: "DELETE" })), 200)
      const seen = yield* call(`${keysOf(one)}/${id}`)
      assert.include(seen?.text, '"status":"revoked"')
      const verified = yield* keyfold(["journal", "audit", "verify", "--json"], { folder })
      const { entries, intact } = JSON.parse(verified.stdout) as { entries: number; intact: boolean }
      assert.deepStrictEqual([intact, entries], [true, 2 * (4 * 5 + 1)])
      const more = yield* Effect.all(
        Array.from({ length: 60 }, (_, index) => call(`${index % 2 === 0 ? one : other}/v1/tenants`)),
        { concurrency: 10 }
      )
      // So many of the 60 that the caller may send are left, whichever process counts them.
      assert.strictEqual(more.filter((answer) => statusOf(answer) === 200).length, 60 - (4 * 5 + 4))
      assert.strictEqual(more.filter((answer) => statusOf(answer) === 429).length, 4 * 5 + 4)
    }).pipe(Effect.scoped)
  )
})
