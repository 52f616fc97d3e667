/** Tables in Markdown. */

/** One line of a table. */
export const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

/** A table; the columns named in `left` hold text, all others numbers. */
export const table = (
  columns: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  left: ReadonlyArray<string> = columns.slice(0, 1)
): string => [head(columns, left), ...rows.map(row)].join("\n")

/** The first two lines of a table, for one that is printed while it is measured. */
export const head = (columns: ReadonlyArray<string>, left: ReadonlyArray<string> = columns.slice(0, 1)): string =>
  [row(columns), row(columns.map((name) => (left.includes(name) ? "---" : "--:")))].join("\n")
