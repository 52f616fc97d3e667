import { assert, describe, it } from "@effect/vitest"
import * as Configuration from "@keyfold/config/Configuration"
import * as Stores from "@keyfold/config/Stores"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { inspect } from "node:util"
import { folderWith, temporaryFolder, tinyAdapter, type Seen } from "./TinyAdapter.ts"

const canary = "canary-40Fd"
const env = { TOKEN: canary }
const one = `stores: { local: { adapter: tiny, url: x, token: { env: TOKEN } } }\n`

const two = `
default: second
stores:
  first:
    adapter: tiny
    url: one
    token: { env: TOKEN }
    defaults: { owner: bot, scopes: [write] }
    scopeMap: { write: [data.write, data.read] }
    require: { usage: true }
    cursorSecret: { env: TOKEN }
  second: { adapter: tiny, url: two, token: { file: ./token }, backups: [{ env: TOKEN }, { file: token }] }
`

describe("load", () => {
  it.effect("reads YAML and JSON to the same stores", () =>
    Effect.gen(function* () {
      const $schema = "./node_modules/@keyfold/config/schema/keyfold.schema.json"
      const text = { $schema, stores: { local: { adapter: "tiny", url: "x", token: { env: "TOKEN" } } } }
      const yaml = yield* folderWith({ "keyfold.yaml": one })
      const json = yield* folderWith({ "keyfold.json": JSON.stringify(text, null, "\t") })
      for (const folder of [yaml, json]) {
        const configuration = yield* Configuration.load({ folder, env, builtIn: { tiny: tinyAdapter() } })
        assert.deepStrictEqual([...configuration.stores.keys()], ["local"])
        assert.strictEqual(configuration.defaultStore, "local")
        assert.strictEqual(configuration.folder, folder)
        assert.notInclude(inspect(configuration, { depth: 9 }), canary)
      }
    })
  )

  it.effect("reads the file given, else the one KEYFOLD_CONFIG names, else the one in the folder", () =>
    Effect.gen(function* () {
      const named = (name: string) => one.replace("local", name)
      const folder = yield* folderWith({ "a.yaml": named("a"), "b.yml": named("b"), "keyfold.yml": named("c") })
      const builtIn = { tiny: tinyAdapter() }
      const names = (options: Configuration.Options) =>
        Effect.map(Configuration.load({ folder, builtIn, ...options }), ({ stores }) => [...stores.keys()])
      const withFile = { ...env, KEYFOLD_CONFIG: join(folder, "b.yml") }
      assert.deepStrictEqual(yield* names({ file: "a.yaml", env: withFile }), ["a"])
      assert.deepStrictEqual(yield* names({ env: withFile }), ["b"])
      assert.deepStrictEqual(yield* names({ env }), ["c"])
    })
  )

  it.effect("says what to do where there is no file, none of that name, or more than one", () =>
    Effect.gen(function* () {
      const none = yield* temporaryFolder
      const several = yield* folderWith({ "keyfold.yaml": one, "keyfold.json": "{}" })
      const message = (folder: string, file?: string) =>
        Effect.map(
          Effect.flip(Configuration.load({ folder, env, ...(file === undefined ? {} : { file }) })),
          (error) => error.message
        )
      assert.strictEqual(
        yield* message(none),
        "there is no configuration: none of keyfold.yaml, keyfold.yml, keyfold.json is in this folder. Run keyfold init to write one, or name a file in KEYFOLD_CONFIG."
      )
      assert.strictEqual(
        yield* message(none, "other.yaml"),
        "other.yaml does not exist. Name a configuration file, or run keyfold init to write one."
      )
      assert.include(yield* message(none, "."), "is a folder")
      assert.include(yield* message(several), "several configurations in this folder: keyfold.yaml, keyfold.json.")
    })
  )

  it.effect("names the default store, or none where several have no default", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ "keyfold.yaml": two, token: "from-file\n" })
      const options = { folder, env, builtIn: { tiny: tinyAdapter() } }
      assert.strictEqual((yield* Configuration.load(options)).defaultStore, "second")
      yield* Effect.promise(() => writeFile(join(folder, "keyfold.yaml"), two.replace("default: second", "")))
      const undecided = yield* Configuration.load(options)
      assert.isUndefined(undecided.defaultStore)
      const error = yield* Effect.flip(Stores.find(undecided))
      assert.strictEqual(
        error.message,
        "no store was named, and the configuration names no default. Name one, or set default. Stores: first, second."
      )
    })
  )

  it.effect("leaves secrets for later where asked to, and tells then what is missing", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ "keyfold.yaml": two, token: "from-file\n" })
      const options = { folder, env: {}, builtIn: { tiny: tinyAdapter() }, secrets: "later" } as const
      const configuration = yield* Configuration.load(options)
      const first = yield* Stores.find(configuration, "first")
      assert.isTrue(Stores.capabilitiesOf(first).expiry)
      const error = yield* Effect.flip(Effect.scoped(Stores.open(configuration, "first")))
      assert.strictEqual(
        error.message,
        [
          "keyfold.yaml has 2 mistakes.",
          "keyfold.yaml:7:12  stores.first.token",
          "  the environment variable TOKEN is not set. Set it, or refer to another place.",
          "keyfold.yaml:11:19  stores.first.cursorSecret",
          "  the environment variable TOKEN is not set. Set it, or refer to another place."
        ].join("\n")
      )
    })
  )
})

describe("check and adapterNames", () => {
  it.effect("tell mistakes as data, and adapters without loading any", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ "keyfold.yaml": `${one}defalt: a\n` })
      const options = { folder, env, builtIn: { tiny: tinyAdapter() } }
      const [finding, ...rest] = yield* Configuration.check(options)
      assert.deepStrictEqual(finding, {
        file: "keyfold.yaml",
        line: 2,
        column: 1,
        path: "defalt",
        problem: `not a known member. Did you mean "default"? Accepted: stores, default, journal, rotations, gateway, adapters, retry, budget, tenants, idle, $schema.`,
        accepted: "stores, default, journal, rotations, gateway, adapters, retry, budget, tenants, idle, $schema",
        suggestion: "default"
      })
      assert.deepStrictEqual(rest, [])
      assert.deepStrictEqual(yield* Configuration.adapterNames({ folder }), ["tiny"])
    })
  )
})

describe("an open store", () => {
  it.effect("has its options, secrets, defaults and scopes, and starts relative paths at the file's folder", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ "keyfold.yaml": two, token: "from-file\n" })
      const seen: Array<Seen> = []
      const configuration = yield* Configuration.load({ folder, env, builtIn: { tiny: tinyAdapter(seen) } })
      const stores = yield* Stores.openAll(configuration)
      assert.sameDeepMembers(seen, [
        { url: "one", token: canary, backups: [], folder },
        { url: "two", token: "from-file", backups: [canary, "from-file"], folder }
      ])
      const first = stores.get("first")
      if (first === undefined) return assert.fail("the first store is missing")
      assert.strictEqual(first.store, "first")
      assert.strictEqual(first.backend, "tiny")
      const { key } = yield* first.create({ name: "ci" })
      assert.strictEqual(key.owner, "bot")
      assert.deepStrictEqual(key.scopes, ["write"])
      const second = yield* Stores.open(configuration)
      assert.strictEqual(second.store, "second")
      assert.deepStrictEqual(yield* Stream.runCollect(second.list()), [])
    })
  )

  it.effect("writes cursors that another process with the same cursorSecret reads", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ "keyfold.yaml": two, token: "x" })
      const configuration = yield* Configuration.load({ folder, env, builtIn: { tiny: tinyAdapter() } })
      const [left, right] = [yield* Stores.open(configuration, "first"), yield* Stores.open(configuration, "first")]
      yield* left.create({ name: "a" })
      yield* left.create({ name: "b" })
      const { next } = yield* left.listPage({ limit: 1 })
      if (next === undefined) return assert.fail("expected a second page")
      assert.deepStrictEqual((yield* right.listPage({ cursor: next })).keys, [])
    })
  )

  it.effect("is its own, also where an adapter gives every store the same layer", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ "keyfold.yaml": two, token: "x" })
      const layer = MemoryDriver.layer()
      const tiny = { ...tinyAdapter(), layer: () => layer }
      const configuration = yield* Configuration.load({ folder, env, builtIn: { tiny } })
      // A layer that was provided around the program is remembered, and would be shared.
      const stores = yield* Effect.provide(Stores.openAll(configuration), layer)
      assert.notStrictEqual(stores.get("first"), stores.get("second"))
      assert.strictEqual(stores.size, 2)
    })
  )

  it.effect("is asked for by a name that exists", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ "keyfold.yaml": two, token: "x" })
      const configuration = yield* Configuration.load({ folder, env, builtIn: { tiny: tinyAdapter() } })
      const error = yield* Effect.flip(Effect.scoped(Stores.open(configuration, "frist")))
      assert.strictEqual(error.message, `there is no store "frist". Did you mean "first"? Stores: first, second.`)
    })
  )

  it.effect("that its adapter cannot open is told by name, each of several", () =>
    Effect.gen(function* () {
      const text = two.replace("url: one", "url: broken").replace("url: two", "url: broken")
      const folder = yield* folderWith({ "keyfold.yaml": text, token: "x" })
      const configuration = yield* Configuration.load({ folder, env, builtIn: { tiny: tinyAdapter() } })
      const one = yield* Effect.flip(Effect.scoped(Stores.open(configuration, "first")))
      assert.strictEqual(one.message, `store "first", url: it does not open. Mend it.`)
      const all = yield* Effect.flip(Effect.scoped(Stores.openAll(configuration)))
      assert.strictEqual(
        all.message,
        `store "first", url: it does not open. Mend it.\nstore "second", url: it does not open. Mend it.`
      )
    })
  )

  it.effect("obtains a command's secret again when it has grown old", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const count = `const fs = require("fs"); fs.appendFileSync("runs", "x"); console.log(fs.readFileSync("runs", "utf8"))`
      const command = JSON.stringify([process.execPath, "-e", count])
      const text = `stores: { local: { adapter: tiny, url: x, token: { command: ${command}, refresh: 1 minute } } }`
      yield* Effect.promise(() => writeFile(join(folder, "keyfold.yaml"), text))
      const seen: Array<Seen> = []
      const configuration = yield* Configuration.load({
        folder,
        env: process.env,
        builtIn: { tiny: tinyAdapter(seen) }
      })
      yield* Stores.open(configuration)
      yield* TestClock.adjust("1 minute")
      yield* Stores.open(configuration)
      assert.deepStrictEqual(
        seen.map(({ token }) => token),
        ["x", "xx"]
      )
    })
  )
})

describe("loadOne", () => {
  const builtIn = { tiny: tinyAdapter() }
  const broken = (name: string) => `  ${name}: { adapter: tiny, url: 3, token: { env: TOKEN }, limt: 2 }\n`
  const sound = (name: string) => `  ${name}: { adapter: tiny, url: x, token: { env: TOKEN } }\n`

  const read = Effect.fnUntraced(function* (text: string, store?: string, environment: Record<string, string> = env) {
    const folder = yield* folderWith({ "keyfold.yaml": text })
    return yield* Configuration.loadOne({
      folder,
      env: environment,
      builtIn,
      ...(store === undefined ? {} : { store })
    })
  })

  it.effect("leaves out the other stores that are wrong, and returns their mistakes", () =>
    Effect.gen(function* () {
      const missing = "  third: { adapter: tiny, url: x, token: { env: UNSET } }\n"
      const text = `default: first\nstores:\n${sound("first")}${broken("second")}${missing}  fourth: 4\n${sound("fifth")}`
      for (const store of [undefined, "first", "fifth"]) {
        const { configuration, elsewhere } = yield* read(text, store)
        assert.deepStrictEqual([...configuration.stores.keys()], ["first", "fifth"])
        assert.deepStrictEqual(
          elsewhere.map(({ line, path }) => [line, path]),
          [
            [4, "stores.second.url"],
            [4, "stores.second.limt"],
            [5, "stores.third.token"],
            [6, "stores.fourth"]
          ]
        )
        assert.strictEqual((yield* Effect.scoped(Stores.open(configuration, store))).store, store ?? "first")
      }
    })
  )

  it.effect("leaves out all tenants where one part is, because whether they are told apart depends on all", () =>
    Effect.gen(function* () {
      const text = `default: first\nstores:\n${sound("first")}tenants: { acme: first, globex: frist }\n`
      for (const { configuration, elsewhere } of [
        yield* read(text),
        yield* Configuration.loadJournal({ folder: yield* folderWith({ "keyfold.yaml": text }), env, builtIn })
      ]) {
        assert.deepStrictEqual([[...configuration.stores.keys()], configuration.tenants.size], [["first"], 0])
        assert.deepStrictEqual(
          elsewhere.map(({ path }) => path),
          ["tenants.globex"]
        )
      }
      const { configuration } = yield* read(text.replace("frist", "first"))
      assert.deepStrictEqual([...configuration.tenants.keys()], ["acme", "globex"])
    })
  )

  it.effect("refuses the mistakes of the store itself and of the file as a whole", () =>
    Effect.gen(function* () {
      const text = `default: first\nstores:\n${sound("first")}${broken("second")}`
      const own = yield* Effect.flip(read(text, "second"))
      assert.match(own.message, /^keyfold\.yaml has 2 mistakes\.\n.*stores\.second\.url\n.*\n.*stores\.second\.limt\n/)
      const secret = yield* Effect.flip(read(text, "first", {}))
      assert.include(secret.message, "keyfold.yaml has 1 mistake.\nkeyfold.yaml:3:")
      const whole = yield* Effect.flip(read(`${text}defualt: x\n`, "first"))
      assert.match(whole.message, /^keyfold\.yaml has 1 mistake\.\n.*defualt\n/)
      const misspelt = yield* Effect.flip(read(text.replace("default: first", "default: frist"), "first"))
      assert.include(misspelt.message, 'Did you mean "first"?')
    })
  )

  it.effect("counts every mistake where no store is chosen or none is sound", () =>
    Effect.gen(function* () {
      const none = yield* Effect.flip(read(`stores:\n${sound("first")}${broken("second")}`))
      assert.include(none.message, "stores.second.url")
      const all = yield* Effect.flip(read(`stores:\n${broken("first")}${broken("second")}`, "third"))
      assert.include(all.message, "keyfold.yaml has 4 mistakes.")
      const unknown = yield* read(`stores:\n${sound("first")}${broken("second")}`, "frist")
      assert.lengthOf(unknown.elsewhere, 2)
      const error = yield* Effect.flip(Effect.scoped(Stores.open(unknown.configuration, "frist")))
      assert.include(error.message, 'Did you mean "first"?')
    })
  )
})

describe("secrets", () => {
  it.effect("stay out of the open configuration's printed forms", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ "keyfold.yaml": two, token: canary })
      const configuration = yield* Configuration.load({ folder, env, builtIn: { tiny: tinyAdapter() } })
      for (const definition of configuration.stores.values()) {
        const complete = yield* definition.complete
        const printed = `${inspect(complete, { depth: 9 })}${JSON.stringify(complete)}`
        assert.notInclude(printed, canary)
        assert.include(printed, "<redacted")
      }
    })
  )
})
