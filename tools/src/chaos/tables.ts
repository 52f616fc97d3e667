/** Markdown tables, and the page of the documentation that they go to. */
import { readFileSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus } from "node:os"
import { basename } from "node:path"

/** One row of a table. */
export type Row = ReadonlyArray<string>

/** Writes a table. */
export const table = (head: Row, rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const line = (row: Row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)]
}

/** Puts a heading over a table. */
export const section = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> => [
  "",
  `### ${title}`,
  "",
  ...lines
]

/** How a campaign was run. */
export interface Circumstances {
  readonly command: string
  readonly factor: number
  readonly seed: number
  readonly machine: string
  readonly versions: string
  readonly date: string
}

/** Says how this process runs `npm run <script>`. */
export const circumstancesOf = (
  script: string,
  { factor, seed }: Pick<Circumstances, "factor" | "seed">,
  postgres: { readonly version: string } | undefined
): Circumstances => {
  const given = process.argv.slice(2).filter((argument) => argument !== "--write")
  return {
    command: `npm run ${script} -- ${given.join(" ")}`.trim(),
    factor,
    seed,
    machine: `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"})`,
    versions: [
      `Node ${process.versions.node}`,
      `SQLite ${process.versions["sqlite"] ?? ""}`,
      postgres?.version ?? "no PostgreSQL"
    ].join(", "),
    date: new Date().toISOString().slice(0, 10)
  }
}

/** Writes lines between two marks of a page, `<!-- <name> begin -->` and its end. */
export const writePage = (page: string, name: string, lines: ReadonlyArray<string>): void => {
  const [begin, end] = [`<!-- ${name} begin -->`, `<!-- ${name} end -->`]
  const text = readFileSync(page, "utf8")
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from < 0 || to < from) throw new Error(`${basename(page)} lacks ${begin} or ${end}`)
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n\n${lines.join("\n")}\n\n${text.slice(to)}`)
}
