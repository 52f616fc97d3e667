/** `keyfold inventory`. */
import type { KeyStores, Source } from "@keyfold/core/KeyStores"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Inventory from "@keyfold/lifecycle/Inventory"
import * as Command from "effect/cli/Command"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { basename } from "node:path"
import { type OutputClosed, Shell } from "../../Shell.ts"
import * as ExitCode from "../exitCode.ts"
import { classes } from "../inventory/classes.ts"
import { csv } from "../inventory/csv.ts"
import { type Asked, choose, flags, type FormatName, read } from "../inventory/flags.ts"
import type { Format } from "../inventory/format.ts"
import * as gathered from "../inventory/gathered.ts"
import * as heap from "../inventory/heap.ts"
import { jsonLines } from "../inventory/jsonLines.ts"
import { markdown } from "../inventory/markdown.ts"
import * as progressBar from "../inventory/progress.ts"
import { sarif } from "../inventory/sarif.ts"
import { tables } from "../inventory/tables.ts"
import { outcome } from "../outcome.ts"
import { root, type Settings } from "../root.ts"
import { readConfiguration } from "../stores.ts"

/** The stores of the whole configuration, over pooled connections, and the name of its file. */
const openAll = Effect.fnUntraced(function* (
  settings: Settings
): Effect.fn.Return<
  { readonly stores: KeyStores["Service"]; readonly file: string },
  ConfigurationError,
  Shell | Scope.Scope
> {
  const configuration = yield* readConfiguration(settings)
  const { open } = yield* Effect.promise(() => import("@keyfold/config/Tenants"))
  const { layer } = yield* Effect.promise(() => import("@keyfold/undici/UndiciTransport"))
  // Each store is read once: left open, those that are read already would be most of the memory.
  const stores = yield* Effect.provide(open({ ...configuration, idle: Duration.zero }), layer)
  return { stores, file: basename(configuration.file) }
})

const formatOf = (name: FormatName, file: string): Format => {
  switch (name) {
    case "table":
      return tables()
    case "jsonl":
      return jsonLines
    case "csv":
      return csv
    case "markdown":
      return markdown()
    case "sarif":
      return sarif(file)
  }
}

/** What is told of: all that is asked for or, in a report of findings, every key with one. */
const narrowed = ({ format, only, options }: Asked): Inventory.Options => {
  const isReport = format === "markdown" || format === "sarif"
  return only.size === 0 && !isReport ? options : { ...options, classes: only.size === 0 ? classes : [...only] }
}

/** Writes an inventory as it comes, and sums it up. */
const write = Effect.fnUntraced(function* (
  sources: ReadonlyArray<Source>,
  format: Format,
  options: Inventory.Options,
  progress: progressBar.Progress,
  keepSmall: () => void
): Effect.fn.Return<Inventory.Summary, OutputClosed, Shell> {
  const ends: Array<Inventory.StoreDone> = []
  let seen = 0
  yield* progress.update(0, 0)
  yield* format.begin
  yield* Inventory.forEachBatch(
    sources,
    options,
    Effect.fnUntraced(function* (batch) {
      keepSmall()
      seen += batch.keys
      const keys = batch.events.filter((event) => event._tag === "Key")
      if (keys.length > 0) yield* format.keys(keys)
      for (const event of batch.events) {
        if (event._tag !== "StoreDone") continue
        ends.push(event)
        yield* format.source(event)
      }
      yield* progress.update(seen, ends.length)
    })
  )
  yield* progress.clear
  const summary = Inventory.summaryOf(ends)
  yield* format.end(summary)
  return summary
})

const exitCode = ({ findings, sources }: Inventory.Summary, { failOn }: Asked): ExitCode.ExitCode => {
  if (classes.some((name) => failOn.has(name) && findings[name] > 0)) return ExitCode.found
  return sources.some(({ completeness }) => completeness._tag === "failed") ? ExitCode.failed : ExitCode.ok
}

/** Shows every key of every tenant and store. */
export const inventory = Command.make(
  "inventory",
  flags,
  Effect.fnUntraced(function* (given) {
    const keepSmall = heap.bounded()
    const settings = yield* root
    const asked = yield* read(given, settings)
    const { file, stores } = yield* openAll(settings)
    const sources = yield* choose(stores.sources, settings, asked.options)
    const progress = yield* progressBar.make(sources.length, !settings.json)
    const { flush, output } = gathered.make(progress.shell.stdout)
    const format = formatOf(asked.format, file)
    const summary = yield* write(sources, format, narrowed(asked), progress, keepSmall).pipe(
      Effect.onInterrupt(() => Effect.ignore(flush)),
      Effect.tap(() => flush),
      Effect.ensuring(progress.clear),
      Effect.provideService(Shell, { ...progress.shell, stdout: output })
    )
    yield* outcome(exitCode(summary, asked))
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Show every key of every tenant and store of the configuration, whose it is, and what is to be said about it: expiring " +
      "soon, too old, unused, without an owner, with too many scopes, under a name that is taken, of no tenant. Each " +
      "backend's list is read once, several at the same time. The end of each store says how complete it is; a store that " +
      "cannot be read hides no other, and makes the exit code 1. A table, JSON lines and CSV hold every key, Markdown and " +
      "SARIF those with findings. Nothing is changed, and no secret is shown."
  ),
  Command.withShortDescription("Show every key of every tenant and store, with findings"),
  Command.withExamples([
    { command: "keyfold inventory --only over-age,unused", description: "What to tidy up" },
    {
      command: "keyfold inventory --fail-on expiring,over-scoped",
      description: "A check for CI: exit code 6 where found"
    },
    {
      command: "keyfold inventory --output csv --tenant acme > acme.csv",
      description: "One tenant's keys, for a spreadsheet"
    }
  ])
)
