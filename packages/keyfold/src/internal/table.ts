/** Tables that fit the terminal. */
import type { Output } from "../Shell.ts"
import { paint, type Style } from "./style.ts"
import { cut, escape, pad, width } from "./text.ts"

/**
 * Describes one column.
 *
 * `flexible` columns may be cut on a terminal; `spare` columns are left out first (the highest number first) where the
 * terminal is too narrow. Neither happens in a pipe.
 */
export interface Column {
  readonly title: string
  readonly flexible?: boolean
  readonly spare?: number
  readonly align?: "left" | "right"
}

/** One cell: its text and how to set it off. */
export type Cell = string | { readonly text: string; readonly style: Style }

/** Says which columns are shown, how wide each is, and which had to go. */
export interface Layout {
  readonly shown: ReadonlyArray<{ readonly index: number; readonly column: Column; readonly cells: number }>
  readonly dropped: ReadonlyArray<string>
}

const gap = 2
const comfortable = 10

const textOf = (cell: Cell | undefined): string => escape(typeof cell === "object" ? cell.text : (cell ?? ""))

const total = (widths: ReadonlyArray<number>): number =>
  widths.reduce((sum, cells) => sum + cells, Math.max(0, widths.length - 1) * gap)

const shrink = (columns: ReadonlyArray<Column>, widths: ReadonlyArray<number>, limit: number, floor: number) => {
  const cells = [...widths]
  while (total(cells) > limit) {
    const widest = Math.max(...cells.filter((_, index) => columns[index]?.flexible === true), 0)
    if (widest <= floor) return undefined
    const index = cells.findIndex((value, at) => value === widest && columns[at]?.flexible === true)
    cells[index] = widest - 1
  }
  return cells
}

/**
 * Chooses the columns and their widths from the first rows.
 *
 * Columns without any text are left out. On a terminal, spare columns go while the others would have to be cut below ten
 * cells; what still does not fit is cut further.
 */
export const layout = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<Cell>>,
  output: Pick<Output, "isTerminal" | "columns">
): Layout => {
  const filled = columns.map((column, index) => ({ column, index }))
  let kept = filled.filter(({ index }) => rows.length === 0 || rows.some((row) => textOf(row[index]) !== ""))
  const dropped: Array<string> = []
  const natural = ({ column, index }: { readonly column: Column; readonly index: number }) =>
    Math.max(width(column.title), ...rows.map((row) => width(textOf(row[index]))))
  const result = (cells: ReadonlyArray<number>): Layout => ({
    shown: kept.map((one, at) => ({ ...one, cells: cells[at] ?? 0 })),
    dropped
  })
  if (!output.isTerminal) return result(kept.map(natural))
  for (;;) {
    const list = kept.map(({ column }) => column)
    const fitted = shrink(list, kept.map(natural), output.columns, comfortable)
    if (fitted !== undefined) return result(fitted)
    const spare = Math.max(0, ...list.map((column) => column.spare ?? 0))
    const last = kept.find(({ column }) => column.spare === spare)
    if (spare === 0 || last === undefined) {
      const widths = kept.map(natural)
      return result(shrink(list, widths, output.columns, 1) ?? widths.map((cells) => Math.min(cells, output.columns)))
    }
    dropped.push(last.column.title)
    kept = kept.filter((one) => one !== last)
  }
}

const renderRow = (row: ReadonlyArray<Cell>, { shown }: Layout, output: Pick<Output, "isTerminal" | "color">): string =>
  shown
    .map(({ cells, column, index }) => {
      const cell = row[index]
      const text = output.isTerminal ? cut(textOf(cell), cells) : textOf(cell)
      const padded = pad(text, cells, column.align === "right" ? "left" : "right")
      return typeof cell === "object" ? paint(output, cell.style, padded) : padded
    })
    .join(" ".repeat(gap))
    .trimEnd()

/** Writes the line of titles. */
export const header = (chosen: Layout, columns: ReadonlyArray<Column>, output: Output): string =>
  `${renderRow(
    columns.map(({ title }) => ({ text: title, style: "bold" as const })),
    chosen,
    output
  )}\n`

/** Writes rows, one line each. */
export const body = (chosen: Layout, rows: ReadonlyArray<ReadonlyArray<Cell>>, output: Output): string =>
  rows.map((row) => `${renderRow(row, chosen, output)}\n`).join("")

/** Writes a whole table. */
export const table = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<Cell>>,
  output: Output
): string => {
  const chosen = layout(columns, rows, output)
  return header(chosen, columns, output) + body(chosen, rows, output)
}

/** Writes facts below one another, each with its name; facts without text are left out. */
export const facts = (
  pairs: ReadonlyArray<readonly [name: string, value: Cell | undefined]>,
  output: Output
): string => {
  const known = pairs.filter(([, value]) => textOf(value) !== "")
  const names = Math.max(0, ...known.map(([name]) => width(name)))
  return known
    .map(([name, value]) => {
      const text = typeof value === "object" ? paint(output, value.style, textOf(value)) : textOf(value)
      return `${paint(output, "dim", pad(name, names))}${" ".repeat(gap)}${text}\n`
    })
    .join("")
}
