/** `keyfold stores`. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { type Output, Shell } from "../../Shell.ts"
import { print, printJson } from "../print.ts"
import { root } from "../root.ts"
import { definitions, readConfiguration } from "../stores.ts"
import { type Column, table } from "../table.ts"
import { width, wrap } from "../text.ts"
import { caveats } from "../words.ts"

const columns: ReadonlyArray<Column> = [
  { title: "STORE" },
  { title: "ADAPTER" },
  { title: "DEFAULT" },
  { title: "CAVEATS", flexible: true }
]

const gap = 2
const narrowest = 30

/** Continues what does not fit the last column on lines of its own: a caveat that is cut warns nobody. */
const unfold = (rows: ReadonlyArray<ReadonlyArray<string>>, output: Output): ReadonlyArray<ReadonlyArray<string>> => {
  if (!output.isTerminal) return rows
  const last = columns.length - 1
  const used = columns
    .slice(0, last)
    .reduce((sum, { title }, at) => sum + gap + Math.max(width(title), ...rows.map((row) => width(row[at] ?? ""))), 0)
  const room = Math.max(narrowest, output.columns - used)
  return rows.flatMap((row) =>
    wrap(row[last] ?? "", room).map((line, index) => [
      ...(index === 0 ? row.slice(0, last) : columns.slice(0, last).map(() => "")),
      line
    ])
  )
}

/** Shows the stores of the configuration. */
export const stores = Command.make(
  "stores",
  {},
  Effect.fnUntraced(function* () {
    const settings = yield* root
    const { stdout } = yield* Shell
    const configuration = yield* readConfiguration(settings)
    const found = (yield* definitions(configuration, settings)).map(({ adapterName, capabilities, name }) => ({
      store: name,
      adapter: adapterName,
      default: name === configuration.defaultStore,
      caveats: caveats(capabilities)
    }))
    if (settings.json) return yield* Effect.forEach(found, printJson, { discard: true })
    const rows = found.map((store) => [
      store.store,
      store.adapter,
      store.default ? "yes" : "",
      store.caveats.length === 0 ? "none" : store.caveats.join("; ")
    ])
    return yield* print(table(columns, unfold(rows, stdout), stdout))
  })
).pipe(
  Command.withDescription(
    "Show the stores that the configuration names, which one is the default, and what is special about each. The whole " +
      "file is checked; no store is opened and no secret is read."
  ),
  Command.withShortDescription("Show the stores of the configuration"),
  Command.withExamples([{ command: "keyfold stores" }])
)
