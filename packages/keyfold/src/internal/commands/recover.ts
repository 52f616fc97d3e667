/** `keyfold recover`. */
import type { KeyRef } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import { OperationId } from "@keyfold/core/OperationId"
import type { Recovery } from "@keyfold/core/Recovery"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { type Output, Shell } from "../../Shell.ts"
import * as ExitCode from "../exitCode.ts"
import { columns, row, time } from "../keys.ts"
import { outcome } from "../outcome.ts"
import { note, print, printJson } from "../print.ts"
import { root } from "../root.ts"
import { holderFlags, holderOf, placeIn } from "../sinks.ts"
import { openConfigured } from "../stores.ts"
import { table } from "../table.ts"
import { escape } from "../text.ts"

const flags = {
  operation: Argument.String("operation").pipe(
    Argument.withDescription("The operation id of the create, as its error, keyfold journal and --json output show it"),
    Argument.withSchema(OperationId)
  ),
  ...holderFlags
}

const listed = (keys: ReadonlyArray<KeyRef>): string => keys.map(({ id }) => escape(id)).join(", ")

const freed = "Its operation id may be used again."

const cleared = (operation: string, revoked: ReadonlyArray<KeyRef>): string =>
  revoked.length === 0
    ? `Operation ${operation} left no live key. ${freed}\n`
    : `Operation ${operation} left ${
        revoked.length === 1
          ? `key ${listed(revoked)}, which nobody held. It was`
          : `keys nobody held: ${listed(revoked)}. They were`
      } revoked. ${freed}\n`

const render = (operation: string, recovery: Recovery, output: Output): string => {
  switch (recovery.kind) {
    case "delivered":
      return recovery.key === undefined
        ? `Operation ${operation} was delivered. Nothing was changed.\n`
        : `Operation ${operation} was delivered: the secret of key ${escape(recovery.key.id)} was handed over. Nothing was changed.\n`
    case "underWay":
      return `Operation ${operation} is under way elsewhere, until ${time(recovery.until)} at the latest. Nothing was changed.\n`
    case "cleared":
      return cleared(operation, recovery.revoked)
    case "candidates":
      return table(columns, recovery.keys.map(row), output)
    case "unknown":
      return `No live key bears the mark of operation ${operation}, and no journal knows it.\n`
  }
}

/** What a person should know beyond the answer. */
const remarkOn = (
  recovery: Recovery,
  { capabilities, store }: KeyStore["Service"],
  hasJournal: boolean
): string | undefined => {
  if (recovery.kind === "candidates") {
    return (
      "These keys bear the operation's mark, and without a journal nobody knows whether they reached a holder. Look at " +
      `them, and revoke what nobody holds with keyfold revoke ID --store ${store}`
    )
  }
  return recovery.kind === "unknown" && !hasJournal && capabilities.createSafety === "marker"
    ? "Without a journal or a labelSecret in the configuration, the marks of other runs are not recognised."
    : undefined
}

const exitCodes: { readonly [Kind in Recovery["kind"]]: ExitCode.ExitCode } = {
  delivered: ExitCode.ok,
  cleared: ExitCode.ok,
  underWay: ExitCode.failed,
  candidates: ExitCode.failed,
  unknown: ExitCode.notFound
}

/** Tells what became of one create, and clears what it left. */
export const recover = Command.make(
  "recover",
  flags,
  Effect.fnUntraced(function* ({ operation, ...named }) {
    const settings = yield* root
    const { stdout } = yield* Shell
    const place = yield* placeIn(named)
    const { configuration, store } = yield* openConfigured(settings)
    const recovery = yield* store.recover(operation, yield* holderOf(place, store))
    yield* settings.json
      ? printJson({ operationId: operation, store: store.store, ...recovery })
      : print(render(operation, recovery, stdout))
    const remark = remarkOn(recovery, store, configuration.journal !== undefined)
    if (remark !== undefined && !settings.json) yield* note(remark)
    yield* outcome(exitCodes[recovery.kind])
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Tell what became of a create that was interrupted, whose outcome is unknown, or whose process died. With a journal, " +
      "a key that nobody holds is revoked; name the file its secret may have been written to, so that a key whose secret " +
      "is there is kept. Without one, keys that bear the operation's mark are shown and nothing is changed. Exit code 0 " +
      "means settled, 1 not settled yet, 3 that nothing is known of the operation."
  ),
  Command.withShortDescription("Tell what became of a create, and clear what it left"),
  Command.withExamples([
    { command: "keyfold recover deploy-42 --store monitoring" },
    { command: "keyfold recover deploy-42 --secret-file ./ci.key", description: "Did its secret reach this file?" }
  ])
)
