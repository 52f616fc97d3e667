/** A report in Markdown: the keys with findings, then every source. */
import type { KeyEvent, StoreDone, Summary } from "@keyfold/lifecycle/Inventory"
import * as Effect from "effect/Effect"
import { print } from "../print.ts"
import { escape } from "../text.ts"
import type { Format } from "./format.ts"
import { completeness, count, evidence, gaps, number, sourceName, tenantName, totals } from "./told.ts"

/** What can make a link, a tag, emphasis, a formula, a mention, an emoji or a new cell, wherever in a cell it stands. */
const active = /[\\`*_[\]<>|~&@#$]|:(?=\/\/|[a-z+_-][\w+-]*:)|(?<=www)\./gi

/** Makes text from elsewhere plain text in a cell. */
export const plain = (text: string): string => escape(text).replace(active, "\\$&")

const line = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |\n`

const head = (titles: ReadonlyArray<string>): string => line(titles) + line(titles.map(() => "---"))

const row = (event: KeyEvent): string => {
  const { key, origin } = event
  const cells = [sourceName(origin), tenantName(event), key.id, key.name ?? "", key.owner ?? "", evidence(event)]
  return line(cells.map(plain))
}

const sourceRow = (done: StoreDone): string =>
  line([
    plain(sourceName(done.origin)),
    plain(done.origin.backend),
    number(done.keys),
    plain(totals(done.findings)),
    plain([completeness(done), ...gaps(done)].join("; "))
  ])

const end = ({ findings, keys, sources }: Summary, isEmpty: boolean): string =>
  [
    isEmpty ? "No findings.\n" : "",
    "\n## Stores\n\n",
    head(["Store", "Backend", "Keys", "Findings", "Completeness"]),
    ...sources.map(sourceRow),
    `\n${count(keys, "key")} in ${count(sources.length, "source")}`,
    totals(findings) === "" ? ".\n" : `: ${totals(findings)}.\n`
  ].join("")

/** Markdown. */
export const markdown = (): Format => {
  let isEmpty = true
  return {
    begin: print("# Key inventory\n\n## Findings\n\n"),
    keys: (events) => {
      const rows = events.filter(({ findings }) => findings.length > 0).map(row)
      if (rows.length === 0) return Effect.void
      const titles = isEmpty ? head(["Store", "Tenant", "Id", "Name", "Owner", "Findings"]) : ""
      isEmpty = false
      return print(titles + rows.join(""))
    },
    source: () => Effect.void,
    end: (summary) => Effect.suspend(() => print(end(summary, isEmpty)))
  }
}
