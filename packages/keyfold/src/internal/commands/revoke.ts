/** `keyfold revoke`. */
import type { KeyRef, Revocation } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Shell } from "../../Shell.ts"
import { keyId, owner, refOf, secretFrom } from "../arguments.ts"
import * as ExitCode from "../exitCode.ts"
import { CommandError, usage } from "../failure.ts"
import { print, printJson } from "../print.ts"
import { root, type Settings } from "../root.ts"
import { openStore } from "../stores.ts"
import { escape } from "../text.ts"
import { confirm, readSecret } from "../values.ts"

const flags = {
  id: Argument.optional(keyId),
  owner,
  leaked: Flag.Boolean("leaked").pipe(
    Flag.withDescription("Revoke the key that a leaked secret belongs to; the secret is read from standard input"),
    Flag.withDefault(false),
    Flag.withoutNegation
  ),
  secretFrom,
  yes: Flag.Boolean("yes").pipe(
    Flag.withAlias("y"),
    Flag.withDescription("With --leaked on a terminal: do not ask before revoking"),
    Flag.withDefault(false),
    Flag.withoutNegation
  )
}

const cannotIdentify = ({ backend, capabilities, store }: KeyStore["Service"]): CommandError =>
  capabilities.identify
    ? new CommandError({
        exitCode: ExitCode.failed,
        problem: `this is not a secret of store "${store}" (${backend}); nothing was sent`,
        fix: "Try the other stores with --store, and check that the secret is complete."
      })
    : new CommandError({
        exitCode: ExitCode.unsupported,
        problem: `the secrets of store "${store}" (${backend}) do not tell which key they belong to`,
        fix: "Find the key with keyfold list and revoke it by its id."
      })

const identifyLeaked = Effect.fnUntraced(function* (settings: Settings, file: string | undefined, yes: boolean) {
  const { stdin } = yield* Shell
  const secret = yield* readSecret(file)
  const store = yield* openStore(settings)
  const ref = store.identify(secret)
  if (Option.isNone(ref)) return yield* cannotIdentify(store)
  const question = `The secret belongs to key ${escape(ref.value.id)} of store "${escape(store.store)}". Revoke it?`
  if (stdin.isTerminal && !yes && !(yield* confirm(question))) {
    return yield* new CommandError({ exitCode: ExitCode.failed, problem: "nothing was revoked" })
  }
  return { store, ref: ref.value }
})

const render = ({ alreadyRevoked, effectiveWithin, id }: Revocation): string => {
  const lag = Duration.toMillis(effectiveWithin)
  const still = lag === 0 ? "" : ` Its secret may still be accepted for up to ${lag / 1000} s.`
  return alreadyRevoked === true ? `Key ${escape(id)} was revoked before.\n` : `Revoked key ${escape(id)}.${still}\n`
}

/** Revokes a key. */
export const revoke = Command.make(
  "revoke",
  flags,
  Effect.fnUntraced(function* (input) {
    const settings = yield* root
    if (input.leaked === Option.isSome(input.id)) {
      return yield* usage(
        input.leaked ? "--leaked takes no id: the secret tells which key it is." : "name the key to revoke by its id.",
        "Example: keyfold revoke fh4dUNV3WQ, or: keyfold revoke --leaked < secret.txt"
      )
    }
    if (!input.leaked && Option.isSome(input.secretFrom)) return yield* usage("--secret-from belongs to --leaked.")
    const target: { readonly store: KeyStore["Service"]; readonly ref: KeyRef } = Option.isSome(input.id)
      ? { store: yield* openStore(settings), ref: refOf({ id: input.id.value, owner: input.owner }) }
      : yield* identifyLeaked(settings, Option.getOrUndefined(input.secretFrom), input.yes)
    const revocation = yield* target.store.revoke(target.ref)
    yield* settings.json ? printJson(revocation) : print(render(revocation))
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Withdraw a key for good. Revoking a key twice is not an error. With --leaked, the key is found from its secret " +
      "without asking the backend, and the secret is read from standard input or a file, never from an argument."
  ),
  Command.withShortDescription("Withdraw a key for good"),
  Command.withExamples([
    { command: "keyfold revoke fh4dUNV3WQ" },
    { command: "keyfold revoke --leaked < found-in-a-log.txt", description: "A secret turned up where it should not" }
  ])
)
