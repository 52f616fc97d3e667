/** Runs every static check of the repository and shows all their findings. */
import { barrels } from "./barrels.ts"
import { benchReport } from "./bench/report.ts"
import { capabilityTables } from "./capabilityTable.ts"
import { checkPackages } from "./checkPackages.ts"
import { configurationJudge } from "./configurations.ts"
import { configurationSchema } from "./configurationSchema.ts"
import { report } from "./finding.ts"
import { checkExamples } from "./readmeExamples.ts"

const root = process.cwd()

report("structure", checkPackages(root))
report("barrels", barrels(root, true))
report("capabilities", await capabilityTables(root, true))
report("configuration schema", await configurationSchema(root, true))
report("bench", benchReport(root, true))
report("examples", await checkExamples({ root, validateConfiguration: await configurationJudge(root) }))
