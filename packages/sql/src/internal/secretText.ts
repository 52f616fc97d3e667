/** Reads a secret that keys what is stored: long enough to be random, never repeated in a message. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { isSecret, type Secret } from "@keyfold/core/Secret"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

const shortest = 32

const advice = "Supply at least 32 bytes of random text, by reference to a file or an environment variable."

/** Obtains a secret of at least 32 bytes; `noun` is what messages call it. */
export const read = Effect.fnUntraced(function* (
  field: string,
  noun: string,
  secret: Secret
): Effect.fn.Return<Redacted.Redacted<string>, ConfigurationError> {
  const failure = (problem: string) => new ConfigurationError({ field, problem: `the ${noun} ${problem}`, fix: advice })
  // Programs without types reach this too.
  if (!isSecret(secret)) return yield* failure("is missing or not a secret.")
  const value = Redacted.isRedacted(secret)
    ? secret
    : yield* Effect.mapError(secret, () => failure("could not be obtained."))
  const length = Buffer.byteLength(Redacted.value(value), "utf8")
  if (length < shortest) return yield* failure(`is too short: ${length} of at least ${shortest} bytes.`)
  return value
})
