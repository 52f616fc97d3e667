/**
 * `npm run campaign:gateway`: two gateways under load while a backend, PostgreSQL, one of them or the audit's disk fails.
 * Prints a table, and fails where an acknowledged change was lost or doubled, or the gateways did not recover.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startPostgres } from "../chaos/postgres.ts"
import { circumstancesOf, writePage } from "../chaos/tables.ts"
import { runCampaign } from "./campaign.ts"
import { report } from "./report.ts"
import { readSettings, usage } from "./settings.ts"

const page = join(import.meta.dirname, "../../../docs/gateway-faults.md")

const main = async (): Promise<number> => {
  const settings = readSettings(process.argv.slice(2))
  const postgres = await startPostgres()
  if (postgres === undefined) {
    console.error("this needs PostgreSQL")
    return 2
  }
  const folder = mkdtempSync(join(tmpdir(), "keyfold-gateways-"))
  try {
    const found = await runCampaign(postgres, folder, settings, (line) => void process.stderr.write(`${line}\n`))
    const lines = report(circumstancesOf("campaign:gateway", { seed: settings.seed, factor: 1 }, postgres), found)
    console.log(lines.join("\n"))
    if (settings.writes) writePage(page, "results", lines)
    for (const problem of found.problems) console.log(`DAMAGE: ${problem}`)
    return found.problems.length === 0 ? 0 : 1
  } finally {
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130))

if (process.argv.includes("--help")) {
  console.log(usage)
} else {
  // Requests that nobody waits for any more would hold the process.
  process.exit(await main().catch((error: unknown) => (console.error(error), 2)))
}
