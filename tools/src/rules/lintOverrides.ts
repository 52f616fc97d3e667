/** `.oxlintrc.json` says in the editor what `layers.ts` says here. */
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import type { Finding } from "../finding.ts"
import { layers, type Layer } from "../layers.ts"
import { packageOf, readJson, type Workspace } from "../workspace.ts"

interface Override {
  readonly files?: ReadonlyArray<string>
  readonly rules?: Readonly<Record<string, unknown>>
}

interface LintConfiguration {
  readonly overrides: ReadonlyArray<Override>
}

const file = ".oxlintrc.json"

const sourcesOf = (name: string): string => `packages/${name.replace("@keyfold/", "")}/src/**`

/** Reads the patterns that a restriction takes back: `!effect/**` makes `effect` importable. */
const permitted = (rule: unknown): ReadonlySet<string> =>
  new Set(
    [...JSON.stringify(rule).matchAll(/"!([^"]+)"/g)]
      .map(([, pattern = ""]) => (pattern.startsWith("node:") ? "node:*" : packageOf(pattern)))
      .filter((name) => name !== undefined)
  )

const rights = ({ libraries, node, packages }: Layer): ReadonlySet<string> =>
  new Set([...libraries, ...(node ? ["node:*"] : []), ...(packages === "any" ? ["@keyfold/*"] : packages)])

/** Every row of the layers has an override of the linter that permits the same imports. */
export const lintOverrides = ({ root }: Workspace): ReadonlyArray<Finding> => {
  const { overrides = [] } = readJson<LintConfiguration>(join(root, file))
  return Object.entries(layers).flatMap(([name, layer]) => {
    const rules = overrides
      .filter(({ files = [] }) => files.includes(sourcesOf(name)))
      .flatMap((override) => override.rules?.["no-restricted-imports"] ?? [])
    const mend = `let the override of ${sourcesOf(name)} permit ${[...rights(layer)].join(", ")}`
    if (rules.length === 0) return [{ file, problem: `has no import rule for ${name}`, mend }]
    return isDeepStrictEqual(permitted(rules), rights(layer))
      ? []
      : [{ file, problem: `does not permit ${name} what tools/src/layers.ts does`, mend }]
  })
}
