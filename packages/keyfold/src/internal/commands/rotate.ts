/** `keyfold rotate`. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refOf } from "../arguments.ts"
import { root } from "../root.ts"
import { check, rotateFlags } from "../rotation/flags.ts"
import { openRotations } from "../rotation/open.ts"
import { rotateDue } from "../rotation/rotateDue.ts"
import { rotateOne } from "../rotation/rotateOne.ts"

/** Replaces keys. */
export const rotate = Command.make(
  "rotate",
  rotateFlags,
  Effect.fnUntraced(function* (given) {
    const settings = yield* root
    yield* check(given)
    const opened = yield* openRotations(settings)
    yield* Option.isSome(given.key)
      ? rotateOne(opened, given, refOf({ id: given.key.value, owner: given.owner }), settings)
      : rotateDue(opened, given, settings)
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Replace a key without locking its holder out: a new key is made like the old one, seen to work, and put where its " +
      "holder reads it; both work for the overlap; then the old one is revoked. The configuration's member rotations says " +
      "where rotations are kept and names the sinks. Without --wait the command ends once both keys work; the next " +
      "keyfold rotate --due after the overlap revokes the old one, or a runner that stays.\n\n" +
      "With --due, every key is rotated that is older than the rotation schedule of its store or tenant says, overlaps that " +
      "have ended are finished, and revocations that failed are tried again: for cron, as often as you like and in several " +
      "places. After Ctrl-C or a crash another run goes on. Exit code 7 means that a rotation needs attention, 1 that " +
      "one came to nothing, could not begin, or has a key left to revoke."
  ),
  Command.withShortDescription("Replace a key, or every key that is due"),
  Command.withExamples([
    { command: "keyfold rotate fh4dUNV3WQ --sink ci --overlap 24h", description: "Both keys work for a day" },
    {
      command: "keyfold rotate fh4dUNV3WQ --sink ci --overlap 0s --probe api",
      description: "At once, if the new key works"
    },
    { command: "keyfold rotate --due", description: "What the schedules say; for cron" }
  ])
)
