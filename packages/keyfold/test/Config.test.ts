import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { keyfold, localStore, temporaryFolder } from "./Keyfold.ts"

const literal = "canary-5d2e-in-the-file"

const twelve = `default: lokal
stores:
  local:
    adaptor: sql
    adapter: sql
    url: "sqlite:keyfold.db"
    pepper: ${literal}
    busyTimeout: soon
  monitoring:
    adapter: whylabs
    organization: org-123
    apiKey: { env: WHYLABS_API_KEY, file: ./whylabs }
    dialect: v3
  guard: { adapter: arthur, apiKey: { env: ARTHUR_API_KEY }, defaults: { owner: bot } }
  policies: { adapter: occan }
  agents: { adapter: occam, apiKey: { env: OCCAM_API_KEY }, keyLimit: 0, keyLimit: 25 }
retry: { attempts: 0 }
tenants:
  acme: monitorin
  "dev-*": agents
`

/** The findings as they are printed. What a list of accepted names holds is cut, so that new members change nothing here. */
const printed = [
  "keyfold.yaml:1:10  default",
  `  no store has this name. Did you mean "local"? Stores: local, monitoring, guard, policies, agents.`,
  "keyfold.yaml:4:5  stores.local.adaptor",
  `  not a known member. Did you mean "adapter"? Accepted: adapter, ...`,
  "keyfold.yaml:7:13  stores.local.pepper",
  "  a secret is not written here; write { env: NAME }, { file: path } or { command: [program, argument] }.",
  "keyfold.yaml:8:18  stores.local.busyTimeout",
  `  expected a length of time such as "30 seconds", found "soon".`,
  "keyfold.yaml:12:13  stores.monitoring.apiKey",
  "  names env and file; exactly one is accepted.",
  "keyfold.yaml:13:14  stores.monitoring.dialect",
  `  expected "v0" or "v1", found "v3". Did you mean "v0"?`,
  "keyfold.yaml:14:3  stores.guard.baseUrl",
  "  missing; expected text.",
  "keyfold.yaml:15:24  stores.policies.adapter",
  `  there is no adapter "occan". Did you mean "occam"?`,
  "keyfold.yaml:16:74  stores.agents.keyLimit",
  "  this name is there twice in one mapping; remove or rename one.",
  "keyfold.yaml:17:20  retry.attempts",
  "  expected a whole number of 1 or more, found the number 0.",
  "keyfold.yaml:19:9  tenants.acme",
  `  no store has this name. Did you mean "monitoring"? Stores: local, monitoring, guard, policies, agents.`,
  `keyfold.yaml:20:3  tenants["dev-*"]`,
  "  a pattern needs a store that keeps tenants apart by itself, and occam does not. Name each tenant."
]

const cut = (text: string) => text.replaceAll(/(Accepted: \w+), .*\.$/gm, "$1, ...")

const folderWith = Effect.fnUntraced(function* (text: string) {
  const folder = yield* temporaryFolder
  writeFileSync(join(folder, "keyfold.yaml"), text)
  return folder
})

describe("config check", () => {
  it.live("tells every mistake of a file at once, each at its line", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith(twelve)
      const { code, stderr, stdout } = yield* keyfold(["config", "check"], { folder })
      assert.deepStrictEqual(cut(stdout).trimEnd().split("\n"), printed)
      assert.strictEqual(stderr, "The configuration has 12 mistakes.\n")
      assert.strictEqual(code, 2)
    })
  )

  it.live("prints one object per line for programs", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith(twelve)
      const { code, stderr, stdout } = yield* keyfold(["config", "check", "--json"], { folder })
      const findings = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepStrictEqual(
        findings.map(({ column, file, line, path }) => `${file}:${line}:${column}  ${path}`),
        printed.filter((line) => line.startsWith("keyfold.yaml"))
      )
      assert.deepInclude(findings[5], {
        found: '"v3"',
        accepted: '"v0" or "v1"',
        suggestion: "v0",
        problem: `expected "v0" or "v1", found "v3". Did you mean "v0"?`
      })
      assert.strictEqual(stderr, "")
      assert.strictEqual(code, 2)
    })
  )

  it.live("of a sound file is exit code 0, and no secret is read unless asked to", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const sound = yield* keyfold(["config", "check"], { folder })
      assert.deepStrictEqual(sound, {
        code: 0,
        stdout: "",
        stderr: "The configuration has no mistakes: 1 store and 0 tenants.\n"
      })
      const quiet = yield* keyfold(["config", "check", "--json"], { folder })
      assert.deepStrictEqual(quiet, { code: 0, stdout: "", stderr: "" })
      rmSync(join(folder, "secrets/pepper"))
      assert.strictEqual((yield* keyfold(["config", "check"], { folder })).code, 0)
      const missing = yield* keyfold(["config", "check", "--secrets"], { folder })
      assert.match(
        missing.stdout,
        /^keyfold\.yaml:2:\d+ {2}stores\.local\.pepper\n {2}the file \.\/secrets\/pepper does not exist/
      )
      assert.strictEqual(missing.code, 2)
    })
  )

  it.live("includes the environment variables that override the file", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const environment = { KEYFOLD_STORES_LOCAL_PEPPER: literal, KEYFOLD_STORES_LOCL_URL: "x" }
      const { code, stdout } = yield* keyfold(["config", "check"], { folder, environment })
      assert.notInclude(stdout, literal)
      assert.match(stdout, /^keyfold\.yaml:1:1 {2}KEYFOLD_STORES_LOCL_URL\n.*Did you mean "KEYFOLD_STORES_LOCAL_URL"\?/)
      assert.match(
        stdout,
        /stores\.local\.pepper, set by KEYFOLD_STORES_LOCAL_PEPPER\n.*KEYFOLD_STORES_LOCAL_PEPPER_FILE/
      )
      assert.strictEqual(code, 2)
    })
  )

  it.live("needs a file, and is about all of it", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      for (const command of ["check", "show"]) {
        const none = yield* keyfold(["config", command], { folder })
        assert.strictEqual(none.code, 2)
        assert.include(none.stderr, "there is no configuration")
        const one = yield* keyfold(["config", command, "--store", "local"], { folder })
        assert.strictEqual(one.code, 2)
        assert.include(one.stderr, `config ${command} is about the whole file; leave --store out.`)
      }
    })
  )
})

describe("config show", () => {
  it.live("shows the file as programs get it, secrets as references, overrides in place", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const environment = { KEYFOLD_STORES_LOCAL_BUSY_TIMEOUT: "2 seconds", KEYFOLD_RETRY_ATTEMPTS: "2" }
      const shown = yield* keyfold(["config", "show"], { folder, environment })
      assert.deepStrictEqual(shown, {
        code: 0,
        stderr: "",
        stdout: `# retry.attempts is set by KEYFOLD_RETRY_ATTEMPTS
# stores.local.busyTimeout is set by KEYFOLD_STORES_LOCAL_BUSY_TIMEOUT
default: local
stores:
  local:
    adapter: sql
    url: sqlite:data/keyfold.db
    pepper:
      file: ./secrets/pepper
    busyTimeout: 2 seconds
    retry:
      attempts: 2
`
      })
      const json = yield* keyfold(["config", "show", "--json"], { folder, environment })
      assert.deepStrictEqual(JSON.parse(json.stdout), {
        file: join(folder, "keyfold.yaml"),
        configuration: {
          default: "local",
          stores: {
            local: {
              adapter: "sql",
              url: "sqlite:data/keyfold.db",
              pepper: { file: "./secrets/pepper" },
              busyTimeout: "2 seconds",
              retry: { attempts: 2 }
            }
          }
        },
        overrides: [
          { path: "retry.attempts", variable: "KEYFOLD_RETRY_ATTEMPTS" },
          { path: "stores.local.busyTimeout", variable: "KEYFOLD_STORES_LOCAL_BUSY_TIMEOUT" }
        ]
      })
    })
  )

  it.live("is refused with every mistake where the file has some", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* keyfold(["config", "show"], { folder: yield* folderWith(twelve) })
      assert.strictEqual(code, 2)
      assert.strictEqual(stdout, "")
      assert.include(stderr, "keyfold.yaml has 12 mistakes.")
    })
  )

  it.live("changes which store is the default for every command, where KEYFOLD_DEFAULT says so", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      writeFileSync(
        join(folder, "keyfold.yaml"),
        `default: one\nstores:\n${["one", "two"].map((name) => `  ${name}: { adapter: sql, url: 'sqlite:data/${name}.db', pepper: { file: ./secrets/pepper } }\n`).join("")}`
      )
      const shown = yield* keyfold(["stores"], { folder, environment: { KEYFOLD_DEFAULT: "two" } })
      assert.match(shown.stdout, /^two +sql +yes /m)
    })
  )
})
