import { assert, describe, it } from "@effect/vitest"
import * as Arthur from "@keyfold/arthur/Arthur"
import * as Configuration from "@keyfold/config/Configuration"
import * as Initialization from "@keyfold/config/Initialization"
import * as Stores from "@keyfold/config/Stores"
import * as Adapter from "@keyfold/core/Adapter"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Journal from "@keyfold/core/Journal"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { resolve, Secret } from "@keyfold/core/Secret"
import * as Occam from "@keyfold/occam/Occam"
import * as Sql from "@keyfold/sql/Sql"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { folderWith, temporaryFolder } from "./TinyAdapter.ts"

interface StoreOptions {
  readonly url: string
  readonly pepper: Secret
}

interface JournalOptions {
  readonly url: string
  readonly secret: Secret
}

/** An adapter with the options of the embedded store and its journal, which tells the secrets it was given. */
const embedded = (peppers: Array<string>, secrets: Array<string> = []) =>
  Adapter.make<StoreOptions, JournalOptions>({
    name: "sql",
    journal: {
      options: Schema.Struct({ url: Schema.String, secret: Secret }),
      open: Effect.fnUntraced(function* ({ secret }) {
        secrets.push(Redacted.value(yield* Effect.orDie(resolve(secret))))
        return yield* Journal.memory
      })
    },
    options: Schema.Struct({ url: Schema.String, pepper: Secret }),
    capabilities: () => MemoryDriver.capabilities,
    driver: Effect.fnUntraced(function* ({ pepper }) {
      peppers.push(Redacted.value(yield* Effect.orDie(resolve(pepper))))
      return { ...MemoryDriver.make(), backend: "sql" }
    })
  })

const modeOf = (path: string) => Effect.promise(() => stat(path).then(({ mode }) => mode & 0o777))
const content = (path: string) => Effect.promise(() => readFile(path, "utf8"))
const listed = (path: string) => Effect.promise(() => readdir(path))

const refusal = (options: Initialization.Options) =>
  Effect.map(Effect.flip(Initialization.initialize(options)), (error) => {
    assert.instanceOf(error, ConfigurationError)
    return error.message
  })

describe("initialize", () => {
  it.effect("writes a configuration that loads, and a pepper and a journal's secret that only their owner reads", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const home = yield* temporaryFolder
      const written = yield* Initialization.initialize({ folder, env: { HOME: home } })
      assert.strictEqual(written.configuration, join(folder, "keyfold.yaml"))
      assert.strictEqual(dirname(written.pepper), join(home, ".config/keyfold"))
      assert.match(written.pepper, /\/pepper-[0-9a-f]{12}$/)
      assert.strictEqual(yield* modeOf(written.pepper), 0o600)
      assert.strictEqual(yield* modeOf(dirname(written.pepper)), 0o700)
      assert.strictEqual(written.journalSecret, `${written.pepper}-journal`)
      assert.strictEqual(yield* modeOf(written.journalSecret), 0o600)
      const [pepper, secret] = [yield* content(written.pepper), yield* content(written.journalSecret)]
      for (const text of [pepper, secret]) {
        assert.match(text, /^[A-Za-z0-9_-]{64}$/)
        assert.notInclude(yield* content(written.configuration), text)
      }
      assert.notStrictEqual(pepper, secret)
      assert.deepStrictEqual(yield* listed(folder), ["keyfold.yaml"])

      const [peppers, secrets]: [Array<string>, Array<string>] = [[], []]
      const configuration = yield* Configuration.load({ folder, env: {}, builtIn: { sql: embedded(peppers, secrets) } })
      assert.strictEqual((yield* Stores.open(configuration)).store, "local")
      assert.deepStrictEqual([peppers, secrets], [[pepper], [secret]])
    })
  )

  it.effect("writes examples that the adapters accept once their marks are taken away", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const home = yield* temporaryFolder
      const { configuration } = yield* Initialization.initialize({ folder, env: { HOME: home } })
      const tenants = /^# tenants:\n(?:#   .*\n)+/m
      const text = (yield* content(configuration))
        .replaceAll(/^  # ( *(?:\w+:.*))$/gm, "  $1")
        .replace(tenants, (example) => example.replaceAll(/^# /gm, ""))
      yield* Effect.promise(() => writeFile(configuration, text))
      const builtIn = { arthur: Arthur.adapter, occam: Occam.adapter, sql: Sql.adapter, whylabs: WhyLabs.adapter }
      const loaded = yield* Configuration.load({ folder, env: {}, builtIn, secrets: "later" })
      assert.deepStrictEqual(
        [...loaded.stores.values()].map(({ adapter, name }) => [name, adapter.name]),
        [
          ["local", "sql"],
          ["monitoring", "whylabs"],
          ["guard", "arthur"],
          ["policies", "occam"]
        ]
      )
      assert.deepStrictEqual([...loaded.tenants.keys()], ["acme", "globex", "dev-*"])
    })
  )

  it.effect("tells editors where the schema is, installed in its folder or above, by a relative path", () =>
    Effect.gen(function* () {
      const home = yield* temporaryFolder
      const root = yield* temporaryFolder
      const firstLine = Effect.fnUntraced(function* (path: string) {
        const folder = join(root, path)
        yield* Effect.promise(() => mkdir(folder, { recursive: true }))
        const { configuration } = yield* Initialization.initialize({ folder, env: { HOME: home } })
        return (yield* content(configuration)).split("\n")[0]
      })
      const modeline = (way: string) =>
        `# yaml-language-server: $schema=${way}/node_modules/@keyfold/config/schema/keyfold.schema.json`
      assert.strictEqual(yield* firstLine("alone"), modeline("."))
      const installed = join(root, "project/node_modules/@keyfold/config")
      yield* Effect.promise(() => mkdir(installed, { recursive: true }))
      yield* Effect.promise(() => writeFile(join(installed, "package.json"), "{}"))
      assert.strictEqual(yield* firstLine("project"), modeline("."))
      assert.strictEqual(yield* firstLine("project/a/b"), modeline("../.."))
    })
  )

  it.effect("prefers XDG_CONFIG_HOME, and a path that is given; no two peppers are the same", () =>
    Effect.gen(function* () {
      const [first, second, home] = [yield* temporaryFolder, yield* temporaryFolder, yield* temporaryFolder]
      const one = yield* Initialization.initialize({ folder: first, env: { HOME: "/nowhere", XDG_CONFIG_HOME: home } })
      assert.strictEqual(dirname(one.pepper), join(home, "keyfold"))
      const two = yield* Initialization.initialize({ folder: second, pepperFile: join(home, "my pepper: #1") })
      assert.strictEqual(two.pepper, join(home, "my pepper: #1"))
      assert.notStrictEqual(yield* content(one.pepper), yield* content(two.pepper))
      const peppers: Array<string> = []
      const configuration = yield* Configuration.load({ folder: second, env: {}, builtIn: { sql: embedded(peppers) } })
      yield* Stores.open(configuration)
      assert.deepStrictEqual(peppers, [yield* content(two.pepper)])
    })
  )

  it.effect("overwrites nothing: no configuration of any name, no pepper, and no database loses its own", () =>
    Effect.gen(function* () {
      const home = yield* temporaryFolder
      for (const name of ["keyfold.yaml", "keyfold.yml", "keyfold.json"]) {
        const folder = yield* folderWith({ [name]: "mine" })
        assert.strictEqual(
          yield* refusal({ folder, env: { HOME: home } }),
          `${name} exists already and is not overwritten. Edit it, or start in another folder.`
        )
        assert.strictEqual(yield* content(join(folder, name)), "mine")
      }
      for (const name of ["keyfold.db", "keyfold-journal.db"]) {
        const folder = yield* folderWith({ [name]: "mine" })
        assert.include(yield* refusal({ folder, env: { HOME: home } }), `${name} exists already`)
        assert.deepStrictEqual(yield* listed(folder), [name])
      }
      const elsewhere = yield* folderWith({ pepper: "mine" })
      const empty = yield* temporaryFolder
      const pepperFile = join(elsewhere, "pepper")
      assert.include(yield* refusal({ folder: empty, pepperFile }), "exists already and is not overwritten")
      assert.strictEqual(yield* content(pepperFile), "mine")
      assert.deepStrictEqual(yield* listed(empty), [])
      assert.deepStrictEqual(yield* listed(home), [])
    })
  )

  it.effect("refuses a pepper beside the database", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      assert.strictEqual(
        yield* refusal({ folder, pepperFile: "./pepper" }),
        "the pepper would lie beside the database, where one copy takes both. Choose a path outside the database's folder."
      )
      assert.deepStrictEqual(yield* listed(folder), [])
    })
  )

  it.effect("leaves no secret behind where the configuration or another secret cannot be written", () =>
    Effect.gen(function* () {
      const home = yield* temporaryFolder
      const taken = yield* folderWith({ "one-journal": "mine" })
      const empty = yield* temporaryFolder
      assert.include(yield* refusal({ folder: empty, pepperFile: join(taken, "one") }), "one-journal exists already")
      assert.deepStrictEqual([yield* listed(taken), yield* listed(empty)], [["one-journal"], []])
      const folder = join(home, "missing")
      assert.include(yield* refusal({ folder, pepperFile: join(home, "peppers/one") }), "could not be written (ENOENT)")
      assert.deepStrictEqual(yield* listed(join(home, "peppers")), [])
      yield* Effect.promise(() => mkdir(folder))
      yield* Initialization.initialize({ folder, pepperFile: join(home, "peppers/one") })
    })
  )
})

describe("addGateway", () => {
  it.effect("adds a gateway with a pepper of its own, a tenant and rotations to a first configuration, and once", () =>
    Effect.gen(function* () {
      const [folder, home] = [yield* temporaryFolder, yield* temporaryFolder]
      const env = { HOME: home }
      const { configuration } = yield* Initialization.initialize({ folder, env })
      const before = yield* content(configuration)
      const written = yield* Initialization.addGateway({ folder, env })
      assert.deepInclude(written, { configuration, tenant: "main" })
      const pepper = written?.pepper ?? ""
      assert.match(pepper, /\/\.config\/keyfold\/gateway-pepper-[0-9a-f]{12}$/)
      assert.strictEqual(yield* modeOf(pepper), 0o600)
      const text = yield* content(configuration)
      assert.isTrue(text.startsWith(before))
      assert.notInclude(text, yield* content(pepper))
      const loaded = yield* Configuration.load({ folder, env, builtIn: { sql: Sql.adapter } })
      assert.deepStrictEqual([...loaded.tenants.keys()], ["main"])
      assert.isDefined(loaded.rotations)
      const settings = yield* loaded.gateway?.settings ?? Effect.die("there is no gateway")
      assert.strictEqual(Redacted.value(yield* Effect.orDie(resolve(settings.pepper))), yield* content(pepper))
      assert.isUndefined(yield* Initialization.addGateway({ folder, env }))
      assert.strictEqual(yield* content(configuration), text)
    })
  )

  it.effect(
    "leaves tenants and rotations that are there, and adds none where no store is meant or no journal kept",
    () =>
      Effect.gen(function* () {
        const home = yield* temporaryFolder
        const two = "stores: { a: { adapter: sql }, b: { adapter: sql } }\n"
        const texts = [
          ["stores: { a: { adapter: sql } }\ntenants: { acme: a }\njournal: {}\nrotations: {} # mine", undefined, 0],
          [two, undefined, 0],
          [`default: b\n${two}`, 'tenants:\n  main: "b"\n', 0],
          [`journal: {}\n${two}`, undefined, 1]
        ] as const
        for (const [text, tenants, rotations] of texts) {
          const folder = yield* folderWith({ "keyfold.yaml": text })
          const written = yield* Initialization.addGateway({ folder, env: { HOME: home } })
          const added = (yield* content(join(folder, "keyfold.yaml"))).slice(text.length)
          assert.match(added, /^\n+# How keyfold serve/)
          assert.strictEqual(written?.tenant, tenants === undefined ? undefined : "main")
          assert.include(added, tenants ?? "gateway:")
          assert.strictEqual(added.includes("tenants:"), tenants !== undefined)
          assert.strictEqual(added.split("\nrotations:").length - 1, rotations)
        }
      })
  )

  it.effect("refuses a file at whose end nothing can be added, and writes nothing then", () =>
    Effect.gen(function* () {
      const home = yield* temporaryFolder
      const texts = [
        '{ "stores": {} }',
        "stores: {}\n...\n",
        "- stores",
        "stores: {",
        "  stores: {}\n",

        ""
      ]
      for (const text of texts) {
        const folder = yield* folderWith({ "keyfold.yaml": text })
        const error = yield* Effect.flip(Initialization.addGateway({ folder, env: { HOME: home } }))
        assert.include(error.message, "Write the member by hand: gateway: {", text)
        assert.strictEqual(yield* content(join(folder, "keyfold.yaml")), text)
      }
      const taken = yield* folderWith({ "keyfold.yaml": "stores: {}", "keyfold-gateway.db": "mine" })
      const error = yield* Effect.flip(Initialization.addGateway({ folder: taken, env: { HOME: home } }))
      assert.include(error.message, "keyfold-gateway.db exists already")
      assert.deepStrictEqual(yield* listed(home), [])
    })
  )
})
