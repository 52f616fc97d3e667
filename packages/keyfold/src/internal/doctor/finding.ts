/** What the doctor finds: stable names of checks, how bad it is, and what to do. */

/** The checks, in the order they are told. Their names are part of the command's contract with scripts. */
export const checks = [
  "configuration",
  "requirements",
  "reachable",
  "address",
  "answers",
  "credential",
  "role",
  "database",
  "pepper",
  "journal",
  "clock",
  "quota",
  "marker",
  "cleanup",
  "chain",
  "operations",
  "time"
] as const

/** The name of a check. */
export type Check = (typeof checks)[number]

/** How bad a finding is; `skipped` checks say why they were. */
export type Severity = "ok" | "info" | "warning" | "failure" | "skipped"

/** What one check found. */
export interface Finding {
  readonly check: Check
  readonly severity: Severity
  readonly message: string
  readonly fix?: string
}

/** Nothing is wrong. */
export const ok = (check: Check, message: string): Finding => ({ check, severity: "ok", message })

/** Something worth knowing. */
export const info = (check: Check, message: string, fix?: string): Finding => ({
  check,
  severity: "info",
  message,
  ...(fix === undefined ? {} : { fix })
})

/** Something that works now and may not for long. */
export const warning = (check: Check, message: string, fix: string): Finding => ({
  check,
  severity: "warning",
  message,
  fix
})

/** Something that does not work. */
export const failure = (check: Check, message: string, fix: string): Finding => ({
  check,
  severity: "failure",
  message,
  fix
})

/** A check that could not be made, or need not be. */
export const skipped = (check: Check, message: string): Finding => ({ check, severity: "skipped", message })

/** What to do about a credential that may not do something. */
export const rightFix = (right: string): string =>
  `Give the credential the right to ${right}, or let the configuration refer to one that has it.`

/** What the findings are about: a store, a store with a tenant's own credential, or the journal. */
export interface Examined {
  readonly subject: "store" | "journal"
  readonly store?: string
  readonly tenant?: string
  readonly adapter?: string
  readonly findings: ReadonlyArray<Finding>
}

/** Puts findings in the order of their checks. */
export const inOrder = (findings: ReadonlyArray<Finding>): ReadonlyArray<Finding> =>
  findings.toSorted((left, right) => checks.indexOf(left.check) - checks.indexOf(right.check))
