/** Operation × store, side by side: every cell a few short lines, nothing cut. */
import type { Output } from "../../Shell.ts"
import { paint, type Style } from "../style.ts"
import { escape, pad, width, wrap } from "../text.ts"

/** One cell: what happened, and a remark below it. */
export interface Block {
  readonly text: string
  readonly style?: Style
  readonly remark?: string
}

/** One line of cells under a label. */
export interface Row {
  readonly label: string
  readonly cells: ReadonlyArray<Block>
}

const gap = 2
const narrowest = 16
const widest = 26
const pipe = 118

interface Line {
  readonly text: string
  readonly style?: Style | undefined
}

const linesOf = ({ remark, style, text }: Block, cells: number): ReadonlyArray<Line> => [
  ...wrap(escape(text), cells).map((line) => ({ text: line, style })),
  ...(remark === undefined ? [] : [{ text: escape(remark), style: "dim" as const }])
]

const renderLine = (line: ReadonlyArray<Line>, widths: ReadonlyArray<number>, output: Output): string =>
  line
    .map(({ style, text }, index) => {
      const padded = pad(text, widths[index] ?? 0)
      // Painted spaces would keep the end of the line from being trimmed.
      return style === undefined ? padded : paint(output, style, text) + padded.slice(text.length)
    })
    .join(" ".repeat(gap))
    .trimEnd()

const renderRow = ({ cells, label }: Row, left: number, cellWidth: number, output: Output): string => {
  const columns = [
    wrap(label, left).map((text) => ({ text, style: "bold" as const })),
    ...cells.map((cell) => linesOf(cell, cellWidth))
  ]
  const widths = [left, ...cells.map(() => cellWidth)]
  const height = Math.max(...columns.map((lines) => lines.length))
  return Array.from(
    { length: height },
    (_, index) =>
      `${renderLine(
        columns.map((lines) => lines[index] ?? { text: "" }),
        widths,
        output
      )}\n`
  ).join("")
}

/** Writes the matrix; where a terminal is too narrow for all columns, as several below one another. */
export const matrix = (header: Row, rows: ReadonlyArray<Row>, output: Output): string => {
  const left = Math.max(...rows.flatMap(({ label }) => label.split(" ").map(width)))
  const room = (output.isTerminal ? output.columns : pipe) - left
  const columns = header.cells.length
  const together = Math.max(1, Math.min(columns, Math.floor(room / (narrowest + gap))))
  const cellWidth = Math.max(narrowest, Math.min(widest, Math.floor(room / together) - gap))
  const parts = Array.from({ length: Math.ceil(columns / together) }, (_, part) => part * together)
  return parts
    .map((from) =>
      [header, ...rows]
        .map(({ cells, label }) =>
          renderRow({ label, cells: cells.slice(from, from + together) }, left, cellWidth, output)
        )
        .join("\n")
    )
    .join("\n")
}
