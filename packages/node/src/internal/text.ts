/** Bytes that ought to be one short text. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"

/** The longest secret read from a file or a command, in bytes. */
export const limit = 65_536

/** Decodes UTF-8; `source` names where the bytes come from. A byte order mark is dropped. */
export const decode = (bytes: Uint8Array, source: string): Effect.Effect<string, ConfigurationError> =>
  Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => new ConfigurationError({ problem: `${source} is not UTF-8 text.`, fix: "Store the secret as text." })
  })

/** Refuses a text without content. */
export const refuseEmpty = (text: string, source: string): Effect.Effect<string, ConfigurationError> =>
  text === ""
    ? Effect.fail(new ConfigurationError({ problem: `${source} is empty.`, fix: "Put the secret there." }))
    : Effect.succeed(text)

/** Refuses what is too long to be a secret. */
export const tooLong = (source: string): ConfigurationError =>
  new ConfigurationError({
    problem: `${source} holds more than ${limit} bytes.`,
    fix: "Refer to a place that holds the secret and nothing else."
  })
