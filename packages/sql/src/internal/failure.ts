/** Turns what SQL fails with into the words of the driver contract; texts are fixed, so nothing can leak. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { DriverError } from "@keyfold/core/Driver"
import { JournalError } from "@keyfold/core/Journal"
import { InvalidResponse, Unavailable } from "@keyfold/core/KeyStoreError"
import { BulkStorageError } from "@keyfold/lifecycle/BulkRevocation"
import { RotationStorageError } from "@keyfold/lifecycle/RotationStorage"
import type { SqlError } from "effect/sql/SqlError"

const problems: { readonly [Tag in SqlError["reason"]["_tag"]]?: string } = {
  LockTimeoutError: "the database is locked by another process",
  ConnectionError: "the connection to the database failed",
  AuthenticationError: "the database did not accept the connection",
  AuthorizationError: "the database did not permit the statement",
  StatementTimeoutError: "the database took too long"
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
  "SerializationError",
  "StatementTimeoutError"
])

/** Whether the database has certainly kept nothing of the statement, or never got it. */
const isUndone = ({ reason }: SqlError): boolean => undone.has(reason._tag) || reason.operation === "connect"

const problemOf = (error: SqlError): string => problems[error.reason._tag] ?? "the database could not do this"

/** Reports a failed statement; `maybe` where a commit may have happened. */
export const fromSqlError = (error: SqlError): DriverError =>
  new DriverError({
    reason: new Unavailable({ problem: problemOf(error) }),
    sent: isUndone(error) ? "no" : "maybe"
  })

/** Reports a failed statement of the journal. */
export const toJournalError = (error: SqlError): JournalError =>
  new JournalError({ problem: `the journal cannot be used: ${problemOf(error)}` })

/** Reports an entry or a record that is not what this package writes. */
export const unreadableJournal = new JournalError({
  problem: "a stored entry of the journal cannot be read; was the database changed by hand?"
})

/** Reports a failed statement of the storage of rotations. */
export const toRotationError = (error: SqlError): RotationStorageError =>
  new RotationStorageError({ problem: `the storage of rotations cannot be used: ${problemOf(error)}` })

/** Reports a record that is not what this package writes. */
export const unreadableRotation = new RotationStorageError({
  problem: "a stored rotation cannot be read; was the database changed by hand?"
})

/** Reports a failed statement of the storage of bulk revocations. */
export const toBulkError = (error: SqlError): BulkStorageError =>
  new BulkStorageError({ problem: `the storage of bulk revocations cannot be used: ${problemOf(error)}` })

/** Reports a plan or an outcome that is not what this package writes. */
export const unreadablePlan = new BulkStorageError({
  problem: "a stored plan cannot be read; was the database changed by hand?"
})

/** Reports a row that is not what this package writes. */
export const unreadable = new DriverError({
  reason: new InvalidResponse({ problem: "a stored key cannot be read; was the database changed by hand?" }),
  sent: "maybe"
})

const advice = {
  sqlite: "Check that no other program holds it, that it is not damaged, and that the disk has space.",
  postgres: "Check that the server runs, and the host, the database, the user and the password."
}

/** Reports a database that cannot be used while a store is being built. */
export const whileOpening = (dialect: keyof typeof advice, error: SqlError): ConfigurationError =>
  new ConfigurationError({
    field: "url",
    problem: `the database cannot be used: ${problemOf(error)}.`,
    fix: advice[dialect]
  })
