/** The layer rules: who may import what, and by which path. */
import { posix } from "node:path"
import { readEffectStability, type EffectStability } from "../effectStability.ts"
import type { Finding } from "../finding.ts"
import { layers, type Layer } from "../layers.ts"
import type { Import } from "../sourceText.ts"
import { packageOf, type Package, type SourceFile, type Workspace } from "../workspace.ts"

interface Problem {
  readonly problem: string
  readonly mend: string
}

interface Place {
  readonly entry: Package
  readonly file: SourceFile
  readonly layer: Layer
  readonly workspace: ReadonlySet<string>
}

const layerProblem = ({ entry, layer, workspace }: Place, { specifier }: Import): Problem | undefined => {
  const name = packageOf(specifier)
  if (name === entry.name) {
    return { problem: `imports its own package as ${specifier}`, mend: "import the file by its relative path" }
  }
  if (specifier.startsWith("node:")) {
    return layer.node
      ? undefined
      : {
          problem: `imports ${specifier}, but ${entry.name} runs on any platform`,
          mend: "use the web platform or effect"
        }
  }
  if (name === undefined) return undefined
  const allowed = workspace.has(name)
    ? layer.packages === "any" || layer.packages.includes(name)
    : layer.libraries.includes(name)
  return allowed
    ? undefined
    : { problem: `imports ${name}, which ${entry.name} may not`, mend: "see the layers in tools/src/layers.ts" }
}

const barrelProblem = ({ workspace }: Place, { specifier }: Import): Problem | undefined => {
  if (specifier === "effect" || workspace.has(specifier)) {
    return {
      problem: `imports the barrel of ${specifier}`,
      mend: `import one module, such as ${specifier}/${specifier === "effect" ? "Effect" : "<Module>"}`
    }
  }
  return undefined
}

const membersOf = (file: SourceFile, { clause }: Import): ReadonlyArray<string> => {
  const namespace = /\*\s+as\s+(\w+)/.exec(clause)?.[1]
  if (namespace !== undefined) {
    return [...file.source.masked.matchAll(new RegExp(`(?<![\\w.])${namespace}\\s*\\.\\s*(\\w+)`, "g"))].map(
      (match) => match[1] ?? ""
    )
  }
  return (/\{([^}]*)\}/.exec(clause)?.[1] ?? "").split(",").map(
    (part) =>
      part
        .trim()
        .replace(/^type\s+/, "")
        .split(/\s+/)[0] ?? ""
  )
}

const stabilityProblem =
  (stability: EffectStability) =>
  ({ entry, file, layer }: Place, found: Import): Problem | undefined => {
    if (layer.unstableEffect || !found.specifier.startsWith("effect/")) return undefined
    const module = found.specifier.slice("effect/".length)
    const mend = `use an export tagged stable, or move the code out of ${entry.name}`
    if (stability.isUnstable(module)) return { problem: `imports ${found.specifier}, which effect tags unstable`, mend }
    const member = membersOf(file, found).find((name) => stability.isUnstable(module, name))
    return member === undefined
      ? undefined
      : { problem: `uses ${member} of ${found.specifier}, which effect tags unstable`, mend }
  }

const reachProblem = ({ entry, file, workspace }: Place, { specifier }: Import): Problem | undefined => {
  const other = packageOf(specifier)
  if (
    other !== undefined &&
    workspace.has(other) &&
    /^\/(?:internal|src|dist|test)\//.test(specifier.slice(other.length))
  ) {
    return { problem: `reaches into ${specifier}`, mend: `import a public module of ${other}, or make one` }
  }
  const reached = posix.join(posix.dirname(file.path), specifier)
  return specifier.startsWith(".") && !reached.startsWith(`${entry.folder}/`)
    ? { problem: `leaves its package by ${specifier}`, mend: "import the other package by its name" }
    : undefined
}

type Check = (place: Place, found: Import) => Problem | undefined

const check = (place: Place, checks: ReadonlyArray<Check>): ReadonlyArray<Finding> =>
  place.file.imports.flatMap((found) =>
    checks.flatMap((rule) => {
      const problem = rule(place, found)
      return problem === undefined ? [] : [{ file: `${place.file.path}:${found.line}`, ...problem }]
    })
  )

/** Every import respects the layers, goes to a module rather than a barrel, and stays out of other packages' insides. */
export const imports = ({ packages, root }: Workspace): ReadonlyArray<Finding> => {
  const workspace = new Set(packages.map(({ name }) => name))
  const forSources = [layerProblem, barrelProblem, stabilityProblem(readEffectStability(root)), reachProblem]
  return packages.flatMap((entry) => {
    const layer = layers[entry.name]
    if (layer === undefined) {
      return [
        {
          file: `${entry.folder}/package.json`,
          problem: `${entry.name} has no layer`,
          mend: "say in tools/src/layers.ts what it may import"
        }
      ]
    }
    return [
      ...entry.sources.flatMap((file) => check({ entry, file, layer, workspace }, forSources)),
      ...entry.tests.flatMap((file) => check({ entry, file, layer, workspace }, [reachProblem]))
    ]
  })
}
