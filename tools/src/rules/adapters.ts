/** What every adapter exports and what every README says. An adapter is a package whose src exports an `adapter` value. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { adapterModules } from "../adapters.ts"
import type { Finding } from "../finding.ts"
import { exportsOf } from "../sourceText.ts"
import type { Workspace } from "../workspace.ts"

const required = ["Options", "capabilities", "make", "layer", "layerConfig", "adapter"]
const adapterHeadings = ["Install", "Use", "Configuration", "What this backend can do", "Errors", "License"]
const otherHeadings = ["Install", "Use", "License"]

/** An adapter's module exports the same six names everywhere. */
export const adapterExports = ({ packages }: Workspace): ReadonlyArray<Finding> =>
  packages.flatMap(adapterModules).flatMap(({ path, source }) => {
    const found = exportsOf(source)
    return required
      .filter((name) => !found.has(name))
      .map((name) => ({
        file: path,
        problem: `exports an adapter but not ${name}`,
        mend: `export ${name} from this module, as the other adapters do`
      }))
  })

const headings = (file: string): ReadonlyArray<string> => {
  const prose = readFileSync(file, "utf8").replace(/^\s*```[^]*?^\s*```/gm, "")
  return [...prose.matchAll(/^## (.+?)\s*$/gm)].map((match) => match[1] ?? "")
}

/** READMEs have the fixed headings in the fixed order; further ones may stand between them. */
export const readmeHeadings = ({ packages, root }: Workspace): ReadonlyArray<Finding> =>
  packages.flatMap((entry) => {
    const isAdapter = adapterModules(entry).length > 0
    const expected = isAdapter ? adapterHeadings : otherHeadings
    const readme = join(root, entry.folder, "README.md")
    if (!existsSync(readme)) return []
    const found = headings(readme)
    const kept = found.filter((heading) => expected.includes(heading))
    return isDeepStrictEqual(kept, expected)
      ? []
      : [
          {
            file: `${entry.folder}/README.md`,
            problem: `has the headings ${found.join(", ") || "(none)"}`,
            mend: `write ${expected.map((heading) => `"## ${heading}"`).join(", ")} in this order`
          }
        ]
  })
