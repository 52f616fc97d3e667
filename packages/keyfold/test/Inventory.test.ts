import { assert, describe, it } from "@effect/vitest"
import * as Arthur from "@keyfold/arthur/Arthur"
import type { IssuedKey } from "@keyfold/core/ApiKey"
import type { Driver } from "@keyfold/core/Driver"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as Sql from "@keyfold/sql/Sql"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { run } from "keyfold/Cli"
import { Shell } from "keyfold/Shell"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { keyfold, localStore, makeShell, pepper, servedArthur, type Setting } from "./Keyfold.ts"

const labelSecret = "a secret for marks, long enough to be accepted"

const awkward = '=HYPERLINK("http://x","a, b") | <b>*x*</b> \u001b[31m\u202e'

/** A store of one's own with the keys of two tenants and a stranger, an Arthur that two tenants share, and one that is down. */
const world = Effect.gen(function* () {
  const folder = yield* localStore
  const arthur = yield* servedArthur
  const environment = { ARTHUR_API_KEY: arthur.credential, LABELS: labelSecret }
  const setting: Setting = { folder, environment }
  const path = join(folder, "keyfold.yaml")
  const local = readFileSync(path, "utf8").split("\n")[1] ?? ""
  const remote = (url: string) =>
    `{ adapter: arthur, baseUrl: '${url}', apiKey: { env: ARTHUR_API_KEY }, labelSecret: { env: LABELS }, retry: { attempts: 1 } }`
  const write = (tenants: string, more: ReadonlyArray<string> = []) =>
    writeFileSync(
      path,
      ["default: local", "stores:", local, `  guard: ${remote(arthur.url)}`, ...more, `tenants: ${tenants}`, ""].join(
        "\n"
      )
    )
  write("{ acme: local, globex: local, initech: guard, umbrella: guard }")
  const down = `  down: ${remote("http://127.0.0.1:1")}`
  return { arthur, folder, setting, down, write }
})

interface Sarif {
  readonly $schema: string
  readonly version: string
  readonly runs: readonly [
    {
      readonly tool: { readonly driver: { readonly rules: ReadonlyArray<{ readonly id: string }> } }
      readonly results: ReadonlyArray<{
        readonly ruleId: string
        readonly ruleIndex: number
        readonly level: string
        readonly message: { readonly text: string }
        readonly locations: ReadonlyArray<{
          readonly physicalLocation: { readonly artifactLocation: { readonly uri: string } }
        }>
        readonly partialFingerprints: Readonly<Record<string, string>>
      }>
      readonly invocations: readonly [
        {
          readonly executionSuccessful: boolean
          readonly toolExecutionNotifications: ReadonlyArray<{
            readonly level: string
            readonly message: { readonly text: string }
          }>
        }
      ]
    }
  ]
}

const lines = (text: string): ReadonlyArray<Record<string, unknown>> =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Record<string, unknown> => JSON.parse(line))

/** Makes keys as two tenants' programs would: on Arthur by marks, on SQL in partitions. */
const populate = Effect.fnUntraced(function* ({ arthur, folder }: Effect.Success<typeof world>) {
  const guard = yield* Arthur.make({ baseUrl: arthur.url, apiKey: Redacted.make(arthur.credential) })
  const local = yield* Sql.make({ url: `sqlite:${join(folder, "data", "keyfold.db")}`, pepper: Redacted.make(pepper) })
  const open = (driver: Driver, tenant: string) =>
    KeyStore.make(driver, { tenant, labelSecret: Redacted.make(labelSecret) })
  const initech = yield* open(guard, "initech")
  const umbrella = yield* open(guard, "umbrella")
  const acme = yield* open(local, "acme")
  const gone = yield* open(local, "gone")
  const admin = yield* initech.create({ name: "admin", scopes: ["ORG-ADMIN"] })
  const odd = yield* umbrella.create({ name: awkward })
  const one = yield* acme.create({ name: "ci", owner: "ada", scopes: ["read"] })
  const two = yield* acme.create({ name: "ci", owner: "ada" })
  const lost = yield* gone.create({ name: "lost", owner: "bob" })
  yield* acme.revoke(two.key)
  return { admin, odd, one, two, lost }
})

const populated = Effect.tap(world, populate)

/** What only a mistake could let out. */
const assertNoSecrets = (
  text: string,
  arthur: { readonly credential: string },
  ...issued: ReadonlyArray<IssuedKey>
) => {
  for (const { secret } of issued) assert.notInclude(text, Redacted.value(secret))
  for (const secret of [arthur.credential, labelSecret, pepper]) assert.notInclude(text, secret)
}

const column = (rows: ReadonlyArray<Record<string, unknown>>, ...names: ReadonlyArray<string>) =>
  rows.map((row) => names.map((name) => row[name]))

const classesIn = (findings: unknown): ReadonlyArray<unknown> =>
  Array.isArray(findings) ? findings.map((finding: { readonly class: unknown }) => finding.class) : []

describe("inventory", () => {
  it.live("shows every key of every store with whose it is, and how complete each store is", () =>
    Effect.gen(function* () {
      const { setting } = yield* populated
      const { code, stderr, stdout } = yield* keyfold(["inventory"], setting)
      assert.strictEqual(code, 0, stderr)
      assert.match(stdout, /^STORE +TENANT +ID +NAME +STATUS +OWNER +CREATED +FINDINGS$/m)
      assert.match(stdout, /^guard +initech +\S+ +admin +active .*over-scoped/m)
      assert.match(stdout, /^local +acme +\S+ +ci +revoked +ada +\S+$/m)
      assert.match(stdout, /^local +\(gone\) +\S+ +lost +active +bob .*unassigned$/m)
      assert.match(stdout, /^local +sql +3 +1 unassigned +complete$/m)
      assert.match(stdout, /^guard +arthur +2 .* without revoked keys, which the backend does not list$/m)
      assert.include(stderr, "5 keys in 2 sources: 2 unused-unknown, 1 over-scoped, 1 unassigned.")
      assert.include(stderr, "guard, over-age: not judged for 2 keys; the backend does not say when they were created.")
      // oxlint-disable-next-line no-control-regex
      assert.notMatch(stdout, /[\u001b\u202e]/)
    })
  )

  it.live("as JSON lines holds each key with its findings, and each store with its completeness", () =>
    Effect.gen(function* () {
      const all = yield* world
      const { admin, lost, odd, one, two } = yield* populate(all)
      const { code, stderr, stdout } = yield* keyfold(["inventory", "--json"], all.setting)
      assert.deepStrictEqual([code, stderr], [0, ""])
      const rows = lines(stdout)
      const keys = rows.filter((row) => row["type"] === "key")
      assert.sameDeepMembers(column(keys, "store", "tenant", "unassigned", "partition"), [
        ["guard", "initech", undefined, undefined],
        ["guard", "umbrella", undefined, undefined],
        ["local", "acme", undefined, undefined],
        ["local", "acme", undefined, undefined],
        ["local", undefined, "unknownTenant", "gone"]
      ])
      const found = keys.find((row) => JSON.stringify(row["key"]).includes(odd.key.id))
      assert.deepInclude(found?.["key"], { name: awkward })
      assert.deepStrictEqual(found?.["findings"], [
        { class: "unused-unknown", evidence: "arthur does not say when keys are used" }
      ])
      const stores = rows.filter((row) => row["type"] === "store")
      assert.sameDeepMembers(column(stores, "store", "keys", "tenants"), [
        ["guard", 2, ["initech", "umbrella"]],
        ["local", 3, ["acme", "globex"]]
      ])
      const guard = stores.find((row) => row["store"] === "guard")
      assert.deepInclude(guard?.["completeness"], { kind: "states-missing", states: ["revoked"] })
      assert.deepInclude(guard?.["findings"], { "over-scoped": 1, "unused-unknown": 2, expiring: 0 })
      assertNoSecrets(stdout, all.arthur, admin, odd, one, two, lost)
      assert.strictEqual((yield* keyfold(["inventory", "--output", "jsonl"], all.setting)).stdout.length, stdout.length)
    })
  )

  it.live("as CSV quotes what needs it, and holds nothing that a spreadsheet or a terminal would obey", () =>
    Effect.gen(function* () {
      const { arthur, setting } = yield* populated
      const { code, stderr, stdout } = yield* keyfold(["inventory", "--output", "csv"], setting)
      assert.strictEqual(code, 0, stderr)
      assert.isTrue(
        stdout.startsWith("store,credential,backend,tenant,unassigned,id,name,status,owner,scopes,created,")
      )
      assert.strictEqual(stdout.replaceAll("\r\n", "").includes("\n"), false)
      assert.include(stdout, `,"'=HYPERLINK(""http://x"",""a, b"") | <b>*x*</b> \\u{1b}[31m\\u{202e}",active,`)
      assert.include(stdout, ",,unknownTenant gone,")
      const records = stdout.trimEnd().split("\r\n")
      assert.lengthOf(records, 6)
      assert.include(stderr, "local: 3 keys, complete.")
      assert.include(stderr, "guard: 2 keys, without revoked keys, which the backend does not list.")
      assertNoSecrets(stdout, arthur)
    })
  )

  it.live("as Markdown shows keys with findings, and makes nothing of a name but text", () =>
    Effect.gen(function* () {
      const { setting } = yield* populated
      const { stdout } = yield* keyfold(
        ["inventory", "--output", "markdown", "--only", "over-scoped,unused-unknown"],
        setting
      )
      const rows = stdout.split("\n").filter((line) => line.startsWith("| guard"))
      assert.lengthOf(rows, 3)
      assert.isTrue(rows.every((line) => line.replaceAll(/\\./g, "").split("|").length >= 6))
      const [name] = rows.filter((line) => line.includes("HYPERLINK"))
      assert.include(name, String.raw`=HYPERLINK("http\://x","a, b") \| \<b\>\*x\*\</b\>`)
      for (const live of ["<b>", "*x*", "http://x"]) assert.notInclude(stdout, live)
      assert.include(stdout, "| local | sql | 3 | 1 unassigned | complete |")
      assert.include(stdout, "\n5 keys in 2 sources: 2 unused-unknown, 1 over-scoped, 1 unassigned.\n")
    })
  )

  it.live("as SARIF has one result for each finding, and says which stores were read", () =>
    Effect.gen(function* () {
      const { arthur, down, setting, write } = yield* populated
      write("{ acme: local, globex: local, initech: guard, umbrella: guard }", [down])
      const { code, stdout } = yield* keyfold(["inventory", "--output", "sarif"], setting)
      assert.strictEqual(code, 1)
      const log: Sarif = JSON.parse(stdout)
      const [sarifRun] = log.runs
      assert.strictEqual(log.version, "2.1.0")
      assert.match(log.$schema, /sarif-schema-2\.1\.0\.json$/)
      assert.lengthOf(sarifRun.tool.driver.rules, 8)
      for (const { level, locations, message, partialFingerprints, ruleId, ruleIndex } of sarifRun.results) {
        assert.strictEqual(sarifRun.tool.driver.rules[ruleIndex]?.id, ruleId)
        assert.include(["error", "warning", "note"], level)
        assert.strictEqual(locations[0]?.physicalLocation.artifactLocation.uri, "keyfold.yaml")
        assert.match(message.text, /^Key \S+ .*\.$/)
        assert.match(partialFingerprints["keyfold/v1"] ?? "", new RegExp(`/${ruleId}$`))
      }
      const odd = sarifRun.results.find(({ message }) => message.text.includes("HYPERLINK"))
      assert.include(
        odd?.message.text,
        String.raw`("=HYPERLINK("http://x","a, b") | <b>*x*</b> \\u{{1b}}\[31m\\u{{202e}}")`
      )
      const rulesFound = sarifRun.results.map(({ ruleId }) => ruleId)
      assert.sameMembers(rulesFound, ["over-scoped", "unused-unknown", "unused-unknown", "unassigned"])
      const [invocation] = sarifRun.invocations
      assert.isFalse(invocation.executionSuccessful)
      const failures = invocation.toolExecutionNotifications.filter(({ level }) => level === "error")
      assert.lengthOf(failures, 1)
      assert.match(failures[0]?.message.text ?? "", /^Store "down": failed: /)
      assertNoSecrets(stdout, arthur)
    })
  )

  it.live("fails for CI with an exit code of its own, whatever is shown", () =>
    Effect.gen(function* () {
      const { down, setting, write } = yield* populated
      const code = (...flags: ReadonlyArray<string>) =>
        Effect.map(keyfold(["inventory", "--json", ...flags], setting), (ran) => ran.code)
      assert.strictEqual(yield* code("--fail-on", "expiring,over-age"), 0)
      assert.strictEqual(yield* code("--fail-on", "expiring,over-scoped", "--only", "expiring"), 6)
      assert.strictEqual(yield* code("--fail-on", "expiring", "--fail-on", "unassigned"), 6)
      assert.strictEqual(yield* code("--fail-on", "over-scoped", "--tenant", "acme"), 0)
      assert.strictEqual(yield* code("--fail-on", "over-scoped", "--allowed-scope", "ORG-ADMIN", "--store", "guard"), 6)
      const allowed = ["--allowed-scope", "ORG-ADMIN", "--allowed-scope", "VALIDATION-USER"]
      assert.strictEqual(yield* code("--fail-on", "over-scoped", ...allowed, "--store", "guard"), 0)
      write("{ acme: local, globex: local, initech: guard, umbrella: guard }", [down])
      assert.strictEqual(yield* code(), 1)
      assert.strictEqual(yield* code("--fail-on", "over-scoped"), 6)
    })
  )

  it.live("hides no store behind one that cannot be read", () =>
    Effect.gen(function* () {
      const { down, setting, write } = yield* populated
      write("{ acme: local, globex: local, initech: guard, umbrella: guard }", [down])
      const { code, stdout } = yield* keyfold(["inventory"], setting)
      assert.strictEqual(code, 1)
      assert.match(stdout, /^down +arthur +0 +failed: .*Network/m)
      assert.match(stdout, /^local +sql +3 .*complete$/m)
      assert.match(stdout, /^guard +initech /m)
    })
  )

  it.live("is narrowed to a tenant, a store, a state and a class", () =>
    Effect.gen(function* () {
      const { setting } = yield* populated
      const shown = Effect.fnUntraced(function* (...flags: ReadonlyArray<string>) {
        const { code, stdout } = yield* keyfold(["inventory", "--json", ...flags], setting)
        assert.strictEqual(code, 0)
        const rows = lines(stdout)
        return {
          tenants: column(
            rows.filter((row) => row["type"] === "key"),
            "tenant"
          ).flat(),
          classes: rows.flatMap(({ findings, type }) => (type === "key" ? classesIn(findings) : [])),
          stores: column(
            rows.filter((row) => row["type"] === "store"),
            "store"
          ).flat()
        }
      })
      assert.deepInclude(yield* shown("--tenant", "initech"), { tenants: ["initech"], stores: ["guard"] })
      assert.deepInclude(yield* shown("--store", "local", "--status", "revoked"), {
        tenants: ["acme"],
        stores: ["local"]
      })
      const over = yield* shown("--only", "over-scoped")
      assert.deepStrictEqual([over.tenants, over.classes], [["initech"], ["over-scoped"]])
      assert.deepStrictEqual((yield* shown("--unused-for", "1d", "--only", "unused")).tenants, [])
    })
  )

  it.live("works without tenants, and finds nobody's keys then", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      yield* keyfold(["create", "--name", "ci", "--owner", "ada"], { folder })
      const { code, stderr, stdout } = yield* keyfold(["inventory"], { folder })
      assert.strictEqual(code, 0, stderr)
      assert.match(stdout, /^local +\(default\) +\S+ +ci +active +ada +\S+$/m)
      assert.include(stderr, "1 key in 1 source, no findings.")
    })
  )

  it.live.each([
    [["--fail-on", "older"], '--fail-on does not know "older"'],
    [["--only", "expiring,"], '--only does not know ""'],
    [["--expiring-within", "soon"], "--expiring-within takes a duration"],
    [["--json", "--output", "csv"], "--json is --output jsonl"],
    [["--store", "nope"], 'there is no store "nope". Stores: local.'],
    [["--tenant", "nobody"], 'no store is configured for tenant "nobody".'],
    [["--tenant", "nobody", "--store", "local"], 'store "local" does not serve tenant "nobody".']
  ] as const)("refuses %j before anything is read", ([flags, problem]) =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { code, stderr, stdout } = yield* keyfold(["inventory", ...flags], { folder })
      assert.strictEqual(code, 2)
      assert.include(stderr.replaceAll("\\", ""), problem)
      assert.strictEqual(stdout, "")
    })
  )

  it.live("shows a bar on a terminal, on standard error, that is gone before anything else is written", () =>
    Effect.gen(function* () {
      const { setting } = yield* populated
      const { stderr, stdout } = yield* keyfold(["inventory"], { ...setting, terminal: { columns: 100 } })
      assert.isTrue(stderr.startsWith("\r\u001b[2K[........................] 0 of 2 sources, 0 keys"))
      assert.include(stderr, "\r\u001b[2K5 keys in 2 sources")
      assert.notInclude(stdout, "[2K")
      const { shell } = makeShell({ ...setting, terminal: { columns: 100 } })
      const shared: Array<string> = []
      const write = (text: string) => Effect.sync(() => void shared.push(text))
      const both = { ...shell, stdout: { ...shell.stdout, write }, stderr: { ...shell.stderr, write } }
      yield* Effect.provideService(run(["inventory", "--output", "csv"]), Shell, both)
      const bars = shared.flatMap((text, index) => (text.includes("[..") ? [index] : []))
      assert.isNotEmpty(bars)
      for (const index of bars) assert.isTrue(shared[index + 1]?.startsWith("\r\u001b[2K"))
      const piped = yield* keyfold(["inventory", "--json"], { ...setting, terminal: { columns: 100 } })
      assert.strictEqual(piped.stderr, "")
    })
  )
})
