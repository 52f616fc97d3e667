/** `npm run chaos`: runs the fault campaign, prints its tables, and fails where anything was left that must not be. */
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { problemsOf, runCampaign, type Findings } from "./campaign.ts"
import { startPostgres, type Postgres } from "./postgres.ts"
import { report } from "./report.ts"
import { realNow } from "./scale.ts"
import { readSettings, usage, type Settings } from "./settings.ts"
import { circumstancesOf, writePage } from "./tables.ts"

const page = join(import.meta.dirname, "../../../docs/faults.md")

/** What dies here are processes, not disks; on scaled time a disk's pace would be the slowest part. */
const memory = "/dev/shm"

const say = (line: string): void => void process.stderr.write(`${line}\n`)

const run = async (settings: Settings, postgres: Postgres | undefined, folder: string): Promise<Findings> => {
  const { isQuick, isWhole, minutes, operations, ...rest } = settings
  const small = isQuick ? 40 : Math.max(40, Math.min(200, operations))
  return runCampaign({
    ...rest,
    operations,
    guardOperations: isWhole ? small : 0,
    naiveOperations: isWhole ? (isQuick ? 60 : Math.max(60, Math.min(1_000, operations))) : 0,
    guardsEverywhere: !isQuick,
    deadline: realNow() + minutes * 60_000,
    cache: join(folder, "cache"),
    folder,
    postgres,
    say
  })
}

const main = async (): Promise<number> => {
  const settings = readSettings(process.argv.slice(2))
  say(`seed ${settings.seed}, time runs ${settings.factor} times as fast`)
  const folder = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), "keyfold-chaos-"))
  const postgres = settings.backends.includes("postgres") ? await startPostgres() : undefined
  if (postgres === undefined) say("without PostgreSQL")
  try {
    const findings = await run(settings, postgres, folder)
    const lines = report(circumstancesOf("chaos", settings, postgres), findings)
    console.log(lines.join("\n"))
    if (settings.writes) writePage(page, "results", lines)
    const problems = problemsOf(findings)
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
