/** Finds the adapters of a repository and what each declares: nobody keeps a list of them. */
import type { Adapter } from "@keyfold/core/Adapter"
import type { Capabilities } from "@keyfold/core/Capabilities"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { basename, join } from "node:path"
import type { Finding } from "./finding.ts"
import { importSource } from "./sources.ts"
import { exportsOf } from "./sourceText.ts"
import type { Package, SourceFile, Workspace } from "./workspace.ts"

/** One constant of an adapter: what the backend can do in one dialect, or with one option. */
export interface Variant {
  /** The constant's name without `Capabilities`; empty where that is the adapter's own name. */
  readonly name: string
  /** What the constant's doc comment says it declares. */
  readonly meaning: string
  readonly capabilities: Capabilities
}

/** One adapter of the repository. */
export interface DeclaredAdapter {
  readonly folder: string
  readonly namespace: string
  readonly adapter: Adapter<unknown>
  readonly variants: ReadonlyArray<Variant>
}

/** What was found, and what keeps the rest from being read. */
export interface Adapters {
  readonly adapters: ReadonlyArray<DeclaredAdapter>
  readonly findings: ReadonlyArray<Finding>
}

/** Finds the modules of a package that export an `adapter`. */
export const adapterModules = ({ sources }: Package): ReadonlyArray<SourceFile> =>
  sources.filter(({ source }) => /^export\s+const\s+adapter\b/m.test(source.masked))

const suffix = "Capabilities"

/** Reads the first sentence of a constant's doc comment, without the verb that says that it declares. */
const meaningOf = (text: string, constant: string): string => {
  const comment = new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*export const ${constant}\\b`).exec(text)?.[1] ?? ""
  const prose = comment
    .replaceAll(/^\s*\* ?/gm, "")
    .replaceAll(/\s+/g, " ")
    .trim()
  return /^(?:Declares )?(.*?)\.(?: |$)/.exec(prose)?.[1] ?? ""
}

const inModule = async (root: string, { folder }: Package, { path, source }: SourceFile): Promise<Adapters> => {
  const { isAdapter } = await import("@keyfold/core/Adapter")
  const isCapabilities = Schema.is((await import("@keyfold/core/Capabilities")).Capabilities)
  const members = new Map<string, unknown>(Object.entries(await importSource(join(root, path))))
  const adapter = members.get("adapter")
  if (!isAdapter(adapter)) {
    const mend = "build it with make of @keyfold/core/Adapter"
    return { adapters: [], findings: [{ file: path, problem: "exports an adapter that is none", mend }] }
  }
  const text = readFileSync(join(root, path), "utf8")
  const variants = [...exportsOf(source)].flatMap((constant): ReadonlyArray<Variant> => {
    const capabilities = constant.endsWith(suffix) ? members.get(constant) : undefined
    if (!isCapabilities(capabilities)) return []
    const name = constant.slice(0, -suffix.length)
    return [{ name: name === adapter.name ? "" : name, meaning: meaningOf(text, constant), capabilities }]
  })
  const problem = "declares its capabilities in no exported constant"
  const mend = `export one constant named <dialect>${suffix} for each dialect, and return it from capabilities`
  return {
    adapters: [{ folder, namespace: basename(path, ".ts"), adapter, variants }],
    findings: variants.length === 0 ? [{ file: path, problem, mend }] : []
  }
}

const readModule = async (root: string, entry: Package, file: SourceFile): Promise<Adapters> => {
  try {
    return await inModule(root, entry, file)
  } catch (error) {
    const problem = `cannot be imported: ${error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error)}`
    return { adapters: [], findings: [{ file: file.path, problem, mend: "make this module and what it imports load" }] }
  }
}

/** Imports every adapter of the repository, from its sources. */
export const readAdapters = async ({ packages, root }: Workspace): Promise<Adapters> => {
  const read = await Promise.all(
    packages.flatMap((entry) => adapterModules(entry).map((file) => readModule(root, entry, file)))
  )
  return {
    adapters: read.flatMap(({ adapters }) => adapters),
    findings: read.flatMap(({ findings }) => findings)
  }
}
