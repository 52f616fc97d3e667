/** `npm run campaign:rotation`: ends processes at every point of a rotation, prints its tables, and fails at any damage. */
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startPostgres } from "../chaos/postgres.ts"
import { circumstancesOf, writePage } from "../chaos/tables.ts"
import { problemsOf, runCampaign } from "./campaign.ts"
import { report } from "./report.ts"
import { readSettings, usage } from "./settings.ts"

const page = join(import.meta.dirname, "../../../docs/rotation-faults.md")

/** What dies here are processes, not disks; on scaled time a disk's pace would be the slowest part. */
const memory = "/dev/shm"

const say = (line: string): void => void process.stderr.write(`${line}\n`)

const main = async (): Promise<number> => {
  const settings = readSettings(process.argv.slice(2))
  say(`seed ${settings.seed}, time runs ${settings.factor} times as fast`)
  const folder = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), "keyfold-rotations-"))
  const postgres = await startPostgres()
  if (postgres === undefined) say("without PostgreSQL, and so without runners that share one")
  try {
    const findings = await runCampaign({ ...settings, cache: join(folder, "cache"), folder, postgres, say })
    const lines = report(circumstancesOf("campaign:rotation", settings, postgres), findings)
    console.log(lines.join("\n"))
    if (settings.writes) writePage(page, "results", lines)
    const problems = problemsOf(settings, findings)
    for (const problem of problems) console.log(`DAMAGE: ${problem}`)
    return problems.length === 0 ? 0 : 1
  } finally {
    await postgres?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130))

if (process.argv.includes("--help")) {
  console.log(usage)
} else {
  // Delays of the emulators that nobody waits for any more would hold the process.
  process.exit(await main().catch((error: unknown) => (say(error instanceof Error ? error.message : String(error)), 2)))
}
