/**
 * Writes what `docs/bench.json` holds into `docs/bench.md`, `docs/bench.svg` and the README; `--check` only tells what is
 * stale, so that a figure in a text is always one that was measured.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { report as show, type Finding } from "../finding.ts"
import { listsTable } from "../listBenchmark/listsTable.ts"
import { describe } from "../measurement/machine.ts"
import { chartOf, draw } from "./chart.ts"
import { section } from "./readme.ts"
import type { Results } from "./results.ts"
import { comparisonTable, findingTable, tenantsTable } from "./tables.ts"

/** Where the results are kept. */
export const resultsFile = "docs/bench.json"

const start = "<!-- bench:start -->"
const end = "<!-- bench:end -->"
const notice = `<!-- Written by tools/src/bench/report.ts from ${resultsFile}: do not edit. -->`
const command = "npm run bench, or node tools/src/bench/report.ts where only a text is stale"

const versionsOf = ({ versions }: Results): string =>
  Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ")

const bodiesOf = ({ bodies }: Results): string =>
  Object.entries(bodies)
    .map(([name, bytes]) => `${name} ${(bytes / 1000).toFixed(1)} kB`)
    .join(", ")

const tablesOf = (results: Results): string => {
  const { circumstances, comparisons, finding, lists, rounds, tenants, window } = results
  return [
    `${describe(circumstances)} ${rounds} rounds of ${window} ms for each client.`,
    `Versions: ${versionsOf(results)}.`,
    `25 keys as each backend writes them: ${bodiesOf(results)}.`,
    ...comparisons.flatMap((comparison) => [`### ${comparison.job.title}`, comparisonTable(comparison)]),
    "### Get 1,000 keys at once",
    findingTable(finding),
    "### 1,000 tenants at once",
    tenantsTable(tenants),
    "### Long lists",
    listsTable(lists)
  ].join("\n\n")
}

/** Draws the chart of some results. */
export const chart = ({ circumstances: { date, node }, comparisons }: Results): string =>
  draw(
    chartOf(
      comparisons.filter(({ job: { id } }) => id === "list-25" || id === "list-25-64"),
      {
        title: "Listing 25 keys: calls a second as a multiple of bare fetch",
        subtitle: "On loopback, on the same bytes; more is faster. Keyfold also decodes and validates every key.",
        panels: ["one call at a time", "64 calls at once"],
        note: `Medians; thin lines go from the slowest to the fastest round, or to the edge. Node ${node}, ${date}: docs/bench.md`
      }
    )
  )

/** Puts a text between the markers of a document; undefined where there are none. */
export const place = (document: string, text: string): string | undefined => {
  const from = document.indexOf(start)
  const to = document.indexOf(end, from)
  return from < 0 || to < 0
    ? undefined
    : `${document.slice(0, from)}${[start, notice, "", text, "", end].join("\n")}${document.slice(to + end.length)}`
}

/** The results that are kept in a file; undefined where there are none. */
export const readResults = (path: string): Results | undefined =>
  existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Results) : undefined

const digits = 4

/** Results as the text that is kept: with as many digits as mean something, each of the innermost objects on one line. */
export const textOf = (results: Results): string => {
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(digits)) : value
  const text = JSON.stringify(results, rounded, 1)
  return `${text.replaceAll(/\{[^{}]*\}/g, (inner) => inner.replaceAll(/\s*\n\s*/g, " "))}\n`
}

const bring = (root: string, file: string, check: boolean, make: (old: string) => string | undefined) => {
  const path = join(root, file)
  const old = existsSync(path) ? readFileSync(path, "utf8") : ""
  const made = make(old)
  if (made === undefined) {
    return [{ file, problem: "has no place for the benchmark", mend: `write the lines ${start} and ${end} into it` }]
  }
  if (made === old) return []
  if (!check) writeFileSync(path, made)
  return check ? [{ file, problem: `does not say what ${resultsFile} holds`, mend: `run ${command}` }] : []
}

/** Writes the texts that are stale, or with `check` reports them; without results there is nothing to say. */
export const benchReport = (root: string, check: boolean): ReadonlyArray<Finding> => {
  const results = readResults(join(root, resultsFile))
  if (results === undefined) return []
  return [
    ...bring(root, "docs/bench.md", check, (old) => place(old, tablesOf(results))),
    ...bring(root, "docs/bench.svg", check, () => chart(results)),
    ...bring(root, "README.md", check, (old) => place(old, section(results)))
  ]
}

if (import.meta.main) show("bench", benchReport(process.cwd(), process.argv.includes("--check")))
