/** The tour's report for people. */
import type { Output, Shell } from "../../Shell.ts"
import { fit } from "../print.ts"
import { paint } from "../style.ts"
import { type Cell, type Column, table } from "../table.ts"
import { pad, width } from "../text.ts"
import type { Step } from "./recorder.ts"
import type { TourReport } from "./tour.ts"

const columns: ReadonlyArray<Column> = [
  { title: "STORE" },
  { title: "OPERATION" },
  { title: "RESULT", flexible: true },
  { title: "REQUESTS", align: "right" },
  { title: "TIME", align: "right" }
]

const row = ({
  expected,
  milliseconds,
  operation,
  requests,
  result,
  store,
  unsupported
}: Step): ReadonlyArray<Cell> => [
  store,
  operation,
  { text: expected ? result : `UNEXPECTED: ${result}`, style: expected ? (unsupported ? "yellow" : "green") : "red" },
  String(requests),
  milliseconds < 1 ? "<1 ms" : `${Math.round(milliseconds)} ms`
]

const numbers = ["no backend", "one backend", "two backends", "three backends", "four backends"]

const count = (stores: number): string => numbers[stores] ?? `${stores} backends`

const paragraph = (text: string, output: Output): string => `${fit(text, output)}\n`

const list = (rows: ReadonlyArray<readonly [left: string, right: string]>, output: Output): string => {
  const left = Math.max(...rows.map(([name]) => width(name)))
  return rows.map(([name, text]) => `  ${paint(output, "cyan", pad(name, left))}  ${text}\n`).join("")
}

const closing = (steps: ReadonlyArray<Step>): string => {
  const unsupported = steps.filter((step) => step.unsupported)
  const honest =
    unsupported.length === 0
      ? ""
      : ` What a backend cannot do (${[...new Set(unsupported.map(({ operation }) => operation))].join(", ")}) was refused ` +
        "before anything was sent, as the store declares."
  const lag = steps.some(({ requests }) => typeof requests === "number" && requests > 1)
    ? " Where reads lag behind, the list was asked again until it was up to date."
    : ""
  return steps.every(({ expected }) => expected)
    ? `Every step did what its store declares.${honest}${lag} The database, the emulator and the folder are gone again.`
    : "Some steps did not do what their store declares; they are marked UNEXPECTED."
}

/** Writes the report: what ran where, the configuration, the table, what to try next. */
export const renderTour = (report: TourReport, { command, stdout: output }: Shell["Service"]): string =>
  [
    `${paint(output, "bold", `One program, ${count(report.stores.length)}`)}\n\n`,
    list(
      report.stores.map(({ about, store }) => [store, about]),
      output
    ),
    "\n",
    paragraph("The program names no backend. This keyfold.yaml does, and it says where each secret is kept:", output),
    "\n",
    report.configuration.replace(/^(?=.)/gm, "  "),
    "\n",
    table(columns, report.steps.map(row), output),
    "\n",
    paragraph(closing(report.steps), output),
    `\n${paint(output, "bold", "Try next")}\n\n`,
    ...[
      ["write a keyfold.yaml of your own", `${command} init`],
      ["create a key in it", `${command} create --name my-first-key`],
      ["keep the emulated backend running", `${command} emulate whylabs`]
    ].map(([why = "", line = ""]) => `  ${paint(output, "dim", `# ${why}`)}\n  ${paint(output, "cyan", line)}\n`)
  ].join("")
