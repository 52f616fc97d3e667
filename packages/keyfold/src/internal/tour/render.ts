/** The tour's report for people. */
import type { Output, Shell } from "../../Shell.ts"
import { fit } from "../print.ts"
import { paint } from "../style.ts"
import { pad, width } from "../text.ts"
import { matrix, type Block, type Row } from "./matrix.ts"
import type { Step } from "./recorder.ts"
import type { TourReport } from "./tour.ts"

const time = (milliseconds: number): string => (milliseconds < 1 ? "<1 ms" : `${Math.round(milliseconds)} ms`)

const block = (step: Step | undefined): Block => {
  if (step === undefined) return { text: "-", style: "dim" }
  const { expected, milliseconds, requests, result, unsupported } = step
  return {
    text: expected ? result : `UNEXPECTED: ${result}`,
    style: expected ? (unsupported ? "yellow" : "green") : "red",
    remark: `${requests === "SQL" ? "SQL" : `${requests} sent`}, ${time(milliseconds)}`
  }
}

const labelOf = ({ again, operation }: Step): string => (again ? `${operation} again` : operation)

/** Puts the steps side by side, in the order of the store that took the most of them. */
const rowsOf = ({ steps, stores }: TourReport): ReadonlyArray<Row> => {
  const perStore = stores.map(({ store }) => steps.filter((step) => step.store === store))
  const longest = perStore.reduce((most, one) => (one.length > most.length ? one : most), [])
  return longest.map((step) => ({
    label: labelOf(step),
    cells: perStore.map((one) => block(one.find((other) => labelOf(other) === labelOf(step))))
  }))
}

const header = ({ stores }: TourReport): Row => ({
  label: "",
  cells: stores.map(({ adapter, store }) => ({ text: store, style: "bold", remark: adapter }))
})

const numbers = ["no backend", "one backend", "two backends", "three backends", "four backends"]

const count = (stores: number): string => numbers[stores] ?? `${stores} backends`

const paragraph = (text: string, output: Output): string => `${fit(text, output)}\n`

const list = (rows: ReadonlyArray<readonly [left: string, right: string]>, output: Output): string => {
  const left = Math.max(...rows.map(([name]) => width(name)))
  return rows.map(([name, text]) => `  ${paint(output, "cyan", pad(name, left))}  ${text}\n`).join("")
}

const closing = ({ steps, stores }: TourReport): string => {
  if (steps.some(({ expected }) => !expected)) {
    return "Some steps did not do what their store declares; they are marked UNEXPECTED."
  }
  const honest = steps.some(({ unsupported }) => unsupported)
    ? " What a backend cannot do was refused before anything was sent."
    : ""
  const lag = steps.some(({ operation, requests }) => operation === "list" && requests !== "SQL" && requests > 1)
    ? " Where reads lag behind, the list was asked again until it was up to date."
    : ""
  const gone = stores.length === 1 ? "What was started for it" : "The database, the emulators and the folder"
  return `Every step did what its store declares.${honest}${lag} ${gone} ${stores.length === 1 ? "is" : "are"} gone again.`
}

const suggestions = (command: string): ReadonlyArray<readonly [why: string, line: string]> => [
  ["write a keyfold.yaml of your own", `${command} init`],
  ["create a key in it", `${command} create --name my-first-key`],
  ["keep an emulated backend running: whylabs, arthur or occam", `${command} emulate whylabs`],
  ["serve that keyfold.yaml over HTTP, with a console in the browser", `${command} gateway init && ${command} serve`]
]

/** Writes the report: what ran where, the configuration, operation × store, what to try next. */
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
    paragraph("What each operation answered, the HTTP requests it sent, and how long it took:", output),
    "\n",
    matrix(header(report), rowsOf(report), output),
    "\n",
    paragraph(closing(report), output),
    `\n${paint(output, "bold", "Try next")}\n\n`,
    ...suggestions(command).map(
      ([why, line]) => `  ${paint(output, "dim", `# ${why}`)}\n  ${paint(output, "cyan", line)}\n`
    )
  ].join("")
