/** `keyfold journal`. */
import type { Entry, Filter, Journal, JournalError, OperationRecord, State } from "@keyfold/core/Journal"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Shell } from "../../Shell.ts"
import { usage } from "../failure.ts"
import { time } from "../keys.ts"
import { noRoom, printRows } from "../listing.ts"
import { note, printJson } from "../print.ts"
import { root, type Settings } from "../root.ts"
import { openJournal } from "../stores.ts"
import type { Cell, Column } from "../table.ts"
import { readDuration } from "../values.ts"
import { journalAudit } from "./journalAudit.ts"
import { journalVerify } from "./journalVerify.ts"

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

const flags = {
  tenant: text("tenant", "NAME", "Only this tenant's operations"),
  state: Flag.Literals("state", ["intended", "minted", "delivered", "abandoned"]).pipe(
    Flag.withMetavar("STATE"),
    Flag.withDescription("Only operations in this state, repeatable"),
    Flag.atLeast(0)
  ),
  operation: text("operation", "ID", "Only this operation"),
  olderThan: text("older-than", "DURATION", "Only what was last written that long ago, such as 10m or 2d"),
  limit: Flag.Int("limit").pipe(
    Flag.withMetavar("NUMBER"),
    Flag.withDescription("Stop after so many, the oldest first"),
    Flag.optional
  ),
  entries: Flag.Boolean("entries").pipe(
    Flag.withDescription("List the entries of the chain, not what they add up to"),
    Flag.withDefault(false),
    Flag.withoutNegation
  )
}

const at = (milliseconds: number): DateTime.Utc => DateTime.makeUnsafe(milliseconds)

const styles = { intended: "yellow", minted: "yellow", delivered: "green", abandoned: "dim" } as const

const stateCell = (state: State): Cell => ({ text: state, style: styles[state] })

const lease = ({ leaseUntil, state }: OperationRecord, now: number): Cell => {
  if (state === "delivered" || state === "abandoned") return ""
  return leaseUntil > now ? `until ${time(at(leaseUntil))}` : { text: `ran out ${time(at(leaseUntil))}`, style: "red" }
}

const operationColumns: ReadonlyArray<Column> = [
  { title: "TIME" },
  { title: "STORE", flexible: true, spare: 1 },
  { title: "TENANT", flexible: true, spare: 3 },
  { title: "OPERATION" },
  { title: "STATE" },
  { title: "KEY" },
  { title: "LEASE", spare: 2 }
]

const operationRow =
  (now: number) =>
  (record: OperationRecord): ReadonlyArray<Cell> => [
    time(at(record.at)),
    record.store,
    record.tenant ?? "",
    record.operationId,
    stateCell(record.state),
    record.key?.id ?? "",
    lease(record, now)
  ]

const entryColumns: ReadonlyArray<Column> = [
  { title: "TIME" },
  { title: "STORE", flexible: true, spare: 1 },
  { title: "ENTRY", align: "right" },
  { title: "TENANT", flexible: true, spare: 3 },
  { title: "OPERATION" },
  { title: "STATE" },
  { title: "SENDER", align: "right", spare: 4 },
  { title: "KEY" },
  { title: "DIGEST", spare: 2 }
]

const entryRow = (entry: Entry): ReadonlyArray<Cell> => [
  time(at(entry.at)),
  entry.store,
  String(entry.sequence),
  entry.tenant ?? "",
  entry.operationId,
  stateCell(entry.state),
  String(entry.epoch),
  entry.key?.id ?? "",
  entry.digest
]

const timed = <A extends OperationRecord | Entry>(record: A) => ({
  ...record,
  at: at(record.at),
  leaseUntil: at(record.leaseUntil)
})

interface Narrowing {
  readonly tenant: Option.Option<string>
  readonly state: ReadonlyArray<State>
  readonly operation: Option.Option<string>
  /** The latest time, in epoch milliseconds. */
  readonly before: number | undefined
}

const filterOf = ({ before, operation, state, tenant }: Narrowing, { store }: Settings): Filter => ({
  ...(Option.isSome(store) ? { store: store.value } : {}),
  ...(Option.isSome(tenant) ? { tenant: tenant.value } : {}),
  ...(Option.isSome(operation) ? { operationId: operation.value } : {}),
  ...(state.length === 0 ? {} : { states: state }),
  ...(before === undefined ? {} : { olderThan: before })
})

const show = Effect.fnUntraced(function* <A extends OperationRecord | Entry>(
  [one, many]: readonly [one: string, many: string],
  columns: ReadonlyArray<Column>,
  row: (item: A) => ReadonlyArray<Cell>,
  items: Stream.Stream<A, JournalError>,
  json: boolean
) {
  if (json) return yield* Stream.runForEach(items, (item) => printJson(timed(item)))
  const { stderr } = yield* Shell
  const printed = yield* printRows(columns, row, items)
  const { count } = printed
  const counted = count === 0 ? `No ${many}` : count === 1 ? `1 ${one}` : `${count} ${many}`
  if (stderr.isTerminal || count === 0) yield* note(`${counted} in the journal.${noRoom(printed)}`)
})

const limited = <A>(
  items: Stream.Stream<A, JournalError>,
  limit: Option.Option<number>
): Stream.Stream<A, JournalError> => (Option.isSome(limit) ? Stream.take(items, limit.value) : items)

const list = Effect.fnUntraced(function* (
  journal: Journal,
  filter: Filter,
  now: number,
  { entries, json, limit }: { readonly entries: boolean; readonly json: boolean; readonly limit: Option.Option<number> }
) {
  return entries
    ? yield* show(["entry", "entries"], entryColumns, entryRow, limited(journal.entries(filter), limit), json)
    : yield* show(
        ["operation", "operations"],
        operationColumns,
        operationRow(now),
        limited(journal.operations(filter), limit),
        json
      )
})

/** Lists what the journal knows. */
export const journal = Command.make(
  "journal",
  flags,
  Effect.fnUntraced(function* ({ entries, limit, ...input }) {
    const settings = yield* root
    if (Option.isSome(limit) && limit.value < 1) return yield* usage("--limit takes a number from 1 up.")
    const olderThan = Option.isSome(input.olderThan)
      ? yield* readDuration("--older-than", input.olderThan.value)
      : undefined
    const { journal } = yield* openJournal(settings)
    const now = yield* journal.now
    const before = olderThan === undefined ? undefined : now - Duration.toMillis(olderThan)
    const filter = filterOf({ ...input, before }, settings)
    yield* list(journal, filter, now, { entries, json: settings.json, limit })
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "List what became of every create: one line per operation or, with --entries, per entry of the chain; with --json " +
      "one object per line. An operation goes from intended to minted to delivered, or ends abandoned once no live key of " +
      "it is left. What is neither, its lease run out, was left by a process that died: see keyfold recover and keyfold " +
      "sweep. Without --store, all stores of the journal are shown."
  ),
  Command.withShortDescription("List what became of every create, and check the journal"),
  Command.withExamples([
    { command: "keyfold journal --state intended --state minted", description: "What is not settled yet" },
    { command: "keyfold journal verify", description: "Has the journal been tampered with?" },
    { command: "keyfold journal audit --since 7d", description: "Who changed what through keyfold serve" }
  ]),
  Command.withSubcommands([journalVerify, journalAudit])
)
