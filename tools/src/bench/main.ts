/**
 * `npm run bench`: what listing and creating keys costs with Keyfold and with what one would take instead. The server and
 * each client have a process of their own; rounds alternate.
 *
 * A whole run writes `docs/bench.json`, and from it `bench.md`, `bench.svg` and the README's paragraph. These measure less
 * and write nothing:
 *
 * - `--quick`: a few clients; fails where they are far slower than `docs/bench.json` says.
 * - `--only keyfold,ky` chooses clients by group, id or format, and `--job list-25,create` what is compared (`get`, `tenants`
 *   and `lists` are the last three). `--rounds`, `--window` and `--warm-up`, in milliseconds, say how long.
 * - `--file` names another file than `docs/bench.json`, to keep results in or to compare with.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { lengths, readLists } from "../listBenchmark/lists.ts"
import { listsTable } from "../listBenchmark/listsTable.ts"
import { circumstances, describe } from "../measurement/machine.ts"
import { judge, judgeFinding } from "./band.ts"
import { formats, listAnswer } from "./formats.ts"
import { jobs } from "./jobs.ts"
import { measureFinding, measureTenants } from "./others.ts"
import { benchReport, readResults, resultsFile, textOf } from "./report.ts"
import { compareClients, type Comparison, type Finding, type Results } from "./results.ts"
import * as run from "./run.ts"
import { finders, subjects, type Subject } from "./subjects.ts"
import { comparisonTable, findingTable, tenantsTable } from "./tables.ts"
import { versions } from "./versions.ts"

const root = join(import.meta.dirname, "../../..")

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    job: { type: "string" },
    rounds: { type: "string" },
    window: { type: "string" },
    "warm-up": { type: "string" },
    file: { type: "string" }
  }
})

const isNarrow = values.only !== undefined || values.job !== undefined

/** The clients and comparisons of a short run. */
const quick = {
  clients: ["fetch whylabs", "undici whylabs", "ky whylabs", "keyfold whylabs ky", "keyfold whylabs undici"],
  jobs: ["list-25", "list-25-64", "list-10000", "get"]
}

const effort: run.Effort = {
  rounds: Number(values.rounds ?? (values.quick ? 7 : 13)),
  window: Number(values.window ?? 100),
  warmUp: Number(values["warm-up"] ?? (values.quick ? 2_000 : 15_000))
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)

const among = (list: ReadonlyArray<string> | undefined, ...names: ReadonlyArray<string>): boolean =>
  list === undefined || list.some((one) => names.includes(one))

const chosenJobs = values.job?.split(",") ?? (values.quick ? quick.jobs : undefined)
const chosenClients = values.only?.split(",") ?? (values.quick ? quick.clients : undefined)

const compareAll = async (server: run.Server): Promise<ReadonlyArray<Comparison>> => {
  const isChosen = ({ format, group, id }: Subject): boolean => among(chosenClients, group, id, format)
  const chosen = subjects.filter(isChosen)
  const comparisons: Array<Comparison> = []
  const wanted = jobs.filter(({ id }) => among(chosenJobs, id))
  if (wanted.length === 0) return comparisons
  const workers = await run.startWorkers(chosen, server)
  for (const job of wanted) {
    const comparison = compareClients(job, chosen, await run.measure(workers, job, effort))
    comparisons.push(comparison)
    say(`\n${job.title}\n\n${comparisonTable(comparison)}`)
  }
  run.stopWorkers(workers)
  return comparisons
}

const find = async (server: run.Server): Promise<ReadonlyArray<Finding>> => {
  if (!among(chosenJobs, "get")) return []
  const chosen = values.quick ? finders.filter(({ isOurs }) => isOurs) : finders
  const finding = await measureFinding(server, chosen, Math.min(3, effort.rounds))
  say(`\nGet 1,000 keys at once\n\n${findingTable(finding)}`)
  return finding
}

const measureAll = async (server: run.Server): Promise<Results> => {
  const began = circumstances()
  say(describe(began))
  const comparisons = await compareAll(server)
  const finding = await find(server)
  const tenants = among(chosenJobs, "tenants") ? await measureTenants(server, Math.min(3, effort.rounds)) : []
  if (tenants.length > 0) say(`\n1,000 tenants at once\n\n${tenantsTable(tenants)}`)
  server.process.disconnect()
  const lists = among(chosenJobs, "lists") ? await readLists(lengths, Math.min(3, effort.rounds)) : []
  if (lists.length > 0) say(`\nLong lists\n\n${listsTable(lists)}`)
  const bodies = Object.entries(formats).map(([name, format]) => [name, listAnswer(format, 25).length] as const)
  const { rounds, window } = effort
  return {
    circumstances: began,
    versions: versions(),
    rounds,
    window,
    bodies: Object.fromEntries(bodies),
    comparisons,
    finding,
    tenants,
    lists
  }
}

const file = values.file ?? join(root, resultsFile)
const results = await measureAll(await run.startServer())
if (values.quick) {
  const problems = [
    ...judge(results.comparisons, readResults(file)?.comparisons ?? []),
    ...judgeFinding(results.finding)
  ]
  for (const problem of problems) say(problem)
  say(problems.length === 0 ? "bench: within the band" : `bench: ${problems.length} far outside the band`)
  process.exitCode = problems.length === 0 ? 0 : 1
} else if (values.file !== undefined) {
  writeFileSync(file, textOf(results))
} else if (!isNarrow) {
  writeFileSync(file, textOf(results))
  for (const { file, mend, problem } of benchReport(root, false)) say(`${file} ${problem}: ${mend}`)
}
