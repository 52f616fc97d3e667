/** Turns what SQL fails with into the words of the driver contract; texts are fixed, so nothing can leak. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { DriverError } from "@keyfold/core/Driver"
import { InvalidResponse, Unavailable } from "@keyfold/core/KeyStoreError"
import type { SqlError } from "effect/sql/SqlError"

const problems: { readonly [Tag in SqlError["reason"]["_tag"]]?: string } = {
  LockTimeoutError: "the database is locked by another process",
  ConnectionError: "the connection to the database failed",
  AuthenticationError: "the database did not accept the connection",
  AuthorizationError: "the database did not permit the statement"
}

/** Failures after which the database has certainly kept nothing of the statement. */
const undone: ReadonlySet<SqlError["reason"]["_tag"]> = new Set([
  "LockTimeoutError",
  "AuthenticationError",
  "AuthorizationError",
  "SqlSyntaxError",
  "UniqueViolation",
  "ConstraintError",
  "DeadlockError",
  "SerializationError"
])

const problemOf = (error: SqlError): string => problems[error.reason._tag] ?? "the database could not do this"

/** Reports a failed statement; `maybe` where a commit may have happened. */
export const fromSqlError = (error: SqlError): DriverError =>
  new DriverError({
    reason: new Unavailable({ problem: problemOf(error) }),
    sent: undone.has(error.reason._tag) ? "no" : "maybe"
  })

/** Reports a row that is not what this package writes. */
export const unreadable = new DriverError({
  reason: new InvalidResponse({ problem: "a stored key cannot be read; was the database changed by hand?" }),
  sent: "maybe"
})

/** Reports a database that cannot be used while a store is being built. */
export const whileOpening = (error: SqlError): ConfigurationError =>
  new ConfigurationError({
    field: "url",
    problem: `the database cannot be used: ${problemOf(error)}.`,
    fix: "Check that no other program holds it, that it is not damaged, and that the disk has space."
  })
