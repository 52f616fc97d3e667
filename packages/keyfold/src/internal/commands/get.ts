/** `keyfold get`. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { Shell } from "../../Shell.ts"
import { keyId, owner, refOf } from "../arguments.ts"
import { details } from "../keys.ts"
import { print, printJson } from "../print.ts"
import { root } from "../root.ts"
import { openStore } from "../stores.ts"

/** Shows one key. */
export const get = Command.make(
  "get",
  { id: keyId, owner },
  Effect.fnUntraced(function* (input) {
    const settings = yield* root
    const { stdout } = yield* Shell
    const store = yield* openStore(settings)
    const key = yield* store.get(refOf(input))
    yield* settings.json ? printJson(key) : print(details(key, stdout))
  }, Effect.scoped)
).pipe(
  Command.withDescription("Show one key: its name, owner, scopes, status and times. The secret is never shown."),
  Command.withShortDescription("Show one key"),
  Command.withExamples([{ command: "keyfold get fh4dUNV3WQ --store monitoring" }])
)
