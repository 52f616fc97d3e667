import { assert, describe, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import { OperationId } from "@keyfold/core/OperationId"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { changeJournal, journaledStore, keyfold, localStore, openJournal } from "./Keyfold.ts"

const hour = Duration.hours(1)

const claim = Effect.fnUntraced(function* (
  folder: string,
  operationId: string,
  more: { readonly store?: string; readonly tenant?: string; readonly lasting?: Duration.Duration } = {}
) {
  const { lasting = hour, store = "local", ...rest } = more
  const journal = yield* openJournal(folder)
  const address = { store, ...rest, operationId: OperationId.make(operationId) }
  const answer = yield* journal.claim({ ...address, nonce: "nonce-01", spec: "", lasting })
  if (answer.kind !== "claimed") return assert.fail(`expected a claim, got ${answer.kind}`)
  return { journal, lease: answer.lease }
})

/** A folder whose journal holds one operation of every state, of two stores and a tenant. */
const everyState = Effect.tap(
  journaledStore,
  Effect.fnUntraced(function* (folder) {
    const key = { id: KeyId.make("key-1") }
    yield* claim(folder, "op-intended", { lasting: Duration.zero })
    const minted = yield* claim(folder, "op-minted", { tenant: "acme" })
    yield* minted.journal.minted(minted.lease, "nonce-01", key, hour)
    const delivered = yield* claim(folder, "op-delivered", { store: "gone" })
    yield* delivered.journal.delivered(delivered.lease, "nonce-01", key)
    const abandoned = yield* claim(folder, "op-abandoned")
    yield* abandoned.journal.abandon(abandoned.lease)
  })
)

const operationsOf = Effect.fnUntraced(function* (folder: string, ...more: ReadonlyArray<string>) {
  const { code, stderr, stdout } = yield* keyfold(["journal", "--json", ...more], { folder })
  assert.deepStrictEqual([code, stderr], [0, ""])
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line): string => JSON.parse(line).operationId)
})

describe("journal", () => {
  it.effect("lists every operation with its state, key and lease, as a table and as JSON", () =>
    Effect.gen(function* () {
      const folder = yield* everyState
      const { code, stderr, stdout } = yield* keyfold(["journal"], { folder })
      assert.deepStrictEqual([code, stderr], [0, ""])
      const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`
      assert.match(stdout, /^TIME +STORE +TENANT +OPERATION +STATE +KEY +LEASE$/m)
      assert.match(stdout, new RegExp(`^${time} +gone +op-delivered +delivered +key-1$`, "m"))
      assert.match(stdout, new RegExp(`^${time} +local +op-intended +intended +ran out ${time}$`, "m"))
      assert.match(stdout, new RegExp(`^${time} +local +acme +op-minted +minted +key-1 +until ${time}$`, "m"))
      assert.match(stdout, new RegExp(`^${time} +local +op-abandoned +abandoned$`, "m"))
      const json = yield* keyfold(["journal", "--json", "--operation", "op-minted"], { folder })
      const record = JSON.parse(json.stdout)
      assert.deepInclude(record, { store: "local", tenant: "acme", state: "minted", epoch: 1, key: { id: "key-1" } })
      assert.isAbove(Date.parse(record.leaseUntil), Date.parse(record.at))
    })
  )

  it.effect("narrows by store, tenant, state, operation, age and number", () =>
    Effect.gen(function* () {
      const folder = yield* everyState
      const all = ["op-delivered", "op-intended", "op-minted", "op-abandoned"]
      assert.deepStrictEqual(yield* operationsOf(folder), all)
      assert.deepStrictEqual(yield* operationsOf(folder, "--store", "gone"), ["op-delivered"])
      assert.deepStrictEqual(yield* operationsOf(folder, "--tenant", "acme"), ["op-minted"])
      const open = ["op-intended", "op-minted"]
      assert.deepStrictEqual(yield* operationsOf(folder, "--state", "minted", "--state", "intended"), open)
      assert.deepStrictEqual(yield* operationsOf(folder, "--operation", "op-abandoned"), ["op-abandoned"])
      assert.deepStrictEqual(yield* operationsOf(folder, "--limit", "2"), all.slice(0, 2))
      assert.deepStrictEqual(yield* operationsOf(folder, "--older-than", "1h"), [])
      yield* changeJournal(folder, "UPDATE keyfold_journal_operations SET at = 1000 WHERE operation_id = 'op-minted'")
      assert.deepStrictEqual(yield* operationsOf(folder, "--older-than", "1h"), ["op-minted"])
      for (const wrong of [
        ["--older-than", "soon"],
        ["--limit", "0"],
        ["--state", "lost"]
      ]) {
        assert.strictEqual((yield* keyfold(["journal", ...wrong], { folder })).code, 2)
      }
    })
  )

  it.effect("lists the entries of the chain, every step of every operation", () =>
    Effect.gen(function* () {
      const folder = yield* everyState
      const args = ["journal", "--entries", "--store", "gone"]
      const table = yield* keyfold(args, { folder })
      assert.match(table.stdout, /^TIME +STORE +ENTRY +OPERATION +STATE +SENDER +KEY +DIGEST$/m)
      assert.match(table.stdout, /gone +3 +op-delivered +delivered +1 +key-1 +\S+$/m)
      const json = yield* keyfold([...args, "--json"], { folder })
      const entries = json.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepStrictEqual(
        entries.map(({ sequence, state }) => [sequence, state]),
        [
          [1, "intended"],
          [2, "minted"],
          [3, "delivered"]
        ]
      )
      assert.strictEqual(entries[1].previous, entries[0].digest)
      assert.deepStrictEqual(yield* operationsOf(folder, "--entries", "--state", "abandoned"), ["op-abandoned"])
    })
  )

  it.effect("writes as it reads, and ends quietly where its reader leaves early", () =>
    Effect.gen(function* () {
      const folder = yield* everyState
      const { code, stderr, stdout } = yield* keyfold(["journal", "--json"], { folder, closeAfter: 1 })
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.strictEqual(JSON.parse(stdout).operationId, "op-delivered")
    })
  )

  it.effect("fits the terminal and says what had no room", () =>
    Effect.gen(function* () {
      const folder = yield* everyState
      const narrow = yield* keyfold(["journal"], { folder, terminal: { columns: 70 } })
      assert.isAtMost(Math.max(...narrow.stdout.split("\n").map(({ length }) => length)), 70)
      assert.include(narrow.stdout, "op-delivered")
      assert.match(narrow.stderr.replaceAll("\n", " "), /^4 operations in the journal\. No room for: .*lease/)
    })
  )

  it.effect("says that there is nothing, and without a journal how to configure one", () =>
    Effect.gen(function* () {
      const empty = yield* keyfold(["journal"], { folder: yield* journaledStore })
      assert.deepStrictEqual(empty, { code: 0, stdout: "", stderr: "No operations in the journal.\n" })
      const folder = yield* localStore
      for (const args of [["journal"], ["journal", "verify"], ["sweep"]]) {
        const { code, stderr, stdout } = yield* keyfold(args, { folder })
        assert.deepStrictEqual([code, stdout], [2, ""])
        assert.match(stderr, /names no journal\. Write journal: \{ url: "sqlite:keyfold-journal\.db", secret: /)
      }
    })
  )

  it.effect("needs no store: what is wrong in stores is only remarked on", () =>
    Effect.gen(function* () {
      const folder = yield* everyState
      const path = join(folder, "keyfold.yaml")
      writeFileSync(path, readFileSync(path, "utf8").replace("adapter: sql", "adapter: sqll"))
      const { code, stderr, stdout } = yield* keyfold(["journal", "--json"], { folder })
      assert.strictEqual(code, 0)
      assert.lengthOf(stdout.trim().split("\n"), 4)
      assert.strictEqual(JSON.parse(stderr).warning.path, "stores.local.adapter")
    })
  )
})

describe("a journal that cannot be opened", () => {
  it.effect("keeps nobody from finding and revoking a key, but from making one", () =>
    Effect.gen(function* () {
      const folder = yield* journaledStore
      const created = yield* keyfold(["create", "--json"], { folder })
      const { key }: { readonly key: { readonly id: string } } = JSON.parse(created.stdout)
      rmSync(join(folder, "data", "journal.db"))
      mkdirSync(join(folder, "data", "journal.db"))
      const codes = yield* Effect.forEach([["list"], ["get", key.id], ["revoke", key.id], ["create"]], (args) =>
        Effect.map(keyfold(args, { folder }), ({ code }) => code)
      )
      assert.deepStrictEqual(codes, [0, 0, 0, 2])
    }).pipe(Effect.scoped)
  )
})

describe("journal verify", () => {
  it.effect("prints the head of every intact chain, configured stores without entries included", () =>
    Effect.gen(function* () {
      const folder = yield* journaledStore
      const none = yield* keyfold(["journal", "verify"], { folder })
      assert.deepStrictEqual(none, { code: 0, stdout: "local: intact, no entries\n", stderr: "" })
      yield* keyfold(["create"], { folder })
      yield* claim(folder, "op-elsewhere", { store: "gone" })
      const { code, stdout } = yield* keyfold(["journal", "verify"], { folder })
      assert.strictEqual(code, 0)
      assert.match(stdout, /^gone: intact, 1 entry, head \S+\nlocal: intact, 3 entries, head \S+\n$/)
      const json = yield* keyfold(["journal", "verify", "--store", "local", "--json"], { folder })
      const head = /local: .* head (\S+)/.exec(stdout)?.[1]
      assert.deepStrictEqual(JSON.parse(json.stdout), { intact: true, store: "local", entries: 3, head })
    })
  )

  it.effect("finds a row that was changed by hand, and tells which", () =>
    Effect.gen(function* () {
      const folder = yield* everyState
      yield* changeJournal(
        folder,
        "UPDATE keyfold_journal_entries SET key_id = 'key-2' WHERE store = 'gone' AND sequence = 2"
      )
      const { code, stderr, stdout } = yield* keyfold(["journal", "verify"], { folder })
      assert.deepStrictEqual([code, stderr], [1, ""])
      assert.match(
        stdout,
        /^gone: broken at entry 2: it was changed after it was written.*\nlocal: intact, 5 entries, /
      )
      const json = yield* keyfold(["journal", "verify", "--json", "--store", "gone"], { folder })
      assert.strictEqual(json.code, 1)
      assert.deepInclude(JSON.parse(json.stdout), { intact: false, store: "gone", sequence: 2 })
    })
  )

  it.effect("notices with a head kept elsewhere that the end was cut off, and that a store's rows are all gone", () =>
    Effect.gen(function* () {
      const folder = yield* journaledStore
      yield* keyfold(["create", "--operation-id", "a"], { folder })
      const first = yield* keyfold(["journal", "verify", "--json"], { folder })
      const { head } = JSON.parse(first.stdout)
      yield* keyfold(["create", "--operation-id", "b"], { folder })
      const args = ["journal", "verify", "--store", "local", "--head"]
      assert.strictEqual((yield* keyfold([...args, head], { folder })).code, 0)
      for (const table of ["entries", "operations", "heads"]) {
        yield* changeJournal(folder, `DELETE FROM keyfold_journal_${table}`)
      }
      assert.strictEqual((yield* keyfold(["journal", "verify"], { folder })).code, 0)
      const cut = yield* keyfold([...args, head], { folder })
      assert.strictEqual(cut.code, 1)
      assert.include(cut.stdout, "the entry with the digest that was kept is gone")
      const nameless = yield* keyfold(["journal", "verify", "--head", head], { folder })
      assert.strictEqual(nameless.code, 2)
      assert.include(nameless.stderr, "name it with --store")
    })
  )

  it.effect("finds every entry changed where the secret is another", () =>
    Effect.gen(function* () {
      const folder = yield* everyState
      writeFileSync(join(folder, "secrets", "journal"), "another secret, which is long enough as well")
      const { code, stdout } = yield* keyfold(["journal", "verify"], { folder })
      assert.strictEqual(code, 1)
      assert.match(stdout, /^gone: broken at entry 1: .*the journal's secret is another\nlocal: broken at entry 1: /)
    })
  )
})
