/** `keyfold revoke --where`, against an emulated Arthur on a socket and stores of one's own. */
import { assert, describe, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as Sql from "@keyfold/sql/Sql"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { run } from "keyfold/Cli"
import { Shell } from "keyfold/Shell"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { guardedFolder, keyfold, localStore, makeShell, pepper, type Setting } from "./Keyfold.ts"

const where = 'name ~ "ci-*"'

const words = (command: string): ReadonlyArray<string> =>
  Array.from(command.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, bare]) => quoted ?? bare ?? "").slice(1)

const lines = (text: string): ReadonlyArray<Record<string, unknown>> =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Record<string, unknown> => JSON.parse(line))

/** An Arthur with so many keys of a pipeline, and one of somebody else. */
const many = Effect.fnUntraced(function* (count: number) {
  const guarded = yield* guardedFolder
  const { emulator, environment, folder } = guarded
  const description = (index: number) => `ci-${String(index + 1).padStart(3, "0")}`
  emulator.seed(...Array.from({ length: count }, (_, index) => ({ description: description(index) })))
  emulator.seed({ description: "production" })
  const setting: Setting = { folder, environment }
  const plan = Effect.gen(function* () {
    const { code, stderr, stdout } = yield* keyfold(["revoke", "--where", where, "--dry-run", "--json"], setting)
    assert.strictEqual(code, 0, stderr)
    const planned = lines(stdout).at(-1) ?? {}
    return { digest: String(planned["digest"]), command: String(planned["command"]) }
  })
  const live = () => emulator.keys().flatMap(({ label, revoked }) => (revoked ? [] : [label]))
  return { ...guarded, setting, plan, live }
})

describe("revoke --where", () => {
  it.live("shows the keys first, then revokes those with the command it showed", () =>
    Effect.gen(function* () {
      const { emulator, live, setting } = yield* many(3)
      const look = yield* keyfold(["revoke", "--where", "name~'ci-*'", "--dry-run"], setting)
      assert.strictEqual(look.code, 0, look.stderr)
      assert.match(look.stdout, /^STORE +ID +NAME\n(guard +[0-9a-f-]{36} +ci-00\d\n){3}\n/)
      const [, digest = "", command = ""] =
        /3 of 4 keys match: name ~ "ci-\*"\nDigest: ([0-9a-f]{64})\nTo revoke them: (.*)\n$/.exec(look.stdout) ?? []
      assert.strictEqual(command, `keyfold revoke --where 'name ~ "ci-*"' --digest ${digest}`)
      assert.strictEqual(emulator.requests.count("revoke"), 0)
      const ran = yield* keyfold(words(command), setting)
      assert.deepStrictEqual(ran, { code: 0, stdout: "Revoked 3 of 3 keys.\n", stderr: "" })
      assert.deepStrictEqual(live(), ["production"])
      const again = yield* keyfold(words(command), setting)
      assert.deepStrictEqual(again, ran)
      assert.strictEqual(emulator.requests.count("revoke"), 3)
      const none = yield* keyfold(["revoke", "--where", where, "--dry-run"], setting)
      assert.deepStrictEqual(none, { code: 0, stdout: `None of 1 key matches: ${where}\n`, stderr: "" })
    })
  )

  it.live("tells programs of each key and of the end", () =>
    Effect.gen(function* () {
      const { plan, setting } = yield* many(2)
      const look = yield* keyfold(["revoke", "--where", where, "--dry-run", "--json"], setting)
      const names = lines(look.stdout).map(({ event, name }) => `${String(event)} ${String(name)}`)
      assert.deepStrictEqual(names.toSorted(), ["key ci-001", "key ci-002", "plan undefined"])
      const { digest } = yield* plan
      const { code, stdout } = yield* keyfold(["revoke", "--where", where, "--digest", digest, "--json"], setting)
      assert.strictEqual(code, 0)
      const [started, ...settled] = lines(stdout)
      assert.deepStrictEqual(started, { event: "started", digest, planned: 2, done: 0, added: 0 })
      assert.deepStrictEqual(
        settled.map(({ event, kind }) => [event, kind]),
        [
          ["settled", "revoked"],
          ["settled", "revoked"],
          ["finished", undefined]
        ]
      )
      assert.deepInclude(settled.at(-1), { planned: 2, revoked: 2, failed: [], complete: true })
    })
  )

  it.live("refuses a set that has grown, unless what was added is left alone", () =>
    Effect.gen(function* () {
      const { emulator, live, plan, setting } = yield* many(2)
      const { digest } = yield* plan
      emulator.seed({ description: "ci-new" })
      const grown = yield* keyfold(["revoke", "--where", where, "--digest", digest], setting)
      assert.strictEqual(grown.code, 1)
      assert.match(
        grown.stderr,
        /^keyfold: a key matches that the plan does not have: \S+ \(guard\)\. Nothing was revoked/
      )
      assert.include(grown.stderr, `keyfold revoke --where '${where}' --dry-run`)
      assert.strictEqual(live().length, 4)
      const ran = yield* keyfold(["revoke", "--where", where, "--digest", digest, "--leave-added"], setting)
      assert.strictEqual(ran.code, 0)
      assert.strictEqual(ran.stderr, "1 key matches since the plan and is left alone.\n")
      assert.deepStrictEqual(live(), ["production", "ci-new"])
    })
  )

  it.live("ends with 1 where keys could not be revoked, names them, and does the rest when run again", () =>
    Effect.gen(function* () {
      const { emulator, live, plan, setting } = yield* many(3)
      const { command } = yield* plan
      emulator.failNext({ status: 403, body: "{}" }, { operation: "revoke" })
      const first = yield* keyfold(words(command), setting)
      assert.strictEqual(first.code, 1)
      assert.match(first.stdout, /^STORE +ID +PROBLEM\nguard +[0-9a-f-]{36} +PermissionDenied: .* \(1 attempt\)\n\n/)
      assert.match(first.stdout, /Revoked 2 of 3 keys\. 1 could not be revoked\.\n$/)
      assert.strictEqual(first.stderr, `Try the rest again with: ${command}\n`)
      const second = yield* keyfold(words(command), setting)
      assert.deepInclude(second, { code: 0, stdout: "Revoked 3 of 3 keys.\n" })
      assert.deepStrictEqual(live(), ["production"])
      assert.strictEqual(emulator.requests.count("revoke"), 4)
    })
  )

  it.live("finishes the calls in flight on Ctrl-C, says how to go on, and revokes no key twice", () =>
    Effect.gen(function* () {
      const { emulator, live, plan, setting } = yield* many(20)
      const { command } = yield* plan
      emulator.delayNext(50, { operation: "revoke", count: 20 })
      const { shell, stderr, stdout } = makeShell({ ...setting, terminal: { columns: 60 } })
      const running = yield* Effect.forkChild(
        Effect.provideService(run([...words(command), "--concurrency", "2"]), Shell, shell)
      )
      while (emulator.requests.count("revoke") < 6) yield* Effect.sleep("5 millis")
      yield* Fiber.interrupt(running)
      const sent = emulator.requests.count("revoke")
      assert.isBelow(sent, 20)
      assert.strictEqual(live().length, 21 - sent, "what was sent was finished")
      assert.match(stderr(), /\[#*\.*\] \d+ of 20 keys/)
      const told = stderr().replaceAll(/\s+/g, " ")
      assert.include(told, `Go on with: ${command} --concurrency 2`)
      assert.strictEqual(stdout(), "")
      const second = yield* keyfold(words(command), setting)
      assert.deepInclude(second, { code: 0, stdout: "Revoked 20 of 20 keys.\n" })
      assert.strictEqual(emulator.requests.count("revoke"), 20)
      assert.deepStrictEqual(live(), ["production"])
    })
  )

  it.live("keeps plans in a folder that only its owner reads and no version control picks up", () =>
    Effect.gen(function* () {
      const { plan, setting } = yield* many(1)
      const { digest } = yield* plan
      const kept = join(setting.folder ?? "", ".keyfold")
      assert.strictEqual(statSync(kept).mode & 0o777, 0o700)
      assert.strictEqual(readFileSync(join(kept, ".gitignore"), "utf8"), "*\n")
      const elsewhere = ["revoke", "--where", where, "--digest", digest, "--progress", "elsewhere.db"]
      assert.deepInclude(yield* keyfold(elsewhere, setting), { code: 0, stdout: "Revoked 1 of 1 key.\n" })
      assert.isTrue(existsSync(join(setting.folder ?? "", "elsewhere.db")))
      const file = readFileSync(join(kept, "revocations.db"))
      assert.isFalse(file.includes(setting.environment?.["ARTHUR_API_KEY"] ?? "?"))
    })
  )

  it.live("tells what a selector's store cannot know, and refuses more keys than the limit", () =>
    Effect.gen(function* () {
      const { setting } = yield* many(3)
      const look = yield* keyfold(
        ["revoke", "--where", `${where} and unusedFor > 1d or age > 1d`, "--dry-run"],
        setting
      )
      assert.strictEqual(look.code, 0)
      assert.include(look.stderr, "About 4 keys the selector says nothing, because the store does not know enough")
      assert.include(look.stderr, "Times of last use may lag or be sampled in guard")
      const limited = yield* keyfold(["revoke", "--where", where, "--dry-run", "--limit", "2"], setting)
      assert.deepStrictEqual(limited, {
        code: 1,
        stdout: "",
        stderr: "keyfold: more than 2 keys match, which is the limit. Narrow the selector, or raise --limit.\n"
      })
    })
  )
})

describe("mistakes of revoke --where", () => {
  const digest = "0".repeat(64)

  it.effect("in the selector are shown with a caret, and to programs with their place", () =>
    Effect.gen(function* () {
      const args = ["revoke", "--where", 'onwer == "ci"', "--dry-run"]
      const expected =
        'keyfold: the selector, at character 1: "onwer" is no field.\n' +
        '  onwer == "ci"\n' +
        "  ^^^^^\n" +
        "Did you mean owner?\n" +
        "Expected a field: id, name,"
      const ran = yield* keyfold(args)
      assert.strictEqual(ran.code, 2)
      assert.isTrue(ran.stderr.startsWith(expected), ran.stderr)
      const { error } = JSON.parse((yield* keyfold([...args, "--json"])).stderr)
      assert.deepInclude(error, { kind: "Selector", position: 0, length: 5, exitCode: 2 })
      assert.match(error.message, /^the selector, at character 1: "onwer" is no field\. Did you mean owner\?/)
    })
  )

  it.effect.each([
    [
      ["revoke", "--where", where],
      /^look at the keys first: .* Run: keyfold revoke --where 'name ~ "ci-\*"' --dry-run\.$/
    ],
    [["revoke", "--where", where, "--digest", digest, "--dry-run"], /exclude each other/],
    [["revoke", "--where", where, "--digest", "abc"], /--digest takes the 64 characters/],
    [["revoke", "--where", where, "--dry-run", "--all-stores", "--store", "a"], /exclude each other/],
    [["revoke", "--where", where, "--dry-run", "--limit", "0"], /--limit takes a number from 1 to 1,000,000/],
    [["revoke", "--where", where, "--dry-run", "--concurrency", "65"], /--concurrency takes a number from 1 to 64/],
    [["revoke", "--where", where, "--dry-run", "some-id"], /--where takes no id/],
    [["revoke", "--where", where, "--dry-run", "--leaked"], /--where takes no id/],
    [["revoke", "--where", where, "--dry-run", "--confirm"], /--confirm is for one key/],
    [["revoke", "some-id", "--dry-run"], /--dry-run belongs to --where/],
    [["revoke", "some-id", "--digest", digest], /--digest belongs to --where/],
    [["revoke", "some-id", "--within", "5s"], /--within belongs to --confirm/],
    [["revoke", "some-id", "--recheck-after", "5s"], /--recheck-after belongs to --confirm/],
    [["revoke", "some-id", "--secret-from", "x"], /--secret-from belongs to --leaked or --confirm/]
  ] as const)("on the command line are told before anything is read: %j", ([args, expected]) =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* keyfold(args)
      assert.strictEqual(code, 2)
      assert.strictEqual(stdout, "")
      assert.match(stderr.replace(/^keyfold: /, "").trim(), expected)
    })
  )

  it.effect("in the digest are told: no such plan, and another selector's", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const unknown = yield* keyfold(["revoke", "--where", where, "--digest", digest], { folder })
      assert.strictEqual(unknown.code, 1)
      assert.match(unknown.stderr, /no plan with this digest is kept here/)
      const look = yield* keyfold(["revoke", "--where", where, "--dry-run", "--json"], { folder })
      const planned = String(lines(look.stdout)[0]?.["digest"])
      const other = yield* keyfold(["revoke", "--where", "age > 1d", "--digest", planned], { folder })
      assert.strictEqual(other.code, 2)
      assert.include(other.stderr, `the digest belongs to another selector: ${where}`)
    })
  )
})

describe("revoke --where in the stores of tenants", () => {
  it.live("tells tenants apart and revokes each key through its tenant's store, in all stores at once", () =>
    Effect.gen(function* () {
      const { emulator, environment, folder } = yield* guardedFolder
      const local = "local: { adapter: sql, url: 'sqlite:data/keyfold.db', pepper: { file: ./secrets/pepper } }"
      const path = join(folder, "keyfold.yaml")
      writeFileSync(
        path,
        `${readFileSync(path, "utf8").replace("stores:\n", `stores:\n  ${local}\n`)}tenants: { acme: local, globex: local }\n`
      )
      const driver = yield* Sql.make({
        url: `sqlite:${join(folder, "data", "keyfold.db")}`,
        pepper: Redacted.make(pepper)
      })
      for (const tenant of ["acme", "globex"]) {
        const store = yield* KeyStore.make(driver, { tenant })
        yield* store.create({ owner: "ci", name: "ci-a" })
        yield* store.create({ owner: "you", name: "mine" })
      }
      emulator.seed({ description: "ci-b" }, { description: "production" })
      const setting = { folder, environment }
      const one = yield* keyfold(
        ["revoke", "--where", 'tenant == "acme"', "--dry-run", "--store", "local", "--json"],
        setting
      )
      assert.strictEqual(one.code, 0, one.stderr)
      assert.deepStrictEqual(
        lines(one.stdout)
          .map(({ keys, name, tenant }) => `${String(tenant ?? keys)} ${String(name)}`)
          .toSorted(),
        ["2 undefined", "acme ci-a", "acme mine"]
      )
      const look = yield* keyfold(["revoke", "--where", where, "--dry-run", "--all-stores", "--json"], setting)
      assert.strictEqual(look.code, 0, look.stderr)
      const planned = lines(look.stdout)
      assert.deepStrictEqual(
        planned.map(({ store, tenant }) => [store, tenant]),
        [
          ["guard", undefined],
          ["local", "acme"],
          ["local", "globex"],
          [undefined, undefined]
        ]
      )
      const ran = yield* keyfold(words(String(planned.at(-1)?.["command"])), setting)
      assert.deepInclude(ran, { code: 0, stdout: "Revoked 3 of 3 keys.\n" })
      const left = yield* keyfold(
        ["revoke", "--where", "id is present", "--dry-run", "--all-stores", "--json"],
        setting
      )
      assert.deepStrictEqual(
        lines(left.stdout).map(({ name }) => name),
        ["production", "mine", "mine", undefined]
      )
    })
  )
})

describe("revoke --confirm", () => {
  const created = Effect.fnUntraced(function* (folder: string) {
    const { stdout } = yield* keyfold(["create", "--json"], { folder })
    const { key, secret }: { readonly key: { readonly id: string }; readonly secret: string } = JSON.parse(stdout)
    return { id: KeyId.make(key.id), secret }
  })

  it.live("shows the secret to the backend until it is refused", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { id, secret } = yield* created(folder)
      const ran = yield* keyfold(["revoke", id, "--confirm"], { folder, stdin: `${secret}\n` })
      assert.deepInclude(ran, { code: 0, stderr: "" })
      assert.match(ran.stdout, new RegExp(`^Revoked key ${id}, and saw its secret refused after [\\d.]+ s\\.\\n$`))
      const second = yield* created(folder)
      const leaked = yield* keyfold(["revoke", "--leaked", "--confirm", "--json"], { folder, stdin: second.secret })
      const { confirmed, probes, revocation } = JSON.parse(leaked.stdout)
      assert.deepStrictEqual([confirmed, probes, revocation.id], [true, 1, second.id])
      assert.notInclude(leaked.stdout + ran.stdout, secret)
    })
  )

  it.live("says so, and ends with 1, where the secret was not seen refused", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { id } = yield* created(folder)
      writeFileSync(join(folder, "odd.key"), "no secret of this store")
      const args = ["revoke", id, "--confirm", "--secret-from", "odd.key", "--within", "0s"]
      const ran = yield* keyfold(args, { folder })
      assert.strictEqual(ran.code, 1)
      assert.strictEqual(
        ran.stdout,
        `Revoked key ${id}, but did not see its secret refused: there was no answer about it.\n`
      )
      assert.match(ran.stderr, /^The backend says that it may be accepted for up to /)
    })
  )

  it.live("is refused before anything is revoked where the secret is another key's", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { id } = yield* created(folder)
      const other = yield* created(folder)
      const ran = yield* keyfold(["revoke", id, "--confirm"], { folder, stdin: other.secret })
      assert.strictEqual(ran.code, 2)
      assert.match(ran.stderr, /the secret belongs to another key; nothing was revoked/)
      const { stdout } = yield* keyfold(["get", id, "--json"], { folder })
      assert.strictEqual(JSON.parse(stdout).status, "active")
    })
  )

  it.live("is refused before anything is revoked where the backend cannot be asked about a secret", () =>
    Effect.gen(function* () {
      const { emulator, environment, folder } = yield* guardedFolder
      const [key] = emulator.seed({ description: "x" })
      const args = ["revoke", key?.id ?? "", "--confirm"]
      const ran = yield* keyfold(args, { folder, environment, stdin: "any" })
      assert.strictEqual(ran.code, 4)
      assert.match(ran.stderr, /cannot be asked about a secret, so it cannot be seen refused; nothing was revoked/)
      assert.strictEqual(emulator.requests.count("revoke"), 0)
    })
  )
})
