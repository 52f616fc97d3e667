/** Runs every static check of the repository and shows all their findings. */
import { barrels } from "./barrels.ts"
import { checkPackages } from "./checkPackages.ts"
import { report } from "./finding.ts"
import { checkExamples } from "./readmeExamples.ts"

const root = process.cwd()

report("structure", checkPackages(root))
report("barrels", barrels(root, true))
report("examples", checkExamples({ root }))
