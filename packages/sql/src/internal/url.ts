/** Reads the database's address from the `url` option. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Result from "effect/Result"

/** Where a database is. A PostgreSQL url has been found to hold no password. */
export type Address =
  | { readonly dialect: "sqlite"; readonly filename: string }
  | { readonly dialect: "postgres"; readonly url: URL }

const accepted =
  'Write "sqlite:keyfold.db" for a file, "sqlite::memory:" for a database that ends with the program, or ' +
  '"postgres://user@host/database" for PostgreSQL.'

const parameters = ["host", "port", "user", "dbname", "sslmode", "connect_timeout", "application_name", "options"]

const sslModes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

const failure = (problem: string, fix = accepted) => Result.fail(new ConfigurationError({ field: "url", problem, fix }))

const parsePostgres = (text: string): Result.Result<Address, ConfigurationError> => {
  if (!/^postgres(ql)?:\/\//i.test(text) || !URL.canParse(text)) return failure("the url is not well formed.")
  const url = new URL(text)
  const query = url.searchParams
  if (url.password !== "" || query.has("password")) {
    return failure(
      "the url holds a password.",
      "Take it out of the url and set password to a reference to it, such as { env: NAME } or { file: path }."
    )
  }
  if ([...query.keys()].some((name) => !parameters.includes(name))) {
    return failure("the url has a parameter that is not accepted.", `Use only ${parameters.join(", ")}.`)
  }
  const mode = query.get("sslmode")
  if (mode !== null && !sslModes.includes(mode)) {
    return failure("the url has an unknown sslmode.", `Write one of ${sslModes.join(", ")}.`)
  }
  return Result.succeed({ dialect: "postgres", url })
}

const parseSqlite = (text: string): Result.Result<Address, ConfigurationError> => {
  const filename = text.slice("sqlite:".length)
  if (filename === "") return failure("the url names no file.")
  if (filename.startsWith("//") && !filename.startsWith("///")) {
    return failure("the url has two slashes after sqlite:, which would name a host.")
  }
  return Result.succeed({ dialect: "sqlite", filename })
}

/**
 * Tells the file name in `sqlite:<file name>` from the server in `postgres://...`.
 *
 * Messages never repeat an address that is refused: it may hold a password.
 */
export const parse = (url: string): Result.Result<Address, ConfigurationError> => {
  // Programs without types reach this too.
  if (typeof url !== "string") return failure("the url is missing.")
  switch (/^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()) {
    case "sqlite":
      return parseSqlite(url)
    case "postgres":
    case "postgresql":
      return parsePostgres(url)
    default:
      return failure("the url begins with neither sqlite: nor postgres:.")
  }
}
