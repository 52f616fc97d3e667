/** `keyfold journal verify`. */
import type { Verified } from "@keyfold/core/Journal"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type Output, Shell } from "../../Shell.ts"
import * as ExitCode from "../exitCode.ts"
import { usage } from "../failure.ts"
import { outcome } from "../outcome.ts"
import { note, print, printJson } from "../print.ts"
import { root, type Settings } from "../root.ts"
import { openJournal, type OpenJournal } from "../stores.ts"
import { paint } from "../style.ts"
import { escape } from "../text.ts"

const flags = {
  head: Flag.String("head").pipe(
    Flag.withMetavar("DIGEST"),
    Flag.withDescription("With --store: a head digest kept from an earlier check, which must still be in the chain"),
    Flag.optional
  )
}

const render = (verified: Verified, output: Output): string => {
  const store = paint(output, "bold", escape(verified.store))
  if (!verified.intact) {
    return `${store}: ${paint(output, "red", "broken")} at entry ${verified.sequence}: ${escape(verified.problem)}\n`
  }
  const { entries, head } = verified
  const intact = paint(output, "green", "intact")
  return entries === 0
    ? `${store}: ${intact}, no entries\n`
    : `${store}: ${intact}, ${entries === 1 ? "1 entry" : `${entries} entries`}, head ${head}\n`
}

/** A configured store without entries counts too: the rows of a whole store may have been taken out. */
const storesOf = Effect.fnUntraced(function* ({ journal, stores }: OpenJournal, { store }: Settings) {
  if (Option.isSome(store)) return [store.value]
  return [...new Set([...stores, ...(yield* journal.stores)])].toSorted()
})

const check = Effect.fnUntraced(function* (opened: OpenJournal, settings: Settings, head: Option.Option<string>) {
  const { stderr, stdout } = yield* Shell
  let isIntact = true
  for (const store of yield* storesOf(opened, settings)) {
    const verified = yield* opened.journal.verify(store, Option.getOrUndefined(head))
    isIntact &&= verified.intact
    yield* settings.json ? printJson(verified) : print(render(verified, stdout))
  }
  if (isIntact && stderr.isTerminal && !settings.json) {
    yield* note("Keep the heads elsewhere: with --head they show later that nothing was cut off at the end.")
  }
  yield* outcome(isIntact ? ExitCode.ok : ExitCode.failed)
})

/** Checks the journal. */
export const journalVerify = Command.make(
  "verify",
  flags,
  Effect.fnUntraced(function* ({ head }) {
    const settings = yield* root
    if (Option.isSome(head) && Option.isNone(settings.store)) {
      return yield* usage("--head belongs to one store: name it with --store.")
    }
    yield* check(yield* openJournal(settings), settings, head)
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Check the journal's chain, store by store: nothing was changed, inserted or taken out. An intact chain prints the " +
      "digest of its last entry, its head. Keep it elsewhere and name it with --head next time: so a chain that was cut " +
      "off at its end shows too. A broken chain is exit code 1, with the first entry that is not as it was written."
  ),
  Command.withShortDescription("Check that nothing in the journal was changed"),
  Command.withExamples([
    { command: "keyfold journal verify" },
    { command: "keyfold journal verify --store local --head 2nB6fXkU0y", description: "Against a head kept elsewhere" }
  ])
)
