/** package.json and tsconfig.json of every package: one shape, and nothing declared or left out by accident. */
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import type { Finding } from "../finding.ts"
import { packageOf, readJson, type Manifest, type Package, type SourceFile, type Workspace } from "../workspace.ts"

const target = (name: string) => ({
  "@keyfold/source": `./src/${name}.ts`,
  types: `./dist/${name}.d.ts`,
  default: `./dist/${name}.js`
})

const shape: Manifest = {
  license: "MIT",
  type: "module",
  sideEffects: [],
  engines: { node: ">=22.19" },
  files: ["src", "dist"],
  exports: {
    "./package.json": "./package.json",
    ".": target("index"),
    "./*": target("*"),
    "./internal/*": null,
    "./index": null
  }
}

/** A package with a command ships the committed launcher, which exists before anything is built; one with other folders those. */
const shapeOf = ({ files, folder, manifest }: Package): Manifest => ({
  ...shape,
  files: [
    "src",
    "dist",
    ...(manifest.bin === undefined ? [] : ["bin"]),
    ...["schema", "deploy"].filter((name) => files.some((path) => path.startsWith(`${folder}/${name}/`)))
  ]
})

const conditions = (exports: unknown): string => JSON.stringify(exports) ?? ""

/** The shared fields are the same in every package; the order of export conditions counts. */
export const sharedFields = ({ packages }: Workspace): ReadonlyArray<Finding> =>
  packages.flatMap((entry) =>
    Object.entries(shapeOf(entry))
      .map(([field, expected]) => ({ field, expected, actual: new Map(Object.entries(entry.manifest)).get(field) }))
      .filter(({ actual, expected, field }) =>
        field === "exports" ? conditions(actual) !== conditions(expected) : !isDeepStrictEqual(actual, expected)
      )
      .map(({ expected, field }) => ({
        file: `${entry.folder}/package.json`,
        problem: `"${field}" differs from the other packages`,
        mend: `write ${JSON.stringify(expected)}`
      }))
  )

const imported = (files: ReadonlyArray<SourceFile>): ReadonlyMap<string, string> =>
  new Map(
    files.flatMap(({ imports, path }) =>
      imports.flatMap(({ line, specifier }) => {
        const name = packageOf(specifier)
        return name === undefined ? [] : [[name, `${path}:${line}`] as const]
      })
    )
  )

const undeclared = (files: ReadonlyArray<SourceFile>, allowed: ReadonlySet<string>, mend: string) =>
  [...imported(files)]
    .filter(([name]) => !allowed.has(name))
    .map(([name, file]) => ({
      file,
      problem: `imports ${name}, which is not declared`,
      mend
    }))

const namesOf = (...lists: ReadonlyArray<Readonly<Record<string, string>> | undefined>): ReadonlyArray<string> =>
  lists.flatMap((list) => Object.keys(list ?? {}))

const isNamed = (name: string, files: ReadonlyArray<SourceFile>): boolean =>
  files.some(({ source }) => source.strings.some((text) => text === name || text.startsWith(`${name}/`)))

const unused = ({ folder, manifest, sources }: Package): ReadonlyArray<Finding> =>
  namesOf(manifest.dependencies)
    .filter((name) => !isNamed(name, sources))
    .map((name) => ({
      file: `${folder}/package.json`,
      problem: `depends on ${name}, which src never names`,
      mend: "remove it from dependencies (what only tests import belongs to the root's devDependencies)"
    }))

/** Declared dependencies and imports agree. */
export const dependencies = (workspace: Workspace): ReadonlyArray<Finding> =>
  workspace.packages.flatMap((entry) => {
    const { manifest, name, sources, tests } = entry
    const own = [name, ...namesOf(manifest.dependencies, manifest.peerDependencies)]
    const forTests = [
      ...own,
      ...namesOf(manifest.devDependencies, workspace.manifest.devDependencies),
      ...workspace.packages.map((other) => other.name)
    ]
    return [
      ...undeclared(sources, new Set(own), `add it to dependencies or peerDependencies of ${name}`),
      ...undeclared(tests, new Set(forTests), "add it to the root's devDependencies"),
      ...unused(entry)
    ]
  })

interface Project {
  readonly references: ReadonlyArray<{ readonly path: string }>
}

const references = (root: string, folder: string): ReadonlyArray<string> =>
  (readJson<Project>(join(root, folder, "tsconfig.json")).references ?? []).map(({ path }) => join(folder, path))

/** Every package references what it imports, and the root references every package, so that `tsc -b` sees all. */
export const projectReferences = ({ packages, root }: Workspace): ReadonlyArray<Finding> => {
  const folders = new Map(packages.map(({ folder, name }) => [name, folder]))
  const fromRoot = references(root, ".")
  return packages.flatMap(({ folder, name, sources }) => {
    const declared = references(root, folder)
    const needed = [...imported(sources).keys()]
      .filter((other) => other !== name)
      .flatMap((other) => folders.get(other) ?? [])
    return [
      ...needed
        .filter((path) => !declared.includes(path))
        .map((path) => ({
          file: `${folder}/tsconfig.json`,
          problem: `does not reference ${path}, which src imports`,
          mend: `add { "path": "../${path.slice("packages/".length)}" } to "references"`
        })),
      ...(fromRoot.includes(folder)
        ? []
        : [{ file: "tsconfig.json", problem: `does not reference ${folder}`, mend: `add { "path": "${folder}" }` }])
    ]
  })
}
