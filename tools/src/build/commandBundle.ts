/**
 * Bundles the `keyfold` command, for a faster start: from the modules that `tsc` built to `dist/bundle` beside them. What
 * every command runs through is one file, and everything else is loaded where it is needed.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, sep } from "node:path"
import { rolldown, type OutputChunk, type Plugin } from "rolldown"
import { readJson, type Manifest } from "../workspace.ts"

/** One file for each: what its modules import is in it too, except what an earlier one has. */
const groups: ReadonlyArray<{ readonly name: string; readonly modules: ReadonlyArray<string> }> = [
  { name: "command", modules: ["keyfold/dist/internal/main.js"] },
  {
    name: "configured",
    modules: [
      "keyfold/dist/internal/stores.js",
      "keyfold/dist/internal/commands/list.js",
      "config/dist/Configuration.js",
      "config/dist/Stores.js"
    ]
  },
  { name: "sql", modules: ["sql/dist/Sql.js"] }
]

const portable = (path: string): string => path.replaceAll(sep, "/")

/** Follows the imports of each group's modules; a bundled module belongs to the first group that reaches it. */
const grouping = (): { readonly plugin: Plugin; readonly groupOf: (id: string) => string | undefined } => {
  const found = new Map<string, string>()
  const plugin: Plugin = {
    name: "grouping",
    buildEnd() {
      const visit = (id: string, name: string): void => {
        const info = this.getModuleInfo(id)
        if (info === null || found.has(id)) return
        found.set(id, name)
        for (const imported of info.importedIds) visit(imported, name)
      }
      const ids = [...this.getModuleIds()]
      for (const { modules, name } of groups) {
        for (const module of modules) {
          const id = ids.find((path) => portable(path).endsWith(`/packages/${module}`))
          if (id === undefined) throw new Error(`the bundle has no module ${module}`)
          visit(id, name)
        }
      }
    }
  }
  return { plugin, groupOf: (id) => found.get(id) }
}

const eager = /^const graphemeSegmenter = .*(new Intl\.Segmenter\([^)]*\));$/ms

/** effect's commands load what segments text, a tenth of `keyfold list`; the bundle does so once text needs it. */
const lazySegmenter: Plugin = {
  name: "lazy segmenter",
  transform(code, id) {
    if (!portable(id).endsWith("/effect/dist/cli/CliOutput.js")) return undefined
    if (!eager.test(code))
      throw new Error("effect's CliOutput makes its segmenter in another way: look at lazySegmenter")
    return code.replace(
      eager,
      "let segmenter;\nconst graphemeSegmenter = { segment: (text) => (segmenter ??= $1).segment(text) };"
    )
  }
}

/** A source with a letter beyond Latin 1 takes two bytes for each of its letters, in memory and whenever it is read. */
const asciiOnly: Plugin = {
  name: "ascii only",
  generateBundle(_, files) {
    const escape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
    for (const file of Object.values(files)) {
      if (file.type === "chunk") file.code = file.code.replaceAll(/[\u0080-\uffff]/g, escape)
    }
  }
}

const packageFolder = (path: string): string =>
  existsSync(join(path, "package.json")) && readJson<Manifest>(join(path, "package.json")).name !== undefined
    ? path
    : packageFolder(dirname(path))

/** Collects the licences of what is bundled, which ask to go with every copy. */
const licences = (chunks: ReadonlyArray<OutputChunk>): string => {
  const files = chunks.flatMap(({ moduleIds }) => moduleIds.filter((id) => id.includes(`${sep}node_modules${sep}`)))
  const folders = [...new Set(files.map((id) => packageFolder(dirname(id))))].toSorted()
  return folders
    .map((folder) => {
      const { name, version } = readJson<Manifest>(join(folder, "package.json"))
      const file = ["LICENSE", "LICENSE.md", "license", "LICENCE"].map((each) => join(folder, each)).find(existsSync)
      if (file === undefined) throw new Error(`${name} is bundled and has no licence file`)
      return `${name} ${version}\n\n${readFileSync(file, "utf8").trim()}\n`
    })
    .join("\n----\n\n")
}

/** Bundles the built command of the package in `folder`. */
export const bundleCommand = async (folder: string): Promise<void> => {
  const { groupOf, plugin } = grouping()
  rmSync(join(folder, "dist/bundle"), { recursive: true, force: true })
  const bundle = await rolldown({
    input: { main: join(folder, "dist/internal/main.js") },
    platform: "node",
    external: ["pg-native", /^@keyfold\/gateway/],
    plugins: [plugin, lazySegmenter, asciiOnly],
    checks: { emptyImportMeta: false, ineffectiveDynamicImport: false }
  })
  const { output } = await bundle.write({
    dir: join(folder, "dist/bundle"),
    format: "cjs",
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name]-[hash].cjs",
    comments: false,
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    codeSplitting: {
      groups: [{ debugName: "by reach", name: (id) => groupOf(id) ?? null, test: (id) => groupOf(id) !== undefined }]
    }
  })
  const chunks = output.filter((file) => file.type === "chunk")
  writeFileSync(join(folder, "dist/bundle/LICENSES.txt"), licences(chunks))
  await bundle.close()
}

if (import.meta.main) await bundleCommand(process.cwd())
