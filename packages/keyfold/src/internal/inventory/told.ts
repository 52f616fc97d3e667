/** What an inventory tells, in words that every format shares. */
import type { KeyEvent, Origin, StoreDone } from "@keyfold/lifecycle/Inventory"
import * as Duration from "effect/Duration"
import { duration } from "../words.ts"
import { about, classes } from "./classes.ts"

/** Writes a number so that its size shows. */
export const number = (value: number): string => (value < 1000 ? String(value) : value.toLocaleString("en-US"))

/** Writes how many there are of something. */
export const count = (value: number, one: string, many = `${one}s`): string =>
  `${number(value)} ${value === 1 ? one : many}`

/** Names a source: its store, and the credential where each has keys of its own. */
export const sourceName = ({ credential, store }: Origin): string =>
  credential === undefined ? store : `${store} (${credential})`

/** Names whose a key is; in parentheses, and so no tenant's name by itself, where it is nobody's. */
export const tenantName = ({ partition, tenant, unassigned }: KeyEvent): string => {
  if (tenant !== undefined) return tenant
  if (partition !== undefined) return `(${partition})`
  return unassigned === "noTenants" ? "" : "(nobody)"
}

/** The classes of a key's findings. */
export const classNames = ({ findings }: KeyEvent): string =>
  findings.map((finding) => about[finding.class].name).join(", ")

/** The evidence of a key's findings, each with its class. */
export const evidence = ({ findings }: KeyEvent): string =>
  findings.map((finding) => `${about[finding.class].name}: ${finding.evidence}`).join("; ")

/** How complete a source's picture is. */
export const completeness = ({ completeness: told }: StoreDone): string => {
  switch (told._tag) {
    case "complete":
      return "complete"
    case "failed":
      return `failed: ${told.problem}`
    case "lagging":
      return `may be ${duration(told.lag.within)} late (${told.lag.basis})`
    case "statesMissing": {
      const missing = `without ${told.states.join(" and ")} keys, which the backend does not list`
      const late = `; may be ${duration(told.lag.within)} late (${told.lag.basis})`
      return Duration.toMillis(told.lag.within) > 0 ? `${missing}${late}` : missing
    }
  }
}

/** How often each class was found, for those that were. */
export const totals = (findings: StoreDone["findings"]): string =>
  classes
    .filter((name) => findings[name] > 0)
    .map((name) => `${number(findings[name])} ${about[name].name}`)
    .join(", ")

/** What could not be judged. */
export const gaps = (done: StoreDone): ReadonlyArray<string> =>
  done.gaps.map(
    ({ class: name, keys, reason }) => `${about[name].name}: not judged for ${count(keys, "key")}; ${reason}`
  )
