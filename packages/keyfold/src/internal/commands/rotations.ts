/** `keyfold rotations`. */
import { RotationId } from "@keyfold/lifecycle/Rotation"
import type { RotationStorage } from "@keyfold/lifecycle/RotationStorage"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Shell } from "../../Shell.ts"
import * as ExitCode from "../exitCode.ts"
import { CommandError } from "../failure.ts"
import { count } from "../inventory/told.ts"
import { noRoom, printRows } from "../listing.ts"
import { note, print, printJson } from "../print.ts"
import { root, type Settings } from "../root.ts"
import { openStorage } from "../rotation/open.ts"
import { columns, details, plain, remark, row } from "../rotation/told.ts"
import { abort, resolve, resume } from "./rotationsControl.ts"

const flags = {
  id: Argument.String("rotation").pipe(
    Argument.withDescription("Only this rotation, with all that is known of it"),
    Argument.withSchema(RotationId),
    Argument.optional
  ),
  status: Flag.Literals("status", ["running", "revocationPending", "needsAttention", "done", "undone"]).pipe(
    Flag.withMetavar("STATUS"),
    Flag.withDescription("Only rotations of this status, repeatable; all when omitted"),
    Flag.atLeast(0)
  )
}

type Storage = RotationStorage["Service"]

const unread = ({ message }: { readonly message: string }) =>
  new CommandError({ exitCode: ExitCode.failed, problem: `the rotations could not be read: ${message}` })

const one = Effect.fnUntraced(function* (storage: Storage, id: RotationId, json: boolean) {
  const { command, stdout } = yield* Shell
  const reading = storage.transact(id, ({ record }) => ({ answer: record }))
  const record = yield* Effect.mapError(reading, unread)
  if (record === undefined) {
    return yield* new CommandError({
      exitCode: ExitCode.notFound,
      problem: `there is no rotation ${id}`,
      fix: `See them all with: ${command} rotations`
    })
  }
  if (json) return yield* printJson(plain(record))
  yield* print(details(record, stdout))
  const told = remark(record, command)
  if (told !== "") yield* note(told)
})

const many = Effect.fnUntraced(function* (
  storage: Storage,
  statuses: ReadonlyArray<"running" | "revocationPending" | "needsAttention" | "done" | "undone">,
  { json, store }: Settings
) {
  const records = Stream.mapError(
    storage.query({
      ...(statuses.length === 0 ? {} : { statuses }),
      ...(Option.isSome(store) ? { store: store.value } : {})
    }),
    unread
  )
  if (json) return yield* Stream.runForEach(records, (record) => printJson(plain(record)))
  const { stderr } = yield* Shell
  const printed = yield* printRows(columns, row, records)
  if (stderr.isTerminal || printed.count === 0) {
    yield* note(`${printed.count === 0 ? "No rotations" : count(printed.count, "rotation")}.${noRoom(printed)}`)
  }
})

/** Shows rotations. */
export const rotations = Command.make(
  "rotations",
  flags,
  Effect.fnUntraced(function* ({ id, status }) {
    const settings = yield* root
    const storage = yield* openStorage(settings)
    yield* Option.isSome(id) ? one(storage, id.value, settings.json) : many(storage, status, settings)
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "List rotations, the oldest first, or show one: how far it got, which keys it is about, when it goes on, and what is " +
      "wrong. Nothing is changed. running goes on by itself, and so does revocationPending, whose key could not be revoked " +
      "so far; needsAttention stands still with both keys live, until it is resumed or resolved; undone left the old key as " +
      "it was."
  ),
  Command.withShortDescription("Show rotations, and decide about those that need attention"),
  Command.withExamples([
    { command: "keyfold rotations --status needsAttention", description: "What waits for somebody to decide" },
    { command: "keyfold rotations resume rot_fh4dUNV3WQ", description: "Go on, if the sink holds the new key now" }
  ]),
  Command.withSubcommands([resume, abort, resolve])
)
