/** Reads the database's address from the `url` option. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Result from "effect/Result"

const accepted = 'Write "sqlite:keyfold.db" for a file or "sqlite::memory:" for a database that ends with the program.'

const failure = (problem: string) => Result.fail(new ConfigurationError({ field: "url", problem, fix: accepted }))

/**
 * Returns the file name in `sqlite:<file name>`.
 *
 * Messages never repeat an address that is refused: it may hold a password.
 */
export const parse = (url: string): Result.Result<string, ConfigurationError> => {
  // Programs without types reach this too.
  if (typeof url !== "string") return failure("the url is missing.")
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  if (scheme === "postgres" || scheme === "postgresql") return failure("PostgreSQL is not accepted yet.")
  if (scheme !== "sqlite") return failure("the url does not begin with sqlite:.")
  const filename = url.slice("sqlite:".length)
  if (filename === "") return failure("the url names no file.")
  if (filename.startsWith("//") && !filename.startsWith("///")) {
    return failure("the url has two slashes after sqlite:, which would name a host.")
  }
  return Result.succeed(filename)
}
