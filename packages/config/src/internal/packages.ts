/** Where npm packages lie, seen from a folder and from this program. */
import { existsSync, readFileSync, realpathSync } from "node:fs"
import { createRequire, isBuiltin } from "node:module"
import { dirname, isAbsolute, join, relative, sep } from "node:path"

const resolveFrom = (base: string, specifier: string): string | undefined => {
  try {
    return realpathSync(createRequire(base).resolve(specifier))
  } catch {
    return undefined
  }
}

/** Finds where a package is installed by walking up from a folder; what stands there may be a link. */
export const installedAt = (packageName: string, from: string): string | undefined => {
  const candidate = join(from, "node_modules", packageName)
  if (existsSync(join(candidate, "package.json"))) return candidate
  return dirname(from) === from ? undefined : installedAt(packageName, dirname(from))
}

/** Finds the folder of an installed package by walking up from a folder. */
export const folderOf = (packageName: string, from: string): string | undefined => {
  const installed = installedAt(packageName, from)
  return installed === undefined ? undefined : realpathSync(installed)
}

const conditions: ReadonlyArray<string> = ["node", "import", "module-sync", "default"]

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const targetOf = (exports: unknown): string | undefined => {
  if (typeof exports === "string") return exports
  if (Array.isArray(exports)) return exports.map(targetOf).find((target) => target !== undefined)
  if (!isObject(exports)) return undefined
  if (Object.hasOwn(exports, ".")) return targetOf(exports["."])
  return Object.keys(exports)
    .filter((condition) => conditions.includes(condition))
    .map((condition) => targetOf(exports[condition]))
    .find((target) => target !== undefined)
}

/** `require.resolve` does not see a package that can only be imported, so its export map is read here. */
const importTarget = (folder: string): string | undefined => {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
    const target = isObject(manifest) ? targetOf(manifest["exports"]) : undefined
    return target === undefined ? undefined : realpathSync(join(folder, target))
  } catch {
    return undefined
  }
}

/** Finds the file that importing a package from a folder loads. */
export const entryOf = (packageName: string, from: string): string | undefined => {
  if (isBuiltin(packageName)) return undefined
  const folder = folderOf(packageName, from)
  return (
    resolveFrom(join(from, "keyfold.yaml"), packageName) ?? (folder === undefined ? undefined : importTarget(folder))
  )
}

/** A module of which an adapter and this program must have the same copy. */
export interface SecondCopy {
  readonly packageName: string
  readonly theirs: string
  readonly ours: string
}

/** Two copies of core have two `KeyStore`s, and two copies of effect break at `Redacted`. */
const singletons = [
  ["@keyfold/core", "@keyfold/core/KeyStore"],
  ["effect", "effect/Effect"]
] as const

/** Lists the modules that an adapter would load from another place than this program. */
export const secondCopies = (entry: string): ReadonlyArray<SecondCopy> =>
  singletons.flatMap(([packageName, specifier]) => {
    const theirs = resolveFrom(entry, specifier)
    const ours = resolveFrom(import.meta.url, specifier)
    return theirs === undefined || ours === undefined || theirs === ours ? [] : [{ packageName, theirs, ours }]
  })

/**
 * Names a file by its way from a folder. A file elsewhere on the machine is named from its `node_modules` on: where that
 * lies is nobody else's business, and how packages are nested below it is what matters.
 */
export const placeFrom = (folder: string, path: string): string => {
  const way = relative(folder, path)
  if (!way.startsWith("..") && !isAbsolute(way)) return `.${sep}${way}`
  if (/^(?:\.\.[\\/])+node_modules[\\/]/.test(way)) return way
  const parts = way.split(/[\\/]/).filter((part) => part !== "..")
  const installed = parts.indexOf("node_modules")
  return ["...", ...(installed < 0 ? parts.slice(-3) : parts.slice(installed))].join(sep)
}

/** Names every file that a text names by its way from a folder. */
export const withPlacesFrom = (folder: string, text: string): string =>
  text.replaceAll(/(?:file:\/\/)?((?:[A-Za-z]:)?(?:[\\/][^\s'"\\/:]+){2,})/g, (_, path: string) =>
    placeFrom(folder, path)
  )
