/** What the operating system's errors say about themselves. */
import * as Predicate from "effect/Predicate"

/** Reads the code, such as `ENOENT`, of an error or of its cause. */
export const codeOf = (error: unknown): string | undefined => {
  if (Predicate.hasProperty(error, "code") && typeof error.code === "string") return error.code
  return Predicate.hasProperty(error, "cause") ? codeOf(error.cause) : undefined
}
