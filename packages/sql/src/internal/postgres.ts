/** Connects to PostgreSQL; the driver is loaded only here, so that a program on SQLite never loads it. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Secret } from "@keyfold/core/Secret"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Reactivity } from "effect/reactivity/Reactivity"
import * as Redacted from "effect/Redacted"
import type { Scope } from "effect/Scope"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

/** What is needed to reach one database. */
export interface Request {
  readonly url: URL
  readonly password: Secret | undefined
  readonly busyTimeout: Duration.Duration
}

/** How long the server lets one statement run, and an idle transaction keep its locks. */
export const statementTimeout = Duration.seconds(20)

const driver = Effect.tryPromise({
  try: () => import("@effect/sql-pg/PgClient"),
  catch: () =>
    new ConfigurationError({
      field: "url",
      problem: "the driver for PostgreSQL cannot be loaded.",
      fix: "Install @effect/sql-pg in the version that @keyfold/sql names."
    })
})

const unobtainable = new ConfigurationError({
  field: "password",
  problem: "the password could not be obtained.",
  fix: "Check the reference: the environment variable, the file or the command it names."
})

const readPassword = Effect.fnUntraced(function* (secret: Secret | undefined) {
  if (secret === undefined || Redacted.isRedacted(secret)) return secret
  yield* Effect.mapError(secret, () => unobtainable)
  // Asked again for each connection, since it may live shorter than the program. The server refuses an empty one.
  return Effect.catch(secret, () => Effect.succeed(Redacted.make("")))
})

const millis = (duration: Duration.Duration): string => String(Math.max(1, Math.round(Duration.toMillis(duration))))

/** The limits each session starts with, so that a client that is cut off holds no lock for long. */
const sessionLimits = (busyTimeout: Duration.Duration) => ({
  lock_timeout: millis(busyTimeout),
  statement_timeout: millis(statementTimeout),
  idle_in_transaction_session_timeout: millis(statementTimeout)
})

/** Says in spans which server and database are meant; the driver reads the rest from the url. */
const placeOf = ({ hostname, pathname, port, searchParams }: URL) => {
  const host = searchParams.get("host") ?? hostname.replace(/^\[(.*)\]$/, "$1")
  const database = searchParams.get("dbname") ?? pathname.slice(1)
  return {
    ...(host === "" || host.includes("%") ? {} : { host }),
    ...(database === "" || database.includes("%") ? {} : { database }),
    ...(port === "" || searchParams.has("port") ? {} : { port: Number(port) })
  }
}

/** Makes a pooled client; connections are opened when they are needed and closed with the scope. */
export const make = Effect.fnUntraced(function* (
  request: Request
): Effect.fn.Return<SqlClient, ConfigurationError | SqlError, Scope | Reactivity> {
  const { busyTimeout, url } = request
  const PgClient = yield* driver
  const password = yield* readPassword(request.password)
  return yield* PgClient.make({
    url: Redacted.make(url.href, { label: "url" }),
    ...placeOf(url),
    ...(password === undefined ? {} : { password }),
    ...(url.searchParams.has("application_name") ? {} : { applicationName: "keyfold" }),
    startupParameters: sessionLimits(busyTimeout)
  })
})
