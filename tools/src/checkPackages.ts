/** Checks the structure of every package against the house rules. Exits 1 if any is broken; there are no exceptions. */
import { report, type Finding } from "./finding.ts"
import { adapterExports, readmeHeadings } from "./rules/adapters.ts"
import { names, requiredFiles, sizes, staleOutput } from "./rules/files.ts"
import { imports } from "./rules/imports.ts"
import { lintOverrides } from "./rules/lintOverrides.ts"
import { machinePaths } from "./rules/machinePaths.ts"
import { dependencies, projectReferences, sharedFields } from "./rules/manifests.ts"
import { readWorkspace } from "./workspace.ts"

const rules = [
  requiredFiles,
  names,
  sharedFields,
  dependencies,
  projectReferences,
  imports,
  lintOverrides,
  adapterExports,
  readmeHeadings,
  staleOutput,
  sizes,
  machinePaths
]

/** Runs every rule on the repository at `root`. */
export const checkPackages = (root: string): ReadonlyArray<Finding> => {
  const workspace = readWorkspace(root)
  return rules.flatMap((rule) => rule(workspace))
}

if (import.meta.main) report("structure", checkPackages(process.cwd()))
