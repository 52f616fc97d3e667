/** What the operating system's errors say about themselves. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Predicate from "effect/Predicate"

/** Reads the code, such as `ENOENT`, of an error or of its cause. */
export const codeOf = (error: unknown): string | undefined => {
  if (Predicate.hasProperty(error, "code") && typeof error.code === "string") return error.code
  return Predicate.hasProperty(error, "cause") ? codeOf(error.cause) : undefined
}

/** What is wrong with a file, and how to mend it. */
export type FileProblem = readonly [problem: string, fix: string]

/** Turns a file's errors into words: by their code, or by `otherwise` where the code is not among the known ones. */
export const fileFailure =
  (known: Readonly<Record<string, FileProblem>>, otherwise: (code: string) => FileProblem) =>
  (path: string) =>
  (error: unknown): ConfigurationError => {
    const code = codeOf(error) ?? "unknown error"
    const [problem, fix] = known[code] ?? otherwise(code)
    return new ConfigurationError({ problem: `the file ${path} ${problem}.`, fix })
  }
