/** Tables for people: the keys as they come, then every source. */
import type { KeyEvent, StoreDone, Summary } from "@keyfold/lifecycle/Inventory"
import * as Effect from "effect/Effect"
import { type OutputClosed, Shell } from "../../Shell.ts"
import { status, time } from "../keys.ts"
import { note, print } from "../print.ts"
import { body, type Cell, type Column, header, layout, type Layout, table } from "../table.ts"
import type { Format } from "./format.ts"
import { classNames, completeness, count, gaps, number, sourceName, tenantName, totals } from "./told.ts"

const columns: ReadonlyArray<Column> = [
  { title: "STORE", flexible: true },
  { title: "TENANT", flexible: true },
  { title: "ID" },
  { title: "NAME", flexible: true, spare: 1 },
  { title: "STATUS", spare: 3 },
  { title: "OWNER", flexible: true, spare: 2 },
  { title: "CREATED", spare: 5 },
  { title: "EXPIRES", spare: 4 },
  { title: "FINDINGS", flexible: true }
]

const day = (at: Parameters<typeof time>[0]): string => time(at).slice(0, "2027-01-31".length)

const row = (event: KeyEvent): ReadonlyArray<Cell> => {
  const { key, origin } = event
  return [
    sourceName(origin),
    tenantName(event),
    key.id,
    key.name ?? "",
    status(key.status),
    key.owner ?? "",
    day(key.createdAt),
    day(key.expiresAt),
    { text: classNames(event), style: "yellow" }
  ]
}

const sourceColumns: ReadonlyArray<Column> = [
  { title: "STORE" },
  { title: "BACKEND", spare: 1 },
  { title: "KEYS", align: "right" },
  { title: "FINDINGS", flexible: true, spare: 2 },
  { title: "COMPLETENESS", flexible: true }
]

const styles = { complete: "green", lagging: "green", statesMissing: "yellow", failed: "red" } as const

const sourceRow = (done: StoreDone): ReadonlyArray<Cell> => [
  sourceName(done.origin),
  done.origin.backend,
  number(done.keys),
  totals(done.findings),
  { text: completeness(done), style: styles[done.completeness._tag] }
]

const remarks = ({ findings, keys, sources }: Summary, dropped: ReadonlyArray<string>): string => {
  const found = totals(findings)
  const unjudged = sources.flatMap((done) => gaps(done).map((gap) => `${sourceName(done.origin)}, ${gap}.`))
  return [
    `${count(keys, "key")} in ${count(sources.length, "source")}${found === "" ? ", no findings" : `: ${found}`}.`,
    ...(unjudged.length > most
      ? [`${count(unjudged.length, "gap")} in what could be judged; --json names them.`]
      : unjudged),
    ...(dropped.length === 0
      ? []
      : [`No room for: ${dropped.join(", ").toLowerCase()}; use a wider terminal or --json.`])
  ].join(" ")
}

/** More gaps than these are nothing to read on a terminal. */
const most = 5

/** The first keys settle the widths, so that a long inventory shows before it is complete. */
const settling = 100

/** Tables on standard output. Widths are those of the first keys; the sources come last. */
export const tables = (): Format => {
  let chosen: Layout | undefined
  let waiting: Array<ReadonlyArray<Cell>> = []
  const flush = Effect.fnUntraced(function* (): Effect.fn.Return<void, OutputClosed, Shell> {
    const { stdout } = yield* Shell
    const rows = waiting
    waiting = []
    if (rows.length === 0) return
    const isFirst = chosen === undefined
    chosen ??= layout(columns, rows, stdout)
    yield* print((isFirst ? header(chosen, columns, stdout) : "") + body(chosen, rows, stdout))
  })
  return {
    begin: Effect.void,
    keys: (events) =>
      Effect.suspend(() => {
        for (const event of events) waiting.push(row(event))
        return chosen === undefined && waiting.length < settling ? Effect.void : flush()
      }),
    source: () => Effect.void,
    end: Effect.fnUntraced(function* (summary) {
      yield* flush()
      const { stdout } = yield* Shell
      const gap = chosen === undefined ? "" : "\n"
      if (summary.sources.length > 0) yield* print(gap + table(sourceColumns, summary.sources.map(sourceRow), stdout))
      yield* note(remarks(summary, chosen?.dropped ?? []))
    })
  }
}
