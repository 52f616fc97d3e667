/** Findings for people and for programs. */
import type { Output } from "../../Shell.ts"
import { paint, type Style } from "../style.ts"
import { escape, pad, wrap } from "../text.ts"
import { type Examined, inOrder, type Severity } from "./finding.ts"

const styles: { readonly [Kind in Severity]: Style } = {
  ok: "green",
  info: "cyan",
  warning: "yellow",
  failure: "red",
  skipped: "dim"
}

const stateWidth = 7
const checkWidth = 13
const indent = stateWidth + checkWidth + 6

const narrowest = 30
const widest = 100

const lines = (text: string, output: Output): ReadonlyArray<string> =>
  output.isTerminal ? wrap(text, Math.max(narrowest, Math.min(output.columns, widest) - indent)) : [text]

const titleOf = ({ adapter, store, subject, tenant }: Examined): string =>
  subject === "journal"
    ? "journal"
    : `${store ?? ""}${adapter === undefined ? "" : ` (${adapter})`}${tenant === undefined ? "" : `, credential of tenant ${tenant}`}`

/** Writes what was found of one store, or of the journal. */
export const render = (examined: Examined, output: Output): string => {
  const rows = inOrder(examined.findings).flatMap(({ check, fix, message, severity }) => {
    const told = lines(escape(message), output)
    const advice = fix === undefined ? [] : lines(escape(fix), output)
    const head = `${paint(output, styles[severity], pad(severity, stateWidth))}  ${pad(check, checkWidth)}`
    return [
      ...told.map((line, index) => (index === 0 ? `  ${head}  ${line}` : `${" ".repeat(indent)}${line}`)),
      ...advice.map((line) => `${" ".repeat(indent)}${paint(output, "bold", line)}`)
    ]
  })
  return [paint(output, "bold", escape(titleOf(examined))), ...rows, ""].map((line) => `${line}\n`).join("")
}

/** The findings as objects, one for each. */
export const objects = ({ findings, ...about }: Examined): ReadonlyArray<object> =>
  inOrder(findings).map((finding) => ({ ...about, ...finding }))

const count = (number: number, one: string): string => `${number} ${one}${number === 1 ? "" : "s"}`

/** Says in one sentence what all of it comes to. */
export const summary = (all: ReadonlyArray<Examined>): string => {
  const of = (kind: Severity) =>
    all.flatMap(({ findings }) => findings).filter(({ severity }) => severity === kind).length
  const stores = new Set(all.flatMap(({ store }) => (store === undefined ? [] : [store]))).size
  return `${count(stores, "store")}: ${count(of("failure"), "failure")}, ${count(of("warning"), "warning")}.`
}
