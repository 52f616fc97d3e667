/** `keyfold sweep`. */
import type { Orphan, Sweep } from "@keyfold/core/Recovery"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Shell } from "../../Shell.ts"
import * as ExitCode from "../exitCode.ts"
import { count, number } from "../inventory/told.ts"
import { outcome } from "../outcome.ts"
import { note, print, printJson } from "../print.ts"
import { root } from "../root.ts"
import { holderFlags, holderOf, placeIn } from "../sinks.ts"
import { openJournaledStore } from "../stores.ts"
import { cut } from "../text.ts"
import { type Cell, type Column, table } from "../table.ts"
import { readDuration } from "../values.ts"

const flags = {
  olderThan: Flag.String("older-than").pipe(
    Flag.withMetavar("DURATION"),
    Flag.withDescription("Only creates last heard of that long ago, such as 10m or 2d"),
    Flag.optional
  ),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDescription("Show the orphans; revoke nothing and write nothing"),
    Flag.withDefault(false),
    Flag.withoutNegation
  ),
  ...holderFlags
}

const columns: ReadonlyArray<Column> = [
  { title: "KEY" },
  { title: "OWNER", flexible: true, spare: 1 },
  { title: "OPERATION" },
  { title: "FATE" },
  { title: "PROBLEM", flexible: true }
]

const styles = { found: "yellow", revoked: "green", failed: "red" } as const

const row = ({ fate, key, operationId, problem }: Orphan): ReadonlyArray<Cell> => [
  key.id,
  key.owner ?? "",
  operationId,
  { text: fate, style: styles[fate] },
  problem ?? ""
]

/** What the table does not say. */
const remarks = (store: string, { delivered, orphans, scanned, strangers, underWay }: Sweep): string =>
  [
    `${orphans.length === 0 ? "No orphans" : count(orphans.length, "orphan")} in store "${store}".`,
    scanned === 0 ? "" : `${count(scanned, "key")} that keyfold made ${scanned === 1 ? "was" : "were"} looked at.`,
    delivered.length === 0 ? "" : `Found delivered after all: ${delivered.join(", ")}.`,
    underWay.length === 0 ? "" : `Left alone, because their sender may still be at work: ${underWay.join(", ")}.`,
    strangers.length === 0
      ? ""
      : `Left alone, because this journal knows nothing of them: ${strangers.map(({ id }) => id).join(", ")}.`
  ]
    .filter((part) => part !== "")
    .join(" ")

/** A line on a terminal while the sweep goes on, or an event for each orphan. */
const follow = (store: string, json: boolean) =>
  Effect.map(Shell, (shell) => {
    const { stderr } = shell
    const write = (text: string) =>
      json || !stderr.isTerminal
        ? Effect.void
        : Effect.ignore(stderr.write(`\r\u001b[2K${cut(text, Math.max(1, stderr.columns - 1))}`))
    let found = 0
    return {
      begin: write(`Looking for orphans in store "${store}" ...`),
      clear: write(""),
      onOrphan: (orphan: Orphan) =>
        Effect.suspend(() => {
          found += 1
          return json
            ? Effect.ignore(Effect.provideService(printJson({ event: "orphan", ...orphan }), Shell, shell))
            : write(`Looking for orphans in store "${store}": ${number(found)} so far ...`)
        })
    }
  })

/** Finds keys that nobody holds, and revokes them. */
export const sweep = Command.make(
  "sweep",
  flags,
  Effect.fnUntraced(function* ({ dryRun, olderThan, ...named }) {
    const settings = yield* root
    const { stdout } = yield* Shell
    const age = Option.isSome(olderThan) ? { olderThan: yield* readDuration("--older-than", olderThan.value) } : {}
    const place = yield* placeIn(named)
    const store = yield* openJournaledStore(settings)
    const { begin, clear, onOrphan } = yield* follow(store.store, settings.json)
    yield* begin
    const report = yield* store
      .sweepOrphans({ ...age, dryRun, onOrphan, ...(yield* holderOf(place, store)) })
      .pipe(Effect.ensuring(clear))
    if (settings.json) yield* printJson({ event: "finished", ...report })
    else {
      if (report.orphans.length > 0) yield* print(table(columns, report.orphans.map(row), stdout))
      yield* note(remarks(store.store, report))
    }
    yield* outcome(report.orphans.some(({ fate }) => fate === "failed") ? ExitCode.failed : ExitCode.ok)
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Find live keys that nobody holds, left by creates that never came to an end, and revoke them. It needs a journal: " +
      "only that knows which keys reached a holder. Keys that keyfold did not make are never touched. Name the file a " +
      "secret may have been written to, so that a key whose secret is there is kept. Where a key could not be revoked, the " +
      "exit code is 1; a later sweep tries again."
  ),
  Command.withShortDescription("Revoke keys that nobody holds"),
  Command.withExamples([
    { command: "keyfold sweep --dry-run", description: "Look first" },
    { command: "keyfold sweep --store monitoring --older-than 1h" }
  ])
)
