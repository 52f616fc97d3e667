/** Reads the repository once, so that every rule is a plain function of what was read. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { importsOf, scan, type Import, type SourceText } from "./sourceText.ts"

/** The fields of a package.json that the rules look at. */
export interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly private?: boolean
  readonly license?: string
  readonly type?: string
  readonly engines?: unknown
  readonly files?: unknown
  readonly sideEffects?: unknown
  readonly exports?: unknown
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** One TypeScript file; `path` is relative to the root and uses `/`. */
export interface SourceFile {
  readonly path: string
  readonly source: SourceText
  readonly imports: ReadonlyArray<Import>
}

/** One folder of `packages/`. */
export interface Package {
  readonly folder: string
  readonly name: string
  readonly manifest: Manifest
  readonly files: ReadonlyArray<string>
  readonly sources: ReadonlyArray<SourceFile>
  readonly tests: ReadonlyArray<SourceFile>
}

/** The whole repository. */
export interface Workspace {
  readonly root: string
  readonly manifest: Manifest
  readonly packages: ReadonlyArray<Package>
  readonly toolFiles: ReadonlyArray<string>
}

/** Reads a JSON file; a file that is missing reads as `{}`. */
export const readJson = <A extends object>(file: string): Partial<A> => {
  if (!existsSync(file)) return {}
  const value: A = JSON.parse(readFileSync(file, "utf8"))
  return value
}

/** Lists the files below a folder, relative to the root, without installed and built ones. */
export const filesBelow = (root: string, folder: string): ReadonlyArray<string> =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { withFileTypes: true })
        .filter((entry) => entry.name !== "node_modules" && entry.name !== "dist")
        .flatMap((entry) => {
          const path = `${folder}/${entry.name}`
          return entry.isDirectory() ? filesBelow(root, path) : [path]
        })
    : []

const readSource = (root: string, path: string): SourceFile => {
  const source = scan(readFileSync(join(root, path), "utf8"))
  return { path, source, imports: importsOf(source) }
}

const readPackage = (root: string, folder: string): Package => {
  const files = filesBelow(root, folder)
  const manifest = readJson<Manifest>(join(root, folder, "package.json"))
  const below = (part: string) =>
    files
      .filter((path) => path.startsWith(`${folder}/${part}/`) && path.endsWith(".ts"))
      .map((path) => readSource(root, path))
  return { folder, name: manifest.name ?? folder, manifest, files, sources: below("src"), tests: below("test") }
}

/** Reads every package of the repository at `root`. */
export const readWorkspace = (root: string): Workspace => ({
  root,
  manifest: readJson<Manifest>(join(root, "package.json")),
  packages: readdirSync(join(root, "packages"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => readPackage(root, `packages/${entry.name}`)),
  toolFiles: filesBelow(root, "tools")
})

/** Reduces an import specifier to the package it belongs to; relative ones and builtins give `undefined`. */
export const packageOf = (specifier: string): string | undefined => {
  if (/^(?:\.|node:)/.test(specifier)) return undefined
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")
}

const filesOfSource = (files: ReadonlyArray<string>, folder: string): ReadonlyArray<string> =>
  files.filter((path) => path.startsWith(`${folder}/src/`)).map((path) => path.slice(folder.length + 5))

/** Names the module files of a package: PascalCase files directly under `src`, sorted. */
export const moduleNames = (files: ReadonlyArray<string>, folder: string): ReadonlyArray<string> =>
  filesOfSource(files, folder)
    .filter((path) => /^[A-Z]\w*\.ts$/.test(path))
    .map((path) => path.slice(0, -3))
    .toSorted()

/**
 * Names the flat files of an application (a package with a command): lower-case files directly under `src`, sorted. What
 * they export, the package's root exports under the same name.
 */
export const flatNames = ({
  files,
  folder,
  manifest
}: Pick<Package, "files" | "folder" | "manifest">): ReadonlyArray<string> =>
  manifest.bin === undefined
    ? []
    : filesOfSource(files, folder)
        .filter((path) => /^[a-z]\w*\.ts$/.test(path) && path !== "index.ts" && path !== "bin.ts")
        .map((path) => path.slice(0, -3))
        .toSorted()
