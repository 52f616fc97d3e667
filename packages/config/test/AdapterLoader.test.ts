import { assert, describe, it } from "@effect/vitest"
import * as AdapterLoader from "@keyfold/config/AdapterLoader"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import { mkdir, realpath, symlink, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { temporaryFolder, tinyAdapter } from "./TinyAdapter.ts"

const require = createRequire(import.meta.url)

const source = (name: string) => `
import * as Schema from "effect/Schema"
export const adapter = {
  "~@keyfold/core/Adapter": "~@keyfold/core/Adapter",
  name: "${name}",
  options: Schema.Struct({}),
  capabilities: () => ({}),
  driver: () => undefined,
  layer: () => undefined,
  layerConfig: () => undefined
}
`

interface Package {
  readonly exports?: unknown
  readonly files: Readonly<Record<string, string>>
}

/** Installs a package in a folder's `node_modules`. */
const install = Effect.fnUntraced(function* (folder: string, name: string, { exports = "./index.js", files }: Package) {
  const path = join(folder, "node_modules", name)
  yield* Effect.promise(async () => {
    await mkdir(path, { recursive: true })
    await writeFile(join(path, "package.json"), JSON.stringify({ name, version: "1.0.0", type: "module", exports }))
    for (const [file, content] of Object.entries(files)) await writeFile(join(path, file), content)
  })
  return path
})

/** A folder whose `node_modules` leads to this program's own effect and core. */
const project = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  yield* Effect.promise(async () => {
    await mkdir(join(folder, "node_modules/@keyfold"), { recursive: true })
    for (const name of ["effect", "@keyfold/core"]) {
      await symlink(
        await realpath(dirname(require.resolve(`${name}/package.json`))),
        join(folder, "node_modules", name)
      )
    }
  })
  return folder
})

const load = (name: string, folder: string) =>
  Effect.map(AdapterLoader.load(name, { folder }), (adapter) => adapter.name)

const refusal = (name: string, folder: string) =>
  Effect.map(Effect.flip(AdapterLoader.load(name, { folder })), (error) => {
    assert.instanceOf(error, ConfigurationError)
    return error.message.replaceAll(folder, "FOLDER")
  })

describe("a name", () => {
  it.effect("that is short means ours, any other a package of that name", () =>
    Effect.sync(() => {
      assert.strictEqual(AdapterLoader.packageName("occam"), "@keyfold/occam")
      assert.strictEqual(AdapterLoader.packageName("acme-keys"), "acme-keys")
      assert.strictEqual(AdapterLoader.packageName("@acme/keys"), "@acme/keys")
    })
  )

  it.effect("of a built-in adapter gives that one, by its short and its full name", () =>
    Effect.gen(function* () {
      const folder = yield* project
      yield* install(folder, "@keyfold/tiny", { files: { "index.js": source("installed") } })
      const tiny = tinyAdapter()
      for (const name of ["tiny", "@keyfold/tiny"]) {
        const adapter: unknown = yield* AdapterLoader.load(name, { folder, builtIn: { tiny } })
        assert.strictEqual(adapter, tiny)
      }
      assert.strictEqual(yield* load("tiny", folder), "installed")
    })
  )

  it.effect("that leads out of node_modules, or to Node's own modules, is refused", () =>
    Effect.gen(function* () {
      const folder = yield* project
      for (const name of ["./adapter.js", "../x", "/etc/passwd", "node:fs", "file:///x.js", "@a/b/c", ""]) {
        assert.include(
          yield* refusal(name, folder),
          "neither the short name of an adapter nor the name of an npm package"
        )
      }
      assert.include(yield* refusal("child_process", folder), "the package child_process is not installed")
    })
  )
})

describe("a list of adapters that may be loaded", () => {
  it.effect("refuses every other, built in or installed, before it runs, and takes both spellings of a name", () =>
    Effect.gen(function* () {
      const folder = yield* project
      yield* install(folder, "acme-keys", {
        files: { "index.js": `globalThis.keyfoldAcmeRan = true\n${source("acme")}` }
      })
      const tiny = tinyAdapter()
      const load = (name: string, allowed: ReadonlyArray<string>) =>
        AdapterLoader.load(name, { folder, builtIn: { tiny }, allowed })
      for (const [name, allowed] of [
        ["tiny", "@keyfold/tiny"],
        ["@keyfold/tiny", "tiny"]
      ] as const) {
        assert.strictEqual((yield* load(name, ["sql", allowed])).name, "tiny")
      }
      const message = (name: string, ...allowed: ReadonlyArray<string>) =>
        Effect.map(Effect.flip(load(name, allowed)), ({ message }) => message)
      assert.strictEqual(
        yield* message("acme-keys", "sql", "tiny"),
        'the adapter "acme-keys" is not among those that this file may load. Name one of them, sql, tiny, or add it to adapters.'
      )
      assert.strictEqual(
        yield* message("tiny", "tinny"),
        'the adapter "tiny" is not among those that this file may load. Did you mean "tinny"? Name one of them, tinny, or add it to adapters.'
      )
      assert.strictEqual(
        yield* message("tiny"),
        'the adapter "tiny" is not among those that this file may load. Add it to adapters, which names none.'
      )
      assert.isFalse("keyfoldAcmeRan" in globalThis)
    })
  )
})

describe("a package", () => {
  it.effect("is found from the file's folder and from the folders above it", () =>
    Effect.gen(function* () {
      const folder = yield* project
      yield* install(folder, "@acme/keys", { files: { "index.js": source("acme") } })
      const inside = join(folder, "a/b")
      yield* Effect.promise(() => mkdir(inside, { recursive: true }))
      assert.strictEqual(yield* load("@acme/keys", inside), "acme")
      assert.include(yield* refusal("@acme/keys", dirname(folder)), "the package @acme/keys is not installed.")
    })
  )

  it.effect("may export its adapter in a namespace, and may be importable only", () =>
    Effect.gen(function* () {
      const folder = yield* project
      const files = {
        "index.js": `export * as Acme from "./Acme.js"\nexport const other = 1\n`,
        "Acme.js": source("acme")
      }
      yield* install(folder, "in-namespace", { files })
      assert.strictEqual(yield* load("in-namespace", folder), "acme")
      const exports = { ".": { types: "./index.d.ts", import: { node: "./index.js" } } }
      yield* install(folder, "import-only", { exports, files })
      assert.strictEqual(yield* load("import-only", folder), "acme")
    })
  )

  it.effect("that is not installed is told with the command that installs it", () =>
    Effect.gen(function* () {
      const folder = yield* project
      assert.strictEqual(
        yield* refusal("occam", folder),
        "the package @keyfold/occam is not installed. In the folder of this file, run: npm install @keyfold/occam"
      )
      assert.strictEqual(yield* refusal("ocam", folder), `there is no adapter "ocam". Did you mean "occam"?`)
    })
  )

  it.effect("that is no adapter, more than one, half of one, or broken is refused", () =>
    Effect.gen(function* () {
      const folder = yield* project
      const reason = Effect.fnUntraced(function* (name: string, files: Package["files"]) {
        yield* install(folder, name, { files })
        return (yield* refusal(name, folder)).split(". ")[0] ?? ""
      })
      assert.strictEqual(
        yield* reason("plain-lib", { "index.js": "export const x = 1" }),
        "the package plain-lib is not an adapter: it exports no adapter"
      )
      assert.strictEqual(
        yield* reason("wrong-lib", { "index.js": "export const adapter = { name: 'x' }" }),
        "the package wrong-lib is not an adapter: it exports no adapter"
      )
      assert.strictEqual(
        yield* reason("two-lib", {
          "index.js": `export * as A from "./a.js"\nexport * as B from "./b.js"`,
          "a.js": source("a"),
          "b.js": source("b")
        }),
        "the package two-lib is not an adapter: it exports 2 of them"
      )
      assert.strictEqual(
        yield* reason("half-lib", { "index.js": source("half").replace("options:", "choices:") }),
        "the package half-lib is not an adapter: what it exports as one is incomplete"
      )
      assert.strictEqual(
        yield* reason("throwing-lib", { "index.js": "throw new Error('first line\\nsecond line')" }),
        "the package throwing-lib could not be loaded: first line"
      )
      const missing = { "index.js": `import "no-such-package"` }
      assert.strictEqual(
        yield* reason("missing-lib", missing),
        "the package missing-lib could not be loaded: Cannot find package 'no-such-package' imported from " +
          "./node_modules/missing-lib/index.js"
      )
      assert.strictEqual(
        yield* reason("empty-lib", {}),
        "the package empty-lib is installed, but has no file that can be imported"
      )
    })
  )

  it.effect("with a second copy of core or effect is refused before it runs, with both places", () =>
    Effect.gen(function* () {
      const folder = yield* project
      const run = `globalThis.keyfoldTestRan = true\n${source("acme")}`
      for (const [name, module] of [
        ["effect", "Effect"],
        ["@keyfold/core", "KeyStore"]
      ] as const) {
        const adapter = `with-own-${module.toLowerCase()}`
        const path = yield* install(folder, adapter, { files: { "index.js": run } })
        const copy = yield* install(path, name, { exports: { "./*": "./*.js" }, files: { [`${module}.js`]: "" } })
        const message = yield* refusal(adapter, folder)
        const ours = yield* Effect.promise((): Promise<string> => realpath(require.resolve(`${name}/${module}`)))
        const shown = ours.includes("node_modules")
          ? ours.slice(ours.indexOf("node_modules"))
          : ours.split("/").slice(-3).join("/")
        assert.strictEqual(
          message,
          `the adapter ${adapter} uses a second copy of ${name}: ` +
            `it has ${join(copy, `${module}.js`).replace(folder, ".")}, this program has .../${shown}. ` +
            "Both must use one copy: install keyfold and the adapter together in the folder of this file, and run npm " +
            "dedupe there."
        )
      }
      assert.isFalse("keyfoldTestRan" in globalThis)
    })
  )
})
