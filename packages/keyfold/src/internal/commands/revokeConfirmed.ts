/** `keyfold revoke --confirm`. */
import type { KeyRef } from "@keyfold/core/ApiKey"
import { supports } from "@keyfold/core/Capabilities"
import type { KeyStore } from "@keyfold/core/KeyStore"
import { type Outcome, probeWith, revoke } from "@keyfold/lifecycle/Revocation"
import * as Flag from "effect/cli/Flag"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as ExitCode from "../exitCode.ts"
import { CommandError, usage } from "../failure.ts"
import { outcome as setOutcome } from "../outcome.ts"
import { note, print, printJson } from "../print.ts"
import type { Settings } from "../root.ts"
import { escape } from "../text.ts"
import { readDuration } from "../values.ts"
import { duration } from "../words.ts"

const length = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("DURATION"), Flag.withDescription(description), Flag.optional)

/** The flags. */
export const confirmFlags = {
  confirm: Flag.Boolean("confirm").pipe(
    Flag.withDescription(
      "Show the key's secret to the backend until it is refused; the secret is read from standard input or a file"
    ),
    Flag.withDefault(false),
    Flag.withoutNegation
  ),
  within: length("within", "With --confirm: how long to ask; the backend's bound and ten seconds when omitted"),
  recheckAfter: length(
    "recheck-after",
    "With --confirm: ask once more so much later, and revoke again if it is accepted again; 16m where WhyLabs is behind it"
  )
}

/** The flags as a handler reads them. */
export interface Given {
  readonly confirm: boolean
  readonly within: Option.Option<string>
  readonly recheckAfter: Option.Option<string>
}

/** How to confirm, as the flags say. */
export interface Confirming {
  readonly within?: Duration.Duration
  readonly recheckAfter?: Duration.Duration
}

/** Reads the flags; undefined where nothing is to be confirmed. */
export const readConfirming = Effect.fnUntraced(function* ({
  confirm,
  recheckAfter,
  within
}: Given): Effect.fn.Return<Confirming | undefined, CommandError> {
  if (!confirm) {
    const stray = Option.isSome(within) ? "--within" : Option.isSome(recheckAfter) ? "--recheck-after" : undefined
    return stray === undefined ? undefined : yield* usage(`${stray} belongs to --confirm.`)
  }
  return {
    ...(Option.isSome(within) ? { within: yield* readDuration("--within", within.value) } : {}),
    ...(Option.isSome(recheckAfter) ? { recheckAfter: yield* readDuration("--recheck-after", recheckAfter.value) } : {})
  }
})

/** Refuses before anything is revoked where nobody could see a secret refused. */
export const checkVerifies = ({
  backend,
  capabilities,
  store
}: KeyStore["Service"]): Effect.Effect<void, CommandError> =>
  supports(capabilities, "verify")
    ? Effect.void
    : Effect.fail(
        new CommandError({
          exitCode: ExitCode.unsupported,
          problem: `store "${store}" (${backend}) cannot be asked about a secret, so it cannot be seen refused; nothing was revoked`,
          fix: "Leave --confirm out, and try the secret where it is used."
        })
      )

/** Refuses before anything is revoked where the secret says that it is another key's. */
const checkSecret = (
  store: KeyStore["Service"],
  ref: KeyRef,
  secret: Redacted.Redacted<string>
): Effect.Effect<void, CommandError> => {
  const identified = store.identify(secret)
  return Option.isSome(identified) && identified.value.id !== ref.id
    ? Effect.fail(
        usage("the secret belongs to another key; nothing was revoked.", "Leave --confirm out, or bring its own.")
      )
    : Effect.void
}

const seen: { readonly [Last in Extract<Outcome, { readonly _tag: "NotConfirmed" }>["last"]]: string } = {
  accepted: "it was still accepted",
  refused: "it was not refused often enough",
  unanswered: "there was no answer about it"
}

const render = (outcome: Outcome): string => {
  const id = escape(outcome.revocation.id)
  const again = outcome.revocations > 1 ? ` It was accepted again, and revoked ${outcome.revocations} times.` : ""
  if (outcome._tag === "Confirmed") {
    return `Revoked key ${id}, and saw its secret refused after ${duration(outcome.after)}.${again}\n`
  }
  return `Revoked key ${id}, but did not see its secret refused: ${seen[outcome.last]}.${again}\n`
}

/** Revokes a key and watches its secret. */
export const revokeConfirmed = Effect.fnUntraced(function* (
  store: KeyStore["Service"],
  ref: KeyRef,
  secret: Redacted.Redacted<string>,
  confirming: Confirming,
  settings: Settings
) {
  yield* checkSecret(store, ref, secret)
  const outcome = yield* revoke(store, ref, { confirm: probeWith(store, secret, ref), ...confirming })
  const { _tag, ...facts } = outcome
  const isConfirmed = _tag === "Confirmed"
  yield* settings.json ? printJson({ confirmed: isConfirmed, ...facts }) : print(render(outcome))
  if (!isConfirmed && !settings.json) {
    yield* note(`The backend says that it may be accepted for up to ${duration(outcome.bound.within)}.`)
  }
  yield* setOutcome(isConfirmed ? ExitCode.ok : ExitCode.failed)
})
