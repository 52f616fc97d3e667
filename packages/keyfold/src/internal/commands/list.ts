/** `keyfold list`. */
import type { ApiKey, KeyStatus } from "@keyfold/core/ApiKey"
import { completeness, type Filter } from "@keyfold/core/KeyList"
import type { KeyStore } from "@keyfold/core/KeyStore"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Shell } from "../../Shell.ts"
import { usage } from "../failure.ts"
import { columns, row } from "../keys.ts"
import { noRoom, type Printed, printRows } from "../listing.ts"
import { note, printJson } from "../print.ts"
import { root } from "../root.ts"
import { openStore } from "../stores.ts"

const everyStatus: ReadonlyArray<KeyStatus> = ["active", "expired", "revoked"]

const flags = {
  owner: Flag.String("owner").pipe(
    Flag.withMetavar("OWNER"),
    Flag.withDescription("Only this owner's keys"),
    Flag.optional
  ),
  status: Flag.Literals("status", ["active", "expired", "revoked", "all"]).pipe(
    Flag.withMetavar("STATUS"),
    Flag.withDescription("Only keys in this state, repeatable; every key that is not revoked when omitted"),
    Flag.atLeast(0)
  ),
  limit: Flag.Int("limit").pipe(
    Flag.withMetavar("NUMBER"),
    Flag.withDescription("Stop after so many keys"),
    Flag.optional
  )
}

const readFilter = (owner: Option.Option<string>, status: ReadonlyArray<KeyStatus | "all">): Filter => ({
  ...(Option.isSome(owner) ? { owner: owner.value } : {}),
  ...(status.length === 0
    ? {}
    : { status: everyStatus.filter((one) => status.includes("all") || status.includes(one)) })
})

const remarks = (store: KeyStore["Service"], filter: Filter, printed: Printed): string => {
  const { excluded, hidden, lag } = completeness(store.capabilities, filter)
  const absent = [...new Set([...excluded, ...hidden])]
  const { count } = printed
  return [
    `${count === 0 ? "No keys" : count === 1 ? "1 key" : `${count} keys`} in store "${store.store}" (${store.backend}).`,
    absent.length === 0 ? "" : ` Not shown: ${absent.join(" and ")} keys${hidden.length > 0 ? "" : " (--status all)"}.`,
    Duration.toMillis(lag) === 0 ? "" : ` The backend's lists may lag by up to ${Duration.toSeconds(lag)} s.`,
    noRoom(printed)
  ].join("")
}

const printTable = Effect.fnUntraced(function* <E>(
  store: KeyStore["Service"],
  filter: Filter,
  keys: Stream.Stream<ApiKey, E>
) {
  const { stderr } = yield* Shell
  const printed = yield* printRows(columns, row, keys)
  if (stderr.isTerminal || printed.count === 0) yield* note(remarks(store, filter, printed))
})

/** Lists keys. */
export const list = Command.make(
  "list",
  flags,
  Effect.fnUntraced(function* ({ limit, owner, status }) {
    const settings = yield* root
    if (Option.isSome(limit) && limit.value < 1) return yield* usage("--limit takes a number from 1 up.")
    const store = yield* openStore(settings)
    const filter = readFilter(owner, status)
    const all = store.list(filter)
    const keys = Option.isSome(limit) ? Stream.take(all, limit.value) : all
    yield* settings.json ? Stream.runForEach(keys, printJson) : printTable(store, filter, keys)
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "List keys, as a table or, with --json, one JSON object per line. Both are written as the backend answers, so that " +
      "a long list can be cut short."
  ),
  Command.withShortDescription("List keys"),
  Command.withExamples([
    { command: "keyfold list --status active --limit 20", description: "Twenty keys that still open doors" },
    { command: "keyfold list --json | jq -r .id", description: "Every id, for a script" }
  ])
)
