/** One variable in a dotenv file, set in one step that leaves the old file or the new one. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import * as texts from "./environmentText.ts"
import * as replacement from "./replacement.ts"

/** Where a variable goes, and whether it may be set already. */
export interface Address extends replacement.Address {
  readonly variable: string
  readonly replace: boolean
}

const objectionToPlaces = (
  { path, replace, variable }: Address,
  count: number,
  isRead: boolean
): ConfigurationError | undefined => {
  if (count > 1) return replacement.refusal(path, `sets ${variable} ${count} times`, "Keep one of these lines.")
  // Where quotes do not match, `sh` and dotenv readers disagree on what is a line.
  if (count === 0 && isRead) return replacement.refusal(path, `sets ${variable} inside of quotes`, "Check its quotes.")
  return count === 1 && !replace
    ? replacement.refusal(
        path,
        `sets ${variable} already`,
        "Remove that line, choose another variable, or replace it: replace: true."
      )
    : undefined
}

/** Computes the new content, and proves by reading it that nothing else changes. */
export const compose = (
  address: Address,
  content: string,
  value: string,
  keyId: string
): Effect.Effect<string, ConfigurationError> => {
  const { path, variable } = address
  const places = texts.placesOf(content, variable)
  const objection = objectionToPlaces(address, places.length, texts.valuesOf(content)[variable] !== undefined)
  if (objection !== undefined) return Effect.fail(objection)
  const quoted = texts.quote(value)
  if (quoted === undefined) {
    const problem =
      "the secret mixes single quotes with signs that both sh and dotenv readers read alike in no notation."
    return Effect.fail(new ConfigurationError({ problem, fix: "Deliver it to a file of its own." }))
  }
  const composed = texts.set(content, places[0], variable, quoted, keyId)
  return texts.isOnlyChange(content, composed, variable, value)
    ? Effect.succeed(composed)
    : Effect.fail(
        replacement.refusal(path, `cannot take ${variable} without a change to other lines`, "Check its quotes.")
      )
}

/** Sets the variable, and reads the file again to see that it is set. */
export const write = (address: Address, value: string, keyId: string): Effect.Effect<void, ConfigurationError> =>
  replacement.replace(
    address,
    (content) => compose(address, content, value, keyId),
    (content) => texts.valuesOf(content)[address.variable] === value
  )
