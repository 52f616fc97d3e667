/**
 * `npm run campaign:runners`: several runner processes share rotations that are due on one PostgreSQL, with and without one
 * of them killed. Prints a table, and fails where a rotation was done twice or a key was lost.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { startPostgres } from "../chaos/postgres.ts"
import { circumstancesOf, table, writePage, type Row } from "../chaos/tables.ts"
import { runScenario, type Findings, type Scenario } from "./scenario.ts"

const { values } = parseArgs({
  options: {
    rotations: { type: "string", default: "1000" },
    runners: { type: "string", default: "2,4" },
    killed: { type: "string", default: "no,yes" },
    "take-over": { type: "string", default: "15000" },
    write: { type: "boolean", default: false }
  }
})

const scenarios: ReadonlyArray<Scenario> = values.runners.split(",").flatMap((runners) =>
  values.killed.split(",").map((killed) => ({
    rotations: Number(values.rotations),
    runners: Number(runners),
    killAt: killed === "yes" ? 0.25 : undefined,
    takeOverAfter: Number(values["take-over"])
  }))
)

const seconds = (value: number | undefined): string => (value === undefined ? "" : `${value.toFixed(1)} s`)

const page = join(import.meta.dirname, "../../../docs/rotation-faults.md")

const head: Row = [
  "runners",
  "one killed",
  "rotations",
  "time",
  "per second",
  "handed over by each",
  "done",
  "undone",
  "need attention",
  "taken over",
  "keys made and given up"
]

const row = ({ counts, discarded, perRunner, scenario, seconds: taken, takenOver, workedOnAtKill }: Findings): Row =>
  [
    scenario.runners,
    scenario.killAt === undefined ? "no" : "yes",
    scenario.rotations,
    seconds(taken),
    (scenario.rotations / taken).toFixed(1),
    perRunner.join(", "),
    counts.done,
    counts.undone,
    counts.needsAttention,
    scenario.killAt === undefined ? "-" : `${workedOnAtKill} in ${seconds(takenOver)}`,
    discarded
  ].map(String)

/** The page of these figures has no seed and no factor: nothing is drawn, and time is the machine's. */
const preamble = ({ command, date, machine, versions }: ReturnType<typeof circumstancesOf>): ReadonlyArray<string> => [
  `Command: \`${command}\`. ${date}, ${machine}, ${versions}.`,
  ""
]

const memory = "/dev/shm"

const main = async (): Promise<number> => {
  const postgres = await startPostgres()
  if (postgres === undefined) {
    console.error("this needs PostgreSQL")
    return 2
  }
  const folder = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), "keyfold-runners-"))
  const problems: Array<string> = []
  const rows: Array<Row> = []
  try {
    for (const [index, scenario] of scenarios.entries()) {
      const url = await postgres.database(`runners_${index}`)
      const found = await runScenario(url, mkdtempSync(join(folder, "holders-")), scenario)
      console.error(row(found).join(" | "))
      rows.push(row(found))
      problems.push(...found.problems)
    }
  } finally {
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  const circumstances = circumstancesOf("campaign:runners", { seed: 0, factor: 1 }, postgres)
  const lines = [...preamble(circumstances), ...table(head, rows)]
  console.log(lines.join("\n"))
  if (values.write) writePage(page, "runners", lines)
  for (const problem of problems.slice(0, 20)) console.log(`DAMAGE: ${problem}`)
  if (problems.length > 20) console.log(`DAMAGE: and ${problems.length - 20} more`)
  return problems.length === 0 ? 0 : 1
}

process.exitCode = await main()
