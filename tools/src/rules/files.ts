/** Required files, names of files and folders, stale build output, sizes. */
import { existsSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import type { Finding } from "../finding.ts"
import { layers } from "../layers.ts"
import { codeLines } from "../sourceText.ts"
import { filesBelow, flatNames, type Package, type Workspace } from "../workspace.ts"

const required = ["README.md", "LICENSE", "package.json", "tsconfig.json", "src/index.ts"]
const vague = new Set(["utils", "util", "common", "shared", "helpers", "helper", "types", "constants"])
const fileLines = 400

/** Tells whether a file, a folder or a package of this name would say nothing about what it holds. */
export const isVague = (name: string): boolean => vague.has(name.toLowerCase())

/** Every package has the required files, a licence like the root's, and a test. */
export const requiredFiles = ({ packages, root }: Workspace): ReadonlyArray<Finding> =>
  packages.flatMap(({ files, folder }) => {
    const missing = required
      .filter((name) => !files.includes(`${folder}/${name}`))
      .map((name) => ({
        file: `${folder}/${name}`,
        problem: "is required and does not exist",
        mend: name === "src/index.ts" ? "run node tools/src/barrels.ts" : "write it as the other packages do"
      }))
    const untested = files.some((path) => path.startsWith(`${folder}/test/`) && path.endsWith(".test.ts"))
      ? []
      : [{ file: `${folder}/test`, problem: "holds no *.test.ts", mend: "write a test of what the package promises" }]
    return [...missing, ...untested, ...licence(root, folder)]
  })

const licence = (root: string, folder: string): ReadonlyArray<Finding> => {
  const [expected, actual] = ["LICENSE", `${folder}/LICENSE`].map((path) =>
    existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : undefined
  )
  if (actual === undefined || actual === expected) return []
  return [{ file: `${folder}/LICENSE`, problem: "differs from the root's LICENSE", mend: "copy the root's file" }]
}

/** No file or folder has a name that says nothing; modules are PascalCase, internal files lower-case. */
export const names = ({ packages, toolFiles }: Workspace): ReadonlyArray<Finding> => [
  ...[...packages.flatMap(({ files }) => files), ...toolFiles].flatMap((path) =>
    path.split("/").some((part) => isVague(part.split(".")[0] ?? ""))
      ? [{ file: path, problem: "has a name that says nothing", mend: "name it after what it holds" }]
      : []
  ),
  ...packages.flatMap(moduleCase)
]

const moduleCase = (entry: Package): ReadonlyArray<Finding> => {
  const { files, folder, manifest } = entry
  const lowerCase = ["index", ...(manifest.bin === undefined ? [] : ["bin"]), ...flatNames(entry)]
  return files.flatMap((path) => {
    const [part, second, ...rest] = path.slice(folder.length + 1).split("/")
    if (part !== "src" || second === undefined || !path.endsWith(".ts")) return []
    const name = basename(path)
    if (second === "internal") {
      return /^[a-z]/.test(name)
        ? []
        : [{ file: path, problem: "is upper-case under src/internal", mend: "start its name in lower case" }]
    }
    return rest.length > 0 || /^[A-Z]/.test(name) || lowerCase.includes(name.slice(0, -3))
      ? []
      : [
          {
            file: path,
            problem: "is a public module without a PascalCase name",
            mend: 'rename it or move it to src/internal; only a package with a "bin" has a src/bin.ts and flat files'
          }
        ]
  })
}

/** Every built file has its source. */
export const staleOutput = ({ packages, root }: Workspace): ReadonlyArray<Finding> =>
  packages.flatMap(({ files, folder }) =>
    filesBelow(root, `${folder}/dist`)
      .filter((path) => path.endsWith(".js"))
      .filter((path) => !files.includes(path.replace("/dist/", "/src/").replace(/\.js$/, ".ts")))
      .map((path) => ({ file: path, problem: "was built from a source that is gone", mend: "run npm run build" }))
  )

/** No file is longer than 400 code lines, no adapter larger than its budget. */
export const sizes = ({ packages }: Workspace): ReadonlyArray<Finding> =>
  packages.flatMap(({ folder, name, sources, tests }) => {
    const long = [...sources, ...tests]
      .filter(({ source }) => codeLines(source) > fileLines)
      .map((file) => ({
        file: file.path,
        problem: `has ${codeLines(file.source)} code lines, more than ${fileLines}`,
        mend: "split it by what it is about"
      }))
    const total = sources.reduce((sum, { source }) => sum + codeLines(source), 0)
    const budget = layers[name]?.adapterLines ?? Infinity
    return total <= budget
      ? long
      : [
          ...long,
          {
            file: `${folder}/src`,
            problem: `has ${total} code lines, more than the ${budget} of an adapter`,
            mend: "move what another adapter would also write up into @keyfold/http or @keyfold/core"
          }
        ]
  })
