/** `keyfold revoke`. */
import type { KeyId, KeyRef, Revocation } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { Shell } from "../../Shell.ts"
import { keyId, owner, refOf, secretFrom } from "../arguments.ts"
import { bulkFlags, stray } from "../bulk/flags.ts"
import * as ExitCode from "../exitCode.ts"
import { CommandError, usage } from "../failure.ts"
import { print, printJson } from "../print.ts"
import { root, type Settings } from "../root.ts"
import { openStore } from "../stores.ts"
import { escape } from "../text.ts"
import { confirm, readSecret } from "../values.ts"
import {
  checkVerifies,
  confirmFlags,
  type Given as Confirm,
  readConfirming,
  revokeConfirmed
} from "./revokeConfirmed.ts"
import { revokeWhere } from "./revokeWhere.ts"

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
  ),
  ...confirmFlags,
  ...bulkFlags
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

/** The key to revoke, and its secret where that told which key it is. */
interface Found {
  readonly store: KeyStore["Service"]
  readonly ref: KeyRef
  readonly secret: Redacted.Redacted<string> | undefined
}

interface One extends Confirm {
  readonly id: Option.Option<KeyId>
  readonly owner: Option.Option<string>
  readonly leaked: boolean
  readonly secretFrom: Option.Option<string>
  readonly yes: boolean
}

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
  return { store, ref: ref.value, secret }
})

const render = ({ alreadyRevoked, effectiveWithin, id }: Revocation): string => {
  const lag = Duration.toMillis(effectiveWithin)
  const still = lag === 0 ? "" : ` Its secret may still be accepted for up to ${lag / 1000} s.`
  return alreadyRevoked === true ? `Key ${escape(id)} was revoked before.\n` : `Revoked key ${escape(id)}.${still}\n`
}

/** Revokes one key. */
const revokeOne = Effect.fnUntraced(function* (input: One, settings: Settings) {
  if (input.leaked === Option.isSome(input.id)) {
    return yield* usage(
      input.leaked ? "--leaked takes no id: the secret tells which key it is." : "name the key to revoke by its id.",
      "Example: keyfold revoke fh4dUNV3WQ, or: keyfold revoke --leaked < secret.txt"
    )
  }
  if (!input.leaked && !input.confirm && Option.isSome(input.secretFrom)) {
    return yield* usage("--secret-from belongs to --leaked or --confirm.")
  }
  const confirming = yield* readConfirming(input)
  const file = Option.getOrUndefined(input.secretFrom)
  const { ref, secret, store }: Found = Option.isSome(input.id)
    ? { store: yield* openStore(settings), ref: refOf({ id: input.id.value, owner: input.owner }), secret: undefined }
    : yield* identifyLeaked(settings, file, input.yes)
  if (confirming !== undefined) {
    yield* checkVerifies(store)
    return yield* revokeConfirmed(store, ref, secret ?? (yield* readSecret(file)), confirming, settings)
  }
  const revocation = yield* store.revoke(ref)
  yield* settings.json ? printJson(revocation) : print(render(revocation))
})

/** Revokes keys. */
export const revoke = Command.make(
  "revoke",
  flags,
  Effect.fnUntraced(function* (input) {
    const settings = yield* root
    if (Option.isSome(input.where)) {
      if (input.leaked || Option.isSome(input.id)) return yield* usage("--where takes no id and no --leaked.")
      if (input.confirm) return yield* usage("--confirm is for one key; with --where there is no secret to show.")
      return yield* revokeWhere(input, input.where.value, settings)
    }
    const lost = stray(input)
    yield* lost === undefined ? revokeOne(input, settings) : usage(`${lost} belongs to --where.`)
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Withdraw a key for good. Revoking a key twice is not an error. With --leaked, the key is found from its secret " +
      "without asking the backend, and the secret is read from standard input or a file, never from an argument. With " +
      "--confirm, it is shown to the backend until it is refused; exit code 1 means that it was not seen refused.\n\n" +
      "With --where, all keys that a selector means are revoked: owner, name, status, tag.NAME and other texts with ==, " +
      "!=, in and ~ (a pattern); scopes with contains; age, expiresIn, unusedFor and times with < and >; is missing; and, " +
      "or, not. What a store does not know selects nothing. First --dry-run, then the command it shows. Run again after " +
      "Ctrl-C or a failure, it does the rest; exit code 1 means that some keys are left."
  ),
  Command.withShortDescription("Withdraw a key, or many, for good"),
  Command.withExamples([
    { command: "keyfold revoke fh4dUNV3WQ" },
    { command: "keyfold revoke --leaked < found-in-a-log.txt", description: "A secret turned up where it should not" },
    { command: "keyfold revoke fh4dUNV3WQ --confirm < old.txt", description: "And see that it is refused" },
    { command: `keyfold revoke --where 'owner == "ci" and age > 90d' --dry-run`, description: "Look first" }
  ])
)
