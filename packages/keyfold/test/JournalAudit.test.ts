import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { keyfold, keyfoldUntil } from "./Keyfold.ts"
import { ask, firstKey, gatewayFolder } from "./Served.ts"

const stores = [
  `stores: { local: { adapter: sql, url: "sqlite:data/keyfold.db", pepper: { file: ./secrets/pepper } } }`,
  "tenants: { acme: local, globex: local }"
]

interface Line {
  readonly sequence: number
  readonly at: string
  readonly actor: string
  readonly tenant: string
  readonly operation: string
  readonly outcome: string
  readonly key?: string
  readonly requestId: string
}

/** A gateway through which a key of acme and one of globex were made, and the first revoked. */
const used = Effect.gen(function* () {
  const folder = yield* gatewayFolder(stores)
  const key = yield* firstKey(folder)
  const { url } = JSON.parse(yield* keyfoldUntil(["serve", "--json"], "\n", { folder })) as { url: string }
  const call = (path: string, more: Parameters<typeof ask>[1]) =>
    Effect.promise(() => ask(`${url}/v1/tenants/${path}`, { key, ...more }))
  const reason = { "x-keyfold-reason": "spring cleaning" }
  const made = yield* call("acme/keys", { body: { name: "a" }, headers: reason })
  yield* call("globex/keys", { body: { name: "b" } })
  const { key: made1 } = JSON.parse(made?.text ?? "") as { key: { id: string } }
  yield* call(`acme/keys/${made1.id}`, { method: "DELETE" })
  const audit = (...args: ReadonlyArray<string>) => keyfold(["journal", "audit", ...args], { folder })
  const lines = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
    const { code, stderr, stdout } = yield* audit(...args, "--json")
    assert.deepStrictEqual([code, stderr], [0, ""])
    return stdout.split("\n").flatMap((line): ReadonlyArray<Line> => (line === "" ? [] : [JSON.parse(line) as Line]))
  })
  const change = (statement: string) =>
    Effect.sync(() => {
      const database = new DatabaseSync(join(folder, "data/gateway.db"))
      database.exec(statement)
      database.close()
    })
  return { audit, change, folder, id: made1.id, lines, secret: key }
})

describe("keyfold journal audit", () => {
  it.live("lists who changed what through the gateway, narrowed by what was asked for", () =>
    Effect.gen(function* () {
      const { audit, change, id, lines, secret } = yield* used
      const all = yield* lines()
      assert.deepStrictEqual(
        all.map(({ operation, outcome, tenant }) => `${tenant} ${operation} ${outcome}`),
        [
          "acme create begun",
          "acme create done",
          "globex create begun",
          "globex create done",
          "acme revoke begun",
          "acme revoke done"
        ]
      )
      const count = (...args: ReadonlyArray<string>) => Effect.map(lines(...args), ({ length }) => length)
      assert.strictEqual(yield* count("--tenant", "globex"), 2)
      assert.strictEqual(yield* count("--operation", "revoke", "--outcome", "done"), 1)
      assert.strictEqual(yield* count("--key", id), 3)
      assert.strictEqual(yield* count("--actor", all[0]?.actor ?? ""), 6)
      assert.strictEqual(yield* count("--actor", "key:nobody"), 0)
      assert.strictEqual(yield* count("--request", all[0]?.requestId ?? ""), 2)
      assert.strictEqual(yield* count("--since", "1h"), 6)
      assert.strictEqual(yield* count("--since", "2999-01-01"), 0)
      assert.strictEqual(yield* count("--limit", "2"), 2)
      assert.strictEqual(yield* count("--unfinished"), 0)
      yield* change("DELETE FROM keyfold_gateway_audit WHERE sequence = 6")
      assert.deepStrictEqual(
        (yield* lines("--unfinished")).map(({ key, sequence }) => [sequence, key]),
        [[5, id]]
      )
      const { stdout } = yield* audit("--limit", "1")
      assert.match(stdout, /^TIME .*ACTOR .*OUTCOME .*REASON/)
      assert.match(stdout, /acme +key:\w+ +create +begun +spring cleaning/)
      assert.notInclude(stdout, secret)
    }).pipe(Effect.scoped)
  )

  it.live("verify tells by its exit code whether anything was changed or cut off", () =>
    Effect.gen(function* () {
      const { audit, change } = yield* used
      const whole = yield* audit("verify", "--json")
      const { head } = JSON.parse(whole.stdout) as { head: string }
      assert.deepStrictEqual([whole.code, whole.stdout], [0, `${JSON.stringify({ intact: true, entries: 6, head })}\n`])
      assert.strictEqual((yield* audit("verify")).stdout, `audit: intact, 6 entries, head ${head}\n`)
      yield* change("DELETE FROM keyfold_gateway_audit WHERE sequence = 6")
      assert.strictEqual((yield* audit("verify")).code, 0)
      const cut = yield* audit("verify", "--head", head)
      assert.deepStrictEqual([cut.code, cut.stdout.slice(0, 24)], [1, "audit: broken at entry 6"])
      yield* change("UPDATE keyfold_gateway_audit SET actor = 'key:somebody' WHERE sequence = 3")
      const changed = yield* audit("verify", "--json")
      const { intact, sequence } = JSON.parse(changed.stdout) as { intact: boolean; sequence: number }
      assert.deepStrictEqual([changed.code, intact, sequence], [1, false, 3])
    }).pipe(Effect.scoped)
  )

  it.live("says what it cannot take, and what it cannot read", () =>
    Effect.gen(function* () {
      const { audit, change } = yield* used
      assert.strictEqual((yield* audit("--store", "local")).code, 2)
      assert.strictEqual((yield* audit("--limit", "0")).code, 2)
      const since = yield* audit("--since", "yesterday")
      assert.strictEqual(since.code, 2)
      assert.include(since.stderr, "--since takes a time with its zone")
      yield* change("DROP TABLE keyfold_gateway_audit")
      const unread = yield* audit()
      assert.strictEqual(unread.code, 1)
      assert.include(unread.stderr, "the audit cannot be used: its database failed.")
    }).pipe(Effect.scoped)
  )
})
