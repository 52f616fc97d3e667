/** `keyfold verify`. */
import type { Verification } from "@keyfold/core/Verification"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type Output, Shell } from "../../Shell.ts"
import { secretFrom } from "../arguments.ts"
import * as ExitCode from "../exitCode.ts"
import { details } from "../keys.ts"
import { outcome } from "../outcome.ts"
import { print, printJson } from "../print.ts"
import { root } from "../root.ts"
import { openStore } from "../stores.ts"
import { paint } from "../style.ts"
import { readSecret } from "../values.ts"

const render = (verification: Verification, output: Output): string => {
  if (!verification.valid) {
    const because = verification.reason === undefined ? "" : ` (${verification.reason})`
    return `${paint(output, "red", "not valid")}${because}\n`
  }
  const about = verification.key === undefined ? "" : `\n${details(verification.key, output)}`
  return `${paint(output, "green", "valid")}\n${about}`
}

/** Checks a secret. */
export const verify = Command.make(
  "verify",
  { secretFrom },
  Effect.fnUntraced(function* (input) {
    const settings = yield* root
    const { stdout } = yield* Shell
    const secret = yield* readSecret(Option.getOrUndefined(input.secretFrom))
    const store = yield* openStore(settings)
    const verification = yield* store.verify(secret)
    yield* settings.json ? printJson(verification) : print(render(verification, stdout))
    yield* outcome(verification.valid ? ExitCode.ok : ExitCode.failed)
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Ask the backend whether a secret is valid. The secret is read from standard input or a file, never from an " +
      "argument. Exit code 0 means valid and 1 not valid; a backend that cannot say is exit code 4."
  ),
  Command.withShortDescription("Check whether a secret is valid"),
  Command.withExamples([
    { command: "keyfold verify < secret.txt" },
    { command: "keyfold verify --secret-from ./secret.txt --json" }
  ])
)
