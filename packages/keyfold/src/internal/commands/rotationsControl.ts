/** `keyfold rotations resume`, `abort` and `resolve`. */
import { RotationId } from "@keyfold/lifecycle/Rotation"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { root } from "../root.ts"
import { openRotations } from "../rotation/open.ts"
import { followOne } from "../rotation/rotateOne.ts"

const rotation = Argument.String("rotation").pipe(
  Argument.withDescription("The rotation's id, as `keyfold rotations` shows it"),
  Argument.withSchema(RotationId)
)

const wait = Flag.Boolean("wait").pipe(
  Flag.withDescription("Wait for the end, however long the overlap is"),
  Flag.withDefault(false),
  Flag.withoutNegation
)

const followed = { within: undefined }

/** Has a rotation go on. */
export const resume = Command.make(
  "resume",
  { rotation, wait },
  Effect.fnUntraced(function* ({ rotation, wait }) {
    const { json, ...settings } = yield* root
    const opened = yield* openRotations({ json, ...settings })
    yield* followOne(opened, yield* opened.rotations.resume(rotation), { json, wait, ...followed })
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Have a rotation go on, in this process: one whose process is gone, one that waits to try something again, and one that " +
      "needs attention where its sink holds the new key now. It is safe to call at any time."
  ),
  Command.withShortDescription("Have a rotation go on")
)

/** Ends a rotation. */
export const abort = Command.make(
  "abort",
  { rotation },
  Effect.fnUntraced(function* ({ rotation }) {
    const { json, ...settings } = yield* root
    const opened = yield* openRotations({ json, ...settings })
    yield* followOne(opened, yield* opened.rotations.abort(rotation), { json, wait: false, ...followed })
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "End a rotation. Before the new secret has been handed over the new key is revoked, and the old one is as it was. After " +
      "that both keys stay live and the rotation needs attention: decide with resolve. Once the old key is being revoked it " +
      "is too late."
  ),
  Command.withShortDescription("End a rotation")
)

/** Decides about a rotation. */
export const resolve = Command.make(
  "resolve",
  {
    rotation,
    keep: Flag.Literals("keep", ["old", "new"]).pipe(
      Flag.withMetavar("KEY"),
      Flag.withDescription("Which of the two keys stays: old or new; the other one is revoked")
    ),
    force: Flag.Boolean("force").pipe(
      Flag.withDescription("Although the sink holds the key to be revoked, or the other one is not active"),
      Flag.withDefault(false),
      Flag.withoutNegation
    )
  },
  Effect.fnUntraced(function* ({ force, keep, rotation }) {
    const { json, ...settings } = yield* root
    const opened = yield* openRotations({ json, ...settings })
    const record = yield* opened.rotations.resolve(rotation, keep, { force })
    yield* followOne(opened, record, { json, wait: false, ...followed })
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Decide about a rotation that needs attention: one key stays and the other is revoked, however long that takes. It is " +
      "refused, unless forced, where the sink holds the key that would be revoked or the one to keep is not active."
  ),
  Command.withShortDescription("Decide which key of a rotation stays")
)
