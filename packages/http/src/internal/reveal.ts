/** The one place where a request's secrets come into the open. */
import * as Redacted from "effect/Redacted"

/** Returns a text, secret or not, as it is sent. */
export const reveal = (value: string | Redacted.Redacted<string>): string =>
  typeof value === "string" ? value : Redacted.value(value)
