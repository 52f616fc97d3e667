/** `keyfold journal audit`: who changed what through the gateway. */
import { BaseFolder } from "@keyfold/core/Adapter"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Audit, AuditError, Entry, Filter, Verified } from "@keyfold/gateway/Audit"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Output, Shell } from "../../Shell.ts"
import * as ExitCode from "../exitCode.ts"
import { CommandError, usage } from "../failure.ts"
import { loadGateway, settingsOf } from "../gateway.ts"
import { time } from "../keys.ts"
import { noRoom, printRows } from "../listing.ts"
import { outcome as setOutcome } from "../outcome.ts"
import { note, print, printJson } from "../print.ts"
import { root, type Settings } from "../root.ts"
import { readConfiguration, wholeFile } from "../stores.ts"
import { paint } from "../style.ts"
import type { Cell, Column } from "../table.ts"
import { escape } from "../text.ts"
import { readSince } from "../values.ts"

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

const flags = {
  tenant: text("tenant", "NAME", "Only changes at this tenant"),
  actor: text("actor", "ACTOR", "Only changes by this caller, as it is shown: key:ID or jwt:ISSUER:SUBJECT"),
  operation: text("operation", "NAME", "Only this operation, such as create or revoke"),
  outcome: text("outcome", "NAME", "Only this outcome: begun, done, or the name of the problem that was answered"),
  key: text("key", "ID", "Only changes of this key"),
  request: text("request", "ID", "Only this request, by the id in its x-request-id"),
  since: text("since", "TIME", "Only what was written since then: 2h, 7d, 2027-01-31 or a time with its zone"),
  unfinished: Flag.Boolean("unfinished").pipe(
    Flag.withDescription("Only changes that were begun and whose outcome is missing"),
    Flag.withDefault(false),
    Flag.withoutNegation
  ),
  limit: Flag.Int("limit").pipe(
    Flag.withMetavar("NUMBER"),
    Flag.withDescription("Stop after so many, the oldest first"),
    Flag.optional
  )
}

const failed = ({ problem }: AuditError) => new CommandError({ exitCode: ExitCode.failed, problem: `${problem}.` })

/** Opens the audit of the configuration's gateway, or tells how to configure one. */
const open = Effect.fnUntraced(function* (
  settings: Settings
): Effect.fn.Return<Audit, CommandError | ConfigurationError, Shell | Scope.Scope> {
  yield* wholeFile(settings, "journal audit")
  const gateway = yield* loadGateway
  const { folder, gateway: definition } = yield* readConfiguration(settings)
  const database = gateway.databaseOf(yield* settingsOf(definition))
  return yield* Effect.provideService(gateway.openAudit(database), BaseFolder, folder)
})

const columns: ReadonlyArray<Column> = [
  { title: "TIME" },
  { title: "ENTRY", align: "right", spare: 3 },
  { title: "TENANT", flexible: true },
  { title: "ACTOR", flexible: true, spare: 1 },
  { title: "OPERATION" },
  { title: "KEY" },
  { title: "OUTCOME" },
  { title: "REASON", flexible: true, spare: 2 },
  { title: "REQUEST", spare: 4 }
]

const outcomeCell = (outcome: string): Cell => ({
  text: outcome,
  style: outcome === "done" ? "green" : outcome === "begun" ? "dim" : "yellow"
})

const row = ({
  actor,
  at,
  key,
  operation,
  outcome,
  reason,
  requestId,
  sequence,
  tenant
}: Entry): ReadonlyArray<Cell> => [
  time(DateTime.makeUnsafe(at)),
  String(sequence),
  tenant,
  actor,
  operation,
  key ?? "",
  outcomeCell(outcome),
  reason ?? "",
  requestId
]

const show = Effect.fnUntraced(function* (entries: Stream.Stream<Entry, CommandError>, json: boolean) {
  if (json) {
    return yield* Stream.runForEach(entries, (entry) => printJson({ ...entry, at: DateTime.makeUnsafe(entry.at) }))
  }
  const { stderr } = yield* Shell
  const printed = yield* printRows(columns, row, entries)
  const { count } = printed
  const counted = count === 0 ? "No entries" : count === 1 ? "1 entry" : `${count} entries`
  if (stderr.isTerminal || count === 0) yield* note(`${counted} in the audit.${noRoom(printed)}`)
})

/** Names a member by what was given for it, if anything was. */
const as = <A extends object>(value: Option.Option<string>, name: (text: string) => A): A | undefined =>
  Option.getOrUndefined(Option.map(value, name))

const flagsOfVerify = {
  head: Flag.String("head").pipe(
    Flag.withMetavar("DIGEST"),
    Flag.withDescription("A head digest kept from an earlier check, which must still be in the chain"),
    Flag.optional
  )
}

const render = (verified: Verified, output: Output): string => {
  if (!verified.intact) {
    return `audit: ${paint(output, "red", "broken")} at entry ${verified.sequence}: ${escape(verified.problem)}\n`
  }
  const { entries, head } = verified
  const intact = paint(output, "green", "intact")
  const counted = entries === 1 ? "1 entry" : `${entries} entries`
  return entries === 0 ? `audit: ${intact}, no entries\n` : `audit: ${intact}, ${counted}, head ${head}\n`
}

const verify = Command.make(
  "verify",
  flagsOfVerify,
  Effect.fnUntraced(function* ({ head }) {
    const settings = yield* root
    const audit = yield* open(settings)
    const { stderr, stdout } = yield* Shell
    const verified = yield* Effect.mapError(audit.verify(Option.getOrUndefined(head)), failed)
    yield* settings.json ? printJson(verified) : print(render(verified, stdout))
    if (verified.intact && stderr.isTerminal && !settings.json) {
      yield* note("Keep the head elsewhere: with --head it shows later that nothing was cut off at the end.")
    }
    yield* setOutcome(verified.intact ? ExitCode.ok : ExitCode.failed)
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Check the chain of the gateway's audit: nothing was changed, inserted or taken out. An intact chain prints the digest " +
      "of its last entry, its head. Keep it elsewhere and name it with --head next time: so a chain that was cut off at its " +
      "end shows too. A broken chain is exit code 1, with the first entry that is not as it was written."
  ),
  Command.withShortDescription("Check that nothing in the audit was changed"),
  Command.withExamples([
    { command: "keyfold journal audit verify" },
    { command: "keyfold journal audit verify --head 2nB6fXkU0y", description: "Against a head kept elsewhere" }
  ])
)

/** Lists what was changed through the gateway. */
export const journalAudit = Command.make(
  "audit",
  flags,
  Effect.fnUntraced(function* ({ actor, key, limit, operation, outcome, request, since, tenant, unfinished }) {
    const settings = yield* root
    if (Option.isSome(limit) && limit.value < 1) return yield* usage("--limit takes a number from 1 up.")
    const from = Option.isSome(since) ? (yield* readSince(since.value)).epochMilliseconds : undefined
    const audit = yield* open(settings)
    const filter: Filter = {
      ...as(tenant, (text) => ({ tenant: text })),
      ...as(actor, (text) => ({ actor: text })),
      ...as(operation, (text) => ({ operation: text })),
      ...as(outcome, (text) => ({ outcome: text })),
      ...as(key, (text) => ({ key: text })),
      ...as(request, (text) => ({ requestId: text })),
      ...(from === undefined ? {} : { since: from }),
      unfinished
    }
    const entries = Stream.mapError(audit.entries(filter), failed)
    yield* show(Option.isSome(limit) ? Stream.take(entries, limit.value) : entries, settings.json)
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "List who changed what through keyfold serve, one line per entry; with --json one object per line. Each change has an " +
      "entry before it is begun and one with its outcome. Where the second is missing, it is under way, or its process " +
      "died: see --unfinished. Needs the package @keyfold/gateway."
  ),
  Command.withShortDescription("List who changed what through the gateway"),
  Command.withExamples([
    { command: "keyfold journal audit --tenant acme --since 7d" },
    {
      command: "keyfold journal audit --key 4fJ2mQx81LrTz0Ab --outcome done",
      description: "Who made and revoked a key"
    },
    { command: "keyfold journal audit verify", description: "Has the audit been tampered with?" }
  ]),
  Command.withSubcommands([verify])
)
