/**
 * Writes what the adapters declare into the READMEs, in words; `--check` only tells which tables are stale.
 *
 * The words are those of `keyfold capabilities`.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type * as words from "../../packages/keyfold/src/internal/words.ts"
import { readAdapters, type DeclaredAdapter, type Variant } from "./adapters.ts"
import { report, type Finding } from "./finding.ts"
import { readWorkspace } from "./workspace.ts"

type Words = typeof words

/** One column: a dialect of one store. */
interface Column extends Variant {
  readonly store: string
  readonly title: string
}

/** One generated place: the file, the heading it stands under, and what belongs there. */
interface Table {
  readonly file: string
  readonly heading: string
  readonly text: string
}

const start = "<!-- capabilities:start -->"
const end = "<!-- capabilities:end -->"
const notice = "<!-- Written by tools/src/capabilityTable.ts from what the adapters declare: do not edit. -->"
const command = "node tools/src/capabilityTable.ts"

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

const grid = (titles: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [row(titles), row(titles.map(() => "---")), ...rows.map(row)].join("\n")

const operationRows = ({ operations }: Words, columns: ReadonlyArray<Column>): ReadonlyArray<ReadonlyArray<string>> =>
  operations.map((operation) => [
    `\`${operation}\``,
    ...columns.map(({ capabilities }) => capabilities.operations[operation])
  ])

/** The facts, each with what every column says about it. */
const factRows = (
  { facts }: Words,
  columns: ReadonlyArray<Column>
): ReadonlyArray<readonly [string, Array<string>]> => {
  const perColumn = columns.map(({ capabilities }) => new Map(facts(capabilities)))
  const names = [...new Set(perColumn.flatMap((said) => [...said.keys()]))]
  return names.map((name) => [name, perColumn.map((said) => said.get(name) ?? "")])
}

const legend = ({ support }: Words): string =>
  (["native", "derived", "unsupported"] as const).map((kind) => `*${kind}*: ${support(kind)}`).join("; ")

/** Explains the columns whose title does not. */
const meanings = (columns: ReadonlyArray<Column>): string =>
  columns
    .filter(({ meaning, name, title }) => title.endsWith(name) && name !== "" && meaning !== "")
    .filter(({ meaning, name }) => meaning !== `what the ${name} dialect can do`)
    .map(({ meaning, title }) => `- *${title}*: ${meaning}.`)
    .join("\n")

const block = (...parts: ReadonlyArray<string>): string =>
  [start, notice, "", parts.filter((part) => part !== "").join("\n\n"), "", end].join("\n")

const columnsOf = (
  { namespace, variants }: DeclaredAdapter,
  titleOf: (dialect: string) => string
): ReadonlyArray<Column> =>
  variants.map((variant) => ({
    ...variant,
    store: namespace,
    title: variant.name === "" || variants.length === 1 ? namespace : titleOf(variant.name)
  }))

const ownTable = (words: Words, entry: DeclaredAdapter): string => {
  const columns = columnsOf(entry, (dialect) => dialect)
  const rows = [...operationRows(words, columns), ...factRows(words, columns).map(([name, said]) => [name, ...said])]
  return block(grid(["", ...columns.map(({ title }) => title)], rows), `${legend(words)}.`, meanings(columns))
}

/** Names the columns of a group: a store of which all dialects are there by its own name. */
const namesOf = (group: ReadonlyArray<Column>, all: ReadonlyArray<Column>): ReadonlyArray<string> => {
  const count = (columns: ReadonlyArray<Column>, store: string) => columns.filter((one) => one.store === store).length
  return [...new Set(group.map(({ store, title }) => (count(group, store) === count(all, store) ? store : title)))]
}

/** Says one fact about all stores: those of which the same is true stand together. */
const together = (columns: ReadonlyArray<Column>, said: ReadonlyArray<string>): string => {
  const groups = Map.groupBy(columns, (column) => said[columns.indexOf(column)] ?? "")
  if (groups.size === 1) return `all: ${said[0]}`
  return [...groups]
    .map(
      ([text, group]) =>
        `${namesOf(group, columns)
          .map((name) => `*${name}*`)
          .join(", ")}: ${text}`
    )
    .join("<br>")
}

const combinedTable = (words: Words, adapters: ReadonlyArray<DeclaredAdapter>): string => {
  const columns = adapters.flatMap((entry) => columnsOf(entry, (dialect) => `${entry.namespace} ${dialect}`))
  const facts = factRows(words, columns).map(([name, said]) => [name, together(columns, said)])
  return block(
    grid(["", ...columns.map(({ title }) => title)], operationRows(words, columns)),
    `${legend(words)}.`,
    meanings(columns),
    grid(["what to know", "of which store"], facts)
  )
}

const tables = (words: Words, adapters: ReadonlyArray<DeclaredAdapter>): ReadonlyArray<Table> => [
  ...adapters.map((entry) => ({
    file: `${entry.folder}/README.md`,
    heading: "## What this backend can do",
    text: ownTable(words, entry)
  })),
  { file: "README.md", heading: "## What each backend can do", text: combinedTable(words, adapters) }
]

/** Puts a table between the markers of a text, or below its heading; undefined where there is neither. */
export const place = (markdown: string, { heading, text }: Pick<Table, "heading" | "text">): string | undefined => {
  const from = markdown.indexOf(start)
  const to = markdown.indexOf(end, from)
  if (from >= 0 && to >= 0) return markdown.slice(0, from) + text + markdown.slice(to + end.length)
  const found = `\n${markdown}`.indexOf(`\n${heading}\n`)
  if (from >= 0 || found < 0) return undefined
  const below = found + heading.length + 1
  return `${markdown.slice(0, below)}\n${text}\n${markdown.slice(below)}`
}

const bring = (root: string, table: Table, check: boolean): ReadonlyArray<Finding> => {
  const path = join(root, table.file)
  if (!existsSync(path)) return []
  const actual = readFileSync(path, "utf8")
  const expected = place(actual, table)
  if (expected === undefined) {
    const mend = `write the heading "${table.heading}" and run ${command}`
    return [{ file: table.file, problem: "has no place for the table of capabilities", mend }]
  }
  if (actual === expected) return []
  if (!check) writeFileSync(path, expected)
  const problem = "holds a table that is not what the adapters declare"
  return check ? [{ file: table.file, problem, mend: `run ${command}` }] : []
}

/** Writes the tables that are stale, or with `check` reports them. A README that does not exist is another check's. */
export const capabilityTables = async (root: string, check: boolean): Promise<ReadonlyArray<Finding>> => {
  const { adapters, findings } = await readAdapters(readWorkspace(root))
  const spoken = await import("../../packages/keyfold/src/internal/words.ts")
  const usable = adapters.filter(({ variants }) => variants.length > 0)
  return [...findings, ...tables(spoken, usable).flatMap((table) => bring(root, table, check))]
}

if (import.meta.main) {
  report("capabilities", await capabilityTables(process.cwd(), process.argv.includes("--check")))
}
