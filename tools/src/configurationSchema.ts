/** Writes the JSON Schema of the configuration file from the schemas it is judged with; `--check` only tells if it is stale. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { readAdapters } from "./adapters.ts"
import { report, type Finding } from "./finding.ts"
import { readWorkspace } from "./workspace.ts"

const file = "packages/config/schema/keyfold.schema.json"

/** Writes the schema if it is stale, or with `check` reports it. */
export const configurationSchema = async (root: string, check: boolean): Promise<ReadonlyArray<Finding>> => {
  const { make } = await import("@keyfold/config/ConfigurationSchema")
  const { adapters, findings } = await readAdapters(readWorkspace(root))
  if (findings.length > 0) return findings
  const known = adapters.map(({ adapter }) => adapter).toSorted((left, right) => left.name.localeCompare(right.name))
  const expected = `${JSON.stringify(make(known), null, 2)}\n`
  const path = join(root, file)
  if (existsSync(path) && readFileSync(path, "utf8") === expected) return []
  if (check) {
    const problem = "is not what the configuration file is judged with"
    return [{ file, problem, mend: "run node tools/src/configurationSchema.ts" }]
  }
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, expected)
  return []
}

if (import.meta.main) {
  report("configuration schema", await configurationSchema(process.cwd(), process.argv.includes("--check")))
}
